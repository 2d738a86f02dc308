"""The parts of what is drawn, exactly: how many, how large, how far apart, how thick, how many holes.

The foreground of a picture is what departs from its own ground by a share of the picture's largest departure, so that
a faint drawing has the parts of a strong one, and no fixed level can fall together with a shade of the data. What holds
less than a small share of the drawn is no part of its own: a reading that counts specks would jump under rounding.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

from ganlens.modality.picture_ground import departures, own_grounds

DRAWN = 0.15
"""A pixel belongs to the foreground where it departs this share of the picture's largest departure from its ground."""
LEAST_PEAK = 0.1
"""A picture that departs nowhere by so much (of 2, black to white) is all ground."""
LEAST_PART = 0.03
"""What holds a smaller share of what is drawn is no part of its own; nor is a hole of a smaller share of its area."""
PLANE = np.zeros((3, 3, 3), dtype=bool)
PLANE[1] = True
"""Pixels touch within their own picture, along edges and corners."""
CROSS = np.zeros((3, 3, 3), dtype=bool)
CROSS[1] = ndimage.generate_binary_structure(2, 1)
"""Background touches along edges alone, so that a diagonal line encloses."""
MEASURED = 3
"""The largest parts whose sizes and places are read."""


def foreground(ink: Tensor) -> Tensor:
    """Which pixels [n, h, w] are drawn, by how far they depart from the ground."""
    peak = ink.flatten(1).amax(dim=1)[:, None, None]
    return (ink > DRAWN * peak) & (peak >= LEAST_PEAK)


def part_statistics(pictures: Tensor) -> Tensor:
    """What follows, [n, 11] float32 of pictures [n, c, h, w].

    Area is the foreground's share of the pixels; the stroke width four times the mean distance of its pixels to the
    background, in pixels (exact for a long straight stroke); pieces touch along edges or corners; holes are background
    that does not reach the border. The size of the largest part and that of the others together are square roots of
    their shares of the pixels; the distances are those of the centres of the largest two, and of the second and the
    third, in sides of the picture, NaN where there are not so many; tilt is the sine of twice the angle by which the
    line through the latter two is turned clockwise; the length is the logarithm of the foreground's pixels over the
    stroke width, in heights of the picture; bend is how far the largest part's ends lie to the right of its middle: the
    third moment E[(x − x̄)(y − ȳ)²] over that of y to the power of 3/2; NaN of a part of less than three rows.
    """
    grounds = own_grounds(pictures)
    ink = departures(pictures.float(), grounds.float()).cpu()
    mask = foreground(ink)
    padded = np.pad(mask.numpy(), ((0, 0), (1, 1), (1, 1)))
    weights = np.pad(ink.numpy(), ((0, 0), (1, 1), (1, 1))) * padded
    count, height, width = ink.shape
    lit = np.maximum(padded.sum(axis=(1, 2)), 1)
    # In one tall picture: whatever is drawn, its own frame lies nearer than the next picture.
    stacked = padded.reshape(-1, width + 2)
    depth = ndimage.distance_transform_edt(stacked).reshape(padded.shape) - 0.5 * padded
    parts = _Regions(padded, PLANE)
    drawn = np.maximum(weights.sum(axis=(1, 2)), 1e-12)
    real = parts.summed(weights) >= LEAST_PART * drawn[parts.picture]
    enclosed = _Regions(~padded, CROSS)
    pixels = enclosed.summed()
    holes = (pixels >= LEAST_PART * lit[enclosed.picture]) & ~enclosed.outer
    sizes = parts.summed() / (height * width)
    ranked = _largest(parts, sizes * real, count)
    shares = np.append(sizes, 0)[ranked]
    places = np.append(parts.centres() / [height, width], [[0, 0]], axis=0)[ranked]
    there = ranked < len(sizes)
    steps = places[:, 1:] - places[:, :-1]
    steps[~there[:, 1:]] = np.nan
    gaps = np.sqrt(np.square(steps).sum(axis=2))
    tilt = 2 * steps[:, 1, 0] * steps[:, 1, 1] / np.maximum(np.square(gaps[:, 1]), 1e-12)
    others = np.bincount(parts.picture, weights=sizes * real, minlength=count) - shares[:, 0]
    stroke = 4 * depth.sum(axis=(1, 2)) / lit
    columns = [
        padded.sum(axis=(1, 2)) / (height * width),
        stroke,
        np.bincount(parts.picture[real], minlength=count),
        np.bincount(enclosed.picture[holes], minlength=count),
        np.sqrt(shares[:, 0]),
        np.sqrt(others.clip(min=0)),
        *gaps.T,
        tilt,
        np.log(lit / np.maximum(stroke, 1) / height),
        _bend(parts.labels == np.append(np.arange(1, parts.count + 1), -1)[ranked[:, :1, None]]),
    ]
    return torch.from_numpy(np.stack(columns, axis=1).astype(np.float32))


def _bend(part: NDArray[np.bool_]) -> NDArray[np.float64]:
    """How bent [n] a part [n, h, w] of each picture is."""
    rows, columns = (np.arange(side, dtype=np.float64) for side in part.shape[1:])
    pixels = part.astype(np.float64)
    by_row = pixels.sum(axis=2)
    total = np.maximum(by_row.sum(axis=1), 1)
    down = rows - (by_row @ rows / total)[:, None]
    across = pixels @ columns
    middle = across.sum(axis=1) / total
    square = (by_row * np.square(down)).sum(axis=1) / total
    moment = ((across - by_row * middle[:, None]) * np.square(down)).sum(axis=1) / total
    return np.where(square >= 0.5, moment / np.maximum(square, 0.5) ** 1.5, np.nan)


class _Regions:
    """The connected regions of masks [n, h, w], whose outermost pixels are a frame.

    Attributes:
        labels: [n, h, w] 0 beyond all of them.
        picture: [r] which picture each is in.
        outer: [r] whether it holds the frame's first pixel.
    """

    def __init__(self, mask: NDArray[np.bool_], structure: NDArray[np.bool_]) -> None:
        self.labels, self.count = ndimage.label(mask, structure=structure)
        self._flat = self.labels.ravel()
        self._at = self._flat.nonzero()[0]
        self._of = self._flat[self._at] - 1
        self._shape = mask.shape
        self.picture = np.zeros(self.count, dtype=np.int64)
        self.picture[self._of] = self._at // (mask.shape[1] * mask.shape[2])
        corners = self.labels[:, 0, 0]
        self.outer = np.isin(np.arange(1, self.count + 1), corners[corners > 0])

    def summed(self, weights: NDArray[np.float32] | None = None) -> NDArray[np.float64]:
        """The sum [r] of weights [n, h, w] over each; without, its pixels."""
        values = None if weights is None else weights.ravel()[self._at]
        return np.bincount(self._of, weights=values, minlength=self.count).astype(np.float64)

    def centres(self) -> NDArray[np.float64]:
        """The mean row and column [r, 2] of each."""
        _, rows, columns = np.unravel_index(self._at, self._shape)
        pixels = np.maximum(self.summed(), 1)
        sums = [np.bincount(self._of, weights=axis, minlength=self.count) for axis in (rows, columns)]
        return np.stack(sums, axis=1) / pixels[:, None]


def _largest(parts: _Regions, sizes: NDArray[np.float64], count: int) -> NDArray[np.int64]:
    """The numbers [n, `MEASURED`] of each picture's largest parts, the number of all parts where there are no more."""
    kept = (sizes > 0).nonzero()[0]
    order = kept[np.lexsort((-sizes[kept], parts.picture[kept]))]
    of = parts.picture[order]
    starts = np.searchsorted(of, np.arange(count))
    place = np.arange(len(order)) - starts[of]
    ranked = np.full((count, MEASURED), parts.count, dtype=np.int64)
    first = place < MEASURED
    ranked[of[first], place[first]] = order[first]
    return ranked
