"""By how much a measure differs between two kinds of samples, given its value on independent blocks of each."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, variance

from scipy import stats

from ganlens.measures.estimate import Estimate, Interval
from ganlens.measures.intervals import percent


@dataclass(frozen=True)
class ReplicateDifference:
    """The mean over one kind's blocks, less a multiple of the other's: Welch's t over independent replicates.

    A bias that blocks of equal n share, as that of a Fréchet distance, is in both and goes out.

    Attributes:
        value: the difference.
        error: its standard error; 0 where all blocks of each kind score the same.
        freedom: degrees of freedom by Welch and Satterthwaite; infinite where the error is 0.

    Source: Welch 1947.
    """

    value: float
    error: float
    freedom: float

    @classmethod
    def between(
        cls, first: Sequence[float], second: Sequence[float], multiple: float = 1.0
    ) -> ReplicateDifference | None:
        """mean(first) − multiple · mean(second); None where a kind has fewer than two blocks."""
        if min(len(first), len(second)) < 2:
            return None
        parts = [variance(first) / len(first), multiple**2 * variance(second) / len(second)]
        spread = sum(parts)
        freedoms = (len(first) - 1, len(second) - 1)
        shares = sum(part**2 / freedom for part, freedom in zip(parts, freedoms, strict=True))
        freedom = spread**2 / shares if shares > 0 else math.inf
        return cls(fmean(first) - multiple * fmean(second), math.sqrt(spread), freedom)

    def interval(self, level: float = 0.95) -> Interval:
        """Where the difference of the expectations lies."""
        reach = float(stats.t.ppf((1 + level) / 2, self.freedom)) * self.error if self.error > 0 else 0.0
        method = f"{percent(level)}, Welch's t over independent replicates of both"
        return Interval(self.value - reach, self.value + reach, method)

    @property
    def estimate(self) -> Estimate:
        """The difference with its 95 % interval."""
        return Estimate(self.value, self.interval())

    def chance_above(self, mark: float) -> float:
        """The one-sided p-value against "the difference is at most `mark`"."""
        if self.error == 0:
            return 0.0 if self.value > mark else 1.0
        return float(stats.t.sf((self.value - mark) / self.error, self.freedom))

    def chance_below(self, mark: float) -> float:
        """The one-sided p-value against "the difference is at least `mark`"."""
        return ReplicateDifference(-self.value, self.error, self.freedom).chance_above(-mark)
