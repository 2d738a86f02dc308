"""The ground that pictures stand on, and how far each pixel departs from it: what is drawn."""

from __future__ import annotations

import torch
from torch import Tensor

BORDER_VALUES = 100_000
"""Of all pictures' borders together, at most about so many values are looked at."""


def background(pictures: Tensor) -> Tensor:
    """The colour [c] of the ground: the median of the border of pictures [n, c, h, w]."""
    border = _border(pictures).transpose(0, 1).flatten(1)
    values: Tensor = border[:, :: max(1, border.shape[1] // BORDER_VALUES)].median(dim=1).values
    return values


def own_grounds(pictures: Tensor) -> Tensor:
    """The colour [n, c] of each picture's own ground: the median of its border."""
    medians: Tensor = _border(pictures).median(dim=2).values
    return medians


def departures(pictures: Tensor, grounds: Tensor) -> Tensor:
    """How far [n, h, w] each pixel of pictures [n, c, h, w] departs from grounds [c] or [n, c]: mean over channels."""
    return (pictures - grounds.to(pictures)[..., None, None]).abs().mean(dim=1)


def _border(pictures: Tensor) -> Tensor:
    """The outermost pixels [n, c, p], corners twice."""
    edges = [pictures[:, :, 0], pictures[:, :, -1], pictures[:, :, :, 0], pictures[:, :, :, -1]]
    return torch.cat(edges, dim=2)


NOTICED = 0.05
"""A departure from the ground (of 2, black to white) that weighs nothing; from twice as much on it weighs in full."""


def ink_of(pictures: Tensor, grounds: Tensor) -> Tensor:
    """How much [n, h, w] is drawn at each pixel: its departure, without what nobody notices."""
    departs = departures(pictures, grounds)
    return departs * ((departs - NOTICED) / NOTICED).clamp(0, 1)
