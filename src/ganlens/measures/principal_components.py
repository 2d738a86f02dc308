"""The few directions in which a set of points spreads most."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from ganlens.errors import UserError
from ganlens.measures.feature_matrix import feature_matrix, float64_chunks, float64_mean
from ganlens.measures.frechet import moments

LARGEST_EXACT = 512
"""Up to this many features the covariance is decomposed whole: a second or two."""
EXTRA_DIRECTIONS = 16
POWER_ITERATIONS = 8


class PrincipalAxes(NamedTuple):
    """A mean [d] and orthonormal rows [k, d], by falling spread, in float64."""

    mean: Tensor
    axes: Tensor

    def coordinates(self, points: Tensor) -> Tensor:
        """Where points [n, d] lie along the axes: [n, k] float64."""
        return torch.cat([(chunk - self.mean) @ self.axes.T for chunk in float64_chunks(points)])


def principal_axes(points: Tensor, k: int, rng: torch.Generator) -> PrincipalAxes:
    """Along which k directions do the points spread most?

    Exact up to 512 features. Beyond, by subspace iteration: directions whose spreads are nearly equal may
    then mix with those just left out, which costs next to none of the spread that is kept.

    Args:
        points: [n, d].
        k: at most d, and below n: n points have no further directions.
        rng: draws where the iteration starts; a CPU generator. Unused up to 512 features.

    Raises:
        UserError: k out of range, fewer than two points, integer or non-finite ones.

    Source: Pearson 1901; Halko, Martinsson & Tropp 2011 (arXiv 0909.4061), algorithm 4.4.
    """
    points = feature_matrix(points, "points")
    largest = min(points.shape[1], len(points) - 1)
    if not 1 <= k <= largest:
        raise UserError(f"k must lie between 1 and {largest}, the directions there are, found {k}")
    if points.shape[1] <= LARGEST_EXACT:
        statistics = moments(points)
        covariance = statistics.covariance.to(points.device)
        return PrincipalAxes(
            statistics.mean.to(points.device), torch.linalg.eigh(covariance)[1].T.flip(0)[:k]
        )
    mean = float64_mean(points)
    width = min(k + EXTRA_DIRECTIONS, largest)
    start = torch.randn(points.shape[1], width, generator=rng, dtype=torch.float64).to(points.device)
    basis, _ = torch.linalg.qr(start)
    for _ in range(POWER_ITERATIONS):
        spread = torch.zeros_like(basis)
        for chunk in float64_chunks(points):
            centred = chunk - mean
            spread.addmm_(centred.T, centred @ basis)
        basis, _ = torch.linalg.qr(spread)
    within = torch.zeros(width, width, dtype=torch.float64, device=points.device)
    for chunk in float64_chunks(points):
        inside = (chunk - mean) @ basis
        within.addmm_(inside.T, inside)
    return PrincipalAxes(mean, (basis @ torch.linalg.eigh(within)[1].flip(1)[:, :k]).T)
