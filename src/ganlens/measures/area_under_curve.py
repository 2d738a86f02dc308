"""How often one of a set of numbers exceeds one of another: the area under the ROC curve."""

from __future__ import annotations

import torch
from scipy import optimize, special, stats
from torch import Tensor

from ganlens.errors import UserError
from ganlens.measures.estimate import Estimate, Interval
from ganlens.measures.facts import Group, ValidInterval, measure
from ganlens.measures.intervals import checked_values, percent
from ganlens.measures.quantiles import checked_weights

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
def area_under_curve(
    higher: Tensor, lower: Tensor, level: float = 0.95, weights: Tensor | None = None
) -> Estimate:
    """How often does one of `higher` exceed one of `lower`, ties counting half?

    Args:
        higher: [n] numbers, at least one.
        lower: [m] numbers.
        level: of the interval.
        weights: [m] how much each of `lower` counts; default: alike.

    Returns:
        0…1, ½ where neither tends to be larger. The interval is normal on the logit scale, so that it stays in
        0…1; where the two sets don't overlap it is the share of either that could still lie on the wrong side.

    Raises:
        UserError: not a row of numbers, none of them, or one that is NaN.

    Source: DeLong, DeLong & Clarke-Pearson 1988, its variance.
    """
    higher, lower = (checked_values(values, fewest=1, infinite=True) for values in (higher, lower))
    shares = checked_weights(weights, len(lower))
    lower, shares = lower[shares > 0], shares[shares > 0]
    n, m = len(higher), len(lower)
    above, below = (
        _share_below(higher, lower, shares),
        1 - _share_below(lower, higher, checked_weights(None, n)),
    )
    value = min(max(float(above.mean()), 0.0), 1.0)
    variance = 0.25
    if min(n, m) > 1:
        by_lower = float((shares**2 * (below - value) ** 2).sum() / (1 - shares.square().sum()))
        variance = float(above.var() / n) + by_lower
    method = f"{percent(level)}, DeLong, {n:,} and {m:,} samples"
    if float(higher.min()) > float(lower.max()) or float(higher.max()) < float(lower.min()):
        value, fewest = float(round(value)), min(n, float(1 / shares.square().sum()))
        reach = 1 - ((1 - level) / 2) ** (1 / fewest)  # no overlap: the variance is 0, and the logit infinite
        return Estimate(value, Interval(max(0.0, value - reach), min(1.0, value + reach), method))
    reach = float(stats.norm.isf((1 - level) / 2)) * variance**0.5 / (value * (1 - value))
    low, high = (float(special.expit(special.logit(value) + side * reach)) for side in (-1, 1))
    return Estimate(value, Interval(low, high, method))


def _share_below(values: Tensor, others: Tensor, shares: Tensor) -> Tensor:
    """What share [n] of the others lies below each value, ties counting half; `shares` [m] are theirs."""
    order, values = others.argsort(), values.contiguous()
    ordered, reached = others[order], torch.cat([torch.zeros(1), shares[order].cumsum(0)]).double()
    ends = [torch.searchsorted(ordered, values, right=right) for right in (False, True)]
    return (reached[ends[0]] + reached[ends[1]]) / 2


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
