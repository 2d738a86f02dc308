"""The sprites of `ganlens.data.sprites`, drawn so that gradients pass: the picture space of the planted world."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from ganlens.data.sprites import (
    ELLIPSE_LONG,
    ELLIPSE_SHORT,
    HIGH,
    LOW,
    SHAPES,
    SQUARE_HALF,
    TRIANGLE_INNER,
)

CONTINUOUS = ("scale", "orientation", "x", "y", "shade")
"""The factors beside the shape, in the order of `ganlens.data.sprites.FACTORS`."""

RANGES = torch.tensor([[float(low), float(high)] for low, high in zip(LOW[1:], HIGH[1:], strict=True)])
"""Lowest and highest value of each continuous factor: [5, 2]."""


class SpriteRenderer(nn.Module):
    """Light [n, 1, size, size] in 0…1 of shape weights [n, 3] and continuous factors [n, 5] (see `CONTINUOUS`).

    A picture is the mixture of the three shapes' pictures by their weights; with weights of 0 and 1 it is the
    data set's picture up to its rounding to bytes, since edges fall off over one pixel in both.

    Args:
        size: height and width in pixels.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size
        self.register_buffer("line", (torch.arange(size) + 0.5) * (2 / size) - 1, persistent=False)

    def forward(self, shape: Tensor, continuous: Tensor) -> Tensor:
        scale, degrees, x, y, shade = (column.view(-1, 1, 1) for column in continuous.unbind(1))
        right, down = self.line.view(1, 1, -1) - x, self.line.view(1, -1, 1) - y
        angle = torch.deg2rad(degrees)
        u = (right * angle.cos() + down * angle.sin()) / scale
        v = (down * angle.cos() - right * angle.sin()) / scale
        distances = torch.stack([_square(u, v), _ellipse(u, v), _triangle(u, v)], dim=1)
        coverage = (0.5 - distances * (scale * (self.size / 2))[:, None]).clamp(0, 1)
        return (shape[:, :, None, None] * coverage).sum(dim=1, keepdim=True) * shade[:, None]


def one_shape(index: Tensor) -> Tensor:
    """Weights [n, 3] that draw the shapes of these numbers [n]."""
    return nn.functional.one_hot(index.long(), len(SHAPES)).float()


def _square(u: Tensor, v: Tensor) -> Tensor:
    """Signed distance to the outline, negative inside; as those below."""
    return torch.maximum(u.abs(), v.abs()) - SQUARE_HALF


def _ellipse(u: Tensor, v: Tensor) -> Tensor:
    # The small numbers keep the roots' gradients finite where a pixel lies on the very centre.
    level = ((u / ELLIPSE_LONG) ** 2 + (v / ELLIPSE_SHORT) ** 2 + 1e-12).sqrt()
    slope = ((u / ELLIPSE_LONG**2) ** 2 + (v / ELLIPSE_SHORT**2) ** 2 + 1e-12).sqrt()
    return level * (level - 1) / slope


def _triangle(u: Tensor, v: Tensor) -> Tensor:
    return torch.maximum(u.abs() * (math.sqrt(3) / 2) - v / 2, v) - TRIANGLE_INNER
