"""Quantiles, and shares beyond one, by order statistics: whatever the distribution."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from scipy import stats
from torch import Tensor

from ganlens.errors import UserError
from ganlens.measures.estimate import Estimate, Interval
from ganlens.measures.facts import Group, ValidInterval, measure
from ganlens.measures.intervals import binomial_interval, checked_values, percent


def median_interval(values: Tensor) -> Interval:
    """Between what limits does the median lie, given independent values of any distribution?

    How many of n values lie below the median is binomial with ½, so two order statistics hold it with 95 % at
    least; with fewer than six values, whose extremes hold it less often, they are the extremes.

    Args:
        values: [n], at least one.

    Raises:
        UserError: not a row of numbers, none of them, or one that is NaN.

    Source: Conover 1999, section 3.2.
    """
    ordered = checked_values(values, fewest=1, infinite=True).sort().values
    n = len(ordered)
    rank = int(stats.binom.ppf(0.025, n, 0.5))
    low, high = max(rank - 1, 0), min(n - rank, n - 1)
    return Interval(
        float(ordered[low]), float(ordered[high]), "95 %, order statistics of independent samples"
    )


def weighted_quantile(values: Tensor, share: float, weights: Tensor | None = None) -> float:
    """Below which value do so many of the values lie, each counting as much as its weight?

    Args:
        values: [n] numbers, at least one.
        share: 0…1.
        weights: [n], 0 and up, not all 0; None: all count alike, as in `torch.quantile`.

    Raises:
        UserError: not a row of numbers, none of them, one that is NaN, or weights that fit none.
    """
    return _Weighted.of(values, weights).quantile(share)


def checked_weights(weights: Tensor | None, n: int) -> Tensor:
    """Weights [n] in float64 with a sum of 1.

    Raises:
        UserError: not as many as values, negative or not finite ones, or all 0.
    """
    if weights is None:
        return torch.full((n,), 1 / n, dtype=torch.float64)
    weights = weights.double().cpu()
    if weights.shape != (n,) or not bool((weights.isfinite() & (weights >= 0)).all()) or not weights.any():
        raise UserError(f"expected {n} weights of 0 and up, not all 0; found {weights.tolist()[:5]} …")
    return weights / weights.sum()


@dataclass(frozen=True)
class _Weighted:
    """Values in order, and the weights that go with them.

    Attributes:
        count: how many values of equal weights tell as much (Kish 1965).
    """

    ordered: Tensor
    weights: Tensor
    count: int

    @classmethod
    def of(cls, values: Tensor, weights: Tensor | None) -> _Weighted:
        values = checked_values(values, fewest=1, infinite=True)
        shares = checked_weights(weights, len(values))
        order = values.argsort(stable=True)
        order = order[shares[order] > 0]
        shares = shares[order]
        return cls(values[order], shares, max(1, int(float(1 / shares.square().sum()) + 1e-6)))

    def quantile(self, share: float) -> float:
        """Evenly between neighbours, as the quantile of values of equal weights is."""
        if len(self.ordered) == 1:
            return float(self.ordered[0])
        places = torch.cat([torch.zeros(1), ((self.weights[1:] + self.weights[:-1]) / 2).cumsum(0)])
        wanted = share * float(places[-1])
        after = min(max(int(torch.searchsorted(places, wanted)), 1), len(places) - 1)
        step = (wanted - float(places[after - 1])) / float(places[after] - places[after - 1])
        low, high = float(self.ordered[after - 1]), float(self.ordered[after])
        return low if step <= 0 or low == high else high if step >= 1 else low + step * (high - low)

    def order_statistic(self, rank: int) -> float:
        """The value up to which so many of `count` lie, 1 to `count`."""
        reached = self.weights.cumsum(0) >= rank / self.count - 1e-9
        return (
            float(self.ordered[int(reached.long().argmax())])
            if bool(reached.any())
            else float(self.ordered[-1])
        )


@measure(
    Group.ESTIMATES,
    applied_to="two independent sets of numbers, the second the real one's",
    range="0…1; the given share where both are alike",
    better="neither",
    bias="none to speak of",
    intervals=(
        ValidInterval(".interval", "the true share beyond the true quantile, more often than it says"),
    ),
)
def share_above_quantile(
    fake: Tensor, real: Tensor, share: float, level: float = 0.95, weights: Tensor | None = None
) -> Estimate:
    """What share of `fake` lies above the value that `share` of the real ones exceed?

    The interval allows for both sets. It holds at `level` at least: by Bonferroni, the quantile lies between two
    order statistics of `real` with half of what may fail, and the shares above each have exact intervals with the
    other half.

    Args:
        fake: [n] numbers, at least one.
        real: [m] numbers.
        share: of the real ones that lies above the quantile, between 0 and 1.
        level: of the interval.
        weights: [m] how much each real one counts, for real ones drawn otherwise than those that are meant; the
            interval then takes them for as many as `(Σw)²/Σw²` (Kish), and holds about what it says. Default: alike.

    Returns:
        0…1; about `share` where both come from one distribution.

    Raises:
        UserError: not a row of numbers, none of them, one that is NaN, or a share outside 0…1.

    Source: ours.
    """
    if not 0 < share < 1:
        raise UserError(f"share must lie between 0 and 1, both excluded, found {share:g}")
    reference = _Weighted.of(real, weights)
    fake = checked_values(fake, fewest=1, infinite=True)
    n, m, tail = len(fake), reference.count, (1 - level) / 4
    # P(fewer than `lowest` of m lie below the quantile) ≤ tail, and so for more than `highest`.
    lowest = int(stats.binom.ppf(tail, m, 1 - share))
    highest = int(stats.binom.ppf(1 - tail, m, 1 - share)) + 1
    threshold = reference.quantile(1 - share)
    at_least = min(reference.order_statistic(lowest), threshold) if lowest >= 1 else -float("inf")
    at_most = max(reference.order_statistic(highest), threshold) if highest <= m else float("inf")

    def above(limit: float) -> int:
        return int((fake > limit).sum())

    interval = Interval(
        binomial_interval(above(at_most), n, (1 + level) / 2).low,
        binomial_interval(above(at_least), n, (1 + level) / 2).high,
        f"at least {percent(level)}: exact binomial over {n:,} generated samples at both ends of the exact interval of "
        f"the quantile of {m:,} real ones",
    )
    return Estimate(above(threshold) / n, interval)
