"""Statistics that are smooth functions of sums over independent units, with the intervals of the bootstrap."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ganlens.errors import UserError
from ganlens.measures.estimate import Estimate, Interval
from ganlens.measures.facts import Group, ValidInterval, measure
from ganlens.measures.intervals import checked_values, percent

RESAMPLES = 1000


def bootstrap_estimates(
    statistic: Callable[[Tensor], Tensor],
    count: int,
    *,
    rng: torch.Generator,
    of: str,
    resamples: int = RESAMPLES,
    level: float = 0.95,
) -> list[Estimate]:
    """What are smooth functions of sums over independent units worth, and between what limits?

    For ratios of means, shares of variance, slopes and the like: several at once, from the same resamples. As
    every bootstrap, not for distances between distributions; `ganlens.measures.intervals` says why.

    Args:
        statistic: takes weights [r, count], how often each unit is in each resample, and returns [r, s]
            statistics.
        count: units, at least one.
        rng: draws the resamples; a CPU generator.
        of: what the units are, for the intervals' description ("held-out latents").
        resamples: whose percentiles are the ends.
        level: of the intervals.

    Returns:
        s estimates; their values are the statistics with every unit once.

    Raises:
        UserError: no units.

    Source: Efron 1979; Efron & Tibshirani 1993, chapter 13.
    """
    if count < 1:
        raise UserError(f"{of}: a bootstrap needs at least one, found {count}")
    value = statistic(torch.ones(1, count, dtype=torch.float64))[0]
    drawn = torch.randint(count, (resamples, count), generator=rng)
    weights = torch.zeros(resamples, count, dtype=torch.float64)
    weights.scatter_add_(1, drawn, torch.ones_like(drawn, dtype=torch.float64))
    tail = (1 - level) / 2
    ends = statistic(weights).quantile(torch.tensor((tail, 1 - tail), dtype=torch.float64), dim=0)
    method = f"{percent(level)}, percentile bootstrap over {count:,} {of}"
    return [
        # A percentile interval need not hold its own estimate, where the statistic is biased.
        Estimate(v, Interval(min(low, v), max(high, v), method))
        for v, low, high in zip(value.tolist(), ends[0].tolist(), ends[1].tolist(), strict=True)
    ]


@measure(
    Group.ESTIMATES,
    applied_to="one value for each independent sample",
    range="that of the values",
    better="neither",
    bias="none",
    intervals=(ValidInterval(".interval", "the true mean"),),
)
def mean_estimate(values: Tensor, rng: torch.Generator, of: str = "samples") -> Estimate:
    """What is the mean of one value for each independent sample, skewed or not?

    Args:
        values: [n], one for each of `of`.
        rng, of: as `bootstrap_estimates`.

    Raises:
        UserError: no values, or one that is not finite.

    Source: Efron 1979.
    """
    values = checked_values(values, fewest=1)

    def statistic(weights: Tensor) -> Tensor:
        return (weights @ values / weights.sum(dim=1))[:, None]

    return bootstrap_estimates(statistic, len(values), rng=rng, of=of)[0]
