"""Sums over large boolean matrices, eight entries at a time.

torch widens a boolean matrix to int64 before it sums it, which costs more than the comparison that made it.
Eight booleans side by side are one int64 whose bytes are 0 or 1, and up to 255 of those can be added before a
byte overflows into the next.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

BYTES = 8
MOST_ADDED = 128


def count_rows(mask: Tensor) -> Tensor:
    """How many entries of each row are true: [n, m] bool → [n] int64."""
    lanes = _lanes(mask, BYTES * MOST_ADDED)
    sums = lanes.view(len(mask), -1, MOST_ADDED).sum(dim=2)
    return sums.view(torch.uint8).sum(dim=1, dtype=torch.int64)


def any_in_columns(mask: Tensor) -> Tensor:
    """Whether any entry of each column is true: [n, m] bool → [m] bool."""
    lanes = _lanes(mask, BYTES)
    found = torch.zeros(lanes.shape[1], dtype=torch.int64, device=mask.device)
    for rows in lanes.split(MOST_ADDED):
        found |= rows.sum(dim=0)
    return found.view(torch.uint8)[: mask.shape[1]] > 0


def differing(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """Rows and columns of the entries in which two masks [n, m] differ, in order."""
    lanes = _lanes(first, BYTES) != _lanes(second, BYTES)
    row, lane = lanes.nonzero(as_tuple=True)
    if len(row) == 0:
        return row, lane
    column = (lane[:, None] * BYTES + torch.arange(BYTES, device=lane.device)).flatten()
    row = row.repeat_interleave(BYTES)
    there = column < first.shape[1]
    row, column = row[there], column[there]
    differ = first[row, column] != second[row, column]
    return row[differ], column[differ]


def _lanes(mask: Tensor, multiple: int) -> Tensor:
    """The mask's bytes, eight to an int64, the rows filled up with zeros to a multiple of entries."""
    missing = -mask.shape[1] % multiple
    return (F.pad(mask, (0, missing)) if missing else mask.contiguous()).view(torch.int64)
