"""Strokes: grey glyphs of five classes, drawn with one free curve."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from ganlens.modality import Images, Modality
from ganlens.randomness import torch_generator
from planted.families.drawing import Plane
from planted.families.family import PICTURE_LEVELS, Cause, Family, Level

KNOTS, POINTS = 9, 25
"""Of a curve: what its class places, and what is drawn between."""
WOBBLES, WOBBLE = 4, 0.05
"""Ways in which the knots move without a name, and how far, for one standard deviation."""
TAPER = 30.0
"""How abruptly the pen is lifted: an e-fold within 1/30 of the curve."""


class Strokes(Family):
    """Glyphs in grey on black: a pen of some width draws a bent curve, and is lifted before its end."""

    name = "strokes"
    summary = "grey glyphs of five classes, each one free curve drawn with a pen"
    held_back = False
    modality: Modality = Images()
    channels = 1
    classes = ("wave", "loop", "hook", "arch", "zigzag")
    causes = (
        Cause("width", 0.07, 0.17, r"\bwidth|\bthick|\bthin|\bbold|\bheav|\bpen\b|\bink"),
        Cause("slant", -0.5, 0.5, r"\bslant|\blean|\btilt|\bshear|\bturn|\brotat|\bangle|orientation"),
        Cause("height", 0.5, 0.8, r"\bheight|\btall|\bshort|\bhigh|\bsize|\blarge|\bsmall"),
        Cause("breadth", 0.4, 0.75, r"\bbreadth|\bbroad|\bwide|\bwidth|\bnarrow|\bsize|\blarge|\bsmall"),
        Cause("bend", -0.35, 0.35, r"\bbend|\bbent|\bcurv|\bbow|\barch|\bbulge"),
        Cause("ink", 0.45, 1.0, r"\bink|\bbright|\bdark|\blight|\bshade|\bgrey|\bintens|\bcontrast", False),
        Cause("across", -0.2, 0.2, r"\bleft|\bright|\bacross|\bhorizontal|\bposition|\bplace|\bsideways"),
        Cause("down", -0.2, 0.2, r"\bup\b|\bdown|\bhigh|\blow|\bvertical|\bposition|\bplace|\btop|\bbottom"),
        Cause("length", 0.7, 1.0, r"\blength|\blong|\bshort|\bcut|\bink|\bpart|\bcomplete", False),
    )
    nuisances = WOBBLES
    coarse: Mapping[str, tuple[str, ...]] = {
        "winding": ("wave", "zigzag"),
        "open": ("hook", "arch"),
        "closed": ("loop",),
    }
    tint: str | None = "ink"
    levels = PICTURE_LEVELS

    def renderer(self, level: Level) -> nn.Module:
        return StrokeRenderer(level.size)


class StrokeRenderer(nn.Module):
    """Light [n, 1, size, size] of glyphs; see `planted.families.family.Renderer`."""

    knots: Tensor
    spline: Tensor
    wobbles: Tensor

    def __init__(self, size: int) -> None:
        super().__init__()
        self.plane = Plane(size)
        self.register_buffer("knots", glyph_knots(), persistent=False)
        self.register_buffer("spline", catmull_rom(KNOTS, POINTS), persistent=False)
        rng = torch_generator(0, "planted", "strokes", "wobbles")
        self.register_buffer(
            "wobbles", WOBBLE * torch.randn(WOBBLES, KNOTS, 2, generator=rng), persistent=False
        )

    def forward(self, classes: Tensor, values: Tensor, nuisances: Tensor) -> Tensor:
        width, slant, height, breadth, bend, ink, across, down, length = values.unsqueeze(-1).unbind(1)
        knots = torch.einsum("nk,kpa->npa", classes, self.knots)
        knots = knots + torch.einsum("nd,dpa->npa", nuisances, self.wobbles)
        x, y = (self.spline @ knots).unbind(-1)
        y = y * height
        x = x * breadth - slant * y + bend * (1 - 2 * y.square())
        distance, along = self._nearest(x + across, y + down)
        drawn = torch.sigmoid(TAPER * (length[..., None] - along))
        light = (self.plane.covered(distance - width[..., None]) * drawn).amax(dim=-1)
        side = self.plane.x.shape[-1]
        return (light * ink).view(-1, 1, side, side)

    def _nearest(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Distance [n, pixels, pieces] of every pixel from every piece of the curve; the pieces' places along it."""
        right, down = (axis.reshape(1, -1, 1) for axis in (self.plane.x, self.plane.y))
        from_x, from_y = x[:, None, :-1], y[:, None, :-1]
        to_x, to_y = (axis[:, None].diff(dim=-1) for axis in (x, y))
        inside = (right - from_x) * to_x + (down - from_y) * to_y
        share = (inside / (to_x.square() + to_y.square() + 1e-9)).clamp(0, 1)
        gap_x, gap_y = right - from_x - share * to_x, down - from_y - share * to_y
        pieces = x.shape[1] - 1
        return (gap_x.square() + gap_y.square() + 1e-12).sqrt(), torch.arange(
            pieces, device=x.device
        ) / pieces


def glyph_knots() -> Tensor:
    """[classes, knots, 2] of x and y between −1 and 1, in the order of the classes."""
    t = torch.linspace(0, 1, KNOTS)
    turn = 2 * math.pi * t
    corners = torch.tensor([[-1.0, -1.0], [1.0, -1.0], [-1.0, 1.0], [1.0, 1.0]])
    place = 3 * t
    piece = place.floor().clamp(max=2).long()
    zigzag = torch.lerp(corners[piece], corners[piece + 1], (place - piece)[:, None])
    glyphs = (
        torch.stack([2 * t - 1, torch.sin(turn) * 0.8], dim=1),
        torch.stack([torch.sin(turn) * 0.9, -torch.cos(turn) * 0.9], dim=1),
        torch.stack([0.5 - torch.relu(t - 0.55) * 3.2, 2 * t - 1 - 6 * torch.relu(t - 0.65).square()], dim=1),
        torch.stack([-torch.cos(math.pi * t), 0.9 - 1.8 * torch.sin(math.pi * t)], dim=1),
        zigzag,
    )
    return torch.stack(glyphs)


def catmull_rom(knots: int, points: int) -> Tensor:
    """[points, knots]: a smooth curve through knots, as weights of them (Catmull and Rom 1974)."""
    place = torch.linspace(0, knots - 1, points)
    piece = place.floor().clamp(max=knots - 2)
    t = (place - piece)[:, None]
    powers = torch.cat([torch.ones_like(t), t, t**2, t**3], dim=1)
    basis = 0.5 * torch.tensor([[0.0, 2, 0, 0], [-1, 0, 1, 0], [2, -5, 4, -1], [-1, 3, -3, 1]])
    weights = torch.zeros(points, knots)
    for offset, column in enumerate((powers @ basis).unbind(1)):
        index = (piece.long() + offset - 1).clamp(0, knots - 1)
        weights[torch.arange(points), index] += column
    return weights
