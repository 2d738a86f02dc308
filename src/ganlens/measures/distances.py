"""Distances between the rows of two matrices, tile by tile, with a bound on what rounding did to them.

‖q−r‖² = ‖q‖² + ‖r‖² − 2q·r turns distances into one matrix product, which is fast in float32 but loses digits
where a distance is small beside the norms. So the product only *narrows down*: each tile holds values that
are certainly not above the squared distance, by a worst-case bound on the rounding; whatever the bound can't
decide is computed again from the differences in float64. Results are then the same for every tile size,
device and row order.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ganlens.measures.feature_matrix import chunks, float64_chunks, float64_mean, product_dtype
from ganlens.measures.products import linear

TILE = 1536
"""Rows and columns of a tile: 9 MiB, which a processor's outer cache holds."""
NARROW = 32
"""Up to this many features the product is not what takes the time, and float64 decides nearly everything."""
EXACT_VALUES_AT_ONCE = 1 << 19

Rows = slice | Tensor


class PairwiseDistances:
    """Distances from each row of `queries` [n, d] to each of `references` [m, d], without an [n, m] matrix.

    Both are shifted to their common mean and scaled to unit spread. `unit` is the length of 1 in that scale:
    a squared distance s² of the features is (s / unit)² in a tile. Holds one float32 copy of each matrix.
    """

    def __init__(self, queries: Tensor, references: Tensor) -> None:
        same = queries is references
        self._queries, self._references = queries, references
        self._last: tuple[slice, torch.dtype, Tensor] | None = None
        self._mean = float64_mean(queries) if same else float64_mean(queries, references)
        self.unit = self._spread()
        narrow = queries.shape[1] <= NARROW
        self.dtype = torch.float64 if narrow else product_dtype(queries.device)
        self._near_queries, self._query_norms = self._prepared(queries)
        self._near_references, self._reference_norms = (
            (self._near_queries, self._query_norms) if same else self._prepared(references)
        )

    def rows(self) -> list[slice]:
        """The queries, a tile's height at a time."""
        return _slices(len(self._queries), TILE)

    def columns(self) -> list[slice]:
        """The references, a tile's width at a time."""
        return _slices(len(self._references), TILE)

    def lower(self, rows: Rows, columns: slice, dtype: torch.dtype | None = None) -> Tensor:
        """Squared distances in units, none above the true value and none further below it than `slack`.

        `dtype` float64 narrows the slack at about twice the cost. The result is the caller's to change.
        """
        dtype = dtype or self.dtype
        certain = 1 - self._relative_error(dtype)
        references = self._points(self._references, self._near_references, columns, dtype)
        norms = (certain * self._reference_norms[columns]).to(dtype)
        tile = linear(self._doubled(rows, dtype), references, norms)
        return tile.add_((certain * self._query_norms[rows]).to(dtype)[:, None])

    def slack(self, rows: Rows, columns: slice, dtype: torch.dtype | None = None) -> float:
        """The most that a value of `lower` can lie below the true squared distance, in units."""
        largest = float(self._query_norms[rows].max() + self._reference_norms[columns].max())
        return 2 * self._relative_error(dtype or self.dtype) * largest

    def exact(self, rows: Tensor, columns: Tensor) -> Tensor:
        """Distances [p] of p pairs, in the features' own units, from their differences in float64."""
        distances = torch.empty(len(rows), dtype=torch.float64, device=self._queries.device)
        pairs = max(1, EXACT_VALUES_AT_ONCE // self._queries.shape[1])
        for part in _slices(len(rows), pairs):
            difference = self._queries[rows[part]].double().sub_(self._references[columns[part]])
            distances[part] = torch.linalg.vector_norm(difference, dim=1)
        return distances

    def _spread(self) -> float:
        """The root mean square distance of all rows to the common mean; 1 where all rows are equal."""
        matrices = (
            (self._queries,) if self._queries is self._references else (self._queries, self._references)
        )
        total = sum(
            float((chunk - self._mean).square().sum())
            for matrix in matrices
            for chunk in float64_chunks(matrix)
        )
        return (total / sum(len(matrix) for matrix in matrices)) ** 0.5 or 1.0

    def _prepared(self, points: Tensor) -> tuple[Tensor, Tensor]:
        near = torch.empty(points.shape, dtype=self.dtype, device=points.device)
        norms = torch.empty(len(points), dtype=torch.float64, device=points.device)
        for part in chunks(points):
            shifted = (points[part].double() - self._mean) / self.unit
            near[part] = shifted
            norms[part] = shifted.square().sum(dim=1)
        return near, norms

    def _doubled(self, rows: Rows, dtype: torch.dtype) -> Tensor:
        """−2 times some queries. Tiles come a row of them at a time, so the last ones are kept."""
        if isinstance(rows, slice) and self._last is not None and self._last[:2] == (rows, dtype):
            return self._last[2]
        doubled = -2 * self._points(self._queries, self._near_queries, rows, dtype)
        self._last = (rows, dtype, doubled) if isinstance(rows, slice) else None
        return doubled

    def _points(self, points: Tensor, near: Tensor, rows: Rows, dtype: torch.dtype) -> Tensor:
        if dtype == self.dtype:
            return near[rows]
        return ((points[rows].double() - self._mean) / self.unit).to(dtype)

    def _relative_error(self, dtype: torch.dtype) -> float:
        """A bound on the error of a tile's value, as a share of ‖q‖² + ‖r‖².

        d for the sum of d products; 16 for the coordinates' own rounding, the norms, the additions and
        thresholds.
        """
        return (self._queries.shape[1] + 16) * torch.finfo(dtype).eps / 2


def _slices(length: int, step: int) -> list[slice]:
    return [slice(start, min(start + step, length)) for start in range(0, length, step)]
