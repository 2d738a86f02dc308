"""A share that was counted by a test with false alarms and misses, set right."""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy import stats

from ganlens.errors import UserError
from ganlens.measures.estimate import Estimate, Interval
from ganlens.measures.intervals import percent

BLIND = 0.05
"""A test that alarms on so little more of the ones than of the others says nothing of their share."""


@dataclass(frozen=True)
class Count:
    """How many of some trials a test alarmed on."""

    alarms: int
    trials: int

    def __post_init__(self) -> None:
        if self.trials < 1 or not 0 <= self.alarms <= self.trials:
            raise UserError(
                f"expected alarms between 0 and the trials, at least 1 trial; found {self.alarms} of {self.trials}"
            )

    @property
    def share(self) -> float:
        """Of the trials."""
        return self.alarms / self.trials


def corrected_share(seen: Count, usual: Count, planted: Count, level: float = 0.95) -> Estimate:
    """What share is truly of the kind that a test looks for, if it errs as often as it was seen to?

    The counts obey p = s·b + (1 − s)·a, where a is how often the test alarms on what is not of the kind and b how
    often on what is. All three are only known from samples, and the interval holds the uncertainty of each.

    Args:
        seen: the test's alarms among the samples in question.
        usual: among samples that are surely not of the kind.
        planted: among samples that surely are.
        level: of the interval.

    Returns:
        The share with its interval, both cut to 0…1. Where the test can hardly tell the kinds, the interval is 0…1.

    Source: Rogan & Gladen 1978 for the share; Lang & Reiczigel 2014 (Preventive Veterinary Medicine 113) for the
    interval, which adds one alarm and one miss to each trial of the test.
    """
    z = float(stats.norm.isf((1 - level) / 2))
    method = f"{percent(level)}, corrected for false alarms and misses (Lang & Reiczigel)"
    difference = planted.share - usual.share
    if difference < BLIND:
        return Estimate(0.0, Interval(0.0, 1.0, method))
    value = min(max((seen.share - usual.share) / difference, 0.0), 1.0)
    sensitivity = (planted.alarms + 1) / (planted.trials + 2)
    wrong = (usual.alarms + 1) / (usual.trials + 2)
    trials = seen.trials + z**2
    share = (seen.alarms + z**2 / 2) / trials
    power = sensitivity - wrong
    middle = (share - wrong) / power
    by_misses = sensitivity * (1 - sensitivity) / (planted.trials + 2)
    by_alarms = wrong * (1 - wrong) / (usual.trials + 2)
    moved = 2 * z**2 * (middle * by_misses - (1 - middle) * by_alarms)
    variance = share * (1 - share) / trials + middle**2 * by_misses + (1 - middle) ** 2 * by_alarms
    reach = z * math.sqrt(variance) / power
    low, high = (min(max(middle + moved + end, 0.0), 1.0) for end in (-reach, reach))
    return Estimate(value, Interval(min(low, value), max(high, value), method))
