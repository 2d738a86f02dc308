"""Cloud: points of several to many coordinates, four curved clusters."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from ganlens.modality import Modality, Points
from ganlens.randomness import torch_generator
from planted.families.family import Cause, Family, Level

DRIVEN = 4
"""Coordinates that are a cause each; the others are bent functions of all."""
CURVE, NOISE, APART = 0.8, 0.2, 2.5
"""Of the other coordinates: how much they follow the causes, how much nothing, and how far classes lie apart there."""
UNNAMED = 4


class Cloud(Family):
    """Points whose first coordinates are the causes, while the others curve with them and tell the classes apart."""

    name = "cloud"
    summary = "points of 6 to 24 coordinates in four curved clusters"
    held_back = False
    modality: Modality = Points()
    channels = 0
    classes = ("alder", "birch", "cedar", "elm")
    causes = tuple(
        Cause(f"coordinate {number}", -2.0, 2.0, rf"\b(coordinate|axis|value|x) ?{number}\b")
        for number in range(1, DRIVEN + 1)
    )
    nuisances = UNNAMED
    coarse: Mapping[str, tuple[str, ...]] = {"leafy": ("alder", "birch", "elm"), "needled": ("cedar",)}
    tint: str | None = None
    levels = (Level("easy", 6, 0.0, 1.0), Level("medium", 12, 0.2, 0.75), Level("hard", 24, 0.4, 0.5))

    def renderer(self, level: Level) -> nn.Module:
        return CloudRenderer(level.size)


class CloudRenderer(nn.Module):
    """Points [n, size]; see `planted.families.family.Renderer`."""

    centres: Tensor
    curves: Tensor
    spread: Tensor

    def __init__(self, size: int) -> None:
        super().__init__()
        rng = torch_generator(0, "planted", "cloud", size)
        others = size - DRIVEN
        corners = torch.cartesian_prod(torch.tensor([-1.0, 1.0]), torch.tensor([-1.0, 1.0]))
        basis = torch.linalg.qr(torch.randn(others, 2, generator=rng)).Q
        self.register_buffer("centres", APART * corners @ basis.T, persistent=False)
        self.register_buffer("curves", torch.randn(DRIVEN, others, generator=rng), persistent=False)
        self.register_buffer("spread", torch.randn(UNNAMED, others, generator=rng), persistent=False)

    def forward(self, classes: Tensor, values: Tensor, nuisances: Tensor) -> Tensor:
        curved = CURVE * torch.sin(values @ self.curves) + NOISE * nuisances @ self.spread
        return torch.cat([values, classes @ self.centres + curved], dim=1)
