"""Generated samples beside real ones in one feature space: the measures, and which of them are surely off."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from ganlens.instruments.sight import Sight
from ganlens.measures import kernel_distance
from ganlens.measures.replicates import ReplicateDifference
from ganlens.measures.resemblance import RealReference
from ganlens.probes.quality.replicated import Replicated, replicate
from ganlens.randomness import torch_generator
from ganlens.subject import SampleBank
from ganlens.subject.controls import CONTROLS

FRECHET, KERNEL = "Fréchet distance", "Kernel distance"
DISTANCE = "Distance along the main axes"
PRECISION, RECALL, DENSITY, COVERAGE = SHARES = ("Precision", "Recall", "Density", "Coverage")
KEPT_UP = (PRECISION, RECALL, COVERAGE)
"""The shares that a good generator keeps up with real samples in; density has no upper end."""
BETTER: dict[str, Literal["higher", "lower"]] = {
    FRECHET: "lower",
    KERNEL: "lower",
    **dict.fromkeys(SHARES, "higher"),
}


@dataclass(frozen=True)
class Share:
    """One of the shares in one space, as a multiple of the real one."""

    name: str
    ratio: float

    @property
    def called(self) -> str:
        """Its name within a sentence."""
        return self.name.lower()


@dataclass(frozen=True)
class SpaceComparison:
    """Generated and training samples, block by block, against the same held-out ones in one space.

    Attributes:
        sight: which planted damage the space sees.
        measures: each measure by its name.
        by_axes: the distance that sees samples which spread less, in many features; see `RealReference.distance`. None
            in few, where it is the Fréchet distance.
        variance: the total variance of the held-out features: what copies of their mean would score as distance.
    """

    name: str
    title: str
    sight: Sight
    measures: dict[str, Replicated]
    by_axes: Replicated | None
    variance: float

    @property
    def gap(self) -> ReplicateDifference | None:
        """By how much its distance exceeds that of real samples, as a share of the real variance: what n blocks share
        in bias goes out. The larger of both distances'; None where there are too few blocks to know how it scatters."""
        return max(self._gaps, key=lambda gap: gap.value, default=None)

    @property
    def _gaps(self) -> list[ReplicateDifference]:
        scale = max(self.variance, 1e-12)
        differences = []
        for row in self._distances:
            fake, real = ([value / scale for value in side] for side in (row.fake, row.real))
            differences.append(ReplicateDifference.between(fake, real))
        return [difference for difference in differences if difference is not None]

    @property
    def _distances(self) -> list[Replicated]:
        return [row for row in (self.measures[FRECHET], self.by_axes) if row is not None]

    @property
    def gap_value(self) -> float:
        """The same, however many blocks there are."""
        return max((row.value - row.reference) / max(self.variance, 1e-12) for row in self._distances)

    @property
    def gap_high(self) -> float:
        """What the gap surely doesn't exceed; infinite where that can't be known."""
        return max((gap.interval().high for gap in self._gaps), default=math.inf)

    def share(self, name: str) -> Share:
        """One of the shares."""
        return Share(name, self.measures[name].ratio)

    def chance_below(self, name: str, mark: float) -> float:
        """The p-value against "it keeps that multiple of the real share"."""
        row = self.measures[name]
        difference = ReplicateDifference.between(row.fake, row.real, mark)
        return 1.0 if difference is None else difference.chance_below(0.0)

    def chance_above(self, mark: float) -> float:
        """The p-value against "the gap is no larger than that"."""
        chances = [gap.chance_above(mark) for gap in self._gaps]
        return min(1.0, len(chances) * min(chances)) if chances else 1.0


def compare(
    bank: SampleBank, spaces: Iterable[str], n: int, k: int, replicates: int
) -> list[SpaceComparison]:
    """Every measure in every space, n samples in a block."""
    return [_compared(bank, space, n, k, replicates) for space in spaces]


def _compared(bank: SampleBank, space: str, n: int, k: int, replicates: int) -> SpaceComparison:
    held_out = bank.features(space, "held_out", n)
    reference = RealReference(held_out, k)
    all_rows = torch_generator(0, "fidelity")  # a subset of all rows: nothing is drawn

    def measure(block: Tensor) -> dict[str, float]:
        shares = reference.shares(block)
        return {
            DISTANCE: reference.distance(block),
            FRECHET: reference.frechet_distance(block),
            KERNEL: kernel_distance(block, held_out, rng=all_rows, subsets=1, subset_size=len(block)),
            **{name: float(getattr(shares, name.lower())) for name in SHARES},
        }

    limits = {name: (0.0, 1.0 if name in KEPT_UP else math.inf) for name in BETTER if name != KERNEL}
    measures = replicate(bank, space, n, replicates, measure, others=CONTROLS, limits=limits)
    by_axes = measures.pop(DISTANCE)
    return SpaceComparison(
        space,
        bank.title(space),
        bank.sight(space),
        measures,
        by_axes if reference.wide else None,
        reference.variance,
    )
