"""Points: vectors [d] of real numbers, without bounds. The plane (d = 2) is what can be looked at."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from ganlens.modality.modality import Modality, modalities
from ganlens.modality.places import Part, slab
from ganlens.modality.point_readings import readings_about_the_middle
from ganlens.modality.reading import Reading

MOST_COORDINATES = 1024
MOST_NAMED = 16
"""Coordinates up to which a direction is named by the one that it moves."""
FEW = 8
"""Coordinates that are looked at one by one."""
STILL = 1e-9
SIDE = 720
OVERSAMPLING = 3
MARGIN_LEFT, MARGIN_BOTTOM, MARGIN_TOP, MARGIN_RIGHT = 54, 38, 34, 18  # the panel is a square
PAPER, AXIS, GRID, INK = (252, 252, 252), (150, 155, 162), (232, 234, 237), (74, 79, 87)
BLUE, ORANGE = (0, 114, 178), (213, 94, 0)  # Okabe and Ito's blue and vermilion: told apart by every eye
ALONG = np.array(
    [(68, 1, 84), (59, 82, 139), (33, 145, 140), (94, 201, 98), (240, 200, 30)], dtype=np.float64
)

Colour = tuple[int, int, int]
Array = NDArray[np.float64]


@modalities.register("points")
@dataclass(frozen=True)
class Points(Modality):
    """Points of up to 1,024 coordinates; pictures show the first two."""

    name: ClassVar[str] = "points"
    raw_space: ClassVar[str] = "coordinates"
    parts_title: ClassVar[str] = "the samples' coordinates"
    as_dots: ClassVar[bool] = True
    measured: ClassVar[bool] = True

    @property
    def range(self) -> None:
        return None

    def accepts(self, sample_shape: tuple[int, ...]) -> bool:
        return len(sample_shape) == 1 and 1 <= sample_shape[0] <= MOST_COORDINATES

    @classmethod
    def of_shape(cls, sample_shape: tuple[int, ...]) -> Points | None:
        return cls() if cls().accepts(sample_shape) else None

    def parts(self, sample_shape: tuple[int, ...]) -> tuple[Part, ...]:
        """The first coordinates, one by one: these have no places, so that none is nearer to one than to another."""
        return tuple(
            Part(f"coordinate {i + 1}", slab(sample_shape, 0, [i])) for i in range(min(sample_shape[0], FEW))
        )

    def local_readings(self, sample_shape: tuple[int, ...]) -> tuple[Reading, ...]:
        """The first coordinates themselves."""
        return tuple(
            replace(reading, differentiable=True) for reading in _of_coordinates(sample_shape[0])[:FEW]
        )

    def readings(self, like: Tensor) -> tuple[Reading, ...]:
        """The coordinates, and where a point lies about the middle. Of very many, no one says what a direction does."""
        size = like.shape[1]
        about = readings_about_the_middle(like) if size <= MOST_NAMED else ()
        return (*_of_coordinates(size), *about)

    def picture(self, samples: Tensor, *, columns: int | None = None) -> Image.Image:
        """A scatter; `columns` has no meaning here."""
        points = _plane(samples)
        axes = _Axes(points)
        axes.dots(points, BLUE, radius=_dot_radius(len(points)))
        return axes.image()

    def strips(self, samples: Tensor) -> Image.Image:
        """A line per sequence, dark where it starts and yellow where it ends."""
        paths = _plane(samples)
        axes = _Axes(paths)
        steps = paths.shape[1]
        shades = [_along(step / max(steps - 1, 1)) for step in range(steps)]
        for path in paths:
            for step in range(steps - 1):
                axes.segment(path[step], path[step + 1], shades[step], width=2.0)
            axes.dots(path[:1], shades[0], radius=3.5)
            axes.dots(path[-1:], shades[-1], radius=3.5)
        axes.legend([("first step", shades[0]), ("last step", shades[-1])])
        return axes.image()

    def pairs(self, first: Tensor, second: Tensor, *, difference: bool = False) -> Image.Image:
        """Blue dots for the first, orange for the second, a line (or, for `difference`, an arrow) between."""
        if first.shape != second.shape:
            raise ValueError(
                f"pairs need two batches of one shape, not {tuple(first.shape)} and {tuple(second.shape)}"
            )
        start, end = _plane(first), _plane(second)
        axes = _Axes(np.concatenate([start, end]))
        for a, b in zip(start, end, strict=True):
            axes.segment(
                a, b, INK if difference else AXIS, width=1.6 if difference else 1.0, arrow=difference
            )
        radius = max(_dot_radius(len(start)), 2.5)
        axes.dots(start, BLUE, radius=radius)
        axes.dots(end, ORANGE, radius=radius)
        axes.legend([("first", BLUE), ("second", ORANGE)])
        return axes.image()


class _Axes:
    """A square panel with equal units on both axes, drawn three times too large and reduced, to be smooth.

    The limits hold every finite point; a point with a coordinate that is no finite number is left out.
    """

    def __init__(self, points: Array) -> None:
        scale = OVERSAMPLING
        self._image = Image.new("RGB", (SIDE * scale, SIDE * scale), PAPER)
        self._draw = ImageDraw.Draw(self._image)
        self._left, self._right = MARGIN_LEFT * scale, (SIDE - MARGIN_RIGHT) * scale
        self._top, self._bottom = MARGIN_TOP * scale, (SIDE - MARGIN_BOTTOM) * scale
        (self._x_low, self._x_high), (self._y_low, self._y_high) = _limits(points.reshape(-1, 2))
        self._font = ImageFont.load_default(12 * scale)
        self._frame()

    def dots(self, points: Array, colour: Colour, *, radius: float) -> None:
        r = radius * OVERSAMPLING
        for x, y in self._pixels(points):
            self._draw.ellipse((x - r, y - r, x + r, y + r), fill=colour)

    def segment(self, start: Array, end: Array, colour: Colour, *, width: float, arrow: bool = False) -> None:
        ends = self._pixels(np.stack([start, end]))
        if len(ends) < 2:
            return
        (x0, y0), (x1, y1) = ends
        self._draw.line((x0, y0, x1, y1), fill=colour, width=round(width * OVERSAMPLING))
        length = math.hypot(x1 - x0, y1 - y0)
        if arrow and length > 0:
            head = min(8 * OVERSAMPLING, length / 2)
            ux, uy = (x1 - x0) / length, (y1 - y0) / length
            x, y = x0 + (x1 - x0) * 0.6, y0 + (y1 - y0) * 0.6  # past the middle, so that no dot hides it
            sides = [(x - head * (ux + s * uy / 2), y - head * (uy - s * ux / 2)) for s in (1, -1)]
            self._draw.polygon([(x, y), *sides], fill=colour)

    def legend(self, entries: list[tuple[str, Colour]]) -> None:
        scale = OVERSAMPLING
        x, y, r = self._left + 4 * scale, self._top / 2, 4 * scale
        for text, colour in entries:
            self._draw.ellipse((x, y - r, x + 2 * r, y + r), fill=colour)
            self._draw.text((x + 3 * r, y), text, fill=INK, font=self._font, anchor="lm")
            x += 3 * r + round(self._draw.textlength(text, font=self._font)) + 18 * scale

    def image(self) -> Image.Image:
        return self._image.resize((SIDE, SIDE), Image.Resampling.BOX)

    def _frame(self) -> None:
        scale = OVERSAMPLING
        for x in _ticks(self._x_low, self._x_high):
            px = self._x(x)
            self._draw.line((px, self._top, px, self._bottom), fill=GRID, width=scale)
            self._draw.text(
                (px, self._bottom + 8 * scale), f"{x:.4g}", fill=INK, font=self._font, anchor="mt"
            )
        for y in _ticks(self._y_low, self._y_high):
            py = self._y(y)
            self._draw.line((self._left, py, self._right, py), fill=GRID, width=scale)
            self._draw.text((self._left - 8 * scale, py), f"{y:.4g}", fill=INK, font=self._font, anchor="rm")
        self._draw.rectangle((self._left, self._top, self._right, self._bottom), outline=AXIS, width=scale)

    def _x(self, value: float) -> float:
        return self._left + (value - self._x_low) / (self._x_high - self._x_low) * (self._right - self._left)

    def _y(self, value: float) -> float:
        return self._bottom - (value - self._y_low) / (self._y_high - self._y_low) * (
            self._bottom - self._top
        )

    def _pixels(self, points: Array) -> list[tuple[float, float]]:
        return [(self._x(x), self._y(y)) for x, y in points[np.isfinite(points).all(axis=1)].tolist()]


def _of_coordinates(size: int) -> tuple[Reading, ...]:
    nameable = size <= MOST_NAMED
    readings = []
    for column in range(size if nameable else FEW):
        name = f"coordinate {column + 1}"
        rises, falls = (f"raises {name}", f"lowers {name}") if nameable else ("", "")
        high, low = (
            (f"samples of very high {name}", f"samples of very low {name}") if column < FEW else ("", "")
        )
        readings.append(
            Reading(name, _coordinates, column, rises=rises, falls=falls, high=high, low=low, least=STILL)
        )
    return tuple(readings)


def _coordinates(samples: Tensor) -> Tensor:
    return samples


def _plane(samples: Tensor) -> Array:
    """The first two coordinates [..., 2]; the line (d = 1) is laid on the x axis."""
    values: Array = samples.detach().cpu().double().numpy()[..., :2]
    return values if values.shape[-1] == 2 else np.concatenate([values, np.zeros_like(values)], axis=-1)


def _limits(points: Array) -> tuple[tuple[float, float], tuple[float, float]]:
    """Ends of both axes, of equal length, with a margin of 5 % round the finite points."""
    finite = points[np.isfinite(points).all(axis=1)]
    if len(finite) == 0:
        return (-1.0, 1.0), (-1.0, 1.0)
    low, high = finite.min(axis=0), finite.max(axis=0)
    centre = low / 2 + high / 2
    # A cloud that is one point still gets an axis, wide enough to be told from its own centre in float64.
    half = max(float((high - low).max()) * 0.55, float(np.abs(centre).max()) * 1e-6, 1e-6)
    if high.max() == low.max() and half < 1:
        half = 1.0
    x, y = float(centre[0]), float(centre[1])
    return (x - half, x + half), (y - half, y + half)


def _ticks(low: float, high: float) -> list[float]:
    """About six round numbers (1, 2 or 5 times a power of ten apart) between `low` and `high`."""
    raw = (high - low) / 6
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= raw * 0.999)
    first, last = math.ceil(low / step), math.floor(high / step)
    return [number * step for number in range(first, last + 1)]


def _along(share: float) -> Colour:
    """A colour from dark violet (0) to yellow (1) whose lightness only rises."""
    place = min(max(share, 0.0), 1.0) * (len(ALONG) - 1)
    below = min(int(place), len(ALONG) - 2)
    red, green, blue = (
        (ALONG[below] + (place - below) * (ALONG[below + 1] - ALONG[below])).round().astype(int).tolist()
    )
    return red, green, blue


def _dot_radius(count: int) -> float:
    """Smaller dots for more points, in pixels: 4 for few, 1.2 for ten thousand."""
    return min(max(40 / math.sqrt(max(count, 1)), 1.2), 4.0)
