"""Drawing by distances, so that gradients pass: planes, outlines, colours."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


class Plane(nn.Module):
    """The places of a square picture's pixels: x to the right and y down, both from −1 to 1.

    Attributes:
        x, y: [1, size, size].
        pixel: the side of one.
    """

    x: Tensor
    y: Tensor

    def __init__(self, size: int) -> None:
        super().__init__()
        line = (torch.arange(size) + 0.5) * (2 / size) - 1
        self.pixel = 2 / size
        self.register_buffer("x", line.view(1, 1, -1).expand(1, size, size).clone(), persistent=False)
        self.register_buffer("y", line.view(1, -1, 1).expand(1, size, size).clone(), persistent=False)

    def covered(self, distance: Tensor) -> Tensor:
        """How much of each pixel lies inside an outline, by its signed distance (negative inside)."""
        return (0.5 - distance / self.pixel).clamp(0, 1)


def columns(values: Tensor) -> list[Tensor]:
    """Each cause's values as [n, 1, 1], to be drawn with."""
    return [column.view(-1, 1, 1) for column in values.unbind(1)]


def turned(x: Tensor, y: Tensor, angle: Tensor) -> tuple[Tensor, Tensor]:
    """Places in a frame that is turned by an angle, in radians."""
    return x * angle.cos() + y * angle.sin(), y * angle.cos() - x * angle.sin()


def radius(x: Tensor, y: Tensor) -> Tensor:
    """Distance from the origin, with a finite gradient there."""
    return (x.square() + y.square() + 1e-12).sqrt()


def colour(hue: Tensor, middle: float, span: float) -> Tensor:
    """Colours [n, 3, 1, 1] of hues [n, 1, 1]: 0 red, 1/3 green, 2/3 blue."""
    phases = torch.arange(3, device=hue.device).view(1, 3, 1, 1) / 3
    return middle + span * torch.cos(2 * math.pi * (hue[:, None] - phases))


def laid_over(below: Tensor, above: Tensor | float, covered: Tensor) -> Tensor:
    """Colours [n, 3, h, w] with others laid over them where they cover [n, h, w]."""
    return below + covered[:, None] * (above - below)
