"""How far a median may be off."""

from __future__ import annotations

from scipy import stats
from torch import Tensor

from ganlens.measures import Interval


def median_interval(values: Tensor) -> Interval:
    """Order statistics [of n] that hold the median with 95 %, whatever the distribution."""
    n = len(values)
    ordered = values.sort().values
    rank = int(stats.binom.ppf(0.025, n, 0.5))
    low, high = max(rank - 1, 0), min(n - rank, n - 1)
    return Interval(
        float(ordered[low]), float(ordered[high]), "95 %, order statistics of independent samples"
    )
