"""Several axes show one fault: which of them explains the others?

The real samples are weighted so that along one axis they fall as the generated ones do. If the other axes then fall
alike as well, that one explains them. So a ground that is always grey, which changes every reading of weight and size,
is called the ground and not a size.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ganlens.explain.spread.axes import FAMILIES, Axis
from ganlens.explain.spread.comparison import Comparison, compare
from ganlens.explain.spread.faults import PLAINEST, Fault, Limits, faults

STRETCHES = 20
"""Stretches of an axis, as many generated samples in each, along which real samples are weighted."""
FEWEST = 60
"""Real samples that the weights must leave, or the stretch is widened to the nearest so many."""
NEARLY, STILL = 0.7, 0.5
"""A plainer axis is preferred where it explains at least this share of what the best one does; one with a name that
hardly varies, whose real samples are the few in a narrow band, from the second share on."""
SAME = 0.7
"""Axes whose ranks among real samples are correlated so much say the same."""
TWIN, AS_WELL = 0.85, 0.95
"""Readings with so alike ranks are one to a person: the first of them, which is the plainest, is the name where it
explains at least this share of what the other one does."""
MOST_TOLD = 3
"""Faults that are told apart at most."""
BY_CHANCE = math.pi**2 / 12
"""Expected square of the largest gap between two distribution functions that are alike, times the number of samples:
that of a Brownian bridge's supremum."""
LOOKED_AT = 3000
"""Real samples by which it is seen what explains what."""


@dataclass(frozen=True)
class Explained:
    """One fault that stands for all axes that show it.

    Attributes:
        leading: the axis that explains the others.
        others: faults of axes that fall as they should once the leading one does.
    """

    leading: Fault
    others: tuple[Fault, ...]


@dataclass(frozen=True)
class FaultReport:
    """What is wrong over all samples.

    Attributes:
        comparison: of all axes, before anything was explained.
        at_fault: every axis at fault there.
        explained: the faults that these come down to, the first one explaining most.
        unexplained: axes that are still at fault after all of them.
        weights: [m] of the real samples with which they fall as the generated ones do along all that was explained.
    """

    comparison: Comparison
    at_fault: tuple[Fault, ...]
    explained: tuple[Explained, ...]
    unexplained: tuple[Fault, ...]
    weights: Tensor


def tell_apart(
    fake: Tensor, real: Tensor, axes: Sequence[Axis], limits: Limits, weights: Tensor | None = None
) -> FaultReport:
    """Which faults there are, each with the axes that it explains.

    Args:
        fake: [n, c] generated samples along the axes.
        real: [m, c] real ones.
        weights: [m] of the real ones to begin with (so that classes have the generated shares).
    """
    least = torch.tensor([axis.least for axis in axes], dtype=torch.float64)
    share = torch.ones(len(real), dtype=torch.float64) if weights is None else weights.double()
    comparison = compare(fake, real, least, share)
    (first,) = faults([comparison], axes, limits)
    left, explained = first, list[Explained]()
    alike = rank_correlations(real[:LOOKED_AT]).abs() >= SAME
    while left and len(explained) < MOST_TOLD:
        foremost, gain = leading(fake, real, share, axes, left)
        if explained and gain <= 0:
            break
        share = weighted_as(fake[:, foremost.number], real[:, foremost.number], share, foremost.axis.least)
        (still,) = faults([compare(fake, real, least, share)], axes, limits)
        named_already = {foremost.number, *(entry.leading.number for entry in explained)}
        remaining = {f.number for f in still if not alike[foremost.number, f.number]} - named_already
        gone = tuple(f for f in left if f.number not in remaining and f.number != foremost.number)
        explained.append(Explained(foremost, gone))
        left = tuple(fault for fault in left if fault.number in remaining)
    return FaultReport(comparison, first, tuple(explained), left, share)


def rank_correlations(values: Tensor) -> Tensor:
    """Spearman's correlations [c, c] of columns [n, c]; 0 for a column that is still."""
    ranks = values.argsort(dim=0, stable=True).argsort(dim=0, stable=True).double()
    moves = (values.amax(dim=0) > values.amin(dim=0)).double()
    return ranks.T.corrcoef().nan_to_num(0.0) * moves[:, None] * moves


def class_weights(fake: Tensor, real: Tensor, classes: int) -> Tensor:
    """Weights [m] with which real samples of classes [m] have the shares of generated ones [n]."""
    shares = [torch.bincount(labels, minlength=classes).double() / len(labels) for labels in (fake, real)]
    weights: Tensor = (shares[0] / shares[1].clamp(min=1e-12))[real]
    return weights


def leading(
    fake: Tensor, real: Tensor, share: Tensor, axes: Sequence[Axis], left: Sequence[Fault]
) -> tuple[Fault, float]:
    """The fault whose mending leaves least wrong, and how much that is; of several nearly as good ones the plainest.

    One with a name goes before one without, what is missing before what is misplaced, the whole before a part. A
    reading that has next to the same ranks as an axis without a name is its name, and of two such readings the first.

    Args:
        fake, real: [n, c] and [m, c] along all axes.
        share: [m] weights of the real ones.
        left: the faults to choose from.
    """
    real, share = real[:LOOKED_AT], share[:LOOKED_AT]
    least = torch.tensor([axis.least for axis in axes], dtype=torch.float64)
    candidates = [weighted_as(fake[:, f.number], real[:, f.number], share, f.axis.least) for f in left]
    before, *after = _wrongness(fake, real, torch.stack([share, *candidates]), least).tolist()
    gains = [before - wrong for wrong in after]
    best = max(range(len(left)), key=gains.__getitem__)
    alike = rank_correlations(real)[left[best].number].abs() >= SAME

    def near(fault: Fault, gain: float) -> bool:
        named_alike = fault.axis.nameable and bool(alike[fault.number])
        needed = STILL if fault.kind == "hardly varies" and fault.axis.nameable else NEARLY
        return named_alike or gain >= min(needed * gains[best], gains[best])

    order = [
        (not f.axis.nameable, PLAINEST.index(f.kind), FAMILIES.index(f.axis.family), -gain, number)
        for number, (f, gain) in enumerate(zip(left, gains, strict=True))
        if near(f, gain)
    ]
    *ranks, _, chosen = min(order)
    alike = rank_correlations(real)[left[chosen].number].abs() >= TWIN
    twins = [
        number
        for *others, _, number in order
        if others == ranks and alike[left[number].number] and gains[number] >= AS_WELL * gains[chosen]
    ]
    chosen = min(twins, key=lambda number: left[number].number, default=chosen)
    return left[chosen], max(gains[chosen], gains[best])


def _wrongness(fake: Tensor, real: Tensor, weights: Tensor, least: Tensor) -> Tensor:
    """How far the distribution functions of weighted real samples are from the generated ones': [w].

    The squared largest gap at quantiles of either set, less what so few samples have by chance, summed over the axes.
    """
    normal = weights / weights.sum(dim=1, keepdim=True).clamp(min=1e-12)
    levels = torch.linspace(0.05, 0.95, STRETCHES - 1, dtype=torch.float64)
    chance = BY_CHANCE * (normal.square().sum(dim=1) + 1 / len(fake))
    total = torch.zeros(len(weights), dtype=torch.float64)
    for column in range(fake.shape[1]):
        own, other = fake[:, column], real[:, column]
        # Where a generated axis is still, real samples that nobody can tell from it count as it.
        at = torch.cat([own.quantile(levels) + least[column], other.quantile(levels)])
        below_own = (own[:, None] <= at).double().mean(dim=0)
        below_real = normal @ (other[:, None] <= at).double()
        total += (below_real - below_own).abs().max(dim=1).values.square() - chance
    return total


def weighted_as(fake: Tensor, real: Tensor, share: Tensor, least: float) -> Tensor:
    """Weights [m] with which the real values [m] fall as the generated values [n] do, where there are any of them."""
    levels = torch.linspace(0, 1, STRETCHES + 1, dtype=torch.float64)
    edges = fake.quantile(levels).unique()
    edges[0], edges[-1] = edges[0] - least, edges[-1] + least
    if len(edges) < 2:
        edges = torch.stack([edges[0] - least, edges[0] + least])
    own = _bins(fake, edges)
    places = _bins(real, edges)
    count = len(edges) - 1
    generated_shares = torch.bincount(own[own >= 0], minlength=count).double() / len(fake)
    there = torch.zeros(count, dtype=torch.float64)
    there.index_add_(0, places.clamp(min=0), share.where(places >= 0, torch.zeros_like(share)))
    ratio = generated_shares / there.clamp(min=1e-12)
    weights = (share * ratio[places.clamp(min=0)]).where(places >= 0, torch.zeros_like(share))
    if float(weights.sum()) > 0 and effective(weights) >= FEWEST:
        return weights
    distance = (real - fake.median()).abs().where(share > 0, torch.full_like(real, torch.inf))
    nearest = distance.topk(min(FEWEST, len(real)), largest=False).indices
    return torch.zeros_like(share).index_copy_(0, nearest, share[nearest])


def _bins(values: Tensor, edges: Tensor) -> Tensor:
    """The stretch [n] each value lies in, −1 beyond them."""
    places = torch.bucketize(values.contiguous(), edges) - 1
    places = places.where(values != edges[0], torch.zeros_like(places))
    return places.where((values >= edges[0]) & (values <= edges[-1]), torch.full_like(places, -1))


def effective(weights: Tensor) -> float:
    """How many equal weights would say as much."""
    return float(weights.sum().square() / weights.square().sum().clamp(min=1e-30))
