"""Where gradients die on their way back to the picture: what no attribution method tells by itself.

A map of zeros, or of rounding noise, is drawn as prettily as any other. Here every module that a pass goes
through is asked whether a gradient comes out of it as well as in.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from ganlens.explain.attribution.layers import hooked
from ganlens.explain.attribution.score import Score

SATURATED = 1e-3
"""A module that alters each number by itself passes at least this share of the gradient on, or is saturated."""
MOST = 0.5
"""Share of samples from which a module is said to be dead or saturated."""
SAMPLES = 64
AT_THE_PICTURE = "the picture"

Kind = Literal["dead", "saturated", "not finite"]


@dataclass(frozen=True)
class GradientAlarm:
    """A place where gradients end.

    Attributes:
        where: the module's name; "the picture" (`AT_THE_PICTURE`) for the model's own input.
        module_type: its type ("Sigmoid"), or "the model".
        kind: "dead": the gradient is zero; "saturated": less than a thousandth of it is passed on; "not
            finite": it is NaN or infinite.
        share: of the samples that were looked at.
    """

    where: str
    module_type: str
    kind: Kind
    share: float


def gradient_alarms(score: Score, samples: Tensor) -> list[GradientAlarm]:
    """Do gradients reach the picture, and where do they end if not? The picture first, then in the pass's order.

    Only the first 64 samples are looked at. Weights and their gradients stay as they are.

    Args:
        samples: [n, …].

    Returns:
        None where all is well. A model that no gradient passes through at all is dead at the picture.
    """
    passes: dict[str, tuple[nn.Module, Tensor, Tensor]] = {}
    leaves = [(name, part) for name, part in score.named_modules() if not list(part.children()) and name]
    with torch.enable_grad():
        pictures = samples[:SAMPLES].detach().to(score.device, copy=True).requires_grad_(True)
        with hooked([(part, _keep(passes, name, part)) for name, part in leaves]):
            total = score(pictures).sum()
        if not total.requires_grad:
            return [GradientAlarm(AT_THE_PICTURE, "the model", "dead", 1.0)]
        ends = [pictures, *(end for _, before, after in passes.values() for end in (before, after))]
        gradients = torch.autograd.grad(total, ends, allow_unused=True)
    sizes = [
        torch.zeros(len(pictures)) if gradient is None else _size(gradient, len(pictures))
        for gradient in gradients
    ]
    alarms = [_judged(AT_THE_PICTURE, "the model", sizes[0], None)]
    for number, (name, (part, before, after)) in enumerate(passes.items()):
        into, out_of = sizes[2 + 2 * number], sizes[1 + 2 * number]
        plain = before.shape == after.shape and not list(part.parameters(recurse=False))
        called = name.removeprefix("module.")
        alarms.append(_judged(called, type(part).__name__, out_of, into, passes_all=plain))
    return [alarm for alarm in alarms if alarm is not None]


def _judged(
    where: str, module_type: str, out_of: Tensor, into: Tensor | None, *, passes_all: bool = False
) -> GradientAlarm | None:
    """The alarm of one module, given the size [n] of the gradient that leaves it backwards and of that which
    enters it; None where it is fine or got nothing to pass on."""
    reached = torch.ones_like(out_of, dtype=torch.bool) if into is None else (into > 0) & into.isfinite()
    if not bool(reached.any()):
        return None
    kinds: list[tuple[Kind, Tensor]] = [("not finite", ~out_of.isfinite()), ("dead", out_of == 0)]
    if passes_all and into is not None:
        kinds.append(("saturated", out_of < SATURATED * into))
    for kind, changes in kinds:
        share = float((changes & reached).double().mean())
        if share >= MOST:
            return GradientAlarm(where, module_type, kind, share)
    return None


def _keep(passes: dict[str, tuple[nn.Module, Tensor, Tensor]], name: str, part: nn.Module) -> Any:
    def hook(module: nn.Module, inputs: Any, output: Any) -> None:
        before = inputs[0] if inputs else None
        if (
            isinstance(before, Tensor)
            and isinstance(output, Tensor)
            and before.requires_grad
            and output.requires_grad
            and before is not output  # in place: nothing to compare
        ):
            passes[name] = (part, before, output)

    return hook


def _size(gradient: Tensor, samples: int) -> Tensor:
    """The largest entry [n] of each sample's gradient; NaN where one is. Zeros where there is no row a sample."""
    if len(gradient) != samples:
        return torch.full((samples,), float(gradient.abs().max()))
    return (
        gradient.detach().abs().flatten(1).amax(dim=1).float().cpu()
        if gradient.ndim > 1
        else gradient.abs().float().cpu()
    )
