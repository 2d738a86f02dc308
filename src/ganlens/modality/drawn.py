"""Samples of any shape as pictures: every number a cell, dark where it is low, light where it is high."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from ganlens.modality.mosaic import Cell, in_rows, mosaic

Bounds = tuple[Tensor, Tensor] | None
"""Lowest and highest value of each number of a sample, infinite where there is none."""

FLATTEST = 8
"""A sample is drawn at most this many times as wide as it is high, so that a row of numbers can be seen."""
FAINTEST = 0.05
"""Share of the values' reach that the strongest departure must have to be drawn at full strength."""


def picture(samples: Tensor, bounds: Bounds, *, columns: int | None = None) -> Image.Image:
    """Samples [n, …] as a grid of cells."""
    cells = _cells(_shares(samples, bounds, samples))
    return mosaic(in_rows(cells, columns or max(1, math.ceil(math.sqrt(len(cells))))), row_gap=1)


def strips(sequences: Tensor, bounds: Bounds) -> Image.Image:
    """Sequences [rows, steps, …], a row of cells each."""
    flat = sequences.flatten(0, 1)
    cells = _cells(_shares(flat, bounds, flat))
    return mosaic(in_rows(cells, sequences.shape[1]), row_gap=3)


def pairs(first: Tensor, second: Tensor, bounds: Bounds, *, difference: bool) -> Image.Image:
    """Columns of pairs, `first` above `second`; with `difference`, how far each value departs below, light for far."""
    if first.shape != second.shape:
        raise ValueError(
            f"pairs need two batches of one shape, not {tuple(first.shape)} and {tuple(second.shape)}"
        )
    both = torch.cat([first, second])
    shares = [_shares(side, bounds, both) for side in (first, second)]
    bands = [_cells(side) for side in shares]
    if difference:
        departs = (shares[1] - shares[0]).abs()
        bands.append(_cells(departs / departs.max().clamp(min=FAINTEST) if departs.numel() else departs))
    columns = min(len(first), 16)
    rows: list[list[Cell]] = []
    for start in range(0, len(first), columns):
        rows += [list(band[start : start + columns]) for band in bands]
    return mosaic(rows, row_gap=1, band=len(bands), band_gap=4)


def _shares(samples: Tensor, bounds: Bounds, among: Tensor) -> Tensor:
    """Values as shares 0…1 of their bounds; of a value without, of the reach it has among those samples."""
    values, among = (x.detach().float().cpu().nan_to_num(0, 0, 0) for x in (samples, among))
    low, high = among.amin(dim=0), among.amax(dim=0)
    if bounds is None:
        low, high = low.min().expand_as(low), high.max().expand_as(high)
    else:
        low, high = (
            torch.where(end.isfinite(), end, own) for end, own in zip(bounds, (low, high), strict=True)
        )
    return ((values - low) / (high - low).clamp(min=1e-12)).clamp(0, 1)


def _cells(shares: Tensor) -> NDArray[np.uint8]:
    """Shares [n, …] as grey cells [n, h, w, 3]: the last axis across, the others down."""
    plane = shares.reshape(len(shares), -1, shares.shape[-1]) if shares.ndim > 1 else shares[:, None, None]
    height, width = plane.shape[1:]
    plane = plane.repeat_interleave(max(1, width // (FLATTEST * height)), dim=1)
    grey = (plane * 255).round().to(torch.uint8)
    cells: NDArray[np.uint8] = grey.unsqueeze(-1).expand(-1, -1, -1, 3).numpy()
    return cells
