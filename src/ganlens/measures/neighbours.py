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
GROUP = 16
"""Entries of a column that are first looked at through their minimum alone."""


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
    named. A set's distances to itself are computed once for both directions.

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
    wanted = min(k + SPARE, available)
    everyone = torch.arange(len(queries), device=queries.device)
    candidates = _Candidates(len(queries), wanted, pairs.dtype, queries.device)
    if same:
        _fill_symmetric(candidates, pairs, exclude_self)
    else:
        for rows in pairs.rows():
            _fill(candidates, rows, pairs, everyone[rows], exclude_self, pairs.dtype)
    nearest, certain = _decide(candidates, pairs, everyone, k, available)
    # Clusters that are tight beside their distance from the mean, and rows with many copies of themselves.
    left = everyone[~certain]
    for rest in left.split(TILE_ROWS) if len(left) else ():
        again = _Candidates(len(rest), wanted, torch.float64, queries.device)
        _fill(again, slice(0, len(rest)), pairs, rest, exclude_self, torch.float64)
        found, _ = _decide(again, pairs, rest, k, available)
        nearest.distances[rest], nearest.indices[rest] = found
    return nearest


class _Candidates:
    """For each query the columns with the smallest lower bounds seen so far: two matrices [n, wanted]."""

    def __init__(self, count: int, wanted: int, dtype: torch.dtype, device: torch.device) -> None:
        self.bounds = torch.full((count, wanted), torch.inf, dtype=dtype, device=device)
        self.columns = torch.zeros(count, wanted, dtype=torch.int64, device=device)

    def offer(self, rows: slice, bounds: Tensor, columns: Tensor) -> None:
        """New candidates [r, w] for some queries; the best of old and new stay."""
        both = torch.cat([self.bounds[rows], bounds], dim=1)
        best = both.topk(self.bounds.shape[1], dim=1, largest=False)
        self.bounds[rows] = best.values
        self.columns[rows] = torch.cat([self.columns[rows], columns], dim=1).gather(1, best.indices)


def _fill(
    candidates: _Candidates,
    place: slice,
    pairs: PairwiseDistances,
    queries: Tensor,
    exclude_self: bool,
    dtype: torch.dtype,
) -> None:
    """Offer every reference to some queries, whose rows in `candidates` are `place`."""
    rows = _as_slice(queries)
    wanted = candidates.bounds.shape[1]
    for part in pairs.columns():
        tile = pairs.lower(rows, part, dtype)
        if exclude_self:
            here = ((queries >= part.start) & (queries < part.stop)).nonzero().squeeze(1)
            tile[here, queries[here] - part.start] = torch.inf
        values, columns = _smallest(tile, wanted)
        candidates.offer(place, values, columns + part.start)


def _fill_symmetric(candidates: _Candidates, pairs: PairwiseDistances, exclude_self: bool) -> None:
    """Offer every row of a set to every other: each tile above the diagonal serves its rows and its columns."""
    wanted = candidates.bounds.shape[1]
    blocks = pairs.blocks()
    for number, rows in enumerate(blocks):
        for part in blocks[number:]:
            tile = pairs.lower(rows, part)
            if part is rows and exclude_self:
                tile.fill_diagonal_(torch.inf)
            values, columns = _smallest(tile, wanted)
            candidates.offer(rows, values, columns + part.start)
            if part is not rows:
                values, columns = _smallest_in_columns(tile, wanted)
                candidates.offer(part, values, columns + rows.start)


def _smallest(tile: Tensor, wanted: int) -> tuple[Tensor, Tensor]:
    """The `wanted` smallest entries of each row and their columns, in no order (all there are, if fewer)."""
    best = tile.topk(min(wanted, tile.shape[1]), dim=1, largest=False, sorted=False)
    return best.values, best.indices


def _smallest_in_columns(tile: Tensor, wanted: int) -> tuple[Tensor, Tensor]:
    """The same for each column of a tile [r, c]: values and rows, [c, wanted].

    torch searches columns by copying them into rows. But a column's smallest entries lie in the groups of rows
    with the smallest minima, and minima down the columns are one fast pass, after which few entries are left.
    """
    height, width = tile.shape
    groups = height // GROUP
    if height % GROUP or groups < 4 * wanted:
        return _smallest(tile.T, wanted)
    minima = tile.unflatten(0, (GROUP, groups)).amin(dim=0).T.contiguous()
    chosen = minima.topk(wanted, dim=1, largest=False, sorted=False).indices
    members = (chosen[:, None] + groups * torch.arange(GROUP, device=tile.device)[:, None]).view(width, -1)
    best = tile.T.gather(1, members).topk(wanted, dim=1, largest=False, sorted=False)
    return best.values, members.gather(1, best.indices)


def _decide(
    candidates: _Candidates, pairs: PairwiseDistances, queries: Tensor, k: int, available: int
) -> tuple[Neighbours, Tensor]:
    """The k nearest of some queries, and for each whether no reference left out can be nearer than those."""
    bounds, order = candidates.bounds.sort(dim=1)
    columns = candidates.columns.gather(1, order)
    wanted = columns.shape[1]
    exact = torch.full(bounds.shape, torch.inf, dtype=torch.float64, device=bounds.device)
    exact[:, :k] = pairs.exact(queries.repeat_interleave(k), columns[:, :k].flatten()).view(-1, k)
    # The spare candidates count where the k-th is not surely nearer than they are.
    reach = (exact[:, :k].max(dim=1).values / pairs.unit).square()
    row, place = (bounds[:, k:] <= reach[:, None]).nonzero(as_tuple=True)
    exact[row, place + k] = pairs.exact(queries[row], columns[row, place + k])
    # By distance, and the lower row first among equals.
    columns, order = columns.sort(dim=1)
    exact, order = exact.gather(1, order).sort(dim=1, stable=True)
    nearest = Neighbours(exact[:, :k].contiguous(), columns.gather(1, order)[:, :k].contiguous())
    if wanted == available:
        return nearest, torch.ones(len(queries), dtype=torch.bool, device=queries.device)
    return nearest, (nearest.distances[:, k - 1] / pairs.unit).square() <= bounds[:, -1]


def _as_slice(rows: Tensor) -> Rows:
    """A slice where the rows are consecutive, which spares a copy of them for every tile."""
    first, last = int(rows[0]), int(rows[-1])
    return slice(first, last + 1) if last - first + 1 == len(rows) else rows
