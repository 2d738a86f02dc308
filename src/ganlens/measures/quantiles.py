"""Quantiles, and shares beyond one, by order statistics: whatever the distribution."""

from __future__ import annotations

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
def share_above_quantile(fake: Tensor, real: Tensor, share: float, level: float = 0.95) -> Estimate:
    """What share of `fake` lies above the value that `share` of the real ones exceed?

    The interval allows for both sets. It holds at `level` at least: by Bonferroni, the quantile lies between two
    order statistics of `real` with half of what may fail, and the shares above each have exact intervals with the
    other half.

    Args:
        fake: [n] numbers, at least one.
        real: [m] numbers.
        share: of the real ones that lies above the quantile, between 0 and 1.
        level: of the interval.

    Returns:
        0…1; about `share` where both come from one distribution.

    Raises:
        UserError: not a row of numbers, none of them, one that is NaN, or a share outside 0…1.

    Source: ours.
    """
    if not 0 < share < 1:
        raise UserError(f"share must lie between 0 and 1, both excluded, found {share:g}")
    ordered = checked_values(real, fewest=1, infinite=True).sort().values
    fake = checked_values(fake, fewest=1, infinite=True)
    n, m, tail = len(fake), len(ordered), (1 - level) / 4
    # P(fewer than `lowest` of m lie below the quantile) ≤ tail, and so for more than `highest`.
    lowest = int(stats.binom.ppf(tail, m, 1 - share))
    highest = int(stats.binom.ppf(1 - tail, m, 1 - share)) + 1
    threshold = torch.quantile(ordered, 1 - share)
    at_least = min(float(ordered[lowest - 1]), float(threshold)) if lowest >= 1 else -float("inf")
    at_most = max(float(ordered[highest - 1]), float(threshold)) if highest <= m else float("inf")

    def above(limit: float) -> int:
        return int((fake > limit).sum())

    interval = Interval(
        binomial_interval(above(at_most), n, (1 + level) / 2).low,
        binomial_interval(above(at_least), n, (1 + level) / 2).high,
        f"at least {percent(level)}: exact binomial over {n:,} generated samples at both ends of the exact interval of "
        f"the quantile of {m:,} real ones",
    )
    return Estimate(above(float(threshold)) / n, interval)
