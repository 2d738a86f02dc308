"""Where in code space do two sets of samples have different mass? Proposed on one half, tested on the other.

Clusters found and tested on the same samples would be chosen for their differences and then found different:
a test on them means nothing. Here the first half of both sets places the regions and proposes the suspicious
ones, and the second half, which has had no say, tests those and measures their mass.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from scipy import stats
from torch import Tensor

from ganlens.measures import k_means
from ganlens.probes.explain.estimate import Estimate, difference_of_shares

FIT_AT_MOST = 4000
"""Samples of each set that place the regions."""

FIT_PER_REGION = 10
"""At least so many pooled samples for each region; fewer samples, fewer regions."""

LEVEL = 0.01
"""Probability of naming any region at all where there is no difference: one in a hundred audits."""

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
    """

    number: int
    real: int
    of_real: int
    other: int
    of_other: int
    proposed: Kind | None
    p_value: float

    @property
    def confirmed(self) -> Kind | None:
        """What the second halves agree to."""
        return self.proposed if self.p_value <= LEVEL else None

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
        regions: all of them, the largest of the pooled set first.
        centres: [k, d].
        real_rows, other_rows: which rows of each set are in the second half.
        real_regions, other_regions: the region of each of those rows.
    """

    regions: list[Region]
    centres: Tensor
    real_rows: Tensor
    other_rows: Tensor
    real_regions: Tensor
    other_regions: Tensor

    def confirmed(self, kind: Kind) -> list[Region]:
        """Regions that are missed (or invented), the largest difference in mass first."""
        found = [region for region in self.regions if region.confirmed == kind]
        return sorted(found, key=lambda region: -abs(region.real_share - region.other_share))

    def mass(self, kind: Kind) -> Estimate:
        """Mass that the other set lacks in the regions proposed as missed (or has in excess in those proposed
        as invented).

        Regions enter by proposal, not by confirmation: the halves that proposed them are not those that
        measure them, so the estimate is not inflated by the choice.
        """
        proposed = [region for region in self.regions if region.proposed == kind]
        real, other = sum(r.real for r in proposed), sum(r.other for r in proposed)
        of_real, of_other = len(self.real_rows), len(self.other_rows)
        if kind == "missed":
            return difference_of_shares(real, of_real, other, of_other)
        return difference_of_shares(other, of_other, real, of_real)

    def in_missed(self) -> Tensor:
        """Whether each row of `real_rows` lies in a region confirmed as missed: bool [n]."""
        numbers = torch.tensor([region.number for region in self.confirmed("missed")], dtype=torch.long)
        return torch.isin(self.real_regions, numbers)


def compare(real: Tensor, other: Tensor, *, regions: int, ratio: float, rng: torch.Generator) -> Comparison:
    """Which regions hold too little of `other`, and which too much?

    Args:
        real, other: codes [n, d] and [m, d], rows in random order.
        regions: the most regions to tell apart.
        ratio: a region is proposed where one set's share in the first half is at most so many times the
            other's.
        rng: places the first centres.
    """
    halves = [_halves(len(codes)) for codes in (real, other)]
    first_real, first_other = real[halves[0][0]], other[halves[1][0]]
    each = min(len(first_real), len(first_other), FIT_AT_MOST)
    pooled = torch.cat([first_real[:each], first_other[:each]])
    count = max(2, min(regions, len(pooled) // FIT_PER_REGION))
    centres = k_means(pooled, min(count, len(pooled)), rng, restarts=3, iterations=50).centres
    proposals = _propose(
        nearest_centre(first_real, centres), nearest_centre(first_other, centres), len(centres), ratio
    )
    in_real, in_other = (
        nearest_centre(real[halves[0][1]], centres),
        nearest_centre(other[halves[1][1]], centres),
    )
    counts = [torch.bincount(place, minlength=len(centres)).tolist() for place in (in_real, in_other)]
    p_values = holm(
        {
            number: _one_sided(kind, counts[0][number], len(in_real), counts[1][number], len(in_other))
            for number, kind in proposals.items()
        }
    )
    found = [
        Region(
            number,
            counts[0][number],
            len(in_real),
            counts[1][number],
            len(in_other),
            proposals.get(number),
            p_values.get(number, 1.0),
        )
        for number in range(len(centres))
    ]
    return Comparison(found, centres, halves[0][1], halves[1][1], in_real, in_other)


def nearest_centre(codes: Tensor, centres: Tensor) -> Tensor:
    """The nearest of centres [k, d] for each of codes [n, d]: int64 [n]."""
    return torch.cat(
        [torch.cdist(part.double(), centres.double()).argmin(dim=1) for part in codes.split(8192)]
    )


def _halves(count: int) -> tuple[Tensor, Tensor]:
    rows = torch.arange(count)
    return rows[0::2], rows[1::2]


def _propose(real: Tensor, other: Tensor, count: int, ratio: float) -> dict[int, Kind]:
    real_share = torch.bincount(real, minlength=count) / max(len(real), 1)
    other_share = torch.bincount(other, minlength=count) / max(len(other), 1)
    proposals: dict[int, Kind] = {}
    for number, (a, b) in enumerate(zip(real_share.tolist(), other_share.tolist(), strict=True)):
        if b <= ratio * a and a > 0:
            proposals[number] = "missed"
        elif a <= ratio * b and b > 0:
            proposals[number] = "invented"
    return proposals


def _one_sided(kind: Kind, real: int, of_real: int, other: int, of_other: int) -> float:
    """Fisher's exact test that the proposal's direction is chance."""
    table = [[real, of_real - real], [other, of_other - other]]
    return float(stats.fisher_exact(table, alternative="greater" if kind == "missed" else "less").pvalue)


def holm(p_values: dict[int, float]) -> dict[int, float]:
    """Holm's step-down correction: one false confirmation or more with at most the level's probability."""
    adjusted: dict[int, float] = {}
    largest = 0.0
    for rank, (number, p) in enumerate(sorted(p_values.items(), key=lambda item: item[1])):
        largest = max(largest, min(1.0, p * (len(p_values) - rank)))
        adjusted[number] = largest
    return adjusted
