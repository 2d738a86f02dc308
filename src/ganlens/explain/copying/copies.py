"""What share of samples are copies of training samples, also after small changes and under noise?

A test asks of each sample whether it lies nearer to a training sample than to unseen real ones, by a threshold. How
often it errs is seen on real samples that the generator never saw, and on copies that are planted on purpose.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import torch
from scipy import stats
from torch import Tensor

from ganlens.explain.copying.places import rarity_by_chance
from ganlens.explain.copying.plants import Planted
from ganlens.explain.copying.quotients import Quotients
from ganlens.measures import Estimate, median_interval
from ganlens.measures.corrected_share import BLIND, Count, corrected_share
from ganlens.randomness import numpy_generator, torch_generator

PLANTED = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
"""Shares of copies of which is said whether they would have shown."""
POWER = 0.8
"""A share would have shown if it does so in so many of its draws."""
CHOOSING = 4
"""One in so many real samples and planted copies chooses the threshold; the others say how often it errs."""
QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9, 0.97, 1.0)
"""Of the planted copies' quotients: the thresholds that are tried."""
SUPPOSED = 0.05
"""The share of copies for which the threshold is best."""
FEWEST_PLACES = 20
"""Places, below which a median over places is worth no interval."""


@dataclass(frozen=True)
class CopiesInSpace:
    """One feature space: the generated samples, unseen real ones, and copies planted on purpose.

    Attributes:
        space, title: its name, and what a reader calls it.
        changes: names and families of the small changes after which samples were compared; that of none first.
        generated: their quotients. real: those of unseen samples, as many of each half, held against the other one.
        second_half: which unseen sample is the first of the second half.
        planted: those of planted copies, and `plants` what these are.
        matched: whether the plants' changes and noise are those of the suspicious samples, and not just any.
        places: [n] which generated samples lie in one place, by its number.
        threshold: the quotient up to which a sample is suspicious.
    """

    space: str
    title: str
    changes: tuple[tuple[str, str], ...]
    generated: Quotients
    real: Quotients
    second_half: int
    planted: Quotients
    plants: Planted
    matched: bool
    threshold: float
    places: Tensor
    seed: int

    @property
    def sees_copies(self) -> bool:
        """Whether a copy is nearer to training samples than real samples are that the generator never saw."""
        return float(self.real.apart.median()) > 0 and self.noticed.share - self.usual.share >= BLIND

    @cached_property
    def suspicious(self) -> Count:
        """Generated samples up to the threshold."""
        return _count(self.generated.ratio <= self.threshold)

    @cached_property
    def usual(self) -> Count:
        """Unseen real samples up to it, without those that chose it."""
        return _count(_judging(self.real.ratio) <= self.threshold)

    @cached_property
    def noticed(self) -> Count:
        """Planted copies up to it, without those that chose it."""
        return _count(_judging(self.planted.ratio) <= self.threshold)

    @cached_property
    def share(self) -> Estimate:
        """The share of generated samples that are copies."""
        return corrected_share(self.suspicious, self.usual, self.noticed)

    @cached_property
    def rarity(self) -> float:
        """How often so many samples are suspicious by chance, if none are copies."""
        return self._rarity(self.generated.ratio <= self.threshold, self.places)

    def noticed_from(self, level: float) -> dict[str, float]:
        """For each kind of change, the smallest share of copies so hidden that would mostly have raised an alarm.

        Kinds of which the largest share planted would not have are left out.

        Args:
            level: the rarity from which on it is one.
        """
        kinds = self.plants.family.unique().tolist()
        smallest = {self.plants.families[kind]: self._noticed_from(kind, level) for kind in kinds}
        return {kind: share for kind, share in smallest.items() if share is not None}

    def _noticed_from(self, kind: int, level: float) -> float | None:
        suspicious, power = self.generated.ratio <= self.threshold, self._found_of(kind)
        order = torch.randperm(
            len(suspicious), generator=torch_generator(self.seed, "copies", self.space, "power")
        )
        for share in PLANTED:
            copies = order[: round(share * len(order))]
            flags, places = suspicious.clone(), self.places.clone()
            flags[copies] = torch.arange(len(copies)) < int(stats.binom.ppf(1 - POWER, len(copies), power))
            places[copies] = int(self.places.max()) + 1 + torch.arange(len(copies))
            if self._rarity(flags, places) < level:
                return share
        return None

    def _rarity(self, suspicious: Tensor, places: Tensor) -> float:
        rng = numpy_generator(self.seed, "copies", self.space, "chance")
        return rarity_by_chance(suspicious, places, self.usual, rng)

    def nearer_as_a_whole(self, than: float) -> bool:
        """Whether the median generated quotient, place by place, is surely below `than` times the real one."""
        generated, real = self.generated.place_by_place(), self.real.place_by_place()
        if min(len(generated), len(real)) < FEWEST_PLACES:
            return False
        return median_interval(generated).high < than * median_interval(real).low

    def _found_of(self, family: int) -> float:
        kept = _judging(self.plants.family) == family
        return (
            float((_judging(self.planted.ratio)[kept] <= self.threshold).double().mean())
            if kept.any()
            else 1.0
        )


def threshold_for(real: Quotients, planted: Quotients, family: Tensor, generated: int) -> float:
    """The quotient that tells planted copies from unseen real samples so that their share is known best.

    A part of both chooses; see `CHOOSING`. Each family [k] of changes counts by itself, so that one that hides copies
    from every threshold doesn't spoil that for the others.
    """
    usual, copies, kinds = real.ratio[::CHOOSING], planted.ratio[::CHOOSING], family[::CHOOSING]
    sharpness: dict[float, float] = {}
    for limit in copies.quantile(torch.tensor(QUANTILES, dtype=copies.dtype)).tolist():
        wrong = _smoothed(usual <= limit)
        sharpness[limit] = sum(
            float((kinds == kind).double().mean())
            * _sharpness(wrong, _smoothed(copies[kinds == kind] <= limit), generated, len(usual))
            for kind in kinds.unique().tolist()
        )
    return max(sharpness, key=sharpness.__getitem__)


def _sharpness(wrong: float, right: float, generated: int, real: int) -> float:
    """One over the standard error of a share of copies, by how often a test alarms on others and on copies."""
    if right - wrong < BLIND:
        return 0.0
    seen = SUPPOSED * right + (1 - SUPPOSED) * wrong
    variance = seen * (1 - seen) / generated + ((1 - SUPPOSED) ** 2) * wrong * (1 - wrong) / (CHOOSING * real)
    return float((right - wrong) / math.sqrt(variance))


def _judging(values: Tensor) -> Tensor:
    return values[torch.arange(len(values)) % CHOOSING != 0]


def _count(alarms: Tensor) -> Count:
    return Count(int(alarms.sum()), len(alarms))


def _smoothed(alarms: Tensor) -> float:
    return (int(alarms.sum()) + 0.5) / (len(alarms) + 1)
