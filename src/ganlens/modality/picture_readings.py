"""What is read off any picture exactly, with no model in between: place, size, weight, lean, tint, pieces, holes."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

from ganlens.modality.reading import Reading

LEAST_INK = 1e-6
DEPARTS = 0.5
"""A pixel belongs to the foreground where it departs this much (of 2, black to white) from the border's median."""
PLANE = np.zeros((3, 3, 3), dtype=bool)
PLANE[1] = True
"""Pixels touch within their own picture, along edges and corners."""
CROSS = np.zeros((3, 3, 3), dtype=bool)
CROSS[1] = ndimage.generate_binary_structure(2, 1)
"""Background touches along edges alone, so that a diagonal line encloses."""


def picture_readings(like: Tensor) -> tuple[Reading, ...]:
    """The readings of pictures [n, c, h, w] on the ground that those pictures stand on."""
    ground = background(like)
    lighter = bool(like.mean() >= ground.mean())
    return (*_of_foreground(), *_of_weight(like.shape[1], lighter, ground))


def background(pictures: Tensor) -> Tensor:
    """The colour [c] of the ground: the median of the border of pictures [n, c, h, w]."""
    edges = [pictures[:, :, 0], pictures[:, :, -1], pictures[:, :, :, 0], pictures[:, :, :, -1]]
    border = torch.cat(edges, dim=2).transpose(0, 1).flatten(1)
    values: Tensor = border[:, :: max(1, border.shape[1] // 100_000)].median(dim=1).values
    return values


def _of_weight(channels: int, lighter: bool, ground: Tensor) -> tuple[Reading, ...]:
    """The readings of `picture_statistics`, in its order; `lighter`: what is drawn is lighter than the ground."""

    def read(pictures: Tensor) -> Tensor:
        return picture_statistics(pictures, ground)

    stronger, weaker = ("makes it brighter", "makes it darker")[:: 1 if lighter else -1]
    words = [
        ("strength of what is drawn", stronger, weaker, 0.02, "", ""),
        (
            "place across",
            "moves right",
            "moves left",
            0.005,
            "samples far to the right",
            "samples far to the left",
        ),
        ("place down", "moves down", "moves up", 0.005, "samples far down", "samples far up"),
        ("size", "makes it larger", "makes it smaller", 0.02, "", ""),
        ("weight", "makes it bolder", "makes it thinner", 0.03, "", ""),
        (
            *("lean", "leans it right", "leans it left", 0.02),
            *("samples that lean far to the right", "samples that lean far to the left"),
        ),
        ("stretch", "makes it wider", "makes it taller", 0.03, "very wide samples", "very tall samples"),
    ]
    if channels == 3:
        words += [
            (f"{colour} tint", f"makes it more {colour}", f"makes it less {colour}", 0.02, "", "")
            for colour in ("red", "green", "blue")
        ]
    words.append(
        (
            *("brightness", "brightens the picture", "darkens the picture", 0.01),
            *("very bright samples", "very dark samples"),
        )
    )
    return tuple(
        Reading(name, read, column, rises=rises, falls=falls, high=high, low=low, least=least)
        for column, (name, rises, falls, least, high, low) in enumerate(words)
    )


def _of_foreground() -> tuple[Reading, ...]:
    """The readings of `foreground_statistics`, in its order: they make kinds of sample and name no direction."""
    read = foreground_statistics
    return (
        Reading(
            *("area", read, 0),
            high="samples with very much foreground",
            low="samples with very little foreground",
        ),
        Reading("stroke width", read, 1, high="very thick strokes", low="very thin strokes", unit="px"),
        Reading("pieces", read, 2, counts=True),
        Reading("holes", read, 3, counts=True),
    )


def picture_statistics(pictures: Tensor, ground: Tensor) -> Tensor:
    """Statistics [n, s] float64 of pictures [n, c, h, w], c of 1 to 4.

    What is drawn is where a picture departs from `ground` [c]; it weighs as much as it departs. Places and
    sizes are in shares of the picture's side, sizes and strengths as logarithms, so that a difference of 0.02
    is 2 %. A picture that is all ground has its places in the middle.
    """
    pictures = pictures.double()
    ink = (pictures - ground.double().view(1, -1, 1, 1)).abs().mean(dim=1)
    height, width = ink.shape[1:]
    total = ink.sum(dim=(1, 2)).clamp(min=LEAST_INK)
    across = (torch.arange(width, dtype=torch.float64) + 0.5) / width
    down = (torch.arange(height, dtype=torch.float64) + 0.5) / height
    columns, rows = ink.sum(dim=1) / total[:, None], ink.sum(dim=2) / total[:, None]
    x, y = columns @ across, rows @ down
    smallest = 1 / (12 * max(height, width) ** 2)  # a single pixel's own extent
    var_x = columns @ across.square() - x.square() + smallest
    var_y = rows @ down.square() - y.square() + smallest
    both = torch.einsum("nhw,h,w->n", ink, down, across) / total - x * y
    squares = ink.square().sum(dim=(1, 2)).clamp(min=LEAST_INK**2)
    spread = var_x + var_y
    empty = ink.flatten(1).amax(dim=1) == 0
    x, y = x.where(~empty, 0.5), y.where(~empty, 0.5)
    area = total.square() / squares / (height * width)
    values = [
        (squares / total).log(),
        x,
        y,
        spread.log() / 2,
        (area / spread).log(),
        -both / var_y,
        (var_x / var_y).log() / 2,
    ]
    if pictures.shape[1] == 3:
        weighed = (pictures * ink[:, None]).sum(dim=(2, 3)) / total[:, None]
        values += list((weighed - weighed.mean(dim=1, keepdim=True)).unbind(dim=1))
    return torch.stack([*values, pictures.mean(dim=(1, 2, 3))], dim=1)


def foreground_statistics(images: Tensor) -> Tensor:
    """Area, stroke width, pieces and holes [n, 4] of images [n, c, h, w] in −1…1.

    Foreground is what departs from the median of the border's pixels; area is its share of the pixels; the
    stroke width is four times the mean distance of its pixels to the background, in pixels (exact for a long
    straight stroke); pieces touch along edges or corners; holes are background that does not reach the border.
    """
    grey = images.float().mean(dim=1).cpu().numpy()
    edge = np.concatenate([grey[:, 0], grey[:, -1], grey[:, :, 0], grey[:, :, -1]], axis=1)
    mask = np.abs(grey - np.median(edge, axis=1)[:, None, None]) > DEPARTS
    count = len(grey)
    lit = np.maximum(mask.sum(axis=(1, 2)), 1)
    padded = np.pad(mask, ((0, 0), (1, 1), (1, 1)))
    # Neighbours along the first axis are other pictures: so far away that no distance reaches them.
    depth = ndimage.distance_transform_edt(padded, sampling=(1e6, 1, 1)) - 0.5 * padded
    columns = [
        mask.mean(axis=(1, 2)),
        4 * depth.sum(axis=(1, 2)) / lit,
        _regions(padded, PLANE, count),
        _regions(~padded, CROSS, count) - 1,
    ]
    return torch.from_numpy(np.stack(columns, axis=1).astype(np.float32))


def _regions(mask: NDArray[np.bool_], structure: NDArray[np.bool_], count: int) -> NDArray[np.int64]:
    """How many connected regions each picture of `mask` [n, h, w] has: [n]."""
    labels, _ = ndimage.label(mask, structure=structure)
    places = labels.reshape(count, -1)
    picture, pixel = places.nonzero()
    _, first = np.unique(places[picture, pixel], return_index=True)
    return np.bincount(picture[first], minlength=count)
