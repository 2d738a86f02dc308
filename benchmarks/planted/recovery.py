"""How much of the truth an answer holds: numbers from 0 (nothing) to 1 (all of it)."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from scipy.stats import spearmanr
from torch import Tensor

from ganlens.figures.figure import Table
from ganlens.finding import Finding

FOUND = 0.9
"""Cosine or rank correlation from which a factor counts as found."""

PERMUTATIONS = 10_000


class Recovery(NamedTuple):
    """What k directions know of f factors.

    Attributes:
        recall: mean over factors of their own direction's score; a direction stands for one factor at most.
        found: factors whose own direction scores `FOUND` or more.
        each: [f] that score of every factor; 0 where no direction is left for it.
        purity: [k] the best score of every direction with any factor.
    """

    recall: float
    found: int
    each: list[float]
    purity: list[float]


def recovery(scores: Tensor) -> Recovery:
    """The best assignment of directions to factors by their scores [k, f] (absolute cosines or correlations)."""
    table = scores.abs().double().numpy()
    rows, columns = linear_sum_assignment(table, maximize=True)
    each = np.zeros(table.shape[1])
    each[columns] = table[rows, columns]
    found = int((each >= FOUND).sum())
    return Recovery(float(each.mean()), found, each.tolist(), table.max(axis=1).tolist())


def cosines(directions: Tensor, truth: Tensor) -> Tensor:
    """|cos| [k, f] of directions [k, z] with true ones [f, z]."""
    unit = torch.nn.functional.normalize(directions.double(), dim=1)
    return (unit @ torch.nn.functional.normalize(truth.double(), dim=1).T).abs()


def rank_correlations(
    directions: Tensor, scores_of: Callable[[Tensor], Tensor], *, walks: int = 2000, seed: int = 0
) -> Tensor:
    """|Spearman's ρ| [k, f] between the place along a direction [k, z] and the factors' values there.

    A walk starts anywhere (latents from N(0, I)) and goes to a place along the direction that is drawn from N(0, 1):
    what else the direction moves, and what it moves at some starts alone, both count as noise. In a linear world
    this is a monotone function of the cosine.

    Args:
        scores_of: factor values [n, f] of latents [n, z].
    """
    rng = torch.Generator().manual_seed(seed)
    rows = []
    for direction in torch.nn.functional.normalize(directions.float(), dim=1):
        start = torch.randn(walks, len(direction), generator=rng)
        place = torch.randn(walks, generator=rng)
        moved = start + (place - start @ direction)[:, None] * direction
        values = scores_of(moved)
        found = [spearmanr(place.numpy(), column.numpy()).statistic for column in values.T]
        rows.append(torch.tensor(found, dtype=torch.float64).nan_to_num().abs())
    return torch.stack(rows)


class RankCorrelation(NamedTuple):
    """Spearman's ρ of n pairs, and how often shuffling them gives as much."""

    rho: float
    p: float
    n: int


def rank_correlation(
    first: Sequence[float], second: Sequence[float], seed: int = 0
) -> RankCorrelation | None:
    """None where there are fewer than three pairs or nothing varies."""
    if len(first) < 3 or len(set(first)) < 2 or len(set(second)) < 2:
        return None
    ranks = [np.asarray(_ranks(values)) for values in (first, second)]
    a, b = ((each - each.mean()) / each.std() for each in ranks)
    rho = float((a * b).mean())
    rng = np.random.default_rng(seed)
    shuffled = np.array([(a * rng.permutation(b)).mean() for _ in range(PERMUTATIONS)])
    p = (1 + int((shuffled >= rho - 1e-12).sum())) / (1 + PERMUTATIONS)
    return RankCorrelation(rho, p, len(a))


def mass_inside(maps: Tensor, region: Tensor) -> Tensor:
    """Share [n] of the absolute attribution of maps [n, h, w] that falls into a region [h, w] of 0 and 1."""
    sizes = maps.double().abs()
    total = sizes.sum(dim=(1, 2))
    inside = (sizes * region).sum(dim=(1, 2))
    return torch.where(total > 0, inside / total.clamp(min=1e-30), torch.zeros_like(total))


def named(finding: Finding, *patterns: str) -> str:
    """Where all the patterns stand together: "headline" (what it says), "table" (the first row of one) or ""."""
    if _has_all(" ".join((finding.claim, finding.detail, *finding.remarks)), patterns):
        return "headline"
    for figure in finding.figures:
        if isinstance(figure, Table) and figure.rows and _has_all(_text(figure.rows[0]), patterns):
            return "table"
    return ""


def _text(row: Sequence[object]) -> str:
    return " | ".join(map(str, row))


def _has_all(text: str, patterns: Sequence[str]) -> bool:
    return all(re.search(pattern, text, re.IGNORECASE) for pattern in patterns)


def _ranks(values: Sequence[float]) -> np.ndarray:
    from scipy.stats import rankdata

    return rankdata(values)
