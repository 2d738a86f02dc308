"""Figures: a striped body of six shapes on a coloured ground, with two parts above it."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from ganlens.modality import Images, Modality
from planted.families.drawing import Plane, colour, columns, laid_over, radius, turned
from planted.families.family import PICTURE_LEVELS, Cause, Family, Level

BODY_AT, PARTS_AT = 0.25, -0.58
"""Height of the middle of the body and of the parts: y, which grows downwards."""
HUE = r"\bhue|colou?r|\bred|\bgreen|\bblue"


class Figures(Family):
    """Composed figures in colour; nine causes and the body's shape."""

    name = "figures"
    summary = "a striped body of six shapes on a coloured ground, with two round parts above it"
    held_back = False
    modality: Modality = Images()
    channels = 3
    classes = ("disc", "square", "triangle", "cross", "ring", "bar")
    causes = (
        Cause("hue", 0.0, 2 / 3, HUE, extends=False),
        Cause("ground", 0.0, 2 / 3, rf"ground|{HUE}", extends=False),
        Cause("size", 0.3, 0.5, r"\bsizes?\b|\blarge|\bsmall|\bbig|\barea|\bscale"),
        Cause("parts", 0.1, 0.22, r"\bparts?\b|\bdots?\b|\bsizes?\b|\blarge|\bsmall|\bbig"),
        Cause("gap", 0.25, 0.65, r"\bdistance|\bgap|\bapart|\bspacing|\bparts?\b|\bspread|\bwide"),
        Cause("symmetry", -0.5, 0.5, r"symmetr|mirror|\bone side|\bleft|\bright|balance"),
        Cause("stripes", 0.1, 0.8, r"\bstripe|\bcontrast|\btexture|\bpattern", extends=False),
        Cause("frequency", 2.0, 5.0, r"frequen|\bstripe|\bfine|\bcoarse|\btexture|\bpattern|\bdetail"),
        Cause("lean", -0.3, 0.3, r"\blean|\btilt|\brotat|\bturn|\bangle|orientation|\bslant"),
    )
    nuisances = 0
    coarse: Mapping[str, tuple[str, ...]] = {
        "round": ("disc", "ring"),
        "straight": ("square", "triangle", "bar"),
        "crossed": ("cross",),
    }
    tint: str | None = "hue"
    levels = PICTURE_LEVELS

    def renderer(self, level: Level) -> nn.Module:
        return FigureRenderer(level.size)


class FigureRenderer(nn.Module):
    """Light [n, 3, size, size] of figures; see `planted.families.family.Renderer`."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.plane = Plane(size)

    def forward(self, classes: Tensor, values: Tensor, nuisances: Tensor) -> Tensor:
        hue, ground, size, parts, gap, symmetry, stripes, frequency, lean = columns(values)
        right, down = turned(self.plane.x, self.plane.y, lean)
        light = colour(ground, 0.3, 0.15).expand(-1, -1, *self.plane.x.shape[1:])
        body = self.plane.covered(self._outline(classes, right / size, (down - BODY_AT) / size) * size)
        wave = 0.5 + 0.5 * torch.cos(math.pi * frequency * right)
        striped = colour(hue, 0.55, 0.4) * (1 - stripes * wave)[:, None]
        light = laid_over(light, striped, body)
        for side in (-1, 1):
            round_part = radius(right - side * gap, down - PARTS_AT) - parts * (1 + side * symmetry)
            light = laid_over(light, 0.95, self.plane.covered(round_part))
        return light

    @staticmethod
    def _outline(classes: Tensor, u: Tensor, v: Tensor) -> Tensor:
        """Signed distance to the outline of the class's body, whose half size is about 1."""
        wide, high = u.abs(), v.abs()
        outlines = (
            radius(u, v) - 0.95,
            torch.maximum(wide, high) - 0.82,
            torch.maximum(wide * (math.sqrt(3) / 2) - v / 2, v) - 0.62,
            torch.minimum(torch.maximum(wide - 0.28, high - 1), torch.maximum(high - 0.28, wide - 1)),
            (radius(u, v) - 0.75).abs() - 0.24,
            torch.maximum(wide - 1.15, high - 0.38),
        )
        weights = classes[:, :, None, None]
        return (weights * torch.stack(outlines, dim=1)).sum(dim=1)
