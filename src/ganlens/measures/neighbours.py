"""The nearest neighbours of every sample in another set, exactly and without an [n, m] matrix."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from ganlens.errors import UserError
from ganlens.measures.distances import TILE_ROWS, PairwiseDistances, Rows
from ganlens.measures.feature_matrix import feature_pair

SPARE = 4
"""Candidates kept beyond k: nearly always enough to tell the k nearest from the rest despite rounding."""


class Neighbours(NamedTuple):
    """Distances [n, k] (float64, ascending) and the rows of the references [n, k] (int64) they lead to."""

    distances: Tensor
    indices: Tensor


def nearest_neighbours(
    queries: Tensor, references: Tensor, k: int = 1, *, exclude_self: bool = False
) -> Neighbours:
    """Which rows of `references` are nearest to each row of `queries`, and how far away are they?

    Exact: the winners are chosen with a bound on rounding and their Euclidean distances computed from the
    differences in float64, so that copies are at distance 0. Among references at the same distance any may be
    named.

    Args:
        queries: [n, d].
        references: [m, d].
        k: how many neighbours.
        exclude_self: row i of `references` is query i itself and is not counted (other rows equal to it are).

    Returns:
        `(distances, indices)`, each [n, k], on the device of the features.

    Raises:
        UserError: mismatched widths, no rows, integer or non-finite features, k below 1 or above the number
            of references (k ≥ m with `exclude_self`), or `exclude_self` on sets of different lengths.
    """
    same = queries is references
    queries, references = feature_pair(queries, references, ("queries", "references"), rows=1)
    if exclude_self and len(queries) != len(references):
        raise UserError(
            f"exclude_self needs the same rows on both sides, found {len(queries)} queries "
            f"and {len(references)} references"
        )
    available = len(references) - exclude_self
    if not 1 <= k <= available:
        raise UserError(
            f"k must lie between 1 and {available}, the neighbours there are, found {k}; give more samples"
        )
    pairs = PairwiseDistances(queries, queries if same else references)
    distances = torch.empty(len(queries), k, dtype=torch.float64, device=queries.device)
    indices = torch.empty(len(queries), k, dtype=torch.int64, device=queries.device)
    undecided = []
    everyone = torch.arange(len(queries), device=queries.device)
    for rows in pairs.rows():
        found, certain = _search(pairs, everyone[rows], k, available, exclude_self, pairs.dtype)
        distances[rows], indices[rows] = found
        undecided.append(everyone[rows][~certain])
    # Clusters that are tight beside their distance from the mean, and rows with many copies of themselves.
    left = torch.cat(undecided)
    for rest in left.split(TILE_ROWS) if len(left) else ():
        found, _ = _search(pairs, rest, k, available, exclude_self, torch.float64)
        distances[rest], indices[rest] = found
    return Neighbours(distances, indices)


def _search(
    pairs: PairwiseDistances, queries: Tensor, k: int, available: int, exclude_self: bool, dtype: torch.dtype
) -> tuple[Neighbours, Tensor]:
    """The k nearest of some queries, and for each whether no reference left out can be nearer than those."""
    wanted = min(k + SPARE, available)
    bounds, columns = _smallest(pairs, queries, wanted, exclude_self, dtype)
    exact = pairs.exact(queries.repeat_interleave(wanted), columns.flatten()).view(-1, wanted)
    exact, order = exact.sort(dim=1, stable=True)
    nearest = Neighbours(exact[:, :k], columns.gather(1, order)[:, :k])
    if wanted == available:
        return nearest, torch.ones(len(queries), dtype=torch.bool, device=queries.device)
    return nearest, (exact[:, k - 1] / pairs.unit).square() <= bounds.max(dim=1).values


def _smallest(
    pairs: PairwiseDistances, queries: Tensor, wanted: int, exclude_self: bool, dtype: torch.dtype
) -> tuple[Tensor, Tensor]:
    """The `wanted` smallest lower bounds of each query, and their columns in ascending order."""
    rows = _as_slice(queries)
    values, columns = [], []
    for part in pairs.columns():
        tile = pairs.lower(rows, part, dtype)
        if exclude_self:
            here = ((queries >= part.start) & (queries < part.stop)).nonzero().squeeze(1)
            tile[here, queries[here] - part.start] = torch.inf
        best = tile.topk(min(wanted, tile.shape[1]), dim=1, largest=False, sorted=False)
        values.append(best.values)
        columns.append(best.indices + part.start)
    best = torch.cat(values, dim=1).topk(wanted, dim=1, largest=False)
    chosen = torch.cat(columns, dim=1).gather(1, best.indices)
    return best.values, chosen.sort(dim=1).values


def _as_slice(rows: Tensor) -> Rows:
    """A slice where the rows are consecutive, which spares a copy of them for every tile."""
    first, last = int(rows[0]), int(rows[-1])
    return slice(first, last + 1) if last - first + 1 == len(rows) else rows
