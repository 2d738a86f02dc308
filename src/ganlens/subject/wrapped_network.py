"""Someone else's network that stands beside the generator (a discriminator, a classifier), as it is called."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from ganlens.errors import UserError
from ganlens.subject.adapted_generator import failure
from ganlens.subject.evaluation_mode import (
    differ,
    evaluating,
    in_percent,
    relative_difference,
    training_mode_difference,
)
from ganlens.subject.introspection import checked_module, unwrapped
from ganlens.subject.noise import other_noise, own_sources, repeated_noise, started_at, states_of
from ganlens.subject.tensor_transfer import FAILURES, input_copy, precision_advice, weight_type


class WrappedNetwork:
    """How a network of samples is called: with copies, in its own precision, evaluating, its noise the same each time.

    Attributes:
        role, name: "discriminator" or "classifier", and what to call it in messages.
        source: the module or function, out of its wrappers.
        module: the same where it is a module, else None.
        noisy, repeatable: whether it draws noise of its own, and whether that can be made the same at every call.
    """

    def __init__(self, source: Any, role: str, name: str, device: torch.device) -> None:
        self.source, self.role, self.name = unwrapped(source), role, name
        self.module = self.source if isinstance(self.source, nn.Module) else None
        if self.module is not None:
            checked_module(self.module, f"the {role} {name}").to(device)
        self.device, self.dtype = device, weight_type(self.module)
        self.noisy, self.repeatable = False, True
        self._own_noise: list[Any] = []

    def input_copy(self, shown: Tensor) -> Tensor:
        """A copy of samples as the network is given it."""
        return input_copy(shown, device=self.device, dtype=self.dtype)

    def __call__(self, shown: Tensor, *labels: Tensor, as_handed_over: bool = False) -> Any:
        """Whatever it returns for samples in the layout and range that it knows (and labels [n]).

        Args:
            as_handed_over: in the mode that its owner left it in, and not in evaluation mode.

        Raises:
            UserError: it fails.
        """
        noise = repeated_noise(self.device) if self.noisy else nullcontext()
        own = own_sources(self.module, self.source) if self._own_noise else []
        mode = nullcontext() if as_handed_over else evaluating(self.module)
        grad_mode = torch.set_grad_enabled(
            torch.is_grad_enabled()
        )  # puts it back, should foreign code change it
        with grad_mode, mode, noise, started_at(own, self._own_noise):
            try:
                return self.source(
                    self.input_copy(shown), *(input_copy(each, device=self.device) for each in labels)
                )
            except UserError:
                raise
            except FAILURES as error:
                raise UserError(
                    f"the {self.role} {self.name} failed on samples of shape {tuple(shown.shape)}: "
                    f"{failure(error)}; it must take batches of what the generator makes"
                    f"{precision_advice(error, self.dtype, self.role)}"
                ) from error

    def look_at_noise(self, numbers: Callable[[], Tensor]) -> list[str]:
        """Find out whether it answers alike when asked again, and see to it where it does not.

        Args:
            numbers: asks it once.

        Returns:
            What its user should know.
        """
        own = own_sources(self.module, self.source)
        states = states_of(own)
        with repeated_noise(self.device):
            first = numbers()
        with other_noise(self.device):
            if not differ(numbers(), first):
                return []
        self.noisy = True
        if differ(numbers(), first):
            self._own_noise = states
            first = numbers()
        self.repeatable = not differ(numbers(), first)
        if self.repeatable:
            return [f"the {self.role} {self.name} draws noise of its own; it is given the same at every call"]
        self._own_noise = []
        return [
            f"the {self.role} {self.name} answers otherwise each time it is asked (by "
            f"{in_percent(relative_difference(numbers(), first))} of its numbers' spread on average): it draws noise "
            "that can NOT be repeated, or counts its calls"
        ]

    def look_at_modes(self, handed_over: Callable[[], Tensor], evaluated: Tensor) -> list[str]:
        """What its user should know where it was handed over in training mode and answers otherwise there.

        Args:
            handed_over: asks it once, in the mode that its owner left it in.
            evaluated: its answer in evaluation mode.
        """
        if not self.repeatable:
            return []
        with repeated_noise(self.device):
            share = training_mode_difference(self.module, handed_over, evaluated)
        if share is None:
            return []
        return [
            f"the {self.role} {self.name} was given in training mode, where it gives other numbers (they differ by "
            f"{in_percent(share)} of their spread on average); it is examined in evaluation mode"
        ]
