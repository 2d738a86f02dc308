"""Pictures: [channels, height, width] between −1 (black) and 1 (white)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.nn import functional

from ganlens.errors import UserError
from ganlens.modality.edit import Aspect, Edit
from ganlens.modality.modality import Body, Change, Modality, modalities
from ganlens.modality.mosaic import GUTTER, Cell, in_rows, mosaic
from ganlens.modality.picture_aspects import picture_aspects
from ganlens.modality.picture_damages import picture_damages
from ganlens.modality.picture_edits import picture_edits
from ganlens.modality.picture_readings import picture_readings
from ganlens.modality.places import Axis, Part
from ganlens.modality.reading import Reading

RAW_FEATURES = 1024
LESS, EQUAL, MORE = (
    (33, 102, 172),
    (247, 247, 247),
    (179, 88, 6),
)  # blue, white, orange: told apart by every eye
FAINTEST_DIFFERENCE = 0.1
MODES = ("L", "LA", "RGB", "RGBA")
"""What pictures of 1 to 4 channels are called by the picture library."""
DOWN, ACROSS = ("top", "middle", "bottom"), ("left", "centre", "right")


@modalities.register("images")
@dataclass(frozen=True)
class Images(Modality):
    """Pictures of 1 to 4 channels (grey, grey and alpha, RGB, RGBA), any height and width."""

    name: ClassVar[str] = "images"
    raw_space: ClassVar[str] = "pixels"
    strength: ClassVar[str] = "brightness"
    parts_title: ClassVar[str] = "the brightness of the picture's parts"
    picture_like: ClassVar[bool] = True
    changes: ClassVar[frozenset[Change]] = frozenset({"shift", "cut", "recolour"})

    @property
    def range(self) -> tuple[float, float]:
        return -1.0, 1.0

    def accepts(self, sample_shape: tuple[int, ...]) -> bool:
        return len(sample_shape) == 3 and 1 <= sample_shape[0] <= 4 and min(sample_shape) >= 1

    @classmethod
    def of_shape(cls, sample_shape: tuple[int, ...]) -> Images | None:
        return cls() if cls().accepts(sample_shape) else None

    @property
    def grid(self) -> tuple[Axis, ...]:
        return Axis("height", 1), Axis("width", 2)

    def parts(self, sample_shape: tuple[int, ...]) -> tuple[Part, ...]:
        """Thirds of the height by thirds of the width: nine parts, fewer where a side has fewer than three pixels."""
        rows, columns = (
            names if side >= 3 else ("",)
            for names, side in zip((DOWN, ACROSS), sample_shape[1:], strict=True)
        )
        return tuple(
            Part(
                ("the " + f"{row} {column}".strip()).replace("middle centre", "centre")
                if row or column
                else "the whole",
                _third(sample_shape, (i, len(rows)), (j, len(columns))),
            )
            for i, row in enumerate(rows)
            for j, column in enumerate(columns)
        )

    def small_edits(self, sample_shape: tuple[int, ...]) -> tuple[Edit, ...]:
        """Flips, shifts, turns, sizes, light and contrast."""
        return picture_edits(sample_shape)

    def aspects(self, like: Tensor) -> tuple[Aspect, ...]:
        return picture_aspects(like)

    def readings(self, like: Tensor) -> tuple[Reading, ...]:
        return picture_readings(like)

    def local_readings(self, sample_shape: tuple[int, ...]) -> tuple[Reading, ...]:
        """The brightness of each part."""
        parts = self.parts(sample_shape)
        across = sum(1 for part in parts if bool(part.mask[:, 0].any()))
        size = len(parts) // across, across

        def brightness(samples: Tensor) -> Tensor:
            return functional.adaptive_avg_pool2d(samples.mean(dim=1, keepdim=True), size).flatten(1)

        return tuple(
            Reading(f"brightness at {part.name}", brightness, column, differentiable=True)
            for column, part in enumerate(parts)
        )

    def damages(self, sample_shape: tuple[int, ...]) -> tuple[Edit, ...]:
        return picture_damages(sample_shape)

    def body(self, sample_shape: tuple[int, ...]) -> Body:
        return "convolutional"

    def encode(self, things: Sequence[Image.Image]) -> Tensor:
        """Samples [n, c, h, w] of pictures of one size and one mode (L, LA, RGB or RGBA)."""
        if len({(thing.size, thing.mode) for thing in things}) != 1 or things[0].mode not in MODES:
            raise UserError(f"images: expected pictures of one size and one mode of {', '.join(MODES)}")
        pixels = torch.from_numpy(np.stack([np.asarray(thing) for thing in things]))
        pixels = pixels.unsqueeze(-1) if pixels.ndim == 3 else pixels
        return pixels.permute(0, 3, 1, 2).float().mul(2 / 255).sub(1).contiguous()

    def decode(self, samples: Tensor) -> list[Image.Image]:
        """Pictures of samples [n, c, h, w], to the nearest of 256 levels."""
        levels = (self.clipped(samples.detach().float().cpu()) + 1) * 127.5
        pixels = levels.round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
        return [
            Image.fromarray(each[..., 0] if each.shape[-1] == 1 else each, MODES[each.shape[-1] - 1])
            for each in pixels
        ]

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
        return mosaic(in_rows(cells, columns), row_gap=1)

    def strips(self, samples: Tensor) -> Image.Image:
        rows, steps = samples.shape[:2]
        cells = colours(samples.flatten(0, 1))
        return mosaic([list(cells[row * steps : (row + 1) * steps]) for row in range(rows)], row_gap=3)

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
        rows: list[list[Cell]] = []
        for start in range(0, len(first), columns):
            rows += [list(band[start : start + columns]) for band in bands]
        return mosaic(rows, row_gap=1, band=len(bands), band_gap=4)


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


def _third(shape: tuple[int, ...], row: tuple[int, int], column: tuple[int, int]) -> Tensor:
    """Mask of the part (which, of how many) down and across, as adaptive averaging cuts a picture."""
    mask = torch.zeros(shape, dtype=torch.bool)
    (top, bottom), (left, right) = (
        (which * side // count, -(-(which + 1) * side // count))
        for (which, count), side in zip((row, column), shape[1:], strict=True)
    )
    mask[:, top:bottom, left:right] = True
    return mask


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
