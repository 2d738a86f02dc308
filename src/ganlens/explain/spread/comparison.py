"""One axis, two sets of samples: do they vary as much, reach as far, and fall alike? For many axes at once."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from scipy import stats
from torch import Tensor

REACHED = 0.01
"""An end is where this share of generated samples lies beyond."""
OUTER = 0.05
"""Share of the real samples at each end by which it is judged whether generated ones go too far."""
CERTAIN = 3.0
"""Standard errors by which the end that generated samples reach is taken further out."""


@dataclass(frozen=True)
class Comparison:
    """What two sets of samples differ in, along each of c axes.

    Attributes:
        log_ratio, error: [c] logarithm of the first set's mean absolute deviation from its median over the second's,
            and its standard error.
        lost_above, lost_below: [c] share of the second set beyond what the first one surely reaches.
        far_above, far_below: [c] share of the first set beyond the outer twentieth of the second.
        above: [c] how often one of the first exceeds one of the second, equal ones half; ½ where they fall alike.
        excess: [c] largest surplus of the first set in one stretch of values: share of its samples that would have to
            lie elsewhere, or more.
        stretch: [c, 2] that stretch.
        within: [c, 2] share of the first and of the second set in that stretch.
        beyond: samples of the first set beyond each end that it is said to reach.
        counts: of both sets; of a weighted one, how many equally weighted samples say as much.
    """

    log_ratio: Tensor
    error: Tensor
    lost_above: Tensor
    lost_below: Tensor
    far_above: Tensor
    far_below: Tensor
    above: Tensor
    excess: Tensor
    stretch: Tensor
    within: Tensor
    beyond: int
    counts: tuple[float, float]

    @property
    def ratio(self) -> Tensor:
        """Spread of the first set over that of the second: [c]."""
        return self.log_ratio.exp()

    def p_narrow(self, least: float) -> Tensor:
        """[c] p-values that the first set's spread is `least` times the second's, or more."""
        return _normal_tail((math.log(least) - self.log_ratio) / self.error)

    def p_wide(self, most: float) -> Tensor:
        """[c] p-values that it is `most` times the second's, or less."""
        return _normal_tail((self.log_ratio - math.log(most)) / self.error)

    def p_lost(self, most: float) -> tuple[Tensor, Tensor]:
        """[c] p-values that both sets have at most, or both at least, that share above, and below, those ends.

        Exact: an end is lost where surely more than that share of the second set lies beyond it and surely less of the
        first. The share of the first beyond one of its order statistics is a beta variable, whatever it falls like.
        """
        count = self.counts[1]
        unreached = float(stats.binom.cdf(self.beyond, round(self.counts[0]), most))
        above, below = (
            torch.from_numpy(stats.binom.sf((share * count).round().numpy() - 1, round(count), most))
            for share in (self.lost_above, self.lost_below)
        )
        return above.clamp(min=unreached), below.clamp(min=unreached)

    def p_elsewhere(self, most: float) -> Tensor:
        """[c] p-values that in every stretch the first set has a surplus of at most that share of its samples.

        Kuiper's asymptotic tail for the part of the surplus beyond `most`.
        """
        n, m = self.counts
        size = math.sqrt(n * m / (n + m))
        x = (size + 0.155 + 0.24 / size) * (self.excess - most).clamp(min=0)
        return ((8 * x.square() - 2) * (-2 * x.square()).exp()).where(x > 1, torch.ones_like(x)).clamp(0, 1)


def compare(first: Tensor, second: Tensor, least: Tensor, weights: Tensor | None = None) -> Comparison:
    """How two sets of samples differ along each axis.

    Args:
        first: [n, c], generated samples.
        second: [m, c], real ones.
        least: [c] the spread below which nobody notices any: smaller ones count as that, so that 0 over 0 is 1.
        weights: [m] of the second set; all alike by default.
    """
    share = torch.ones(len(second), dtype=torch.float64) if weights is None else weights.double()
    share = share / share.sum()
    counts = (float(len(first)), float(1 / share.square().sum()))
    log_ratio, error, seen = _spreads(first, second, share, least, counts)
    ordered = first.sort(dim=0).values
    n = len(first)
    beyond = n * REACHED - CERTAIN * math.sqrt(n * REACHED * (1 - REACHED))
    place = max(0, math.floor(beyond))
    low, high = ordered[place] - least, ordered[n - 1 - place] + least
    outer = _quantiles(second, share, (OUTER, 1 - OUTER))
    above, excess, stretch, within = _cumulated(first, second, share)
    return Comparison(
        log_ratio,
        error,
        share @ (second > high).double(),
        share @ (second < low).double(),
        (first > outer[1] + least).double().mean(dim=0),
        (first < outer[0] - least).double().mean(dim=0),
        above,
        excess.where(seen, torch.zeros_like(excess)),
        stretch,
        within,
        place,
        counts,
    )


def _spreads(
    first: Tensor, second: Tensor, share: Tensor, least: Tensor, counts: tuple[float, float]
) -> tuple[Tensor, Tensor, Tensor]:
    """Log ratio of mean absolute deviations [c], its standard error by the delta method, and whether anyone could see
    a difference: where neither set varies, and both lie at one place, no one does."""
    middles = first.median(dim=0).values, _quantiles(second, share, (0.5,))[0]
    own, real = (first - middles[0]).abs(), (second - middles[1]).abs()
    mean_own, mean_real = own.mean(dim=0), share @ real
    # One more sample a side, as far off as those usually are that are off at all: so that none of few, and one of few,
    # are known as badly as they are.
    away = _away(own, torch.full((len(own),), 1 / len(own), dtype=torch.float64), least)
    away = away.maximum(_away(real, share, least))
    n, m = counts
    mean_own, mean_real = (n * mean_own + away) / (n + 1), (m * mean_real + away) / (m + 1)
    variance_own = (n * own.square().mean(dim=0) + away.square()) / (n + 1) - mean_own.square()
    variance_real = (m * (share @ real.square()) + away.square()) / (m + 1) - mean_real.square()
    floored = mean_own.maximum(least), mean_real.maximum(least)
    squares = [
        variance.clamp(min=0) / (count * mean.square())
        for variance, count, mean in zip((variance_own, variance_real), counts, floored, strict=True)
    ]
    seen = (mean_own.maximum(mean_real) > least) | ((middles[0] - middles[1]).abs() > least)
    return (floored[0] / floored[1]).log(), sum(squares).sqrt().clamp(min=1e-9), seen  # type: ignore[union-attr]


def _away(deviations: Tensor, share: Tensor, least: Tensor) -> Tensor:
    """The mean deviation [c] of the samples [n, c] that are off the median at all; 0 where none is."""
    off = (deviations > least).double()
    return (share @ (off * deviations)) / (share @ off).clamp(min=1e-12)


def _quantiles(values: Tensor, share: Tensor, at: tuple[float, ...]) -> list[Tensor]:
    """Weighted quantiles [c] of values [m, c]."""
    ordered, order = values.sort(dim=0)
    below = share[order].cumsum(dim=0)
    rows = [(below < q - 1e-12).sum(dim=0).clamp(max=len(values) - 1) for q in at]
    return [ordered.gather(0, row[None])[0] for row in rows]


def _cumulated(first: Tensor, second: Tensor, share: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """What the two distribution functions [c] say: superiority, largest surplus, its stretch and shares in it."""
    values, order = torch.cat([first, second]).sort(dim=0)
    n, nothing = len(first), torch.zeros
    of_first = torch.cat([torch.full((n,), 1 / n, dtype=torch.float64), nothing(len(second)).double()])
    of_second = torch.cat([nothing(n).double(), share])
    up_first, up_second = of_first[order].cumsum(dim=0), of_second[order].cumsum(dim=0)
    last = torch.ones_like(
        values, dtype=torch.bool
    )  # of equal values: only there a distribution function stands
    last[:-1] = values[1:] > values[:-1]
    after = _next_of(up_second, last)
    before = _before(up_second, last)
    above = (of_first[order] * (before + after) / 2).sum(dim=0)
    gap = up_first - up_second
    floor, start = torch.where(last, gap, 2.0).cummin(dim=0)
    start = torch.where(floor > 0, -1, start)  # the stretch may begin before all values, where the gap is 0
    rise = torch.where(last, gap - floor.clamp(max=0), -1.0)
    excess, end = rise.max(dim=0)
    begin = start.gather(0, end[None])[0]
    inside = begin.clamp(min=0)

    def shares(up: Tensor) -> Tensor:
        at_begin = up.gather(0, inside[None])[0].where(begin >= 0, torch.zeros_like(excess))
        return up.gather(0, end[None])[0] - at_begin

    first_inside = (begin + 1).clamp(max=len(values) - 1)
    stretch = torch.stack([values.gather(0, row[None])[0] for row in (first_inside, end)], dim=1)
    return above, excess, stretch, torch.stack([shares(up_first), shares(up_second)], dim=1)


def _next_of(rising: Tensor, last: Tensor) -> Tensor:
    """The rising function at the end of each row's run of equal values."""
    return torch.where(last, rising, 2.0).flip(0).cummin(dim=0).values.flip(0)


def _before(rising: Tensor, last: Tensor) -> Tensor:
    """The same before each row's run of equal values."""
    ended = torch.where(last, rising, 0.0).cummax(dim=0).values
    return torch.cat([torch.zeros_like(ended[:1]), ended[:-1]])


def _normal_tail(z: Tensor) -> Tensor:
    tail: Tensor = torch.special.ndtr(-z)
    return tail
