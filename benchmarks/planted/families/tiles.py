"""Tiles: a wall of tiles in two colours with one of five motifs. Held back: nobody develops against it."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from ganlens.modality import Images, Modality
from planted.families.drawing import Plane, colour, columns, laid_over, radius, turned
from planted.families.family import PICTURE_LEVELS, Cause, Family, Level

COLOUR = r"\bhue|colou?r|\bred|\bgreen|\bblue"


class Tiles(Family):
    """A repeated motif on tiles with joints between them, lit from one side."""

    name = "tiles"
    summary = "a wall of tiles in two colours, each with one of five motifs"
    held_back = True
    modality: Modality = Images()
    channels = 3
    classes = ("blots", "rungs", "gems", "hoops", "crosses")
    causes = (
        Cause(
            "period", 0.55, 0.95, r"period|\bsize|\blarge|\bsmall|\btile|frequen|\bnumber|\bcount|\bspacing"
        ),
        Cause("turn", -0.35, 0.35, r"\bturn|\brotat|\blean|\btilt|\bangle|orientation|\bslant"),
        Cause("motif hue", 0.0, 2 / 3, COLOUR, extends=False),
        Cause("tile brightness", 0.3, 0.7, r"\bbright|\bdark|\blight|\bground|\bshade", extends=False),
        Cause("motif size", 0.45, 0.8, r"\bsize|\blarge|\bsmall|\bbig|\bmotif|\barea|\bscale"),
        Cause("joint", 0.03, 0.1, r"\bjoint|\bline|\bgap|\bgrid|\bwidth|\bthick|\bthin|\bborder"),
        Cause("shadow", -0.3, 0.3, r"\bshad|\bleft|\bright|\blight|\bgradient|\bbright|\bdark|\bside"),
        Cause("across", -0.3, 0.3, r"\bacross|\bleft|\bright|\bshift|\bmov|\bposition|\bplace|\boffset"),
    )
    nuisances = 0
    coarse: Mapping[str, tuple[str, ...]] = {
        "round": ("blots", "hoops"),
        "edged": ("rungs", "gems", "crosses"),
    }
    tint: str | None = "motif hue"
    levels = PICTURE_LEVELS

    def renderer(self, level: Level) -> nn.Module:
        return TileRenderer(level.size)


class TileRenderer(nn.Module):
    """Light [n, 3, size, size] of walls; see `planted.families.family.Renderer`."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.plane = Plane(size)

    def forward(self, classes: Tensor, values: Tensor, nuisances: Tensor) -> Tensor:
        period, turn, hue, ground, motif, joint, shadow, across = columns(values)
        x, y = turned(self.plane.x - across, self.plane.y, turn)
        u, v = (_folded(axis, period) for axis in (x, y))
        half = period / 2
        outline = self._outline(classes, u / (half * motif), v / (half * motif)) * half * motif
        light = ground[:, None].expand(-1, 3, *self.plane.x.shape[1:])
        light = laid_over(light, colour(hue, 0.55, 0.4), self.plane.covered(outline))
        edge = half - torch.maximum(u.abs(), v.abs()) - joint / 2
        light = laid_over(light, 0.08, self.plane.covered(edge))
        return (light * (1 + shadow * self.plane.x)[:, None]).clamp(0, 1)

    @staticmethod
    def _outline(classes: Tensor, u: Tensor, v: Tensor) -> Tensor:
        """Signed distance to the outline of the class's motif, whose half size is 1."""
        wide, high = u.abs(), v.abs()
        outlines = (
            radius(u, v) - 0.9,
            torch.maximum((high - 0.55).abs() - 0.2, wide - 1),
            (wide + high) / math.sqrt(2) - 0.7,
            (radius(u, v) - 0.75).abs() - 0.2,
            torch.minimum(torch.maximum(wide - 0.25, high - 1), torch.maximum(high - 0.25, wide - 1)),
        )
        return (classes[:, :, None, None] * torch.stack(outlines, dim=1)).sum(dim=1)


def _folded(axis: Tensor, period: Tensor) -> Tensor:
    """Places within their tile, from −half a period to half of one."""
    return axis - period * (axis / period).round().detach()
