"""A number and the interval found with it, until it meets its baseline in a `Measurement`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from scipy import special, stats
from torch import Tensor

from ganlens.finding import Baseline, Measurement
from ganlens.measures import binomial_interval

RESAMPLES = 1000


@dataclass(frozen=True)
class Estimate:
    """A value, the ends of its interval, and in words how the interval was found."""

    value: float
    low: float
    high: float
    method: str

    def measurement(
        self,
        name: str,
        *,
        better: Literal["higher", "lower", "neither"],
        baseline: float,
        what: str,
        unit: str = "",
    ) -> Measurement:
        """The estimate beside its baseline and what that is."""
        return Measurement(
            name=name,
            value=self.value,
            low=self.low,
            high=self.high,
            interval=self.method,
            unit=unit,
            better=better,
            baseline=Baseline(value=baseline, what=what),
        )


def share(successes: int, trials: int) -> Estimate:
    """A share of independent samples with its exact 95 % interval."""
    interval = binomial_interval(successes, trials)
    return Estimate(successes / trials, interval.low, interval.high, interval.method)


def difference_of_shares(first: int, of_first: int, second: int, of_second: int) -> Estimate:
    """By how much does the share of the first set exceed that of the second, where the two are independent?

    Source: Newcombe 1998, method 10 (Wilson's intervals combined), which holds for small counts and at shares
    of 0 and 1.
    """
    p, q = first / of_first, second / of_second
    (p_low, p_high), (q_low, q_high) = _wilson(first, of_first), _wilson(second, of_second)
    below = ((p - p_low) ** 2 + (q_high - q) ** 2) ** 0.5
    above = ((p_high - p) ** 2 + (q - q_low) ** 2) ** 0.5
    return Estimate(
        p - q, p - q - below, p - q + above, f"95 %, Newcombe, {of_first:,} and {of_second:,} samples"
    )


def bootstrap(
    statistic: Callable[[Tensor], Tensor],
    count: int,
    *,
    rng: torch.Generator,
    of: str,
    resamples: int = RESAMPLES,
) -> list[Estimate]:
    """Statistics that are smooth functions of sums over independent units, with percentile intervals.

    Args:
        statistic: takes weights [r, count], how often each unit is in each resample, and returns [r, s]
            statistics.
        count: units.
        of: what the units are, for the intervals' description ("held-out latents").

    Returns:
        s estimates; their values are the statistics with every unit once.
    """
    value = statistic(torch.ones(1, count, dtype=torch.float64))[0]
    drawn = torch.randint(count, (resamples, count), generator=rng)
    weights = torch.zeros(resamples, count, dtype=torch.float64)
    weights.scatter_add_(1, drawn, torch.ones_like(drawn, dtype=torch.float64))
    ends = statistic(weights).quantile(torch.tensor([0.025, 0.975], dtype=torch.float64), dim=0)
    method = f"95 %, percentile bootstrap over {count:,} {of}"
    return [
        Estimate(v, min(low, v), max(high, v), method)
        for v, low, high in zip(value.tolist(), ends[0].tolist(), ends[1].tolist(), strict=True)
    ]


def mean_estimate(values: Tensor, rng: torch.Generator, of: str = "samples") -> Estimate:
    """The mean of one value [n] for each of `of`, with a bootstrap interval."""

    def statistic(weights: Tensor) -> Tensor:
        return (weights @ values.double() / weights.sum(dim=1))[:, None]

    return bootstrap(statistic, len(values), rng=rng, of=of)[0]


def area_under_curve(higher: Tensor, lower: Tensor) -> Estimate:
    """How often does one of `higher` [n] exceed one of `lower` [m]? Ties count half.

    Source: DeLong, DeLong & Clarke-Pearson 1988, its variance; on the logit scale, so that it stays in 0…1.
    """
    n, m = len(higher), len(lower)
    ranks = torch.from_numpy(stats.rankdata(torch.cat([higher, lower]).numpy()))
    own = torch.from_numpy(stats.rankdata(higher.numpy()))
    other = torch.from_numpy(stats.rankdata(lower.numpy()))
    above, below = (ranks[:n] - own) / m, 1 - (ranks[n:] - other) / n
    value = float(above.mean())
    variance = float(above.var() / n + below.var() / m) if min(n, m) > 1 else 0.25
    method = f"95 %, DeLong, {n:,} and {m:,} samples"
    if value in (0.0, 1.0):  # no overlap: the share of either that could still lie on the wrong side
        reach = 1 - 0.025 ** (1 / min(n, m))
        return Estimate(value, max(0.0, value - reach), min(1.0, value + reach), method)
    reach = 1.96 * variance**0.5 / (value * (1 - value))
    low, high = (float(special.expit(special.logit(value) + side * reach)) for side in (-1, 1))
    return Estimate(value, low, high, method)


def _wilson(successes: int, trials: int, z: float = 1.959964) -> tuple[float, float]:
    p = successes / trials
    centre = (p + z * z / (2 * trials)) / (1 + z * z / trials)
    reach = z / (1 + z * z / trials) * (p * (1 - p) / trials + z * z / (4 * trials**2)) ** 0.5
    return max(0.0, centre - reach), min(1.0, centre + reach)
