"""Numbers that can be read off one sample and have a name: its foreground, its pieces, its holes, its place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

from ganlens.errors import UserError
from ganlens.explain.readings.picture_statistics import background, picture_statistics, statistics_of
from ganlens.subject import SampleBank
from ganlens.subject.adapted_generator import first_line
from ganlens.subject.programs import loading

DEPARTS = 0.5
"""A pixel belongs to the foreground where it departs this much (of 2, black to white) from the border's median."""
COORDINATES = 8
"""The most coordinates of a point that are looked at one by one."""
PLANE = np.zeros((3, 3, 3), dtype=bool)
PLANE[1] = True
"""Pixels touch within their own picture, along edges and corners."""
CROSS = np.zeros((3, 3, 3), dtype=bool)
CROSS[1] = ndimage.generate_binary_structure(2, 1)
"""Background touches along edges alone, so that a diagonal line encloses."""


@dataclass(frozen=True)
class Statistic:
    """One column of numbers.

    Attributes:
        name: what is counted or measured ("pieces").
        low, high: what a person calls samples with very little or very much of it.
        counts: whether its values are counts, each a kind of its own.
    """

    name: str
    low: str = ""
    high: str = ""
    counts: bool = False


@dataclass(frozen=True)
class Reader:
    """A function of samples [n, …] to numbers [n, k], and what its k columns are."""

    statistics: tuple[Statistic, ...]
    read: Callable[[Tensor], Tensor]


FOREGROUND = (
    Statistic("area", "samples with very little foreground", "samples with very much foreground"),
    Statistic("stroke width", "very thin strokes", "very thick strokes"),
    Statistic("pieces", counts=True),
    Statistic("holes", counts=True),
)

OF_PICTURES = {
    "brightness": ("very dark samples", "very bright samples"),
    "place across": ("samples far to the left", "samples far to the right"),
    "place down": ("samples far up", "samples far down"),
    "lean": ("samples that lean far to the left", "samples that lean far to the right"),
    "stretch": ("very tall samples", "very wide samples"),
}
"""Of the statistics that directions are named by, those that kinds are made of, and what their ends are called."""
GROUND_FROM = 2000
"""Training samples that say what colour the ground is."""


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


def picture_reader(ground: Tensor) -> Reader:
    """Brightness, place, lean and stretch of pictures on that ground [c], as `picture_statistics` has them.

    A picture that is all ground is in the middle of all of them but brightness.
    """
    names = [known.name for known in statistics_of(len(ground), True)]
    columns = [names.index(name) for name in OF_PICTURES]
    middle = {names.index("place across"): 0.5, names.index("place down"): 0.5}

    def read(images: Tensor) -> Tensor:
        found = picture_statistics(images, ground)
        empty = (images - ground.view(1, -1, 1, 1)).flatten(1).abs().amax(dim=1) == 0
        for column in columns[1:]:
            found[empty, column] = middle.get(column, 0.0)
        return found[:, columns].float()

    return Reader(tuple(Statistic(name, *ends) for name, ends in OF_PICTURES.items()), read)


def readers_for(bank: SampleBank) -> list[Reader]:
    """What can be read off samples of that kind without knowing anything about them."""
    if bank.modality.name == "images":
        ground = background(bank.reals("train", GROUND_FROM).tensor())
        return [Reader(FOREGROUND, foreground_statistics), picture_reader(ground)]
    if bank.modality.name != "points":
        return []
    shown = min(bank.sample_shape[0], COORDINATES)
    names = tuple(
        Statistic(
            f"coordinate {i + 1}",
            f"samples of very low coordinate {i + 1}",
            f"samples of very high coordinate {i + 1}",
        )
        for i in range(shown)
    )
    return [Reader(names, lambda points: points[:, :shown].float())]


def users_reader(spec: str, sample_shape: tuple[int, ...]) -> Reader:
    """The reader behind "python:package.module:name": a function of samples [n, …] that gives [n, k] numbers.

    Its attribute `names` names the columns; without it they are numbered. Columns of 0 and 1, and of few whole
    numbers, are taken as kinds of their own.

    Raises:
        UserError: there is no such function, it fails, or gives another shape.
    """
    function, name = loading.resolve(spec)
    if not callable(function):
        raise UserError(
            f"{spec} is a {type(function).__name__}; expected a function of samples to [n, k] numbers"
        )

    def read(samples: Tensor) -> Tensor:
        try:
            numbers = torch.as_tensor(function(samples.clone()))  # it may write into them
        except Exception as error:
            raise UserError(
                f"the statistics {name} failed on samples of shape {tuple(samples.shape)}: "
                f"{type(error).__name__}: {first_line(error)}"
            ) from error
        numbers = numbers.float()
        if numbers.ndim == 1:
            numbers = numbers[:, None]
        if numbers.ndim != 2 or len(numbers) != len(samples):
            raise UserError(
                f"the statistics {name} gave shape {tuple(numbers.shape)} for {len(samples)} samples; expected "
                f"[{len(samples)}, k], one row a sample"
            )
        if not torch.isfinite(numbers).all():
            raise UserError(f"the statistics {name} gave NaN or an infinite value; expected finite numbers")
        return numbers

    width = read(torch.zeros(2, *sample_shape)).shape[1]
    names = [str(known) for known in getattr(function, "names", ())] or [
        f"{name}" if width == 1 else f"{name} {i + 1}" for i in range(width)
    ]
    if len(names) != width:
        raise UserError(
            f"the statistics {name} give {width} columns and name {len(names)}; expected one name each"
        )
    return Reader(
        tuple(Statistic(n, f"samples of very low {n}", f"samples of very high {n}") for n in names), read
    )


def _regions(mask: NDArray[np.bool_], structure: NDArray[np.bool_], count: int) -> NDArray[np.int64]:
    """How many connected regions each picture of `mask` [n, h, w] has: [n]."""
    labels, _ = ndimage.label(mask, structure=structure)
    places = labels.reshape(count, -1)
    picture, pixel = places.nonzero()
    _, first = np.unique(places[picture, pixel], return_index=True)
    return np.bincount(picture[first], minlength=count)
