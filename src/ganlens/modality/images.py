"""Pictures: [channels, height, width] between −1 (black) and 1 (white)."""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.nn import functional

from ganlens.modality.modality import Modality, modalities

RAW_FEATURES = 1024
PICTURE_WIDTH = 1000
CELL_SIDE = 256
GUTTER = (134, 139, 146)  # a mid grey: visible beside black and beside white, on a light and on a dark page
LESS, EQUAL, MORE = (
    (33, 102, 172),
    (247, 247, 247),
    (179, 88, 6),
)  # blue, white, orange: told apart by every eye
FAINTEST_DIFFERENCE = 0.1


@modalities.register("images")
class Images(Modality):
    """Pictures of 1 to 4 channels (grey, grey and alpha, RGB, RGBA), any height and width."""

    name: ClassVar[str] = "images"
    range: ClassVar[tuple[float, float] | None] = (-1.0, 1.0)
    raw_space: ClassVar[str] = "pixels"

    def accepts(self, sample_shape: tuple[int, ...]) -> bool:
        return len(sample_shape) == 3 and 1 <= sample_shape[0] <= 4 and min(sample_shape) >= 1

    def default_preset(self, sample_shape: tuple[int, ...]) -> str:
        return "small" if max(sample_shape[1:]) <= 16 else "dcgan"

    def default_size(self, sample_shape: tuple[int, ...]) -> int | None:
        """The power of two that holds the image, 8…256: convolutional networks halve and double the side."""
        _, height, width = sample_shape
        size = min(max(1 << (max(height, width) - 1).bit_length(), 8), 256)
        return None if height == width == size else size

    def raw_features(self, samples: Tensor) -> Tensor:
        height, width = _raw_size(tuple(samples.shape[1:]))
        if (height, width) != tuple(samples.shape[2:]):
            samples = functional.adaptive_avg_pool2d(samples.float(), (height, width))
        return samples.float().flatten(1)

    def raw_protocol(self, sample_shape: tuple[int, ...]) -> str:
        channels, height, width = sample_shape
        raw_height, raw_width = _raw_size(sample_shape)
        of = "" if channels == 1 else f" of {channels} channels"
        if (raw_height, raw_width) == (height, width):
            return f"the {height}×{width} pixels{of} as they are"
        return f"pixels{of}, area-averaged from {height}×{width} to {raw_height}×{raw_width}"

    def picture(self, samples: Tensor, *, columns: int | None = None) -> Image.Image:
        cells = colours(samples)
        columns = columns or max(1, math.ceil(math.sqrt(len(cells))))
        return _mosaic(_in_rows(cells, columns), row_gap=1)

    def strips(self, samples: Tensor) -> Image.Image:
        rows, steps = samples.shape[:2]
        cells = colours(samples.flatten(0, 1))
        return _mosaic([list(cells[row * steps : (row + 1) * steps]) for row in range(rows)], row_gap=3)

    def pairs(self, first: Tensor, second: Tensor, *, difference: bool = False) -> Image.Image:
        """Columns of pairs: `first` above `second`; pairs beyond the first 16 go on in further bands below.

        With `difference`, a third row shows second − first, averaged over the channels: white where they
        agree, orange where the second is brighter, blue where it is darker. Full colour is the largest
        departure of the batch, or 0.1 (a twentieth of black to white) if all are smaller, so that noise
        doesn't look like change.
        """
        if first.shape != second.shape:
            raise ValueError(
                f"pairs need two batches of one shape, not {tuple(first.shape)} and {tuple(second.shape)}"
            )
        bands = [colours(first), colours(second)]
        if difference:
            bands.append(_departures(first, second))
        columns = min(len(first), 16)
        rows: list[list[NDArray[np.uint8]]] = []
        for start in range(0, len(first), columns):
            rows += [list(band[start : start + columns]) for band in bands]
        return _mosaic(rows, row_gap=1, band=len(bands), band_gap=4)


def colours(samples: Tensor) -> NDArray[np.uint8]:
    """Samples [n, c, h, w] in −1…1 as RGB bytes [n, h, w, 3]: values beyond are cut, NaN is black.

    Alpha (the second channel of 2, the fourth of 4) is laid over the gutters' grey.
    """
    values = samples.detach().float().cpu().nan_to_num(-1, posinf=1, neginf=-1).clamp(-1, 1)
    pixels = (values + 1) * 127.5
    channels = pixels.shape[1]
    colour = pixels[:, : 3 if channels >= 3 else 1].expand(-1, 3, -1, -1)
    if channels in (2, 4):
        opacity = pixels[:, -1:] / 255
        colour = colour * opacity + torch.tensor(GUTTER).view(1, 3, 1, 1) * (1 - opacity)
    result: NDArray[np.uint8] = colour.round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
    return result


def _raw_size(sample_shape: tuple[int, ...]) -> tuple[int, int]:
    channels, height, width = sample_shape
    factor = 1
    while channels * math.ceil(height / factor) * math.ceil(width / factor) > RAW_FEATURES:
        factor += 1
    return math.ceil(height / factor), math.ceil(width / factor)


def _departures(first: Tensor, second: Tensor) -> NDArray[np.uint8]:
    """Signed differences [n, c, h, w] as diverging colours [n, h, w, 3]."""
    change = (second.detach().float().cpu() - first.detach().float().cpu()).nan_to_num(0, 0, 0).mean(dim=1)
    largest = change.abs().max().item() if change.numel() else 0.0
    share = (change / max(largest, FAINTEST_DIFFERENCE)).clamp(-1, 1).unsqueeze(-1).numpy()
    less, equal, more = (np.array(colour, dtype=np.float32) for colour in (LESS, EQUAL, MORE))
    mixed = equal + np.maximum(share, 0) * (more - equal) + np.maximum(-share, 0) * (less - equal)
    result: NDArray[np.uint8] = mixed.round().astype(np.uint8)
    return result


def _in_rows(cells: NDArray[np.uint8], columns: int) -> list[list[NDArray[np.uint8]]]:
    return [list(cells[start : start + columns]) for start in range(0, len(cells), columns)]


def _mosaic(
    rows: list[list[NDArray[np.uint8]]], *, row_gap: int, band: int = 1, band_gap: int | None = None
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
