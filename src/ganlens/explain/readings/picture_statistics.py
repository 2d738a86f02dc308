"""What can be read off any picture exactly, with no model in between: place, size, weight, lean, tint."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

LEAST_INK = 1e-6


@dataclass(frozen=True)
class Statistic:
    """One number of a picture: what it is, what a direction does that raises it, and what one that lowers it.

    Attributes:
        least: a spread over samples below this is nothing anyone sees; 0.02 stands for 2 %.
    """

    name: str
    rises: str
    falls: str
    least: float


def background(pictures: Tensor) -> Tensor:
    """The colour [c] of the ground: the median of the border of pictures [n, c, h, w]."""
    edges = [pictures[:, :, 0], pictures[:, :, -1], pictures[:, :, :, 0], pictures[:, :, :, -1]]
    border = torch.cat(edges, dim=2).transpose(0, 1).flatten(1)
    found: Tensor = border[:, :: max(1, border.shape[1] // 100_000)].median(dim=1).values
    return found


def statistics_of(channels: int, lighter: bool) -> list[Statistic]:
    """The statistics of `picture_statistics`, in its order; `lighter`: what is drawn is lighter than the ground."""
    stronger, weaker = ("makes it brighter", "makes it darker")[:: 1 if lighter else -1]
    found = [
        Statistic("strength of what is drawn", stronger, weaker, 0.02),
        Statistic("place across", "moves right", "moves left", 0.005),
        Statistic("place down", "moves down", "moves up", 0.005),
        Statistic("size", "makes it larger", "makes it smaller", 0.02),
        Statistic("weight", "makes it bolder", "makes it thinner", 0.03),
        Statistic("lean", "leans it right", "leans it left", 0.02),
        Statistic("stretch", "makes it wider", "makes it taller", 0.03),
    ]
    if channels == 3:
        found += [
            Statistic(f"{colour} tint", f"makes it more {colour}", f"makes it less {colour}", 0.02)
            for colour in ("red", "green", "blue")
        ]
    ground = Statistic("brightness", "brightens the picture", "darkens the picture", 0.01)
    return [*found, ground]


def picture_statistics(pictures: Tensor, ground: Tensor) -> Tensor:
    """Statistics [n, s] float64 of pictures [n, c, h, w], c of 1 to 4.

    What is drawn is where a picture departs from `ground` [c]; it weighs as much as it departs. Places and
    sizes are in shares of the picture's side, sizes and strengths as logarithms, so that a difference of 0.02
    is 2 %.
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
    area = total.square() / squares / (height * width)
    found = [
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
        found += list((weighed - weighed.mean(dim=1, keepdim=True)).unbind(dim=1))
    return torch.stack([*found, pictures.mean(dim=(1, 2, 3))], dim=1)
