"""Where in the picture does an attribution lie, in words?"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

HOLDS = 0.7
"""Share of the attribution whose place is named."""
IN_ONE_PLACE = 0.6
"""Share of that which has to lie in a named part of the picture; else it is "spread over the picture"."""

Band = tuple[float, float]
LOW, MIDDLE, HIGH = (0.0, 1 / 3), (1 / 3, 2 / 3), (2 / 3, 1.0)
FIRST, SECOND, ALL = (0.0, 0.5), (0.5, 1.0), (0.0, 1.0)
PARTS: tuple[tuple[str, Band, Band], ...] = (
    ("the upper left corner", LOW, LOW),
    ("the upper right corner", LOW, HIGH),
    ("the lower left corner", HIGH, LOW),
    ("the lower right corner", HIGH, HIGH),
    ("the centre", MIDDLE, MIDDLE),
    ("the middle of the upper edge", LOW, MIDDLE),
    ("the middle of the lower edge", HIGH, MIDDLE),
    ("the middle of the left edge", MIDDLE, LOW),
    ("the middle of the right edge", MIDDLE, HIGH),
    ("the upper left quarter", FIRST, FIRST),
    ("the upper right quarter", FIRST, SECOND),
    ("the lower left quarter", SECOND, FIRST),
    ("the lower right quarter", SECOND, SECOND),
    ("the middle quarter", (0.25, 0.75), (0.25, 0.75)),
    ("the upper third", LOW, ALL),
    ("the lower third", HIGH, ALL),
    ("the left third", ALL, LOW),
    ("the right third", ALL, HIGH),
    ("the upper half", FIRST, ALL),
    ("the lower half", SECOND, ALL),
    ("the left half", ALL, FIRST),
    ("the right half", ALL, SECOND),
)
"""Parts of a picture with their bands of height and width, the smallest first."""


@dataclass(frozen=True)
class Place:
    """The smallest part of the picture that holds most of an attribution.

    Attributes:
        share: of the attribution that the foremost pixels hold: `HOLDS`, or a little more.
        area: the share of the picture's pixels that they are.
        where: in words.
    """

    share: float
    area: float
    where: str


def place_of(mean_map: Tensor) -> Place | None:
    """The place of an attribution [h, w] of shares, none negative; None where it is zero."""
    total = float(mean_map.sum())
    if total <= 0:
        return None
    flat = (mean_map.double() / total).flatten()
    ranked = flat.sort(descending=True).values
    least = ranked[int((ranked.cumsum(0) < HOLDS - 1e-9).sum())]
    foremost = torch.where(flat >= least * (1 - 1e-9), flat, 0.0)  # equal pixels go together
    share, area = float(foremost.sum()), float((foremost > 0).double().mean())
    return Place(share, area, _where(foremost.reshape(mean_map.shape) / share))


def _where(foremost: Tensor) -> str:
    """The smallest part that holds most of the foremost pixels; among equal ones that which holds more."""
    height, width = foremost.shape
    within = {}
    for name, rows, columns in PARTS:
        part = foremost[cells(rows, height), cells(columns, width)]
        within[name] = (part.numel(), -float(part.sum()))
    fitting = [name for name, (_, held) in within.items() if -held >= IN_ONE_PLACE]
    return min(fitting, key=within.__getitem__) if fitting else "no one part of the picture"


def cells(band: Band, length: int) -> slice:
    return slice(round(band[0] * length), math.ceil(round(band[1] * length, 6)))
