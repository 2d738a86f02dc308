"""How often one of a set of numbers exceeds one of another: the area under the ROC curve."""

from __future__ import annotations

import torch
from scipy import optimize, special, stats
from torch import Tensor

from ganlens.errors import UserError
from ganlens.measures.estimate import Estimate, Interval
from ganlens.measures.facts import Group, ValidInterval, measure
from ganlens.measures.intervals import checked_values, percent

NORMAL_END = 1.959964


@measure(
    Group.ESTIMATES,
    applied_to="two independent sets of numbers",
    range="0…1; ½ where neither tends to be larger",
    better="neither",
    bias="none",
    intervals=(
        ValidInterval(".interval", "the true probability"),
        ValidInterval("exceedance_interval", "the same, more often than it says near 0 and 1"),
    ),
)
def area_under_curve(higher: Tensor, lower: Tensor, level: float = 0.95) -> Estimate:
    """How often does one of `higher` exceed one of `lower`, ties counting half?

    Args:
        higher: [n] numbers, at least one.
        lower: [m] numbers.
        level: of the interval.

    Returns:
        0…1, ½ where neither tends to be larger. The interval is normal on the logit scale, so that it stays in
        0…1; where the two sets don't overlap it is the share of either that could still lie on the wrong side.

    Raises:
        UserError: not a row of numbers, none of them, or one that is NaN.

    Source: DeLong, DeLong & Clarke-Pearson 1988, its variance.
    """
    higher, lower = (checked_values(values, fewest=1, infinite=True) for values in (higher, lower))
    n, m = len(higher), len(lower)
    ranks = torch.from_numpy(stats.rankdata(torch.cat([higher, lower]).numpy()))
    own = torch.from_numpy(stats.rankdata(higher.numpy()))
    other = torch.from_numpy(stats.rankdata(lower.numpy()))
    # A number's rank among all, less its rank among its own, is how many of the other set it exceeds.
    above, below = (ranks[:n] - own) / m, 1 - (ranks[n:] - other) / n
    value = float(above.mean())
    variance = float(above.var() / n + below.var() / m) if min(n, m) > 1 else 0.25
    tail, method = (1 - level) / 2, f"{percent(level)}, DeLong, {n:,} and {m:,} samples"
    if value in (0.0, 1.0):  # no overlap: the variance is 0, and the logit infinite
        reach = 1 - tail ** (1 / min(n, m))
        return Estimate(value, Interval(max(0.0, value - reach), min(1.0, value + reach), method))
    reach = -float(special.ndtri(tail)) * variance**0.5 / (value * (1 - value))
    low, high = (float(special.expit(special.logit(value) + side * reach)) for side in (-1, 1))
    return Estimate(value, Interval(low, high, method))


def exceedance_interval(share: float, n: int, m: int) -> Interval:
    """Where does the probability lie that one of m values exceeds one of n others, seen in `share` of pairs?

    The ends are the probabilities θ from which `share` is 1.96 standard deviations away, with the variance
    that exponential distributions with that θ give. At ½ it is the variance of the rank test; it does not
    collapse where the two are separated.

    Args:
        share: of all n·m pairs, 0…1; `area_under_curve` counts them.
        n, m: values of either, at least one each.

    Raises:
        UserError: a share outside 0…1, or no values.

    Source: Newcombe 2006 (Statistics in Medicine 25, 559–573), method 5.
    """
    if min(n, m) < 1 or not 0 <= share <= 1:
        raise UserError(
            f"expected a share of pairs between 0 and 1, of at least one value either side; found {share:g} of "
            f"{n} and {m}"
        )
    more = (n + m) / 2 - 1

    def beyond(theta: float) -> float:
        spread = 1 + more * (1 - theta) / (2 - theta) + more * theta / (1 + theta)
        return (share - theta) ** 2 - NORMAL_END**2 * theta * (1 - theta) * spread / (n * m)

    low = optimize.brentq(beyond, 0.0, share) if share > 0 else 0.0
    high = optimize.brentq(beyond, share, 1.0) if share < 1 else 1.0
    return Interval(float(low), float(high), f"95 %, Newcombe's method 5, {n:,} and {m:,} samples")
