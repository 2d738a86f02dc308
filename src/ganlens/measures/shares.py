"""Shares of independent samples, and how far two of them differ."""

from __future__ import annotations

import math

from scipy import special

from ganlens.errors import UserError
from ganlens.measures.estimate import Estimate, Interval
from ganlens.measures.facts import Group, ValidInterval, measure
from ganlens.measures.intervals import binomial_interval, percent


@measure(
    Group.ESTIMATES,
    applied_to="successes and trials",
    range="0…1",
    better="neither",
    bias="none",
    intervals=(ValidInterval(".interval", "the true share"),),
)
def share_estimate(successes: int, trials: int) -> Estimate:
    """What share of independent trials succeeds?

    Returns:
        0…1, with the exact 95 % interval.

    Raises:
        UserError: no trials, or successes outside 0…trials.

    Source: Clopper & Pearson 1934.
    """
    interval = binomial_interval(successes, trials)
    return Estimate(successes / trials, interval)


@measure(
    Group.ESTIMATES,
    applied_to="successes and trials of two independent sets",
    range="−1…1",
    better="neither",
    bias="none",
    intervals=(ValidInterval(".interval", "the true difference"),),
)
def difference_of_shares(
    first: int, of_first: int, second: int, of_second: int, level: float = 0.95
) -> Estimate:
    """By how much does the share of the first set exceed that of the second, where the two are independent?

    Wilson's intervals of both shares combined: they hold for small counts and at shares of 0 and 1, where the
    normal interval of a difference collapses to a point.

    Args:
        first, of_first: successes and trials of the first set, at least one trial.
        second, of_second: of the second.
        level: of the interval.

    Returns:
        −1…1.

    Raises:
        UserError: no trials, or successes outside 0…trials.

    Source: Newcombe 1998, method 10.
    """
    p, q = first / max(of_first, 1), second / max(of_second, 1)
    z = float(special.ndtri((1 + level) / 2))
    (p_low, p_high), (q_low, q_high) = _wilson(first, of_first, z), _wilson(second, of_second, z)
    below = ((p - p_low) ** 2 + (q_high - q) ** 2) ** 0.5
    above = ((p_high - p) ** 2 + (q - q_low) ** 2) ** 0.5
    method = f"{percent(level)}, Newcombe, {of_first:,} and {of_second:,} samples"
    return Estimate(p - q, Interval(p - q - below, p - q + above, method))


def ratio_of_shares(first: int, of_first: int, second: int, of_second: int, level: float = 0.95) -> Estimate:
    """How many times the share of the second set is that of the first, where the two are independent?

    Args:
        first, of_first: successes and trials of the first set, at least one trial.
        second, of_second: of the second.
        level: of the interval, of the logarithm by its normal approximation; half a success stands in for none.

    Returns:
        0 and up.

    Raises:
        UserError: no trials, or successes outside 0…trials.

    Source: Katz et al. 1978.
    """
    if min(of_first, of_second) < 1 or not (0 <= first <= of_first and 0 <= second <= of_second):
        raise UserError(f"expected shares, found {first} of {of_first} and {second} of {of_second}")
    p, q = max(first, 0.5) / of_first, max(second, 0.5) / of_second
    error = ((1 - p) / (p * of_first) + (1 - q) / (q * of_second)) ** 0.5
    reach = float(special.ndtri((1 + level) / 2)) * error
    method = f"{percent(level)}, Katz, {of_first:,} and {of_second:,} samples"
    return Estimate(first / of_first / q, Interval(p / q * math.exp(-reach), p / q * math.exp(reach), method))


def _wilson(successes: int, trials: int, z: float) -> tuple[float, float]:
    """The shares from which the one seen is just z standard deviations away (Wilson 1927)."""
    if trials < 1 or not 0 <= successes <= trials:
        raise UserError(
            f"expected successes between 0 and the trials, at least 1 trial; found {successes} of {trials}"
        )
    p = successes / trials
    centre = (p + z * z / (2 * trials)) / (1 + z * z / trials)
    reach = z / (1 + z * z / trials) * (p * (1 - p) / trials + z * z / (4 * trials**2)) ** 0.5
    return max(0.0, centre - reach), min(1.0, centre + reach)
