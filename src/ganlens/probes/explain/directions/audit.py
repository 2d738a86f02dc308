"""How good is a direction? One score for all methods, from what following it changes and nothing else.

    score = purity · evenness · strength, each in 0…1

* **Purity**: the mean square of the main reading's slope along the direction, over that of all readings, in
  standard deviations of samples. 1 where it changes one thing. Slopes, and not differences: a reading that only
  flickers has next to none.
* **Evenness**: Kendall's rank correlation of the main reading with the distance moved, averaged over starts.
* **Strength**: 1 less the ratio of the mean squared shift that random directions of the same length cause in
  the same reading to the direction's own.

The main reading and the side to which the direction points are chosen on one half of the starts; the score is
measured on the other, so that choosing among many readings costs nothing. No truth goes into it.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ganlens.probes.explain.directions.follow import Followed
from ganlens.probes.explain.estimate import Estimate, bootstrap

QUANTILE = 0.95
"""A direction is believable where the interval of its score lies above this quantile of random directions'."""

LEAST_SHIFT = 0.05
"""A main reading that moves by less than this many standard deviations of samples for one of latents is none."""

NOTHING = 1e-12


@dataclass(frozen=True)
class Slopes:
    """One direction's readings as numbers per start.

    Attributes:
        shift: [n, r] slope of each reading along the distance, by least squares through the start.
        even: [n, r] Kendall's rank correlation of each reading with the distance.
    """

    shift: Tensor
    even: Tensor

    def of(self, rows: Tensor) -> Slopes:
        """Of some of the starts."""
        return Slopes(self.shift[rows], self.even[rows])


@dataclass(frozen=True)
class Claim:
    """What a direction says it does, and how well it does it.

    Attributes:
        reading: index of its main reading.
        side: 1 where the reading rises along it, else −1.
        score: on starts that had no part in choosing the reading.
        shift: of the main reading towards `side`, standard deviations per standard deviation.
        purity, evenness, strength: the factors of the score.
    """

    reading: int
    side: float
    score: Estimate
    shift: Estimate
    purity: float
    evenness: float
    strength: float

    @property
    def leakage(self) -> float:
        """Share of the squared change of all readings that is not the main effect."""
        return 1 - self.purity


@dataclass(frozen=True)
class Baseline:
    """What random directions of the same length do.

    Attributes:
        square: [r] their mean squared shift of each reading.
        scores: [d] their scores by the same procedure.
        effect: their mean effect on samples.
    """

    square: Tensor
    scores: Tensor
    effect: float

    @property
    def bar(self) -> float:
        """The score that an interval has to clear."""
        return float(self.scores.quantile(QUANTILE))


def slopes_of(followed: Followed, along: Tensor) -> Slopes:
    """Slopes from readings at the distances `along` [a + 1], 0 among them."""
    rest = int((along == 0).nonzero()[0])
    shifts = followed.readings - followed.readings[:, rest : rest + 1]
    above = torch.arange(len(along))[:, None] < torch.arange(len(along))
    rises = (followed.readings[:, None, :] - followed.readings[:, :, None]).sign()[:, above]
    return Slopes((shifts * along[:, None]).sum(dim=1) / along.square().sum(), rises.mean(dim=1))


def halves(starts: int) -> tuple[Tensor, Tensor]:
    """Starts that choose what a direction does, and those that measure it."""
    rows = torch.arange(starts)
    return rows[::2], rows[1::2]


def baseline_of(randoms: list[Followed], along: Tensor, of_classes: Tensor) -> Baseline:
    """The reference that all directions are held against."""
    slopes = [slopes_of(followed, along) for followed in randoms]
    _, measuring = halves(len(slopes[0].shift))
    square = torch.stack([each.shift[measuring].mean(dim=0).square() for each in slopes]).mean(dim=0)
    effect = sum(float(followed.effect.mean()) for followed in randoms) / len(randoms)
    unscored = Baseline(square, torch.zeros(1, dtype=torch.float64), effect)
    scores = [claim_of(each, unscored, of_classes, None).score.value for each in slopes]
    return Baseline(square, torch.tensor(scores, dtype=torch.float64), effect)


def claim_of(slopes: Slopes, baseline: Baseline, of_classes: Tensor, rng: torch.Generator | None) -> Claim:
    """What the direction does, chosen on half of the starts and measured on the others.

    Args:
        of_classes: [r] which readings are odds of classes: of those not meant only the most moved leaks,
            since they are sides of one thing.
        rng: of the bootstrap over starts; None for no interval.
    """
    choosing, measuring = halves(len(slopes.shift))
    first, second = slopes.of(choosing), slopes.of(measuring)
    sides = first.shift.mean(dim=0).sign()
    ones = torch.ones(1, len(choosing), dtype=torch.float64)
    tried = [_parts(first, r, float(sides[r]), baseline, of_classes, ones)[0] for r in range(len(sides))]
    reading = int(torch.stack(tried)[:, 0].argmax())
    side = float(sides[reading]) or 1.0

    def statistic(weights: Tensor) -> Tensor:
        return _parts(second, reading, side, baseline, of_classes, weights)

    if rng is None:
        parts = statistic(torch.ones(1, len(measuring), dtype=torch.float64))[0].tolist()
        score, shift = (Estimate(parts[i], parts[i], parts[i], "none") for i in (0, 1))
        return Claim(reading, side, score, shift, parts[2], parts[3], parts[4])
    score, shift, purity, evenness, strength = bootstrap(statistic, len(measuring), rng=rng, of="starts")
    return Claim(reading, side, score, shift, purity.value, evenness.value, strength.value)


def _parts(
    slopes: Slopes, reading: int, side: float, baseline: Baseline, of_classes: Tensor, weights: Tensor
) -> Tensor:
    """Score, shift, purity, evenness and strength [w, 5], starts counted as often as weights [w, n] say."""
    total = weights.sum(dim=1)
    shift = (weights @ slopes.shift[:, reading] / total) * side
    toward = shift.clamp(min=0)
    squares = weights @ slopes.shift.square() / total[:, None]
    everything = squares[:, ~of_classes].sum(dim=1)
    if of_classes.any():
        everything = everything + squares[:, of_classes].max(dim=1).values
    purity = squares[:, reading] / everything.clamp(min=NOTHING)
    evenness = (weights @ slopes.even[:, reading] / total * side).clamp(min=0)
    strength = (1 - baseline.square[reading] / toward.square().clamp(min=NOTHING)).clamp(min=0)
    score = purity * evenness * strength * (toward >= LEAST_SHIFT)
    return torch.stack([score, shift, purity, evenness, strength], dim=1)
