"""What does a direction change that has a name? Of all readings the one that it moves most nearly alone.

    fit = purity · evenness · steepness, each in 0…1

* **Purity**: the mean square of the main reading's slope along the direction, over that of all readings, in
  standard deviations of samples. 1 where it changes one thing. Slopes, and not differences: a reading that only
  flickers has next to none. Of readings that nothing can part (the odds of classes; a lean and an angle) only
  the most moved counts: what comes with the main reading by necessity is no leak.
* **Evenness**: of all the way that the main reading goes as the direction is followed, the share that is gained:
  1 where it never turns back, whether it rises in a line or, as a class does, in a step.
* **Steepness**: where the main reading's mean squared shift lies between that of random directions (0) and that
  along the direction in which the reading rises fastest (1). In a linear generator it is the squared cosine with
  that direction, less what chance gives.

The main reading and the side to which the direction points are chosen on one half of the starts; the fit is
measured on the other, so that choosing among many readings costs nothing. It says which word fits, and how well; what
no word fits may be one cause as well, so that it is no judgement of the direction: `independence` is.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ganlens.explain.directions.follow import Followed
from ganlens.measures import Estimate, bootstrap_estimates

NOTHING = 1e-12


@dataclass(frozen=True)
class Standard:
    """What every direction is held to.

    Attributes:
        beaten: a direction is believable where the interval of its independence lies above this quantile of random
            directions'.
        least_shift: a main reading that moves by less than this many standard deviations of samples for one of
            latents is none.
        same: correlation of the changes that two directions cause on the same starts, above which they are one.
        told: share of starts whose two ends the reading that names a direction must tell apart.
        accounted: steepness that the reading must have, for the direction to be most of what moves it.
    """

    beaten: float = 0.95
    least_shift: float = 0.05
    same: float = 0.9
    told: float = 0.9
    accounted: float = 0.5


@dataclass(frozen=True)
class Slopes:
    """One direction's readings as numbers per start.

    Attributes:
        shift: [n, r] slope of each reading along the distance, by least squares through the start.
        gain: [n, r] each reading at the far end ahead less at the far end behind.
        way: [n, r] how far each reading goes in between, up and down.
    """

    shift: Tensor
    gain: Tensor
    way: Tensor

    def of(self, rows: Tensor) -> Slopes:
        """Of some of the starts."""
        return Slopes(self.shift[rows], self.gain[rows], self.way[rows])


@dataclass(frozen=True)
class Claim:
    """What a direction says it does, and how well it does it.

    Attributes:
        reading: index of its main reading.
        side: 1 where the reading rises along it, else −1.
        fit: of the reading, on starts that had no part in choosing it.
        shift: of the main reading towards `side`, standard deviations per standard deviation.
        purity, evenness, steepness: the factors of the fit.
        rival: the largest mean squared shift of a reading of another kind, over that of the main one.
    """

    reading: int
    side: float
    fit: Estimate
    shift: Estimate
    purity: float
    evenness: float
    steepness: float
    rival: float

    @property
    def leakage(self) -> float:
        """Share of the squared change of all readings that is not the main effect."""
        return 1 - self.purity


@dataclass(frozen=True)
class Baseline:
    """What random directions of the same length do, and what the best could.

    Attributes:
        square: [r] their mean squared shift of each reading.
        best: [r] the squared shift of each reading along the direction in which it rises fastest (at least that of
            the best random one), or None where nobody knows that direction.
        kinds: [r] int64: readings of one kind move together or not at all.
        effect: their mean effect on samples.
        standard: what directions are held to.
    """

    square: Tensor
    best: Tensor | None
    kinds: Tensor
    effect: float
    standard: Standard = Standard()


def slopes_of(followed: Followed, along: Tensor) -> Slopes:
    """Slopes from readings at the distances `along` [a + 1], 0 among them."""
    rest = int((along == 0).nonzero()[0])
    read = followed.readings
    shift = ((read - read[:, rest : rest + 1]) * along[:, None]).sum(dim=1) / along.square().sum()
    return Slopes(shift, read[:, -1] - read[:, 0], read.diff(dim=1).abs().sum(dim=1))


def halves(starts: int) -> tuple[Tensor, Tensor]:
    """Starts that choose what a direction does, and those that measure it."""
    rows = torch.arange(starts)
    return rows[::2], rows[1::2]


def baseline_of(
    slopes: list[Slopes],
    effect: float,
    best: Tensor | None,
    kinds: Tensor,
    standard: Standard = Standard(),
) -> Baseline:
    """The reference that all directions are held against.

    Args:
        slopes: of random directions.
        best: [r] squared shifts along the steepest directions that are known, or None.
        effect, kinds, standard: see `Baseline`.
    """
    _, measuring = halves(len(slopes[0].shift))
    squares = torch.stack([each.shift[measuring].mean(dim=0).square() for each in slopes])
    if best is not None:  # a reading that rises on no line has no steepest one; chance's best stands for it
        best = torch.maximum(best, squares.max(dim=0).values)
    return Baseline(squares.mean(dim=0), best, kinds, effect, standard)


def claim_of(slopes: Slopes, baseline: Baseline, rng: torch.Generator | None) -> Claim:
    """What the direction does, chosen on half of the starts and measured on the others.

    Args:
        rng: of the bootstrap over starts; None for no interval.
    """
    choosing, measuring = halves(len(slopes.shift))
    first, second = slopes.of(choosing), slopes.of(measuring)
    sides = first.shift.mean(dim=0).sign()
    ones = torch.ones(1, len(choosing), dtype=torch.float64)
    tried = [_parts(first, r, float(sides[r]), baseline, ones)[0] for r in range(len(sides))]
    reading = int(torch.stack(tried)[:, 0].argmax())
    side = float(sides[reading]) or 1.0

    def statistic(weights: Tensor) -> Tensor:
        return _parts(second, reading, side, baseline, weights)

    if rng is None:
        parts = statistic(torch.ones(1, len(measuring), dtype=torch.float64))[0].tolist()
        fit, shift = (Estimate(parts[i], "none: not asked for") for i in (0, 1))
        return Claim(reading, side, fit, shift, *parts[2:])
    fit, shift, *parts = bootstrap_estimates(statistic, len(measuring), rng=rng, of="starts")
    return Claim(reading, side, fit, shift, *(part.value for part in parts))


def _parts(slopes: Slopes, reading: int, side: float, baseline: Baseline, weights: Tensor) -> Tensor:
    """Fit, shift, purity, evenness, steepness and rival [w, 6], starts counted as often as weights [w, n] say."""
    total = weights.sum(dim=1)
    shift = (weights @ slopes.shift[:, reading] / total) * side
    squares = weights @ slopes.shift.square() / total[:, None]
    kinds = baseline.kinds.expand(len(squares), -1)
    of_kinds = torch.zeros_like(squares).scatter_reduce(1, kinds, squares, "amax")
    purity = squares[:, reading] / of_kinds.sum(dim=1).clamp(min=NOTHING)
    others = of_kinds.index_fill(1, baseline.kinds[reading : reading + 1], 0.0).amax(dim=1)
    rival = others / squares[:, reading].clamp(min=NOTHING)
    gained = (weights @ slopes.gain[:, reading]) * side
    evenness = (gained / (weights @ slopes.way[:, reading]).clamp(min=NOTHING)).clamp(min=0)
    steepness = _steepness(shift.clamp(min=0).square(), reading, baseline)
    fit = purity * evenness * steepness * (shift >= baseline.standard.least_shift)
    return torch.stack([fit, shift, purity, evenness, steepness, rival], dim=1)


def _steepness(squares: Tensor, reading: int, baseline: Baseline) -> Tensor:
    """Where squared shifts [w] of a reading lie between random directions' (0) and the steepest one's (1).

    Where nobody knows the steepest direction, the part of the shift that random directions don't have.
    """
    by_chance = baseline.square[reading]
    if baseline.best is None:
        return (1 - by_chance / squares.clamp(min=NOTHING)).clamp(min=0)
    room = baseline.best[reading] - by_chance
    if room <= NOTHING:  # no direction is steeper than any: there is nothing to find
        return torch.zeros_like(squares)
    return ((squares - by_chance) / room).clamp(0, 1)
