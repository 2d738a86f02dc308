"""How different are two samples of a set, on average? Pairwise diversity."""

from __future__ import annotations

import torch
from torch import Tensor

from ganlens.errors import UserError
from ganlens.measures.facts import FIXED, FRESH, Group, measure
from ganlens.measures.feature_matrix import VALUES_AT_ONCE, feature_matrix, float64_chunks, float64_mean

TILE = 1024


@measure(
    Group.DIVERSITY,
    applied_to="one set of features",
    range="0 and up",
    better="near the real data's",
    bias="none",
    intervals=(FRESH, FIXED),
)
def pairwise_diversity(
    features: Tensor,
    *,
    squared: bool = False,
    pairs: int | None = None,
    rng: torch.Generator | None = None,
) -> float:
    """How far apart are two different samples on average?

    The mean Euclidean distance over all n(n−1)/2 pairs of different rows, a tile at a time in float64: about
    8 digits, in time that grows as n²d. `pairs` draws so many of them at random instead, for sets where that
    takes too long.

    It never looks at real data: too low against the same number for real samples is lost variety, too high
    is noise, and neither is better in itself.

    Bias: none, for any number of samples.

    Interval: `replicate_interval` over fresh samples, `subsample_interval` for a real set. None over the
    pairs' distances, because every sample is in many pairs.

    Args:
        features: [n, d].
        squared: the mean *squared* distance, which is twice the sum of the features' unbiased variances and
            takes one pass; for it `pairs` has no use.
        pairs: how many pairs to draw, with replacement; all pairs, once each, where None. With 10,000 the
            error of the draw is 1 % of the pairs' standard deviation.
        rng: draws the pairs; a CPU generator.

    Returns:
        0 (all rows alike) and up, in the features' own units, or in their squares.

    Raises:
        UserError: fewer than two rows, integer or non-finite features, no pairs, pairs without a generator
            to draw them, or pairs for the squared distance.

    Source: Zhu et al. 2017 (arXiv 1711.11586), with LPIPS as the distance and pairs drawn.
    """
    features = feature_matrix(features, "features")
    if squared:
        if pairs is not None:
            raise UserError("the mean squared distance of all pairs has a closed form; leave out pairs")
        return _mean_squared(features)
    if pairs is None:
        return _mean_of_all(features)
    if pairs < 1:
        raise UserError(f"expected at least 1 pair, found {pairs}")
    if rng is None:
        raise UserError("pairs are drawn at random; give rng, a torch.Generator")
    return _mean_of_drawn(features, pairs, rng)


def _mean_squared(features: Tensor) -> float:
    mean = float64_mean(features)
    total = sum(float((chunk - mean).square().sum()) for chunk in float64_chunks(features))
    return 2 * total / (len(features) - 1)


def _mean_of_all(features: Tensor) -> float:
    mean, n = float64_mean(features), len(features)
    total = torch.zeros((), dtype=torch.float64, device=features.device)
    for top in range(0, n, TILE):
        rows = features[top : top + TILE].double() - mean
        for left in range(top, n, TILE):
            columns = rows if left == top else features[left : left + TILE].double() - mean
            squares = torch.addmm(columns.square().sum(dim=1), rows, columns.T, alpha=-2)
            squares.add_(rows.square().sum(dim=1)[:, None])
            if left == top:
                squares.fill_diagonal_(0)
            total += squares.clamp_min_(0).sqrt_().sum() * (1 if left == top else 2)
    return float(total) / (n * (n - 1))


def _mean_of_drawn(features: Tensor, pairs: int, rng: torch.Generator) -> float:
    first = torch.randint(len(features), (pairs,), generator=rng)
    second = torch.randint(len(features) - 1, (pairs,), generator=rng)
    second += second >= first  # every row but the first itself is equally likely
    total = 0.0
    step = max(1, VALUES_AT_ONCE // features.shape[1])
    for one, other in zip(first.split(step), second.split(step), strict=True):
        difference = features[one.to(features.device)].double() - features[other.to(features.device)].double()
        total += float(torch.linalg.vector_norm(difference, dim=1).sum())
    return total / pairs
