"""Groups in a set of points, each with the member that stands for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from ganlens.errors import UserError
from ganlens.measures.feature_matrix import feature_matrix, float64_chunks, float64_mean


@dataclass(frozen=True)
class Clusters:
    """What `k_means` found.

    Attributes:
        centres: [k, d] float64, the means of the groups.
        labels: [n] int64, the group of each point.
        inertia: squared distance of the points to their centres, summed; lower is tighter.
    """

    centres: Tensor
    labels: Tensor
    inertia: float


def k_means(
    points: Tensor, k: int, rng: torch.Generator, *, restarts: int = 5, iterations: int = 100
) -> Clusters:
    """Into which k groups do the points fall, so that they lie close to their group's mean?

    The best of several descents, each from centres drawn far apart. Groups come in order of size, the largest
    first, and none is empty: where there are fewer than k distinct points, there are as many groups as those.

    Args:
        points: [n, d].
        k: groups; at most n.
        rng: draws the first centres; a CPU generator.
        restarts: descents.
        iterations: the most steps of one descent.

    Raises:
        UserError: k below 1 or above n, no restarts or iterations, fewer than two points, integer or
            non-finite points.

    Source: Lloyd 1982; Arthur & Vassilvitskii 2007 for the first centres.
    """
    points = feature_matrix(points, "points")
    if not 1 <= k <= len(points):
        raise UserError(f"k must lie between 1 and {len(points)}, the points there are, found {k}")
    if restarts < 1 or iterations < 1:
        raise UserError(f"expected at least 1 restart and 1 iteration, found {restarts} and {iterations}")
    mean = float64_mean(points)
    best = min((_descend(points, mean, k, rng, iterations) for _ in range(restarts)), key=lambda c: c.inertia)
    sizes = torch.bincount(best.labels, minlength=len(best.centres))
    order = sizes.argsort(descending=True, stable=True)
    order = order[: int((sizes > 0).sum())]
    rank = torch.empty_like(sizes)
    rank[order] = torch.arange(len(order), device=order.device)
    return Clusters(best.centres[order] + mean, rank[best.labels], best.inertia)


def medoids(points: Tensor, clusters: Clusters) -> Tensor:
    """Which point stands for each cluster? The row [k] of the member with the least squared distance to all.

    That is the member nearest to the cluster's mean.

    Raises:
        UserError: the clusters are not of these points.
    """
    points = feature_matrix(points, "points")
    if len(points) != len(clusters.labels) or points.shape[1] != clusters.centres.shape[1]:
        raise UserError(
            f"the clusters are of {len(clusters.labels)} points of width {clusters.centres.shape[1]}, "
            f"not of these {len(points)} of width {points.shape[1]}"
        )
    rows = []
    for cluster in range(len(clusters.centres)):
        members = (clusters.labels == cluster).nonzero().squeeze(1)
        group = points[members].double()
        distances = (group - group.mean(dim=0)).square().sum(dim=1)
        rows.append(members[distances.argmin()])
    return torch.stack(rows)


def nearest_centre(points: Tensor, centres: Tensor) -> Tensor:
    """Which of the centres is nearest to each point? Int64 [n].

    Args:
        points: [n, d].
        centres: [k, d], at least one.
    """
    return torch.cat(
        [torch.cdist(part.double(), centres.double()).argmin(dim=1) for part in points.split(8192)]
    )


class _Assignment(NamedTuple):
    """Each point's nearest centre [n] and squared distance to it; each centre's points summed and counted."""

    labels: Tensor
    squared: Tensor
    sums: Tensor
    sizes: Tensor


def _descend(points: Tensor, mean: Tensor, k: int, rng: torch.Generator, iterations: int) -> Clusters:
    """One descent; its centres are relative to `mean`."""
    centres = _first_centres(points, mean, k, rng)
    assigned = _assign(points, mean, centres)
    for _ in range(iterations):
        means = assigned.sums / assigned.sizes.clamp(min=1)[:, None]
        centres = torch.where(assigned.sizes[:, None] > 0, means, centres)
        for empty in (assigned.sizes == 0).nonzero().flatten():
            # An empty group starts again from the point that is served worst.
            worst = assigned.squared.argmax()
            centres[empty] = points[worst].double() - mean
            assigned.squared[worst] = 0
        previous = assigned.labels
        assigned = _assign(points, mean, centres)
        if torch.equal(assigned.labels, previous):
            break
    return Clusters(centres, assigned.labels, float(assigned.squared.sum()))


def _first_centres(points: Tensor, mean: Tensor, k: int, rng: torch.Generator) -> Tensor:
    """Points drawn one by one with a chance proportional to their squared distance from those before."""
    rows = [int(torch.randint(len(points), (1,), generator=rng))]
    squared = torch.full((len(points),), torch.inf, dtype=torch.float64, device=points.device)
    while len(rows) < k:
        newest = points[rows[-1:]].double() - mean
        squared = torch.minimum(squared, _assign(points, mean, newest).squared)
        cumulative = squared.cumsum(0)
        if cumulative[-1] == 0:
            break
        threshold = torch.rand(1, generator=rng, dtype=torch.float64).to(points.device) * cumulative[-1]
        rows.append(min(int(torch.searchsorted(cumulative, threshold, right=True)), len(points) - 1))
    return points[rows].double() - mean


def _assign(points: Tensor, mean: Tensor, centres: Tensor) -> _Assignment:
    """Each point's nearest centre, with the points relative to `mean`: far from 0 products lose digits."""
    labels, squared = [], []
    sums, sizes = torch.zeros_like(centres), torch.zeros_like(centres[:, 0])
    for chunk in float64_chunks(points):
        chunk = chunk - mean
        label = torch.addmm(centres.square().sum(dim=1), chunk, centres.T, alpha=-2).argmin(dim=1)
        member = torch.zeros(len(centres), len(chunk), dtype=chunk.dtype, device=chunk.device)
        member.scatter_(0, label[None], 1.0)
        sums.addmm_(member, chunk)
        sizes += member.sum(dim=1)
        labels.append(label)
        squared.append((chunk - centres[label]).square().sum(dim=1))
    return _Assignment(torch.cat(labels), torch.cat(squared), sums, sizes)
