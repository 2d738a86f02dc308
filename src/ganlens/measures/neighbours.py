"""The nearest neighbours of every sample in another set, exactly and without an [n, m] matrix."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from ganlens.errors import UserError
from ganlens.measures.distances import TILE, PairwiseDistances, Rows
from ganlens.measures.facts import PAIR, Group, measure
from ganlens.measures.feature_matrix import feature_pair

SPARE = 4
"""Candidates kept beyond k: nearly always enough to tell the k nearest from the rest despite rounding."""
GROUP = 16
"""Entries of a row that are first looked at through their minimum alone."""
FEW = 1 / 8
"""The share of groups holding a candidate up to which they are looked at one by one."""


class Neighbours(NamedTuple):
    """Distances [n, k] (float64, ascending) and the rows of the references [n, k] (int64) they lead to."""

    distances: Tensor
    indices: Tensor


@measure(
    Group.NEIGHBOURS,
    applied_to=PAIR,
    range="distances 0 and up, and rows",
    better="neither",
    bias="a nearest distance falls as rows are added",
    none_because="it describes these rows exactly and estimates nothing",
)
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
    for rest in left.split(TILE) if len(left) else ():
        again = _Candidates(len(rest), wanted, torch.float64, queries.device)
        _fill(again, slice(0, len(rest)), pairs, rest, exclude_self, torch.float64)
        decided, _ = _decide(again, pairs, rest, k, available)
        nearest.distances[rest], nearest.indices[rest] = decided
    return nearest


class _Candidates:
    """For each query the columns with the smallest lower bounds seen so far: two matrices [n, wanted]."""

    def __init__(self, count: int, wanted: int, dtype: torch.dtype, device: torch.device) -> None:
        self.bounds = torch.full((count, wanted), torch.inf, dtype=dtype, device=device)
        self.columns = torch.zeros(count, wanted, dtype=torch.int64, device=device)

    def offer(self, rows: slice, tile: Tensor, first_column: int) -> None:
        """Take from a tile [r, c] of bounds, for its rows, what belongs to the smallest seen so far.

        Once a few tiles have been seen hardly an entry does, which one pass over the minima of groups tells.
        The tile may be the transpose of another.
        """
        limits = self.bounds[rows].amax(dim=1, keepdim=True)
        groups = tile.shape[1] // GROUP
        if tile.shape[1] % GROUP or not torch.isfinite(limits).all():
            self._offer_all(rows, tile, first_column)
            return
        if tile.is_contiguous():
            minima = tile.unflatten(1, (GROUP, groups)).amin(dim=1)
        else:  # torch is slow along the columns of a transpose
            minima = tile.T.unflatten(0, (GROUP, groups)).amin(dim=0).T
        row, group = (minima < limits).nonzero(as_tuple=True)
        if len(row) > FEW * minima.numel():
            self._offer_all(rows, tile, first_column)
            return
        members = group[:, None] + groups * torch.arange(GROUP, device=tile.device)
        values = tile[row[:, None], members]
        entry, place = (values < limits[row]).nonzero(as_tuple=True)
        row, columns, values = row[entry], members[entry, place] + first_column, values[entry, place]
        self._merge(rows.start + row, values, columns)

    def _offer_all(self, rows: slice, tile: Tensor, first_column: int) -> None:
        wanted = min(self.bounds.shape[1], tile.shape[1])
        values, columns = tile.topk(wanted, dim=1, largest=False, sorted=False)
        self._keep_best(rows, values, columns + first_column)

    def _merge(self, row: Tensor, values: Tensor, columns: Tensor) -> None:
        """Take entries one by one: their queries, bounds and columns, each [p]."""
        if len(row) == 0:
            return
        row, order = row.sort(stable=True)
        touched, counts = row.unique_consecutive(return_counts=True)
        line = torch.arange(len(touched), device=row.device).repeat_interleave(counts)
        place = torch.arange(len(row), device=row.device) - (counts.cumsum(0) - counts)[line]
        padded = values.new_full((len(touched), int(counts.max())), torch.inf)
        places = columns.new_zeros(padded.shape)
        padded[line, place], places[line, place] = values[order], columns[order]
        self._keep_best(touched, padded, places)

    def _keep_best(self, rows: Rows, bounds: Tensor, columns: Tensor) -> None:
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
    for part in pairs.columns():
        tile = pairs.lower(rows, part, dtype)
        if exclude_self:
            here = ((queries >= part.start) & (queries < part.stop)).nonzero().squeeze(1)
            tile[here, queries[here] - part.start] = torch.inf
        candidates.offer(place, tile, part.start)


def _fill_symmetric(candidates: _Candidates, pairs: PairwiseDistances, exclude_self: bool) -> None:
    """Offer every row of a set to every other: each tile above the diagonal serves its rows and its columns."""
    blocks = pairs.rows()
    for rows in blocks:  # first, so that every row soon knows what is near
        tile = pairs.lower(rows, rows)
        if exclude_self:
            tile.fill_diagonal_(torch.inf)
        candidates.offer(rows, tile, rows.start)
    for number, rows in enumerate(blocks):
        for part in blocks[number + 1 :]:
            tile = pairs.lower(rows, part)
            candidates.offer(rows, tile, part.start)
            candidates.offer(part, tile.T, rows.start)


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
