"""Anyone's classifier behind one face: a batch of samples in, one row of logits a sample out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ganlens.errors import UserError
from ganlens.subject.adapters import evaluating, first_line

ROUNDING = 1e-3


class AdaptedClassifier(nn.Module):
    """A classifier of any make, tried on a few samples before it is believed.

    Attributes:
        name: what to call it in messages.
        module: the module whose layers can be reached, or None for a black box.
        num_classes: 2 and up.
        class_names: one for each class.
        has_gradients: whether the logits can be differentiated with respect to the samples.
        gives: what the wrapped one returns: "logits", "probabilities" or "one logit".
    """

    def __init__(
        self,
        source: Any,
        name: str,
        trial: Tensor,
        *,
        class_names: Sequence[str] = (),
        device: torch.device | None = None,
    ) -> None:
        """Wrap `source`, a callable of samples [n, …] that returns [n, k], [n, 1] or [n].

        Args:
            trial: a few samples [n, …] to try it on.
            class_names: used where there are as many as classes; else the classes are numbered.

        Raises:
            UserError: it can't be called, fails on the samples, or returns something that is no classification.
        """
        super().__init__()
        if not callable(source):
            raise UserError(
                f"the classifier {name} is a {type(source).__name__}; expected a module or a function of a "
                "batch of samples"
            )
        self.name = name
        self.module = source if isinstance(source, nn.Module) else None
        self._source = (source,)  # in a tuple: the sub-module is registered above, and once
        self.device = device or torch.device("cpu")
        if self.module is not None:
            self.module.to(self.device)
        self.gives = "logits"
        with torch.no_grad():
            raw = self._raw(trial)
        if raw.ndim == 1 or raw.shape[1] == 1:
            flat = raw.flatten()
            chance = bool((flat >= 0).all() and (flat <= 1).all())
            self.gives, self.num_classes = "one probability" if chance else "one logit", 2
        else:
            sums, low = raw.sum(dim=1), float(raw.min())
            if low >= -ROUNDING and bool(((sums - 1).abs() < ROUNDING).all()):
                self.gives = "probabilities"
            self.num_classes = raw.shape[1]
        known = len(class_names) == self.num_classes
        self.class_names = tuple(class_names) if known else tuple(map(str, range(self.num_classes)))
        self.has_gradients = self._lets_gradients_through(trial)

    def forward(self, samples: Tensor) -> Tensor:
        """Logits [n, num_classes] of samples [n, …]; log-probabilities where it gives probabilities.

        Raises:
            UserError: the classifier fails or returns another shape than on its trial.
        """
        raw = self._raw(samples)
        if self.gives == "one logit":
            one = raw.flatten()
            return torch.stack([torch.zeros_like(one), one], dim=1)
        if self.gives == "one probability":
            one = raw.flatten().clamp(1e-7, 1 - 1e-7)
            return torch.stack([(1 - one).log(), one.log()], dim=1)
        if raw.ndim != 2 or raw.shape[1] != self.num_classes:
            raise UserError(
                f"the classifier {self.name} returned shape {tuple(raw.shape)}; on its trial it returned "
                f"[{len(samples)}, {self.num_classes}]"
            )
        return raw.clamp_min(1e-12).log() if self.gives == "probabilities" else raw

    def class_index(self, wanted: str | int) -> int:
        """The number of a class given by its number or its name.

        Raises:
            UserError: there is no such class.
        """
        if str(wanted) in self.class_names:
            return self.class_names.index(str(wanted))
        if str(wanted).isdigit() and int(wanted) < self.num_classes:
            return int(wanted)
        raise UserError(
            f"the classifier {self.name} has no class {wanted!r}; it has {', '.join(self.class_names)}"
        )

    def _raw(self, samples: Tensor) -> Tensor:
        source = self._source[0]
        with evaluating(self.module):
            try:
                result = source(samples.to(self.device))
            except UserError:
                raise
            except Exception as error:
                raise UserError(
                    f"the classifier {self.name} failed on samples of shape {tuple(samples.shape)}: "
                    f"{type(error).__name__}: {first_line(error)}"
                ) from error
        result = result if isinstance(result, Tensor) else _as_tensor(result, self.name)
        if result.ndim not in (1, 2) or len(result) != len(samples):
            raise UserError(
                f"the classifier {self.name} returned shape {tuple(result.shape)} for {len(samples)} samples; "
                f"expected [{len(samples)}, classes]"
            )
        return result.float()

    def _lets_gradients_through(self, trial: Tensor) -> bool:
        try:
            with torch.enable_grad():
                samples = trial[:2].detach().clone().to(self.device).requires_grad_(True)
                (gradient,) = torch.autograd.grad(self(samples).square().sum(), samples, allow_unused=True)
        except Exception:  # any failure is the answer: it can't be differentiated
            return False
        return gradient is not None and bool(torch.isfinite(gradient).all())


def _as_tensor(result: Any, name: str) -> Tensor:
    try:
        return torch.as_tensor(result)
    except Exception:
        raise UserError(
            f"the classifier {name} returned a {type(result).__name__}; expected a tensor [samples, classes]"
        ) from None
