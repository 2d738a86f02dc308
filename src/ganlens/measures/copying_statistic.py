"""Do samples lie nearer to the training set than unseen real ones do, region by region? The C_T statistic."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ganlens.errors import UserError
from ganlens.measures.clusters import k_means
from ganlens.measures.facts import THREE_SETS, Group, ValidInterval, measure
from ganlens.measures.feature_matrix import feature_pair
from ganlens.measures.mann_whitney import mann_whitney_z
from ganlens.measures.neighbours import nearest_neighbours
from ganlens.measures.principal_components import principal_axes

FEWEST = 20
"""Held-out rows and fakes that a cell must hold for its z to count: fewer are hardly normal."""


@dataclass(frozen=True)
class CopyingCell:
    """One region of the data: how many rows of each set fall into it, and its z; None with too few."""

    train: int
    held_out: int
    fake: int
    z: float | None


@dataclass(frozen=True)
class CopyingStatistic:
    """What `copying_statistic` found.

    Attributes:
        statistic: C_T, the mean z of the cells that count, by their held-out rows.
        deviation: its standard deviation for a generator that draws from the truth: below 1, since C_T
            averages independent z's.
        cells: all regions, the one with the most training rows first.
        fake_cell: [m] int64, the region of each fake, to look at those of a cell that stands out.
    """

    statistic: float
    deviation: float
    cells: tuple[CopyingCell, ...]
    fake_cell: Tensor

    @property
    def z(self) -> float:
        """`statistic` in standard deviations: about standard normal for a generator that draws from the
        truth, whatever the number of cells, and so fit for a test."""
        return self.statistic / self.deviation

    @property
    def held_out_share(self) -> float:
        """The share of the held-out rows that lie in cells that count; the rest the fakes hardly reach."""
        counted = sum(cell.held_out for cell in self.cells if cell.z is not None)
        return counted / sum(cell.held_out for cell in self.cells)


@measure(
    Group.MEMORISATION,
    applied_to=THREE_SETS,
    range="any number; far below 0 is copying",
    better="near 0",
    bias="none",
    intervals=(ValidInterval(".z ± 1.96", "0, for a generator that draws from the truth"),),
)
def copying_statistic(
    train: Tensor,
    held_out: Tensor,
    fake: Tensor,
    *,
    rng: torch.Generator,
    cells: int = 3,
    components: int = 64,
) -> CopyingStatistic:
    """Do fakes lie systematically nearer to the training rows than unseen real rows do?

    The training rows' leading principal components are cut into k-means cells. Within each, the distances of
    its fakes and of its held-out rows to the nearest of its training rows are compared by rank
    (`mann_whitney_z`). C_T is the mean of those z's weighted by the held-out rows, over the cells with at
    least 20 fakes and 20 held-out rows.

    - far below 0: copying, *or* fakes that crowd where the data are densest, as those of a generator with
      truncated latents do: neighbours are near there, also without copying. `distance_ratio` tells which.
    - far above 0: underfitting, the fakes keep away from the data.
    - about 0: neither, or both at once: copies in one place and blur in another cancel, between cells and
      within one. Look at the cells.

    Bias: none. Given the training set, fakes from the truth and held-out rows are exchangeable, so each z has
    mean 0 and variance 1, whatever the components and cells. C_T itself then scatters with `deviation`, about
    1/√cells, and not with 1: judge by `z`. For another generator C_T grows with the root of the sample size:
    compare at equal numbers.

    Args:
        train: [n, d], what the generator was trained on.
        held_out: [n', d], from the same source, never seen.
        fake: [m, d], in the same feature space.
        rng: draws the first centres of the cells; a CPU generator.
        cells: regions. More of them localise and need more samples.
        components: where there are more features than this, so many principal components stand for them.

    Returns:
        `statistic`: any number; about 0 is good. `z` in −1.96…1.96 is what 95 % of faithful generators
        score.

    Raises:
        UserError: mismatched widths, fewer than two rows, integer or non-finite features, `cells` not between
            1 and the training rows, `components` below 1, or no cell with 20 rows of both.

    Source: Meehan, Chaudhuri & Dasgupta 2020 (arXiv 2004.05675), section 4, τ = 20/m; 64 components and
    3 cells as Stein et al. 2023 (arXiv 2306.04675). The authors' own program asks for 20 fakes alone, and
    adds a continuity correction and no correction for ties, which matter with few or equal distances only.
    """
    return CopyingCells(train, held_out, rng=rng, cells=cells, components=components).statistic(fake)


class CopyingCells:
    """The regions of the data for `copying_statistic`, cut once for several sets of fakes. Arguments as there."""

    def __init__(
        self,
        train: Tensor,
        held_out: Tensor,
        *,
        rng: torch.Generator,
        cells: int = 3,
        components: int = 64,
    ) -> None:
        train, held_out = feature_pair(train, held_out, ("train", "held_out"))
        if components < 1:
            raise UserError(f"expected at least 1 component, found {components}; 64 are usual")
        self._features, self._axes = train[:1], None
        if train.shape[1] > components:
            self._axes = principal_axes(train, min(components, len(train) - 1), rng)
            train, held_out = (self._axes.coordinates(points) for points in (train, held_out))
        self._clusters = k_means(train, cells, rng)
        held_out_cell = nearest_neighbours(held_out, self._clusters.centres).indices[:, 0]
        count = len(self._clusters.centres)
        self._train = [train[self._clusters.labels == cell] for cell in range(count)]
        self._held_out = [held_out[held_out_cell == cell] for cell in range(count)]
        self._unseen: dict[int, Tensor] = {}

    def statistic(self, fake: Tensor) -> CopyingStatistic:
        """Of fakes [m, d].

        Raises:
            UserError: mismatched widths, fewer than two rows, or no cell with 20 rows of both.
        """
        _, fake = feature_pair(self._features.expand(2, -1), fake, ("train", "fake"))
        if self._axes is not None:
            fake = self._axes.coordinates(fake)
        fake_cell = nearest_neighbours(fake, self._clusters.centres).indices[:, 0]
        compared = tuple(self._compared(cell, fake[fake_cell == cell]) for cell in range(len(self._train)))
        counted = [(cell.held_out, cell.z) for cell in compared if cell.z is not None]
        if not counted:
            raise UserError(
                f"none of {len(compared)} cells holds {FEWEST} held-out rows and {FEWEST} fakes "
                f"({sum(map(len, self._held_out))} and {len(fake)} in all); give more samples or ask for fewer cells"
            )
        total = sum(rows for rows, _ in counted)
        return CopyingStatistic(
            statistic=sum(rows / total * z for rows, z in counted),
            deviation=math.sqrt(sum((rows / total) ** 2 for rows, _ in counted)),
            cells=compared,
            fake_cell=fake_cell,
        )

    def _compared(self, cell: int, fake: Tensor) -> CopyingCell:
        train, held_out, z = self._train[cell], self._held_out[cell], None
        if min(len(held_out), len(fake)) >= FEWEST:
            if cell not in self._unseen:
                self._unseen[cell] = nearest_neighbours(held_out, train).distances[:, 0]
            z = mann_whitney_z(nearest_neighbours(fake, train).distances[:, 0], self._unseen[cell])
        return CopyingCell(len(train), len(held_out), len(fake), z)
