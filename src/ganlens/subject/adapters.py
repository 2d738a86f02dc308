"""From whatever the user has to something that draws latents and makes samples, checked by trying it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from ganlens.errors import UserError
from ganlens.randomness import torch_generator
from ganlens.subject.contract import Generator
from ganlens.subject.returned import Layout, described, element, find_output
from ganlens.subject.value_range import from_range

TRIAL = 8
"""Samples made to see what a generator returns."""
NOISE_SEED = 0x5EED
"""Of the noise that a generator draws for itself: the same at every call, so that its samples can be repeated."""
CLASS_COUNTS = ("num_classes", "n_classes", "c_dim", "label_dim")
"""Attributes that say how many classes a generator knows."""


@contextmanager
def evaluating(*modules: nn.Module | None) -> Iterator[None]:
    """Evaluation mode for the block; afterwards every sub-module is in the mode its owner left it in."""
    modes = [(part, part.training) for module in modules if module is not None for part in module.modules()]
    try:
        for module in modules:
            if module is not None:
                with suppress(NotImplementedError):  # exported programs have their mode baked in
                    module.eval()
        yield
    finally:
        for part, training in modes:
            part.training = training


@contextmanager
def repeated_noise(device: torch.device) -> Iterator[None]:
    """For the block, the global generators of numbers start from one seed; afterwards they are where they were."""
    cuda = device.type == "cuda"
    with torch.random.fork_rng(devices=[device] if cuda else []):
        torch.default_generator.manual_seed(NOISE_SEED)
        if cuda:
            with torch.cuda.device(device):
                torch.cuda.manual_seed(NOISE_SEED)
        yield


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
        rescale: (low, high) of what the wrapped generator returns, mapped to −1…1; None to leave it alone.
        labels_as: how a conditional one takes its labels: "index" (int64 [n]) or "one-hot" (float32
            [n, num_classes]). "none": it is unconditional, and wants None where labels would stand.
        noisy: whether it draws noise of its own from the global generators.
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
    rescale: tuple[float, float] | None = None
    labels_as: Literal["index", "one-hot", "none"] = "index"
    noisy: bool = False
    declared_layers: tuple[str, ...] | None = None
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))

    def sample_latent(self, n: int, *, rng: torch.Generator) -> Tensor:
        """Latents [n, *latent_shape] from the prior."""
        return self.draw(n, rng)

    def synthesize(self, latent: Tensor, labels: Tensor | None = None) -> Tensor:
        """Samples [n, …] in the modality's range; gradients pass where the generator lets them.

        A conditional generator that is asked without labels makes its class 0.

        Raises:
            UserError: the generator raises, or returns anything but samples, a row a latent.
        """
        return self.finished(self.picked(self.called(latent, labels), len(latent)))

    def called(self, latent: Tensor, labels: Tensor | None = None) -> Any:
        """Whatever the generator returns, as it returns it."""
        latent = latent.to(self.device)
        with self.running():
            try:
                return self.make(latent, *self.label_arguments(labels, len(latent)))
            except UserError:
                raise
            except Exception as error:
                failure = f"{type(error).__name__}: {first_line(error)}"
                shape = "×".join(map(str, latent.shape))
                raise UserError(
                    f"the generator {self.name} failed on latents of shape {shape}: {failure}"
                ) from error

    @contextmanager
    def running(self) -> Iterator[None]:
        """What must hold while any part of the generator runs: evaluation mode, noise that can be repeated."""
        with evaluating(self.module), repeated_noise(self.device) if self.noisy else nullcontext():
            yield

    def label_arguments(self, labels: Tensor | None, n: int) -> list[Tensor | None]:
        """What stands after the latents in a call: labels [n] in the form the generator wants, or nothing."""
        if not self.num_classes:
            return [None] if self.labels_as == "none" else []
        labels = torch.zeros(n, dtype=torch.int64) if labels is None else labels
        labels = labels.to(self.device)
        if self.labels_as == "one-hot":
            labels = functional.one_hot(labels, self.num_classes).float()
        return [labels]

    def picked(self, returned: Any, n: int) -> Tensor:
        """The samples among what the generator returned for n latents, otherwise as they are.

        Raises:
            UserError: they are no tensor of n rows.
        """
        if self.output is not None and not isinstance(returned, Tensor):
            returned = element(returned, self.output, self.name)
        if not isinstance(returned, Tensor):
            raise UserError(f"the generator {self.name} returned {described(returned)}, not one tensor")
        if returned.ndim < 2 or len(returned) != n:
            raise UserError(
                f"the generator {self.name} returned shape {tuple(returned.shape)} for {n} latents; "
                f"expected [{n}, …]"
            )
        return returned

    def finished(self, made: Tensor) -> Tensor:
        """The samples that the generator returned, as float32 in the modality's layout and range."""
        return from_range(self.layout(made.float()), self.rescale)


def adapt(
    source: Any,
    name: str,
    *,
    latent: int | tuple[int, ...] | None,
    num_classes: int | None,
    device: torch.device | None,
) -> AdaptedGenerator:
    """An object that meets the contract, or a bare module with its latent shape, as an `AdaptedGenerator`.

    Args:
        device: where to move its modules, or None to leave them where they are.

    Raises:
        UserError: it is neither, or the latent's shape is not known.
    """
    classes = num_classes if num_classes is not None else _class_count(source)
    module = _layers_of(source)
    if device is None:
        device = next((weight.device for weight in module.parameters()), None) if module is not None else None
        device = device or torch.device("cpu")
    elif module is not None:
        module.to(device)
    layers = getattr(source, "layers", None)
    declared = (
        tuple(layers)
        if isinstance(layers, (list, tuple)) and all(isinstance(x, str) for x in layers)
        else None
    )
    if isinstance(source, Generator):
        rng = torch_generator(0, "subject", "shape of a latent")
        try:
            drawn = source.sample_latent(2, rng=rng)
        except Exception as error:
            raise UserError(
                f"the generator {name} failed to draw latents: {type(error).__name__}: {first_line(error)}"
            ) from error
        if not isinstance(drawn, Tensor) or len(drawn) != 2:
            raise UserError(f"the generator {name}: sample_latent(2) must return a tensor [2, …]")
        return AdaptedGenerator(
            name=name,
            draw=lambda n, rng: source.sample_latent(n, rng=rng),
            make=source.synthesize,
            module=module,
            latent_shape=tuple(drawn.shape[1:]),
            num_classes=classes,
            declared_layers=declared,
            device=device,
        )
    if not callable(source):
        raise UserError(
            f"{name} is a {type(source).__name__}; a generator is a torch module, a function of latents, or "
            "an object with sample_latent(n, rng=…) and synthesize(latent)"
        )
    shape = _latent_shape(source, name, latent)
    return AdaptedGenerator(
        name=name,
        draw=lambda n, rng: torch.randn((n, *shape), generator=rng),
        make=source,
        module=module,
        latent_shape=shape,
        num_classes=classes,
        gaussian=True,
        declared_layers=declared,
        device=device,
    )


def try_out(
    adapted: AdaptedGenerator, *, output: int | str | None = None, classes_declared: bool = False
) -> tuple[AdaptedGenerator, Tensor, list[str]]:
    """Make `TRIAL` samples, trying other ways to call the generator where the plain one fails.

    Args:
        output: which element of what it returns holds its samples; None to look.
        classes_declared: whether its number of classes is the user's word rather than an attribute.

    Returns:
        The generator as it can be called, its samples as it returns them, and what was noticed.

    Raises:
        UserError: it fails, or what it makes is not finite.
    """
    first_failure: UserError | None = None
    latents = None
    for candidate, notes in _ways_to_call(adapted, classes_declared):
        try:
            with repeated_noise(candidate.device), torch.no_grad():
                latents = candidate.sample_latent(TRIAL, rng=torch_generator(0, "subject", "trial"))
                returned = candidate.called(latents)
        except UserError as failure:
            first_failure = first_failure or failure
            continue
        candidate.output, note = find_output(returned, TRIAL, output, candidate.name)
        notes += [note] if note else []
        made = candidate.picked(returned, TRIAL).cpu()
        check_finite(made, candidate.name)
        if _differs_from_itself(candidate, latents, made):
            candidate.noisy = True
            notes.append(
                "the generator draws noise of its own; it is given the same at every call, so that its samples "
                "can be repeated"
            )
        return candidate, made, notes
    assert first_failure is not None
    raise first_failure


def _ways_to_call(
    adapted: AdaptedGenerator, classes_declared: bool
) -> Iterator[tuple[AdaptedGenerator, list[str]]]:
    """The generator as it should be called, then other ways that others' generators want, and their notes."""
    shapes = [(adapted, list[str]())]
    if adapted.gaussian and len(adapted.latent_shape) == 1:
        tall = (*adapted.latent_shape, 1, 1)
        upright = replace(
            adapted, latent_shape=tall, draw=lambda n, rng: torch.randn((n, *tall), generator=rng)
        )
        shapes.append((upright, [f"the generator takes its {tall[0]} latent numbers as {tall[0]}×1×1"]))
    for candidate, notes in shapes:
        yield candidate, [*notes]
        if candidate.num_classes:
            said = "the generator takes its labels as one-hot vectors"
            yield replace(candidate, labels_as="one-hot"), [*notes, said]
    for candidate, notes in shapes:
        if candidate.num_classes and not classes_declared:
            said = (
                f"it says that it knows {candidate.num_classes} classes and takes no labels; it is examined "
                "without"
            )
            yield replace(candidate, num_classes=0), [*notes, said]
        elif not candidate.num_classes:
            said = "the generator is given None in the place of labels"
            yield replace(candidate, labels_as="none"), [*notes, said]


def _differs_from_itself(adapted: AdaptedGenerator, latents: Tensor, made: Tensor) -> bool:
    """Whether the same latents give other samples when the global generators of numbers stand elsewhere."""
    with torch.random.fork_rng(devices=[adapted.device] if adapted.device.type == "cuda" else []):
        torch.rand(1, device=adapted.device)
        torch.rand(1)
        with torch.no_grad():
            again = adapted.picked(adapted.called(latents), len(latents)).cpu()
    return again.shape == made.shape and not torch.allclose(again.float(), made.float(), rtol=1e-3, atol=1e-4)


def lets_gradients_through(adapted: AdaptedGenerator) -> bool:
    """Whether the samples can be differentiated with respect to the latent, found by doing it."""
    latent = adapted.sample_latent(2, rng=torch_generator(0, "subject", "gradient trial")).to(adapted.device)
    if not latent.is_floating_point():
        return False
    try:
        with torch.enable_grad():
            latent = latent.detach().clone().requires_grad_(True)
            made = adapted.synthesize(latent)
            (gradient,) = torch.autograd.grad(made.square().sum(), latent, allow_unused=True)
    except Exception:  # any failure is the answer: it can't be differentiated
        return False
    return gradient is not None and bool(torch.isfinite(gradient).all()) and bool(gradient.any())


def check_finite(samples: Tensor, name: str) -> None:
    """Raise a UserError if any of the samples [n, …] has a NaN or an infinity."""
    broken = int((~torch.isfinite(samples.flatten(1)).all(dim=1)).sum())
    if broken:
        raise UserError(
            f"the generator {name} returned NaN or infinity in {broken} of {len(samples)} samples; check "
            "its weights and the range of its latents"
        )


def first_line(error: BaseException) -> str:
    """What an exception says, short enough for an error sentence."""
    return (str(error).strip().splitlines() or ["no message"])[0][:200]


def _latent_shape(source: Any, name: str, latent: int | tuple[int, ...] | None) -> tuple[int, ...]:
    for known in (latent, *(getattr(source, key, None) for key in ("latent_shape", "latent_dim", "z_dim"))):
        if isinstance(known, int) and not isinstance(known, bool):
            known = (known,)
        if (
            isinstance(known, (tuple, list, torch.Size))
            and len(known) > 0
            and all(isinstance(k, int) for k in known)
        ):
            shape = tuple(known)
            if min(shape) < 1 or math.prod(shape) > 10**8:
                raise UserError(
                    f"{name}: a latent of shape {shape} is not possible; give its size, e.g. latent=100"
                )
            return shape
    raise UserError(
        f"{name}: its latent's shape is not known; give it, e.g. latent=100 or latent=(100, 1, 1); "
        "on the command line --latent 100 or --latent 100,1,1"
    )


def _class_count(source: Any) -> int:
    """How many classes it says it knows; 0 where it says nothing."""
    for key in CLASS_COUNTS:
        count = getattr(source, key, None)
        if isinstance(count, int) and not isinstance(count, bool) and count > 0:
            return count
    return 0


def _layers_of(source: Any) -> nn.Module | None:
    """The module whose sub-modules are the layers: the object itself, or the modules among its attributes."""
    if isinstance(source, nn.Module):
        return source
    parts = (
        {key: value for key, value in vars(source).items() if isinstance(value, nn.Module)}
        if hasattr(source, "__dict__")
        else {}
    )
    return nn.ModuleDict(parts) if parts else None
