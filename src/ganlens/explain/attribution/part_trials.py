"""How much of a sample's number comes with one part of it, whatever the rest is? Places and aspects by one measure.

Two samples exchange a part. If the number goes with the part, nothing else counts; if it stays with the rest, the part
counts for nothing. A part is judged as a map is: by the share of the number's change under fresh swaps that it fails to
foretell (infidelity), held against a judge that knows nothing of the model. Ours, after the closed index of Sobol 2001
and Jansen 1999, its estimator.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ganlens.explain.attribution.foretold import Foretold
from ganlens.explain.attribution.score import Score
from ganlens.measures import Estimate, bootstrap_estimates, mean_estimate
from ganlens.modality import Aspect
from ganlens.progress import Task
from ganlens.randomness import torch_generator

SEARCHED, TESTED = 64, 128
"""Pairs of samples on which each family's foremost part is looked for, and fresh ones on which it is tested."""
FEWEST_PAIRS = 48
NEAR = 0.05
"""A part whose self-score is within this of the best's, and that does not surely leave more, is as good: of those the
first speaks, the simplest."""
RESAMPLES = 10_000
"""Of the bootstrap whose far ends may raise an alarm."""
ALIKE = "a discriminator to which every value counts alike"
UNITS, SEARCH_ALONE = "pairs of samples", "none: it is of the pairs of the search"
CHUNK = 64


@dataclass(frozen=True)
class Pairs:
    """Samples two by two, no sample twice.

    Attributes:
        first, second: [n, …].
        first_real, second_real: [n] which are real and not generated.
    """

    first: Tensor
    second: Tensor
    first_real: Tensor
    second_real: Tensor

    def __len__(self) -> int:
        return len(self.first)

    def rows(self, rows: slice) -> Pairs:
        """Some of them."""
        return Pairs(self.first[rows], self.second[rows], self.first_real[rows], self.second_real[rows])


@dataclass(frozen=True, eq=False)
class PartEffect:
    """What one part is worth to the number.

    Attributes:
        part: which.
        foretold: how well it foretells swaps, if it is taken to be all that counts. Its infidelity is the share of
            the change between two samples that is left where they have the part in common and nothing else: 0 where
            only the part counts, 1 where it counts for nothing, above where samples so mixed are no samples to it.
        surely_left, surely_foretold: the infidelity's upper end and the self-score's lower one, at an alarm's level.
        shuffled_left: infidelity for the discriminator with shuffled weights; None where there is none.
        by_real, by_generated: the share of the change between two samples that comes about where a real sample gets
            the part from another real one, or from a generated one. NaN where there are no such pairs.
        removed: the same where the part is taken away, as a share of what it comes to where it alone counts.
        undercut: [n] what each pair adds to the infidelity, in shares of the blind judge's; their mean is 1 less the
            self-score.
    """

    part: Aspect
    foretold: Foretold
    surely_left: float
    surely_foretold: float
    shuffled_left: float | None
    by_real: float
    by_generated: float
    removed: float
    undercut: Tensor

    @property
    def self_score(self) -> float:
        """0…1: the share of a blind judge's infidelity undone, as a map's."""
        return self.foretold.self_score

    @property
    def left(self) -> float:
        """Its infidelity."""
        return self.foretold.infidelity.value


@dataclass(frozen=True)
class PartEffects:
    """What all parts are worth.

    Attributes:
        searched: every part, on the pairs of the search.
        tested: the foremost of each family, on fresh pairs, in the order of the parts.
        pairs: how many fresh ones.
    """

    searched: tuple[PartEffect, ...]
    tested: tuple[PartEffect, ...]
    pairs: int

    @property
    def foremost(self) -> PartEffect:
        """The part that foretells best on fresh pairs; of equally good ones the first."""
        return _first_of_the_best(self.tested)


def part_effects(
    score: Score,
    shuffled: Score | None,
    pairs: Pairs,
    parts: Sequence[Aspect],
    rng: torch.Generator,
    task: Task,
    *,
    level: float,
) -> PartEffects | None:
    """Find each family's foremost part on a third of the pairs, and test it on the others; `task` advances to 1.

    Args:
        level: at which one claim may raise an alarm; it is shared by all families.

    Returns:
        None where there are too few pairs, or the number is the same for both samples of all of them.
    """
    if len(pairs) < FEWEST_PAIRS or not parts:
        return None
    searched_pairs = pairs.rows(slice(0, min(SEARCHED, len(pairs) // 3)))
    fresh = pairs.rows(slice(len(searched_pairs), len(searched_pairs) + TESTED))
    on_search, on_fresh = _Trial(score, None, searched_pairs), _Trial(score, shuffled, fresh)
    if not (on_search.differs and on_fresh.differs):
        return None
    searched = []
    for part in parts:
        searched.append(on_search.effect(part))
        task.advance(0.5 / len(parts))
    possible = [effect for effect in searched if effect is not None]
    families = list(dict.fromkeys(effect.part.family for effect in possible))
    tested = []
    for family in families:
        foremost = _first_of_the_best([effect for effect in possible if effect.part.family == family])
        tested.append(on_fresh.effect(foremost.part, rng, level=1 - (1 - level) / len(families)))
        task.advance(0.5 / len(families))
    kept = tuple(effect for effect in tested if effect is not None)
    return PartEffects(tuple(possible), kept, len(fresh)) if kept else None


def _first_of_the_best(effects: Sequence[PartEffect]) -> PartEffect:
    best = max(effects, key=lambda effect: effect.foretold.done_away.value)
    least = best.foretold.done_away.value - NEAR
    return next(
        effect
        for effect in effects
        if effect is best
        or (effect.foretold.done_away.value >= least and not _surely_leaves_more(effect, best))
    )


def _surely_leaves_more(effect: PartEffect, than: PartEffect) -> bool:
    """Whether it does on these pairs, and not by the chance of which pairs they are."""
    more = effect.undercut - than.undercut
    if not bool(more.any()):
        return False
    rng = torch_generator(0, "parts that foretell alike")  # the same resamples for all: one part, one answer
    return mean_estimate(more, rng).low > 0


class _Trial:
    """Pairs with their numbers, on which parts are tried."""

    def __init__(self, score: Score, shuffled: Score | None, pairs: Pairs) -> None:
        self.score, self.pairs = score, pairs
        self.first, self.second = (score.of(samples).double() for samples in (pairs.first, pairs.second))
        self.change = (self.first - self.second).square()
        self.distance = _distance(pairs.first, pairs.second)
        self.shuffled = shuffled
        if shuffled is not None:
            self.shuffled_numbers = [shuffled.of(s).double() for s in (pairs.first, pairs.second)]

    @property
    def differs(self) -> bool:
        """Whether any pair's numbers do, and can be held against each other."""
        return bool(self.change.isfinite().all()) and float(self.change.sum()) > 0

    def effect(
        self, part: Aspect, rng: torch.Generator | None = None, *, level: float = 0.95
    ) -> PartEffect | None:
        """None where the discriminator gives samples so mixed no numbers; without a generator no intervals."""
        numbers, distances, shuffled = self._exchanged(part)
        if not bool(numbers.isfinite().all()):
            return None
        left = ((numbers[0] - self.first).square() + (numbers[1] - self.second).square()) / 2
        foretold, surely_left, surely_foretold = self._judged(left, distances, rng, level)
        shuffled_left = None
        if shuffled is not None:
            first, second = self.shuffled_numbers
            change = (first - second).square().sum()
            stays = ((shuffled[0] - first).square() + (shuffled[1] - second).square()).sum() / 2
            shuffled_left = float(stays / change) if float(change) > 0 else None
        return PartEffect(
            part,
            foretold,
            surely_left,
            surely_foretold,
            shuffled_left,
            by_real=self._moved(numbers, by_real=True),
            by_generated=self._moved(numbers, by_real=False),
            removed=self._removed(part),
            undercut=left / (self.change.mean() * foretold.reference_infidelity),
        )

    def _exchanged(self, part: Aspect) -> tuple[Tensor, Tensor, Tensor | None]:
        """Numbers [2, n] of samples with the part of the first and the rest of the second, and the other way round;
        how far each is from where its part comes from, [n]; and the numbers [2, n] with shuffled weights."""
        numbers: list[list[Tensor]] = [[], []]
        shuffled: list[list[Tensor]] = [[], []]
        distances = []
        for rows in torch.arange(len(self.pairs)).split(CHUNK):
            both = self.pairs.rows(slice(int(rows[0]), int(rows[-1]) + 1))
            far = torch.zeros(len(both), dtype=torch.float64)
            for way, (giver, rest) in enumerate(((both.first, both.second), (both.second, both.first))):
                mixed = part.swapped(rest, giver)
                far += _distance(mixed, giver) / 2
                numbers[way].append(self.score.of(mixed).double())
                if self.shuffled is not None:
                    shuffled[way].append(self.shuffled.of(mixed).double())
            distances.append(far)
        of_shuffled = (
            None if self.shuffled is None else torch.stack([torch.cat(numbers) for numbers in shuffled])
        )
        return torch.stack([torch.cat(each) for each in numbers]), torch.cat(distances), of_shuffled

    def _judged(
        self, left: Tensor, distances: Tensor, rng: torch.Generator | None, level: float
    ) -> tuple[Foretold, float, float]:
        """Foretold with what is shown, and the ends at an alarm's level, from what is left [n] of each pair's change
        and how far values are [n] from where the part comes from."""

        def statistic(weights: Tensor) -> Tensor:
            infidelity = weights @ left / (weights @ self.change).clamp_min(1e-300)
            blind = (weights @ distances / (weights @ self.distance).clamp_min(1e-300)).clamp(1e-9, 1)
            return torch.stack([infidelity, blind, 1 - infidelity / blind], dim=1)

        count = len(left)
        if rng is None:
            values = statistic(torch.ones(1, count, dtype=torch.float64))[0].tolist()
            infidelity, blind, done_away = (Estimate(value, SEARCH_ALONE) for value in values)
            surely = [infidelity, blind, done_away]
        else:
            infidelity, blind, done_away = bootstrap_estimates(statistic, count, rng=rng, of=UNITS)
            surely = bootstrap_estimates(
                statistic, count, rng=rng, of=UNITS, resamples=RESAMPLES, level=level
            )
        return Foretold(infidelity, ALIKE, blind.value, done_away), surely[0].high, surely[2].low

    def _moved(self, numbers: Tensor, *, by_real: bool) -> float:
        """Mean change of real samples' numbers with the part of others, over the mean change between two samples."""
        first_real, second_real = self.pairs.first_real, self.pairs.second_real
        moved = torch.cat([(numbers[0] - self.second).square(), (numbers[1] - self.first).square()])
        rest_real, giver_real = (
            torch.cat([second_real, first_real]),
            torch.cat([first_real, second_real]),
        )
        asked = rest_real & (giver_real == by_real)
        change = torch.cat([self.change, self.change])[asked].mean()
        return float(moved[asked].mean() / change)

    def _removed(self, part: Aspect) -> float:
        """Mean change of numbers without the part, over half of the mean change between two samples: where only the
        part counts, all numbers are then one, and that is their variance."""
        changed = []
        for samples, numbers in ((self.pairs.first, self.first), (self.pairs.second, self.second)):
            parts = [self.score.of(part.removed(rows)).double() for rows in samples.split(CHUNK)]
            changed.append((torch.cat(parts) - numbers).square())
        return float(torch.cat(changed).mean() / (self.change.mean() / 2))


def _distance(samples: Tensor, others: Tensor) -> Tensor:
    """Squared distance [n] of samples [n, …]: of what a linear model with random weights makes of both, the mean."""
    return (samples - others).double().square().flatten(1).sum(dim=1)
