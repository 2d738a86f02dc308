"""From whatever the user has to something that draws latents and makes samples, checked by trying it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn

from ganlens.errors import UserError
from ganlens.modality import Modality
from ganlens.randomness import torch_generator
from ganlens.subject.contract import Generator

TRIAL = 8
"""Samples made to see what a generator returns."""
DARK = 0.25
"""A generator of values in 0…1 makes something darker than this; one of values in −1…1 may be all bright."""


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


@dataclass
class AdaptedGenerator:
    """A generator of any make, behind the contract of `ganlens.subject.contract.Generator`.

    Attributes:
        name: what to call it in messages.
        module: where its layers live, or None for a black box.
        latent_shape: shape of one latent.
        num_classes: labels it wants, or 0.
        gaussian: whether the latents are known to be N(0, I).
        rescale: (low, high) of what the wrapped generator returns, mapped to −1…1; None to leave it alone.
    """

    name: str
    draw: Callable[[int, torch.Generator], Tensor]
    make: Callable[..., Any]
    module: nn.Module | None
    latent_shape: tuple[int, ...]
    num_classes: int = 0
    gaussian: bool = False
    rescale: tuple[float, float] | None = None
    declared_layers: tuple[str, ...] | None = None
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))

    def sample_latent(self, n: int, *, rng: torch.Generator) -> Tensor:
        """Latents [n, *latent_shape] from the prior."""
        return self.draw(n, rng)

    def synthesize(self, latent: Tensor, labels: Tensor | None = None) -> Tensor:
        """Samples [n, …] in the modality's range; gradients pass where the generator lets them.

        A conditional generator that is asked without labels makes its class 0.

        Raises:
            UserError: the generator raises, or returns anything but one tensor of n samples.
        """
        latent = latent.to(self.device)
        arguments = [latent]
        if self.num_classes:
            arguments.append(torch.zeros(len(latent), dtype=torch.int64) if labels is None else labels)
            arguments[1] = arguments[1].to(self.device)
        with evaluating(self.module):
            try:
                made = self.make(*arguments)
            except UserError:
                raise
            except Exception as error:
                failure = f"{type(error).__name__}: {first_line(error)}"
                shape = "×".join(map(str, latent.shape))
                raise UserError(
                    f"the generator {self.name} failed on latents of shape {shape}: {failure}"
                ) from error
        if not isinstance(made, Tensor):
            what = f"a {type(made).__name__}" + (
                f" of {len(made)}" if isinstance(made, (tuple, list, dict)) else ""
            )
            raise UserError(
                f"the generator {self.name} returned {what}, not one tensor; wrap it to return its samples "
                "alone"
            )
        if made.ndim < 2 or len(made) != len(latent):
            raise UserError(
                f"the generator {self.name} returned shape {tuple(made.shape)} for {len(latent)} latents; "
                f"expected [{len(latent)}, …]"
            )
        return self.finished(made)

    def finished(self, made: Tensor) -> Tensor:
        """What the generator returned, as float32 in the modality's range."""
        made = made.float()
        if self.rescale is not None:
            low, high = self.rescale
            made = (made - low) * (2 / (high - low)) - 1
        return made


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
    classes = int(num_classes if num_classes is not None else getattr(source, "num_classes", 0) or 0)
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


def try_out(adapted: AdaptedGenerator) -> tuple[AdaptedGenerator, Tensor, list[str]]:
    """Make `TRIAL` samples. Returns the generator (with a latent shape it takes), them, and what was noticed.

    A flat latent that fails is tried as [n, d, 1, 1], which transposed-convolution generators want.

    Raises:
        UserError: it fails, or what it makes is not finite.
    """
    notes: list[str] = []
    try:
        samples = _trial(adapted)
    except UserError:
        if not adapted.gaussian or len(adapted.latent_shape) != 1:
            raise
        shape = (*adapted.latent_shape, 1, 1)
        tall = replace(
            adapted, latent_shape=shape, draw=lambda n, rng: torch.randn((n, *shape), generator=rng)
        )
        try:
            samples = _trial(tall)
        except UserError:
            tall = None  # type: ignore[assignment]
        if tall is None:
            raise
        adapted = tall
        notes.append(f"the generator takes its {shape[0]} latent numbers as {shape[0]}×1×1")
    return adapted, samples, notes


def fit_range(
    samples: Tensor, modality: Modality, declared: tuple[float, float] | None
) -> tuple[tuple[float, float] | None, str | None]:
    """How the values of `samples` must be mapped to the modality's range, and a sentence where there is news.

    Returns:
        ((low, high) to map to −1…1, or None to leave them, note or None).
    """
    if modality.range is None:
        return None, None
    if declared is not None:
        low, high = declared
        if not low < high:
            raise UserError(f"range=({low}, {high}): give the lowest value first, e.g. range=(0, 1)")
        return (None if (low, high) == modality.range else (low, high)), None
    low, high = float(samples.min()), float(samples.max())
    if low == high:
        return None, None
    seen = f"({low:.2f}…{high:.2f} on a trial)"
    if -1e-4 <= low < DARK and high <= 1 + 1e-4:
        hint = "say range=(-1, 1) if that is wrong"
        return (0.0, 1.0), f"the generator returns values in 0…1 {seen}; they are mapped to −1…1 ({hint})"
    if low >= -1e-2 and 8 < high <= 256:
        return (0.0, 255.0), f"the generator returns values in 0…255 {seen}; they are mapped to −1…1"
    if low < modality.range[0] - 0.05 or high > modality.range[1] + 0.05:
        return (
            None,
            f"the generator returns values outside −1…1 {seen}; declare range=(low, high) if it means to",
        )
    return None, None


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


def reachable_layers(adapted: AdaptedGenerator) -> list[str]:
    """Names of the sub-modules that run and give a tensor when a sample is made, in the order they finish.

    Found by hooking all of them once, so compiled programs, whose sub-modules can't be hooked, have none.
    """
    if adapted.module is None:
        return []
    ran: dict[str, None] = {}
    handles = []
    try:
        for name, part in adapted.module.named_modules():
            if name:
                handles.append(part.register_forward_hook(_noting(ran, name)))
        with torch.no_grad():
            adapted.synthesize(adapted.sample_latent(2, rng=torch_generator(0, "subject", "layer trial")))
    except (RuntimeError, UserError, NotImplementedError):
        ran.clear()
    finally:
        for handle in handles:
            handle.remove()
    return [name for name in ran if adapted.declared_layers is None or name in adapted.declared_layers]


def _noting(ran: dict[str, None], name: str) -> Callable[..., None]:
    def hook(module: nn.Module, inputs: Any, output: Any) -> None:
        if isinstance(output, Tensor):
            ran.setdefault(name)

    return hook


def _trial(adapted: AdaptedGenerator) -> Tensor:
    latents = adapted.sample_latent(TRIAL, rng=torch_generator(0, "subject", "trial"))
    with torch.no_grad():
        samples = adapted.synthesize(latents).cpu()
    check_finite(samples, adapted.name)
    return samples


def check_finite(samples: Tensor, name: str) -> None:
    """Raise a UserError if any of the samples [n, …] has a NaN or an infinity."""
    broken = int((~torch.isfinite(samples.flatten(1)).all(dim=1)).sum())
    if broken:
        raise UserError(
            f"the generator {name} returned NaN or infinity in {broken} of {len(samples)} samples; check "
            "its weights and the range of its latents"
        )


def first_line(error: Exception) -> str:
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
