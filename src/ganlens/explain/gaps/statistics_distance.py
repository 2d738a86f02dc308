"""How far the statistics of generated samples lie from those of the data, beside how far real ones do."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from ganlens.explain.gaps.kinds import StatisticsTable
from ganlens.measures import frechet_distance

BLOCKS = 4
"""Disjoint blocks of samples, so that the distances have a scatter."""


@dataclass(frozen=True)
class StatisticsDistance:
    """Fréchet distances of the statistics from those of held-out samples.

    Attributes:
        generated, training: of each block.
        n: samples in a block.
    """

    generated: list[float]
    training: list[float]
    n: int


def statistics_distance(table: StatisticsTable) -> StatisticsDistance:
    """Distances of disjoint blocks of generated and of training samples from held-out ones, n the same in all."""
    held_out, generated, training = (table.vectors(of) for of in ("held_out", "fake", "train"))
    n = min(len(held_out), len(generated) // BLOCKS, len(training) // BLOCKS)
    varying = training.std(dim=0) > 0

    def distances(rows: Tensor) -> list[float]:
        blocks = [rows[i * n : (i + 1) * n][:, varying] for i in range(BLOCKS)]
        return [frechet_distance(block, held_out[:n][:, varying]) for block in blocks]

    return StatisticsDistance(distances(generated), distances(training), n)
