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
        above: [c] how often one of the first exceeds one of the second, those that nobody can tell apart half; ½ where
            they fall alike.
        excess: [c] largest surplus of the first set within one stretch of values, or outside one: share of its samples
            that would have to lie elsewhere, or more.
        stretch: [c, 2] that stretch.
        outside: [c] whether the surplus lies outside it.
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
    outside: Tensor
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
        """[c] p-values that in and outside every stretch the first set has at most that share of its samples too many.

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
    generated = _Side(first, torch.full((len(first),), 1 / len(first), dtype=torch.float64))
    real = _Side(second, share)
    inside, stretch, within = _surplus(generated, real, least)
    outside, gap, within_gap = _surplus(real, generated, least)
    outer_wins = outside > inside
    edges = generated.values
    above = (real.below(edges - least[:, None]) + real.upto(edges + least[:, None])).mean(dim=1) / 2
    excess = inside.maximum(outside)
    return Comparison(
        log_ratio,
        error,
        share @ (second > high).double(),
        share @ (second < low).double(),
        (first > outer[1] + least).double().mean(dim=0),
        (first < outer[0] - least).double().mean(dim=0),
        above,
        excess.where(seen, torch.zeros_like(excess)),
        torch.where(outer_wins[:, None], gap, stretch),
        torch.where(outer_wins[:, None], within_gap.flip(1), within),
        outer_wins,
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


class _Side:
    """One set of samples as distribution functions, one for each of c axes.

    Attributes:
        values: [c, n] in their order.
    """

    def __init__(self, samples: Tensor, share: Tensor) -> None:
        self.values, order = samples.T.sort(dim=1)
        self.values = self.values.contiguous()
        nothing = torch.zeros(len(self.values), 1, dtype=torch.float64)
        self._cumulated = torch.cat([nothing, share[order].cumsum(dim=1)], dim=1)

    def below(self, at: Tensor) -> Tensor:
        """Share below each of the values [c, k]."""
        return self._cumulated.gather(1, torch.searchsorted(self.values, at.contiguous()))

    def upto(self, at: Tensor) -> Tensor:
        """Share not above each of the values [c, k]."""
        return self._cumulated.gather(1, torch.searchsorted(self.values, at.contiguous(), right=True))


def _surplus(one: _Side, other: _Side, least: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The largest surplus [c] of one side over the other in a stretch, that stretch [c, 2], both sides' shares in it.

    Of the other side what is nearer to the stretch than `least` lies in it as well: so rounding, or a shift that nobody
    notices, is no surplus, however narrowly the values fall.
    """
    before = one.below(one.values), other.below(one.values - least[:, None])
    upto = one.upto(one.values), other.upto(one.values + least[:, None])
    floor, start = (before[0] - before[1]).cummin(dim=1)
    surplus, end = (upto[0] - upto[1] - floor).max(dim=1, keepdim=True)
    begin = start.gather(1, end)
    stretch = torch.cat([one.values.gather(1, begin), one.values.gather(1, end)], dim=1)
    within = [high.gather(1, end) - low.gather(1, begin) for low, high in zip(before, upto, strict=True)]
    return surplus[:, 0].clamp(min=0), stretch, torch.cat(within, dim=1)


def _normal_tail(z: Tensor) -> Tensor:
    tail: Tensor = torch.special.ndtr(-z)
    return tail
