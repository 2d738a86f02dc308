"""How much of what a generator changes is the change that its code describes: seen in samples, not in codes.

A code is blind to what it was not learned from: it may shift just as predicted while most of what changes in the
sample is something else. Untrained networks are smooth, and their codes follow any direction of the latent; what
sets a trained one apart is that the *sample* changes as the decoder says it should.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ganlens.explain.code.code_space import CodeSpace
from ganlens.measures import Estimate, Interval, bootstrap_estimates

if TYPE_CHECKING:
    from ganlens.explain.code.interventions import AxisDirections, LatentScale
    from ganlens.subject import SampleBank

NOTHING = 1e-30


def described_changes(
    bank: SampleBank,
    space: CodeSpace,
    scale: LatentScale,
    latents: Tensor,
    directions: AxisDirections,
    distances: Tensor,
    *,
    count: int,
    rng: torch.Generator,
) -> list[Estimate]:
    """How much of what moving a latent along an axis's direction changes is the axis's own change, at the data's size?

    The squared cosine between the generator's change of the sample and the decoder's for the predicted shift, all
    latents and distances together, negative where they are opposite: 0 where they have nothing to do with each other,
    1 where the sample changes as the decoder says. Times how near one standard deviation of the latent comes to one of
    the data, 1 where they are the same: a direction along which the axis hardly moves, or leaves the data at once,
    describes how little the data vary.

    Args:
        latents: [n, …] that are moved.
        directions: of all axes; the first `count` are followed.
        distances: [a] how far, in standard deviations.
        rng: of the bootstrap over latents.
    """
    labels = bank.conditions(len(latents))
    at_rest = bank.synthesize(latents, labels)
    codes = space.encode(at_rest)
    decoded = space.decode(codes)
    sums = []
    for axis in range(min(count, space.width)):
        step = float(directions.slope[axis]) * torch.eye(space.width)[axis]
        of_axis = torch.zeros(len(latents), 3, dtype=torch.float64)
        for distance in distances.tolist():
            moved = bank.synthesize(scale.moved(latents, directions.unit[axis], distance), labels)
            changed = (moved - at_rest).flatten(1).double()
            described = (space.decode(codes + distance * step) - decoded).flatten(1).double()
            of_axis += _products(changed, described)
        sums.append(of_axis)
    shares = shares_described(torch.stack(sums), rng, "held-out latents")
    return [
        _times(share, min(slope, 1 / max(slope, NOTHING)))
        for share, slope in zip(shares, directions.slope.tolist(), strict=False)
    ]


def _times(share: Estimate, factor: float) -> Estimate:
    interval = Interval(share.low * factor, share.high * factor, share.method)
    return Estimate(share.value * factor, interval)


def shares_described(sums: Tensor, rng: torch.Generator, of: str) -> list[Estimate]:
    """Signed squared cosines from sums [k, n, 3] over units: of products, and of both squares."""

    def statistic(weights: Tensor) -> Tensor:
        product, changed, described = torch.einsum("rn,knc->crk", weights, sums)
        squared: Tensor = product * product.abs() / (changed * described).clamp(min=NOTHING)
        return squared

    return bootstrap_estimates(statistic, sums.shape[1], rng=rng, of=of)


def _products(changed: Tensor, described: Tensor) -> Tensor:
    """[n, 3] for changes [n, values]: their product, and both squares."""
    return torch.stack(
        [(changed * described).sum(dim=1), changed.square().sum(dim=1), described.square().sum(dim=1)], dim=1
    )
