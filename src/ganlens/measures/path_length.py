"""How smoothly does a generator move when its latent does? Perceptual path length."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from ganlens.errors import UserError
from ganlens.measures.facts import Group, ValidInterval, measure
from ganlens.measures.feature_matrix import feature_pair

Interpolation = Literal["spherical", "linear"]
FAR_FROM_ONE = 1.5
PARALLEL = 1e-6
"""A sine below which two directions span no circle, being the same or opposite."""


@dataclass(frozen=True)
class PathLength:
    """What `perceptual_path_length` found.

    Attributes:
        value: the mean of `lengths`, less those trimmed; 0 and up.
        lengths: [n] float64 on the CPU, d²/ε² of each path, none trimmed: independent where the latents are.
        places: [n] float64, the place t in 0…1 of each.
    """

    value: float
    lengths: Tensor
    places: Tensor


@measure(
    Group.QUALITY,
    applied_to="a generator, pairs of latents, a distance of samples",
    range="0 and up",
    better="lower, but 0 is collapsed",
    bias="none from the number of paths",
    intervals=(
        ValidInterval("mean_interval", "the mean of `lengths`, untrimmed"),
        ValidInterval("bootstrap_interval", "the same, where lengths are skewed"),
        ValidInterval("replicate_interval", "the expectation of the trimmed mean"),
    ),
)
def perceptual_path_length(
    synthesize: Callable[[Tensor], Tensor],
    latents_from: Tensor,
    latents_to: Tensor,
    distance: Callable[[Tensor, Tensor], Tensor],
    *,
    rng: torch.Generator,
    epsilon: float = 1e-4,
    interpolation: Interpolation = "spherical",
    squared: bool = False,
    trim: float = 0.0,
    batch_size: int = 64,
) -> PathLength:
    """How much do a generator's samples change along a path from one latent to another?

    The mean of d(G(z(t)), G(z(t+ε)))²/ε² over paths z from one latent to another and places t, drawn evenly
    in 0…1: a squared speed. d is a distance that doubles when the change does, and is squared here. LPIPS is
    a sum of squares already, so that the path length of StyleGAN's papers divides it by ε² as it is: say
    `squared=True` for it.

    Rounded outputs ruin it: a change of ε = 1e-4 is far below 1/255, so that each value stays or jumps by a
    whole step, and the result is the rounding's. So for the first batch half of ε is tried as well. Where
    that changes the result of most paths by more than a factor 1.5 there is no speed to measure, and it is
    refused. Where rounded outputs did not change at all in that batch this can't be seen.

    0 is a generator that makes one sample whatever the latent. Low is smooth, not good: never read it alone.

    Bias: none from the number of paths. ε cuts across curves, by a share that is negligible at 1e-4.

    Interval: `mean_interval` over `lengths`, or `bootstrap_interval` as they are often skewed; for the
    trimmed mean none of these, but `replicate_interval` over fresh latents.

    Args:
        synthesize: latents [b, …] → samples [b, …], in float32 or finer, unrounded, each sample a function of
            its own latent alone (fixed noise, no batch statistics). Gets up to 3·batch_size latents.
        latents_from, latents_to: [n, …] each; path i goes from one's row i to the other's. For a path in W
            give mapped latents and "linear".
        distance: two sets of samples [b, …] → [b].
        rng: draws the places; a CPU generator.
        epsilon: the step, as a share of the path.
        interpolation: "spherical" along the great circle between the latents' directions, with a length that
            goes evenly from one's to the other's, for Gaussian latents; "linear" for others, and for W.
        squared: `distance` is a squared distance already, as LPIPS is.
        trim: the share of paths left out of the mean at either end; 0.01 is StyleGAN's protocol.
        batch_size: paths at once.

    Returns:
        The mean and what it is of; lower is smoother, and 0 is collapsed. Only comparable for one distance
        and one kind of path.

    Raises:
        UserError: latents that are no two equal numbers of finite rows of one shape, an epsilon outside 0…1,
            a trim outside 0…½, a batch_size below 1, another interpolation; samples that are integers or too
            few; distances that are not one per path, finite and 0 or more; or samples that don't move smoothly.

    Source: Karras et al. 2019 (arXiv 1812.04948), section 4.1.
    """
    first, last = _checked_ends(latents_from, latents_to)
    _check_settings(epsilon, interpolation, trim, batch_size)
    places = torch.rand(len(latents_from), generator=rng, dtype=torch.float64)
    lengths = []
    for start in range(0, len(places), batch_size):
        part = slice(start, start + batch_size)
        steps = (epsilon, epsilon / 2) if start == 0 else (epsilon,)
        latents = [
            _between(first[part], last[part], places[part] + step, interpolation) for step in (0.0, *steps)
        ]
        here, *there = _samples(synthesize, latents, latents_from)
        distances = [
            _distances(distance, here, samples, start) ** (1 if squared else 2) / step**2
            for samples, step in zip(there, steps, strict=True)
        ]
        if start == 0:
            _check_smoothness(*distances)
        lengths.append(distances[0])
    every = torch.cat(lengths)
    return PathLength(_trimmed_mean(every, trim), every, places)


def _checked_ends(latents_from: Tensor, latents_to: Tensor) -> tuple[Tensor, Tensor]:
    """Both ends as matrices [n, k] on the CPU in float64."""
    flat_from, flat_to = (
        x.flatten(1) if isinstance(x, Tensor) and x.ndim > 2 else x for x in (latents_from, latents_to)
    )
    first, last = feature_pair(flat_from, flat_to, ("latents_from", "latents_to"), rows=1)
    if latents_from.shape != latents_to.shape:
        raise UserError(
            f"latents_from has shape {tuple(latents_from.shape)} and latents_to {tuple(latents_to.shape)}; "
            "a path needs one of each"
        )
    return first.cpu().double(), last.cpu().double()


def _check_settings(epsilon: float, interpolation: str, trim: float, batch_size: int) -> None:
    if not 0 < epsilon < 1:
        raise UserError(f"epsilon must lie between 0 and 1, found {epsilon}; 1e-4 is usual")
    if interpolation not in ("spherical", "linear"):
        raise UserError(f'interpolation must be "spherical" or "linear", found {interpolation!r}')
    if not 0 <= trim < 0.5:
        raise UserError(f"trim must be at least 0 and below 0.5, found {trim}; 0.01 is StyleGAN's")
    if batch_size < 1:
        raise UserError(f"batch_size must be at least 1, found {batch_size}")


def _between(first: Tensor, last: Tensor, places: Tensor, interpolation: Interpolation) -> Tensor:
    """Latents [b, k] at `places` [b] of the way. In float64: in float32 two places 1e-4 apart have 3 digits."""
    t = places[:, None]
    straight = first * (1 - t) + last * t
    if interpolation == "linear":
        return straight
    length_first, length_last = (torch.linalg.vector_norm(x, dim=1, keepdim=True) for x in (first, last))
    one, other = (torch.nn.functional.normalize(x, dim=1) for x in (first, last))
    angle = 2 * torch.atan2(
        torch.linalg.vector_norm(one - other, dim=1, keepdim=True),
        torch.linalg.vector_norm(one + other, dim=1, keepdim=True),
    )
    circle = (torch.sin((1 - t) * angle) * one + torch.sin(t * angle) * other) / torch.sin(angle)
    along = circle * (length_first * (1 - t) + length_last * t)
    circular = (torch.sin(angle) > PARALLEL) & (length_first * length_last > 0)
    return torch.where(circular, along, straight)


def _samples(
    synthesize: Callable[[Tensor], Tensor], latents: list[Tensor], like: Tensor
) -> tuple[Tensor, ...]:
    """The samples of each batch of latents, made in one call: the same arithmetic for all of them."""
    rows = torch.cat(latents).reshape(-1, *like.shape[1:]).to(like.device, like.dtype)
    with torch.no_grad():
        samples = synthesize(rows)
    if not isinstance(samples, Tensor) or samples.shape[:1] != rows.shape[:1]:
        distances = f"shape {tuple(samples.shape)}" if isinstance(samples, Tensor) else type(samples).__name__
        raise UserError(f"synthesize: expected one sample for each of {len(rows)} latents, found {distances}")
    if not samples.is_floating_point():
        raise UserError(
            f"synthesize: expected floating-point samples, found {samples.dtype}; give them before they are "
            "rounded, or the path length is that of the rounding"
        )
    return samples.chunk(len(latents))


def _distances(
    distance: Callable[[Tensor, Tensor], Tensor], here: Tensor, there: Tensor, start: int
) -> Tensor:
    with torch.no_grad():
        distances = distance(here, there)
    if not isinstance(distances, Tensor) or distances.shape != (len(here),):
        shape = (
            f"shape {tuple(distances.shape)}" if isinstance(distances, Tensor) else type(distances).__name__
        )
        raise UserError(
            f"distance: expected one value for each of {len(here)} pairs of samples, found {shape}"
        )
    distances = distances.detach().cpu().double()
    bad = (~(torch.isfinite(distances) & (distances >= 0))).nonzero()
    if len(bad):
        path = int(bad[0])
        raise UserError(f"distance: path {start + path} gave {float(distances[path])}; expected 0 or more")
    return distances


def _check_smoothness(whole: Tensor, half: Tensor) -> None:
    """That squared speeds over a step and over half of it agree, for most of the paths that move at all."""
    moving = (whole > 0) | (half > 0)
    ratios = half[moving] / whole[moving]
    odd = (ratios > FAR_FROM_ONE) | (ratios < 1 / FAR_FROM_ONE)
    if 2 * int(odd.sum()) > len(ratios):
        factor = float(half.sum() / whole.sum())
        raise UserError(
            f"halving epsilon multiplies the path length by {factor:.3g}, where a smooth generator leaves it as "
            "it is; look for samples rounded to 8 bits or half precision, fresh noise in every call, an epsilon "
            "too small for float32, or the wrong `squared` for this distance"
        )


def _trimmed_mean(lengths: Tensor, trim: float) -> float:
    ordered = lengths.sort().values
    left_out = math.floor(trim * (len(ordered) - 1))
    kept = (lengths >= ordered[left_out]) & (lengths <= ordered[len(ordered) - 1 - left_out])
    return float(lengths[kept].mean())
