"""From whatever the user has to something that draws latents and makes samples."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from ganlens.errors import UserError
from ganlens.printable import printable
from ganlens.randomness import torch_generator
from ganlens.subject.contract import Generator
from ganlens.subject.evaluation_mode import evaluating
from ganlens.subject.introspection import attribute, checked_module, class_count, latent_shape, module_in
from ganlens.subject.noise import own_sources, repeated_noise, started_at
from ganlens.subject.output_layout import Layout, described, element
from ganlens.subject.tensor_transfer import (
    FAILURES,
    as_tensor,
    check_finite,
    check_values,
    input_copy,
    output_copy,
    precision_advice,
    weight_type,
)
from ganlens.subject.value_range import ValueRange, mapped

MOST_SEEDS = 2**31


@dataclass
class AdaptedGenerator:
    """A generator of any make, behind the contract of `ganlens.subject.contract.Generator`.

    Attributes:
        name: what to call it in messages.
        module: where its layers live, or None for a black box.
        latent_shape: shape of one latent.
        num_classes: labels it wants, or 0.
        gaussian: whether the latents are known to be N(0, I).
        output: position or name of the samples in what it returns; None where it returns them alone.
        layout: how the axes of its samples become the modality's.
        rescale: (low, high) of what the wrapped generator returns, mapped to `value_range`; None to leave it alone.
        value_range: of the samples; None where they have none.
        labels_as: how a conditional one takes its labels: "index" (int64 [n]) or "one-hot" (float32
            [n, num_classes]). "none": it is unconditional, and wants None where labels would stand.
        noisy: whether it draws noise of its own, which starts anew at every call.
        own_noise: where the generators of numbers that it keeps start (see `own_sources`), if its noise is theirs.
        repeatable: whether the same batch of latents makes the same samples again.
        draws_globally: whether its latents come from the global generators rather than the one it is given; these
            are started from it.
        dtype: of what it is given where latents are known to be N(0, I); None for the latents' own.
    """

    name: str
    draw: Callable[[int, torch.Generator], Tensor]
    make: Callable[..., Any]
    module: nn.Module | None
    latent_shape: tuple[int, ...]
    num_classes: int = 0
    gaussian: bool = False
    output: int | str | None = None
    layout: Layout = field(default_factory=Layout)
    rescale: ValueRange | None = None
    value_range: ValueRange | None = None
    labels_as: Literal["index", "one-hot", "none"] = "index"
    noisy: bool = False
    own_noise: tuple[Any, ...] = ()
    repeatable: bool = True
    draws_globally: bool = False
    dtype: torch.dtype | None = None
    declared_layers: tuple[str, ...] | None = None
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))

    def sample_latent(self, n: int, *, rng: torch.Generator) -> Tensor:
        """Latents [n, *latent_shape] from the prior, a copy that is nobody else's.

        Raises:
            UserError: it fails to draw them, or returns anything but n latents.
        """
        with self._started_from(rng) if self.draws_globally else nullcontext():
            try:
                drawn = as_tensor(self.draw(n, rng))
            except FAILURES as error:
                raise UserError(
                    f"the generator {self.name} failed to draw latents: {failure(error)}"
                ) from error
        if drawn is None or drawn.ndim == 0 or len(drawn) != n:
            raise UserError(f"the generator {self.name}: sample_latent({n}) must return a tensor [{n}, …]")
        return output_copy(drawn.detach())

    @contextmanager
    def _started_from(self, rng: torch.Generator) -> Iterator[None]:
        with repeated_noise(self.device, int(torch.randint(MOST_SEEDS, (1,), generator=rng))):
            yield

    def synthesize(self, latent: Tensor, labels: Tensor | None = None) -> Tensor:
        """Samples [n, …] in the modality's range; gradients pass where the generator lets them.

        A conditional generator that is asked without labels makes its class 0.

        Raises:
            UserError: the generator raises, or returns anything but samples, a row a latent.
        """
        return self.finished(self.picked(self.called(latent, labels), len(latent)))

    def called(self, latent: Tensor, labels: Tensor | None = None, *, as_handed_over: bool = False) -> Any:
        """Whatever the generator returns, as it returns it.

        Args:
            as_handed_over: in the mode that its owner left it in, and not in evaluation mode.
        """
        with self.running(as_handed_over=as_handed_over):
            try:
                return self.make(self.input_copy(latent), *self.label_arguments(labels, len(latent)))
            except UserError:
                raise
            except FAILURES as error:
                shape = "×".join(map(str, latent.shape))
                raise UserError(
                    f"the generator {self.name} failed on latents of shape {shape}: {failure(error)}"
                    f"{precision_advice(error, weight_type(self.module), 'generator')}"
                ) from error

    def input_copy(self, rows: Tensor) -> Tensor:
        """A copy of latents, or of points of another space, as the generator is given it."""
        return input_copy(rows, device=self.device, dtype=self.dtype)

    @contextmanager
    def running(self, *, as_handed_over: bool = False) -> Iterator[None]:
        """What must hold while any part of the generator runs: evaluation mode, noise that can be repeated."""
        grad_mode = torch.set_grad_enabled(
            torch.is_grad_enabled()
        )  # puts it back, should foreign code change it
        with grad_mode, nullcontext() if as_handed_over else evaluating(self.module), self._repeating():
            yield

    @contextmanager
    def _repeating(self) -> Iterator[None]:
        if not self.noisy:
            yield
            return
        own = own_sources(self.module, self.make) if self.own_noise else []
        with repeated_noise(self.device), started_at(own, self.own_noise):
            yield

    def label_arguments(self, labels: Tensor | None, n: int) -> list[Tensor | None]:
        """What stands after the latents in a call: labels [n] in the form the generator wants, or nothing."""
        if not self.num_classes:
            return [None] if self.labels_as == "none" else []
        labels = torch.zeros(n, dtype=torch.int64) if labels is None else labels
        labels = input_copy(labels, device=self.device)
        if self.labels_as == "one-hot":
            labels = functional.one_hot(labels, self.num_classes).to(self.dtype or torch.float32)
        return [labels]

    def picked(self, output: Any, n: int) -> Tensor:
        """A copy of the samples among what the generator returned for n latents, otherwise as they are.

        Raises:
            UserError: they are no tensor of n rows of real numbers.
        """
        if self.output is not None and as_tensor(output) is None:
            output = element(output, self.output, self.name)
        samples = as_tensor(output)
        if samples is None:
            raise UserError(f"the generator {self.name} returned {described(output)}, not one tensor")
        check_values(samples, f"the generator {self.name}")
        if samples.ndim < 2 or len(samples) != n:
            raise UserError(
                f"the generator {self.name} returned shape {tuple(samples.shape)} for {n} latents; expected [{n}, …]"
            )
        return output_copy(samples)

    def check_finite(self, samples: Tensor) -> None:
        """Raise a UserError if any of the samples [n, …] has a NaN, an infinity or a value that is too large."""
        check_finite(samples, f"the generator {self.name}")

    def finished(self, samples: Tensor) -> Tensor:
        """The samples that the generator returned, as float32 in the modality's layout and range."""
        return mapped(self.layout(samples.float()), self.rescale, self.value_range).contiguous()


def adapt(
    source: Any,
    name: str,
    *,
    latent: int | Sequence[int] | None,
    num_classes: int | None,
    device: torch.device | None,
) -> AdaptedGenerator:
    """An object that meets the contract, or a bare module with its latent shape, as an `AdaptedGenerator`.

    Args:
        device: where to move its modules, or None to leave them where they are.

    Raises:
        UserError: it is neither, or the latent's shape is not known.
    """
    classes = class_count(source, num_classes, name)
    module = module_in(source)
    if module is not None:
        checked_module(module, f"the generator {name}")
    if device is None:
        device = next((weight.device for weight in module.parameters()), None) if module is not None else None
        device = device or torch.device("cpu")
    elif module is not None:
        module.to(device)
    layers = attribute(source, "layers")
    declared = (
        tuple(layers)
        if isinstance(layers, (list, tuple)) and all(isinstance(x, str) for x in layers)
        else None
    )
    if isinstance(source, Generator):
        adapted = AdaptedGenerator(
            name=name,
            draw=lambda n, rng: source.sample_latent(n, rng=rng),
            make=source.synthesize,
            module=module,
            latent_shape=(),
            num_classes=classes,
            declared_layers=declared,
            device=device,
        )
        drawn = adapted.sample_latent(2, rng=torch_generator(0, "subject", "shape of a latent"))
        return replace(adapted, latent_shape=tuple(drawn.shape[1:]))
    if not callable(source):
        raise UserError(
            f"{name} is a {type(source).__name__}; a generator is a torch module, a function of latents, or "
            "an object with sample_latent(n, rng=…) and synthesize(latent)"
        )
    shape = latent_shape(source, name, latent)
    return AdaptedGenerator(
        name=name,
        draw=lambda n, rng: torch.randn((n, *shape), generator=rng),
        make=source,
        module=module,
        latent_shape=shape,
        num_classes=classes,
        gaussian=True,
        dtype=weight_type(module),
        declared_layers=declared,
        device=device,
    )


def failure(error: BaseException) -> str:
    """What went wrong in someone else's code: the kind of the exception and what it says."""
    return f"{type(error).__name__}: {first_line(error)}"


def first_line(error: BaseException) -> str:
    """What an exception says, short enough for an error sentence."""
    return printable((str(error).strip().splitlines() or ["no message"])[0][:200])
