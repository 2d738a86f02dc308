"""Latent directions that should move a code axis, and what happens to the code when they are followed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ganlens.explain.code.code_space import CodeSpace
from ganlens.measures import Estimate, bootstrap_estimates, fit_ridge

if TYPE_CHECKING:
    from ganlens.subject import SampleBank


@dataclass(frozen=True)
class LatentScale:
    """Latents of any shape as rows of numbers with mean 0 and standard deviation 1, and back.

    Attributes:
        mean, deviation: [z] of the flattened latents; a number that never varies has deviation 0.
        shape: of one latent.
    """

    mean: Tensor
    deviation: Tensor
    shape: tuple[int, ...]

    @classmethod
    def of(cls, latents: Tensor) -> LatentScale:
        rows = latents.flatten(1).double()
        deviation: Tensor = rows.std(dim=0, correction=0)
        deviation[deviation < 1e-9] = 0
        return cls(rows.mean(dim=0), deviation, tuple(latents.shape[1:]))

    def rows(self, latents: Tensor) -> Tensor:
        """Latents [n, …] as standardised rows [n, z] float64."""
        return (latents.flatten(1).double() - self.mean) / self.deviation.clamp(min=1e-9)

    def moved(self, latents: Tensor, direction: Tensor, distance: float) -> Tensor:
        """Latents [n, …] moved by `distance` standard deviations along a unit direction [z] of `rows`."""
        step = (distance * direction * self.deviation).to(latents.dtype)
        return latents + step.reshape(self.shape)


@dataclass(frozen=True)
class AxisDirections:
    """For every code axis the latent direction that moves it fastest on average, and how fast that is.

    Attributes:
        unit: [k, z] unit directions of standardised latents.
        slope: [k] expected change of the axis (in standard deviations of the data) per standard deviation of
            latent.
        seen: [z, k] slope of every axis along every latent number.
    """

    unit: Tensor
    slope: Tensor
    seen: Tensor


def axis_directions(latents: Tensor, codes: Tensor) -> AxisDirections:
    """Regress codes [n, k] on standardised latents [n, z].

    For Gaussian latents the coefficients are E[∂code/∂latent], the mean gradient, though no gradient is
    taken: Cov(code, latent) = Cov(latent)·E[∂code/∂latent] (Stein's lemma). So it works for a black box.
    """
    weight = fit_ridge(latents, codes.double(), alpha=1.0).weight
    slope = weight.norm(dim=0)
    return AxisDirections((weight / slope.clamp(min=1e-12)).T, slope, weight)


def random_directions(count: int, size: int, rng: torch.Generator) -> Tensor:
    """Unit directions [count, size], uniform on the sphere."""
    drawn = torch.randn(count, size, generator=rng, dtype=torch.float64)
    length: Tensor = drawn.norm(dim=1, keepdim=True)
    return drawn / length


@dataclass(frozen=True)
class Interventions:
    """What moving latents did to codes, relative to the codes of the latents left alone.

    Attributes:
        distances: [a] how far latents were moved, in standard deviations.
        shifts: one [d, n, a, k] tensor per code space, for d directions, n latents and k axes.
    """

    distances: Tensor
    shifts: tuple[Tensor, ...]


def intervene(
    bank: SampleBank,
    spaces: tuple[CodeSpace, ...],
    scale: LatentScale,
    latents: Tensor,
    directions: Tensor,
    distances: Tensor,
) -> Interventions:
    """Follow every direction [d, z] from every latent and encode what the generator makes of it."""
    labels = bank.conditions(len(latents))
    before = bank.synthesize(latents, labels)
    at_rest = [space.encode(before) for space in spaces]
    shifts: list[list[Tensor]] = [[] for _ in spaces]
    for direction in directions:
        moved = [
            bank.synthesize(scale.moved(latents, direction, distance), labels)
            for distance in distances.tolist()
        ]
        for kept, space, rest in zip(shifts, spaces, at_rest, strict=True):
            kept.append(torch.stack([space.encode(samples) - rest for samples in moved], dim=1))
    return Interventions(distances, tuple(torch.stack(kept).double() for kept in shifts))


def concordance(predicted: Tensor, actual: Tensor) -> Tensor:
    """Lin's concordance of predicted [a] and actual [n, a] shifts; see `Concordance`."""
    return Concordance(predicted[:, None], actual[..., None])(
        torch.ones(1, len(actual), dtype=torch.float64)
    )[0, 0]


class Concordance:
    """How well do actual shifts follow predicted ones, in direction *and* in size?

    Lin's concordance correlation, 2·cov / (var + var + squared difference of means): 1 where every shift is
    as predicted, 0 where they have nothing to do with each other. Unlike Pearson's correlation it is low for
    a shift that is far too small or too large, which is all that tells a direction from a random one if the
    generator is linear.

    Args:
        predicted: [a, j] for a distances and j axes.
        actual: [n, a, j], for n latents.

    Source: Lin 1989.
    """

    def __init__(self, predicted: Tensor, actual: Tensor) -> None:
        self._count = actual.shape[1]
        self._predicted_mean = predicted.mean(dim=0)
        self._predicted_variance = predicted.var(dim=0, correction=0)
        self._sum = actual.sum(dim=1)
        self._square = actual.square().sum(dim=1)
        self._product = (predicted * actual).sum(dim=1)

    def __call__(self, weights: Tensor) -> Tensor:
        """Concordance [r, j], latents counted as often as weights [r, n] say."""
        total = weights.sum(dim=1, keepdim=True) * self._count
        mean = weights @ self._sum / total
        variance = weights @ self._square / total - mean.square()
        covariance = weights @ self._product / total - self._predicted_mean * mean
        spread = self._predicted_variance + variance + (self._predicted_mean - mean).square()
        return 2 * covariance / spread.clamp(min=1e-30)


def agreement(slopes: Tensor, on_axis: Tensor, distances: Tensor, rng: torch.Generator) -> list[Estimate]:
    """Intervention agreement of j axes, with intervals over latents, and as a last entry its mean over axes.

    Args:
        slopes: [j] predicted shift per standard deviation of latent.
        on_axis: [n, a, j] actual shifts along each axis by its own direction.
        distances: [a].
        rng: of the bootstrap; whole latents are resampled, since one latent's shifts belong together.
    """
    measure = Concordance(distances.double()[:, None] * slopes, on_axis)

    def statistic(weights: Tensor) -> Tensor:
        each = measure(weights)
        return torch.cat([each, each.mean(dim=1, keepdim=True)], dim=1)

    return bootstrap_estimates(statistic, len(on_axis), rng=rng, of="held-out latents")


def off_target_share(shifts: Tensor, axis: int, effect: Tensor) -> float:
    """Which share of the change of the decoded sample falls on other axes than the one meant: 0…1.

    Args:
        shifts: [n, a, k] of the code.
        effect: [k] how much a step along each axis changes the sample; see `CodeSpace`.
    """
    parts = (shifts * effect).square().flatten(0, -2).sum(dim=0)
    total = float(parts.sum())
    return 1 - float(parts[axis]) / total if total > 0 else 0.0
