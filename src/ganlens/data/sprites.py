"""`sprites`: simple shapes whose every cause is known, so that an explanation of a generator can be checked.

The idea is that of dSprites (Matthey et al., 2017); the shapes, the ranges and the renderer are our own.
Unlike there, every value of every factor gives a picture of its own: orientation stays within what the
square's symmetry leaves unambiguous, and all shapes have the same area at the same scale, so that the factors
don't stand in for each other.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ganlens.data.dataset import DataOptions, Dataset, SampleArray, Split, split_rows
from ganlens.data.resize import in_channels
from ganlens.data.source_arguments import refuse_argument, refuse_aspect, refuse_large
from ganlens.data.sources import sources
from ganlens.errors import UserError
from ganlens.modality import Images
from ganlens.progress import Progress
from ganlens.randomness import numpy_generator

COUNT = 10_000
SIZE = 32
SMALLEST_SIZE = 16
CHUNK_PIXELS = 2**20
DRAWN_AT_ONCE = 8192

SHAPES = ("square", "ellipse", "triangle")
FACTORS = ("shape", "scale", "orientation", "x", "y", "shade")
LOW = np.array([0, 0.5, -40, -0.35, -0.35, 0.3])
HIGH = np.array([3, 1.0, 40, 0.35, 0.35, 1.0])

AREA = 0.48  # of a shape at scale 1, where the whole picture has an area of 4
SQUARE_HALF = math.sqrt(AREA) / 2
ELLIPSE_ASPECT = 1.8
ELLIPSE_LONG = math.sqrt(AREA * ELLIPSE_ASPECT / math.pi)
ELLIPSE_SHORT = ELLIPSE_LONG / ELLIPSE_ASPECT
TRIANGLE_INNER = math.sqrt(AREA / (3 * math.sqrt(3)))  # inner radius of an equilateral triangle of that area


@sources.register("sprites")
def sprites(argument: str | None, options: DataOptions, progress: Progress) -> Dataset:
    """Squares, ellipses and triangles of known scale, orientation, place and shade, as many as asked for."""
    refuse_argument("sprites", argument)
    refuse_aspect("sprites", options)
    size = options.size or SIZE
    if size < SMALLEST_SIZE:
        raise UserError(
            f"sprites: {size} pixels can't tell the shapes apart; ask for a size of {SMALLEST_SIZE} or more"
        )
    refuse_large("sprites", options.count or COUNT, (1, size, size))
    factors = draw_factors(options.count or COUNT, options.split_seed)
    images = np.empty((len(factors), 1, size, size), dtype=np.uint8)
    with progress.task("Drawing sprites", total=len(factors)) as task:
        for start in range(0, len(factors), DRAWN_AT_ONCE):
            images[start : start + DRAWN_AT_ONCE] = render_sprites(
                factors[start : start + DRAWN_AT_ONCE], size
            )
            task.advance(min(DRAWN_AT_ONCE, len(factors) - start))
    images, note = in_channels(images, options.channels, "sprites")
    labels = factors[:, 0].astype(np.int64)
    train, held_out = split_rows(len(factors), options.held_out, options.split_seed, labels)

    def split(rows: NDArray[np.int64]) -> Split:
        return Split(
            SampleArray(images, rows), torch.from_numpy(labels[rows]), torch.from_numpy(factors[rows])
        )

    return Dataset(
        name="sprites",
        modality=Images(),
        train=split(train),
        held_out=split(held_out),
        class_names=SHAPES,
        factor_names=FACTORS,
        notes=(note,) if note else (),
    )


def draw_factors(count: int, seed: int) -> NDArray[np.float64]:
    """Independent uniform factors [count, 6], in the order of `FACTORS`. Row i is the same for every count.

    shape: 0, 1 or 2 (see `SHAPES`). scale: 0.5 to 1 in length. orientation: −40 to 40 degrees, clockwise.
    x, y: place of the centre, −0.35 to 0.35, where −1 and 1 are the picture's edges; x to the right, y down.
    shade: 0.3 to 1, 1 is white.
    """
    uniform = numpy_generator(seed, "sprites", "factors").random((count, len(FACTORS)))
    factors: NDArray[np.float64] = LOW + uniform * (HIGH - LOW)
    factors[:, 0] = np.floor(factors[:, 0])
    return factors


def render_sprites(factors: NDArray[np.float64] | Tensor, size: int = SIZE) -> NDArray[np.uint8]:
    """Draw the pictures of `factors` [n, 6] (see `draw_factors`; values beyond the ranges are drawn too).

    Edges are anti-aliased by the distance to them, so that the picture varies smoothly with every factor.

    Returns:
        [n, 1, size, size], black ground.
    """
    factors = torch.as_tensor(factors, dtype=torch.float32)
    if factors.ndim != 2 or factors.shape[1] != len(FACTORS):
        raise ValueError(
            f"factors are [n, {len(FACTORS)}] ({', '.join(FACTORS)}), not {tuple(factors.shape)}"
        )
    images = np.empty((len(factors), 1, size, size), dtype=np.uint8)
    step = max(1, CHUNK_PIXELS // size**2)
    for start in range(0, len(factors), step):
        images[start : start + step, 0] = _render(factors[start : start + step], size).numpy()
    return images


def _render(factors: Tensor, size: int) -> Tensor:
    """Pictures [n, size, size] uint8 of factors [n, 6]."""
    shape, scale, degrees, x, y, shade = (column.view(-1, 1, 1) for column in factors.unbind(1))
    line = (torch.arange(size) + 0.5) * (2 / size) - 1
    right, down = line.view(1, 1, -1) - x, line.view(1, -1, 1) - y
    angle = torch.deg2rad(degrees)
    # Into the shape's own frame, where it stands upright at scale 1.
    u = (right * angle.cos() + down * angle.sin()) / scale
    v = (down * angle.cos() - right * angle.sin()) / scale
    distance = torch.empty(len(factors), size, size)
    for number, outline in enumerate((_square, _ellipse, _triangle)):
        chosen = shape.flatten().long() == number
        distance[chosen] = outline(u[chosen], v[chosen])
    # From one half pixel inside the edge to one half pixel outside, coverage falls from 1 to 0.
    coverage = (0.5 - distance * scale * (size / 2)).clamp_(0, 1)
    return coverage.mul_(shade * 255).round_().to(torch.uint8)


def _square(u: Tensor, v: Tensor) -> Tensor:
    """Signed distance to the outline, negative inside."""
    return torch.maximum(u.abs(), v.abs()) - SQUARE_HALF


def _ellipse(u: Tensor, v: Tensor) -> Tensor:
    """Distance to first order: the implicit function over the length of its gradient. The long axis is u."""
    level = torch.sqrt((u / ELLIPSE_LONG) ** 2 + (v / ELLIPSE_SHORT) ** 2)
    slope = torch.sqrt((u / ELLIPSE_LONG**2) ** 2 + (v / ELLIPSE_SHORT**2) ** 2)
    return level * (level - 1) / slope.clamp(min=1e-6)


def _triangle(u: Tensor, v: Tensor) -> Tensor:
    """Equilateral, one corner up: the farthest of three half planes at the inner radius from the centre."""
    slanted = u.abs() * (math.sqrt(3) / 2) - v / 2
    return torch.maximum(slanted, v) - TRIANGLE_INNER
