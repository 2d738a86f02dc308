"""Ring: points in the plane, eight arcs of a circle."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from ganlens.modality import Modality, Points
from planted.families.family import Cause, Family, Level

ARCS = 8


class Ring(Family):
    """2-D points: which arc, where along it, and how far from the middle."""

    name = "ring"
    summary = "points in the plane on eight arcs of a circle"
    held_back = False
    modality: Modality = Points()
    channels = 0
    classes = ("east", "northeast", "north", "northwest", "west", "southwest", "south", "southeast")
    causes = (
        Cause("along", -0.25, 0.25, r"\balong|\bangle|\barc|\bturn|\bspread|\bwithin"),
        Cause("radius", 1.6, 2.4, r"\bradi|\bdistance|\bring|\bcentre|\bmiddle|\blength|\bnorm|\bfar"),
    )
    nuisances = 0
    coarse: Mapping[str, tuple[str, ...]] = {
        "right half": ("south", "southeast", "east", "northeast"),
        "left half": ("north", "northwest", "west", "southwest"),
    }
    tint: str | None = None
    levels = (Level("easy", 2, 0.0, 1.0), Level("medium", 2, 0.2, 0.75), Level("hard", 2, 0.4, 0.5))

    def renderer(self, level: Level) -> nn.Module:
        return RingRenderer()


class RingRenderer(nn.Module):
    """Points [n, 2]; see `planted.families.family.Renderer`."""

    centres: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("centres", torch.arange(ARCS) * (2 * math.pi / ARCS), persistent=False)

    def forward(self, classes: Tensor, values: Tensor, nuisances: Tensor) -> Tensor:
        along, distance = values.unbind(1)
        angle = classes @ self.centres + along
        return torch.stack([distance * angle.cos(), distance * angle.sin()], dim=1)
