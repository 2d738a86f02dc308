"""Where in code space do two sets of samples have different mass? Proposed on one half, tested on the other.

Regions found and tested on the same samples would be chosen for their differences and then found different:
a test on them means nothing. Here the first half of both sets says where one of them is too thin, and the second
half, which has had no say, tests that and measures the mass.

*Where* is asked of a classifier that learns to tell the sets apart, and not of a partition made beforehand: clusters
lie along what the code varies most with (where something is, how large it is), and each holds some of every kind, so
that a third of the data may be missing from all of them and none looks thin. Trees find the few numbers that tell the
kinds apart among many that don't, which neighbours, who weigh all alike, do not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from scipy import stats
from sklearn.ensemble import HistGradientBoostingClassifier
from torch import Tensor

from ganlens.measures import ALARM_LEVEL, Estimate, difference_of_shares, holm, k_means, nearest_centre

FIT_AT_MOST = 3000
"""Samples of each set's first half that the classifier learns from: with more it finds hardly more."""

TIE_BROKEN = 1e-6
"""What a classifier that can tell nothing says is one half, up to rounding."""

ROUNDS = 60
"""Trees of the classifier."""

FIT_PER_REGION = 10
"""At least so many thin places for each region beyond the first; fewer, fewer regions."""

NOTICEABLE = 1.5
"""A region is at fault only where its shares on the second halves are this factor apart: with enough samples any
difference is sure."""

LEVEL = 1 - ALARM_LEVEL
"""Probability of naming any region at all where there is no difference."""

Kind = Literal["missed", "invented"]
KINDS: tuple[Kind, Kind] = ("missed", "invented")


@dataclass(frozen=True)
class Region:
    """One region: counts in the second halves, and what the first halves made of it.

    Attributes:
        real, other: samples of each set's second half that lie in it.
        of_real, of_other: sizes of the second halves.
        proposed: what the first halves suggest, if anything.
        p_value: of the proposal, on the second halves, corrected for all proposals (Holm); 1 without one.
        level, noticeable: what confirms it; see `compare`.
    """

    number: int
    real: int
    of_real: int
    other: int
    of_other: int
    proposed: Kind | None
    p_value: float
    level: float = LEVEL
    noticeable: float = NOTICEABLE

    @property
    def confirmed(self) -> Kind | None:
        """What the second halves agree to: a difference that is sure and noticeable."""
        few, many = sorted((self.real_share, self.other_share))
        return self.proposed if self.p_value <= self.level and many >= self.noticeable * few else None

    @property
    def real_share(self) -> float:
        return self.real / self.of_real

    @property
    def other_share(self) -> float:
        return self.other / self.of_other


@dataclass(frozen=True)
class Comparison:
    """Two sets of codes, region by region.

    Attributes:
        regions: those proposed as missed, those proposed as invented, and last all the rest as one.
        centres: [k, d] of those proposed.
        real_rows, other_rows: which rows of each set are in the second half.
        real_regions, other_regions: the region of each of those rows.
        real_chance, other_chance: how likely each of those rows is a real one, by the first halves' word.
        sure: how likely a sample is of the one set in the other's thin places, at least.
    """

    regions: list[Region]
    centres: Tensor
    real_rows: Tensor
    other_rows: Tensor
    real_regions: Tensor
    other_regions: Tensor
    real_chance: Tensor
    other_chance: Tensor
    sure: float

    def confirmed(self, kind: Kind) -> list[Region]:
        """Regions that are missed (or invented), the largest difference in mass first."""
        confirmed = [region for region in self.regions if region.confirmed == kind]
        return sorted(confirmed, key=lambda region: -abs(region.real_share - region.other_share))

    def mass(self, kind: Kind, level: float = 0.95) -> Estimate:
        """Mass that the other set lacks where it has fewer samples (or has in excess where it has more).

        Where that is, the first halves say, which have no part in the measurement, so the estimate is not inflated by
        the choice. Two answers are tried, and the larger difference is reported with an interval for both together:
        wherever a sample is more likely of the one set than of the other, which finds kinds that are only made too
        rarely, and in thin places alone, which parts kinds that are gone from what lies beside them.
        """
        sign = 1 if kind == "missed" else -1
        sides = [sign * (chance - 0.5) for chance in (self.real_chance, self.other_chance)]
        counts = [[int((side >= least).sum()) for side in sides] for least in (TIE_BROKEN, self.sure - 0.5)]
        sizes, order = (len(self.real_rows), len(self.other_rows)), (0, 1) if kind == "missed" else (1, 0)
        first, second = order
        tried = [
            difference_of_shares(
                count[first], sizes[first], count[second], sizes[second], 1 - (1 - level) / len(counts)
            )
            for count in counts
        ]
        return max(tried, key=lambda estimate: estimate.value)

    def in_missed(self) -> Tensor:
        """Whether each row of `real_rows` lies in a region confirmed as missed: bool [n]."""
        numbers = torch.tensor([region.number for region in self.confirmed("missed")], dtype=torch.long)
        return torch.isin(self.real_regions, numbers)


@dataclass(frozen=True)
class Described:
    """A set of samples, rows in random order.

    Attributes:
        codes: [n, d] in which distances mean something: regions are clusters of them.
        evidence: [n, e] what the classifier looks at; may say more than the codes.
    """

    codes: Tensor
    evidence: Tensor

    @classmethod
    def by(cls, codes: Tensor) -> Described:
        """By nothing but codes [n, d]."""
        return cls(codes, codes)

    def __getitem__(self, rows: slice | Tensor) -> Described:
        return Described(self.codes[rows], self.evidence[rows])

    def __len__(self) -> int:
        return len(self.codes)


def compare(
    real: Described,
    other: Described,
    *,
    regions: int,
    ratio: float,
    rng: torch.Generator,
    level: float = LEVEL,
    noticeable: float = NOTICEABLE,
) -> Comparison:
    """Which regions hold too little of `other`, and which too much?

    Args:
        regions: the most regions of each kind.
        ratio: a place is thin where one set has at most so many times the other's samples, as the classifier has it
            from the first halves.
        rng: places the first centres.
        level: probability of confirming any region where there is no difference.
        noticeable: a region is confirmed only where its shares on the second halves are this factor apart.
    """
    halves = [_halves(len(samples)) for samples in (real, other)]
    thin = _ThinPlaces(real[halves[0][0]], other[halves[1][0]], ratio)
    centres = thin.centres(regions, rng)
    kinds: list[Kind] = [kind for kind in KINDS for _ in centres[kind]]
    proposals = dict(enumerate(kinds))
    tested = [samples[rows] for samples, (_, rows) in zip((real, other), halves, strict=True)]
    chances = [thin.chance_of_real(samples) for samples in tested]
    in_real, in_other = (
        thin.regions(samples.codes, chance, centres) for samples, chance in zip(tested, chances, strict=True)
    )
    counts = [torch.bincount(place, minlength=len(kinds) + 1).tolist() for place in (in_real, in_other)]
    p_values = holm(
        {
            number: _one_sided(kind, counts[0][number], len(in_real), counts[1][number], len(in_other))
            for number, kind in proposals.items()
        }
    )
    compared = [
        Region(
            number,
            counts[0][number],
            len(in_real),
            counts[1][number],
            len(in_other),
            proposals.get(number),
            p_values.get(number, 1.0),
            level,
            noticeable,
        )
        for number in range(len(kinds) + 1)
    ]
    places = torch.cat([centres[kind] for kind in KINDS])
    return Comparison(
        compared, places, halves[0][1], halves[1][1], in_real, in_other, chances[0], chances[1], thin.sure
    )


class _ThinPlaces:
    """Where one of two sets has too few samples, learned from as many of each.

    Two classifiers, each of one half of what is learned from, so that every sample has one that never saw it.

    Args:
        ratio: see `compare`.
    """

    def __init__(self, real: Described, other: Described, ratio: float) -> None:
        each = min(len(real), len(other), FIT_AT_MOST)
        self._real, self._other = real[:each], other[:each]
        self.sure = 1 / (1 + ratio)
        evidence = torch.cat([self._real.evidence, self._other.evidence]).double().numpy()
        is_real = np.repeat([1, 0], each)
        self._half = np.tile(np.arange(each) % 2, 2)
        self._classifiers = [
            _classifier(evidence[self._half == half], is_real[self._half == half]) for half in (0, 1)
        ]

    def centres(self, regions: int, rng: torch.Generator) -> dict[Kind, Tensor]:
        """Where regions lie: clusters [k, d] of the thin places, for each kind."""
        each = len(self._real)
        evidence = torch.cat([self._real.evidence, self._other.evidence])
        chance = torch.zeros(len(evidence), dtype=torch.float64)
        for half in (0, 1):
            rows = torch.from_numpy(self._half != half)
            chance[rows] = _chance_of_real(self._classifiers[half], evidence[rows])
        thin = self._thin(chance)
        centres: dict[Kind, Tensor] = {}
        for kind, samples, members in (
            ("missed", self._real, thin["missed"][:each]),
            ("invented", self._other, thin["invented"][each:]),
        ):
            places = samples.codes[members]
            count = min(regions, max(1, len(places) // FIT_PER_REGION)) if len(places) > 1 else 0
            centres[kind] = (  # type: ignore[index]
                k_means(places, count, rng, restarts=3, iterations=50).centres
                if count
                else places.new_zeros(0, places.shape[1], dtype=torch.float64)
            ).double()
        return centres

    def chance_of_real(self, samples: Described) -> Tensor:
        """[n] how likely samples that were not learned from are real ones, by both classifiers."""
        return torch.stack([_chance_of_real(each, samples.evidence) for each in self._classifiers]).mean(
            dim=0
        )

    def regions(self, codes: Tensor, chance_of_real: Tensor, centres: dict[Kind, Tensor]) -> Tensor:
        """Numbers [n] of the regions of codes [n, d]: missed, then invented, then the rest."""
        thin = self._thin(chance_of_real)
        numbers = torch.full((len(codes),), sum(map(len, centres.values())), dtype=torch.int64)
        first = 0
        for kind in KINDS:
            members = thin[kind]
            if len(centres[kind]) and bool(members.any()):
                numbers[members] = first + nearest_centre(codes[members], centres[kind])
            first += len(centres[kind])
        return numbers

    def _thin(self, chance_of_real: Tensor) -> dict[Kind, Tensor]:
        """Which places have too few of the other set, and which of the real one."""
        return {"missed": chance_of_real >= self.sure, "invented": 1 - chance_of_real >= self.sure}


def _classifier(evidence: np.ndarray, is_real: np.ndarray) -> HistGradientBoostingClassifier:
    model = HistGradientBoostingClassifier(max_iter=ROUNDS, early_stopping=False, random_state=0)
    return model.fit(evidence, is_real)


def _chance_of_real(classifier: HistGradientBoostingClassifier, evidence: Tensor) -> Tensor:
    """[n] float64: how likely each sample is a real one, if there are as many of each."""
    return torch.from_numpy(classifier.predict_proba(evidence.double().numpy())[:, 1])


def _halves(count: int) -> tuple[Tensor, Tensor]:
    rows = torch.arange(count)
    return rows[0::2], rows[1::2]


def _one_sided(kind: Kind, real: int, of_real: int, other: int, of_other: int) -> float:
    """Fisher's exact test that the proposal's direction is chance."""
    table = [[real, of_real - real], [other, of_other - other]]
    return float(stats.fisher_exact(table, alternative="greater" if kind == "missed" else "less").pvalue)
