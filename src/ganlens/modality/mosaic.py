"""Cells of pixels laid out on one grey ground, enlarged by whole factors so that they stay crisp."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Cell = NDArray[np.uint8]
"""[h, w, 3] bytes."""

PICTURE_WIDTH = 1000
CELL_SIDE = 256
GUTTER = (134, 139, 146)  # a mid grey: visible beside black and beside white, on a light and on a dark page


def in_rows(cells: NDArray[np.uint8], columns: int) -> list[list[Cell]]:
    """Cells [n, h, w, 3] as rows of `columns`."""
    return [list(cells[start : start + columns]) for start in range(0, len(cells), columns)]


def mosaic(
    rows: Sequence[Sequence[Cell]], *, row_gap: int, band: int = 1, band_gap: int | None = None
) -> Image.Image:
    """Lay rows of equal cells [h, w, 3] on a grey ground, enlarged by one whole factor.

    Args:
        row_gap: gap between rows, in gutter widths. `band_gap` replaces it after every `band` rows.
    """
    if not rows or not rows[0]:
        return Image.new("RGB", (1, 1), GUTTER)
    height, width = rows[0][0].shape[:2]
    columns = max(len(row) for row in rows)
    scale = max(1, min(PICTURE_WIDTH // (columns * width), CELL_SIDE // max(height, width)))
    gutter = 1 if scale * min(height, width) < 48 else 2
    height, width = height * scale, width * scale
    tops: list[int] = []
    top = gutter
    for number in range(len(rows)):
        if number:
            last_of_band = band_gap is not None and number % band == 0
            top += height + gutter * (band_gap if last_of_band and band_gap is not None else row_gap)
        tops.append(top)
    ground = np.empty((top + height + gutter, gutter + columns * (width + gutter), 3), dtype=np.uint8)
    ground[:] = GUTTER
    for top, row in zip(tops, rows, strict=True):
        for column, cell in enumerate(row):
            left = gutter + column * (width + gutter)
            ground[top : top + height, left : left + width] = cell.repeat(scale, axis=0).repeat(scale, axis=1)
    return Image.fromarray(ground)
