"""Where in code space do two sets of samples have different mass? Proposed on one half, tested on the other.

Regions found and tested on the same samples would be chosen for their differences and then found different:
a test on them means nothing. Here the first half of both sets says where one of them is too thin, and the second
half, which has had no say, tests that and measures the mass.

*Where* is asked of each sample's neighbours and not of a partition made beforehand: clusters lie along what the
code varies most with (where something is, how large it is), and each holds some of every kind, so that a third of
the data may be missing from all of them and none looks thin. Among its nearest neighbours a sample is with its like.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from scipy import stats
from torch import Tensor

from ganlens.measures import Estimate, difference_of_shares, holm, k_means, nearest_centre, nearest_neighbours

FIT_AT_MOST = 4000
"""Samples of each set's first half that vote."""

VOTERS = 20
"""Neighbours that say whether a place is thin: where nothing is wrong they are at most a third of one set at one
place in 17 by chance, which dilutes what is tested and does not bias it."""

VOTERS_OF = 4
"""At most one in so many of the votes there are, where samples are few."""

FIT_PER_REGION = 10
"""At least so many thin places for each region beyond the first; fewer, fewer regions."""

NOTICEABLE = 1.5
"""A region is at fault only where its shares on the second halves are this factor apart: with enough samples any
difference is sure."""

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
    """

    regions: list[Region]
    centres: Tensor
    real_rows: Tensor
    other_rows: Tensor
    real_regions: Tensor
    other_regions: Tensor

    def confirmed(self, kind: Kind) -> list[Region]:
        """Regions that are missed (or invented), the largest difference in mass first."""
        confirmed = [region for region in self.regions if region.confirmed == kind]
        return sorted(confirmed, key=lambda region: -abs(region.real_share - region.other_share))

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


def compare(
    real: Tensor,
    other: Tensor,
    *,
    regions: int,
    ratio: float,
    rng: torch.Generator,
    level: float = LEVEL,
    noticeable: float = NOTICEABLE,
) -> Comparison:
    """Which regions hold too little of `other`, and which too much?

    Args:
        real, other: codes [n, d] and [m, d], rows in random order.
        regions: the most regions of each kind.
        ratio: a place is thin where one set has at most so many times the other's neighbours there, in the first
            halves.
        rng: places the first centres.
        level: probability of confirming any region where there is no difference.
        noticeable: a region is confirmed only where its shares on the second halves are this factor apart.
    """
    halves = [_halves(len(codes)) for codes in (real, other)]
    votes = _Votes(real[halves[0][0]], other[halves[1][0]], ratio)
    centres = votes.centres(regions, rng)
    kinds: list[Kind] = [kind for kind in KINDS for _ in centres[kind]]
    proposals = dict(enumerate(kinds))
    in_real, in_other = (
        votes.regions(codes[rows], centres) for codes, (_, rows) in zip((real, other), halves, strict=True)
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
    return Comparison(compared, places, halves[0][1], halves[1][1], in_real, in_other)


class _Votes:
    """The first halves of two sets, as many of each, and what they say of any place.

    Args:
        real, other: codes [n, d] and [m, d].
        ratio: see `compare`.
    """

    def __init__(self, real: Tensor, other: Tensor, ratio: float) -> None:
        self._each = min(len(real), len(other), FIT_AT_MOST)
        self._pool = torch.cat([real[: self._each], other[: self._each]])
        self._voters = max(1, min(VOTERS, len(self._pool) // VOTERS_OF))
        self._few = self._voters * ratio / (1 + ratio)

    def centres(self, regions: int, rng: torch.Generator) -> dict[Kind, Tensor]:
        """Where regions lie: clusters [k, d] of the thin places, for each kind."""
        thin = self._thin(nearest_neighbours(self._pool, self._pool, self._voters, exclude_self=True).indices)
        own = torch.arange(len(self._pool)) < self._each
        centres: dict[Kind, Tensor] = {}
        for kind, members in (("missed", thin["missed"] & own), ("invented", thin["invented"] & ~own)):
            places = self._pool[members]
            count = min(regions, max(1, len(places) // FIT_PER_REGION)) if len(places) > 1 else 0
            centres[kind] = (  # type: ignore[index]
                k_means(places, count, rng, restarts=3, iterations=50).centres
                if count
                else self._pool.new_zeros(0, self._pool.shape[1], dtype=torch.float64)
            ).double()
        return centres

    def regions(self, codes: Tensor, centres: dict[Kind, Tensor]) -> Tensor:
        """Numbers [n] of the regions of codes [n, d] that had no vote: missed, then invented, then the rest."""
        thin = self._thin(nearest_neighbours(codes, self._pool, self._voters).indices)
        numbers = torch.full((len(codes),), sum(map(len, centres.values())), dtype=torch.int64)
        first = 0
        for kind in KINDS:
            members = thin[kind]
            if len(centres[kind]) and bool(members.any()):
                numbers[members] = first + nearest_centre(codes[members], centres[kind])
            first += len(centres[kind])
        return numbers

    def _thin(self, neighbours: Tensor) -> dict[Kind, Tensor]:
        """Which places have too few of the other set, and which of the real one, among neighbours [n, k]."""
        other = (neighbours >= self._each).sum(dim=1)
        return {"missed": other <= self._few, "invented": self._voters - other <= self._few}


def _halves(count: int) -> tuple[Tensor, Tensor]:
    rows = torch.arange(count)
    return rows[0::2], rows[1::2]


def _one_sided(kind: Kind, real: int, of_real: int, other: int, of_other: int) -> float:
    """Fisher's exact test that the proposal's direction is chance."""
    table = [[real, of_real - real], [other, of_other - other]]
    return float(stats.fisher_exact(table, alternative="greater" if kind == "missed" else "less").pvalue)
