"""Where a picture is light, and how evenly: its brightest spot, its sides against each other, its mirror image."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from ganlens.modality.picture_ground import ink_of, own_grounds

SPOT = 0.5
"""The spot is what lies above this share of the way from the middle level to the brightest."""
LEVEL = 0.4
"""A picture has a horizon where its rows differ by this share of what its pixels do."""
FAINT = 0.02
"""A spot that stands out less (of 2, black to white) has its place in the middle."""


def spot_statistics(pictures: Tensor, *, darkest: bool = False) -> Tensor:
    """The brightest spot's place across and down, how far it stands out, its size: [n, 4] float64.

    The picture's grey, each pixel the mean of its nine neighbours; the spot is what lies above half of the way from
    the median to the brightest, each pixel as much as it does. Places in shares of the side; size is the square root
    of its share of the pixels.
    """
    grey = pictures.float().mean(dim=1, keepdim=True) * (-1 if darkest else 1)
    smooth = functional.avg_pool2d(grey, 3, stride=1, padding=1, count_include_pad=False)[:, 0]
    height, width = smooth.shape[1:]
    middle = smooth.flatten(1).median(dim=1).values
    peak = smooth.flatten(1).amax(dim=1)
    stands_out = peak - middle
    level = middle + SPOT * stands_out
    above = (smooth - level[:, None, None]).clamp(min=0)
    total = above.sum(dim=(1, 2))
    spot = above / total.clamp(min=1e-9)[:, None, None]
    across = (torch.arange(width) + 0.5) / width
    down = (torch.arange(height) + 0.5) / height
    x, y = spot.sum(dim=1) @ across.to(spot), spot.sum(dim=2) @ down.to(spot)
    faint = stands_out < FAINT
    area = total.square() / above.square().sum(dim=(1, 2)).clamp(min=1e-12) / (height * width)
    return torch.stack(
        [x.where(~faint, 0.5), y.where(~faint, 0.5), stands_out, area.clamp(0, 1).sqrt()], dim=1
    ).double()


def side_statistics(pictures: Tensor) -> Tensor:
    """Asymmetry, right against left, height of the horizon: [n, 3] float64 of pictures [n, c, h, w].

    Asymmetry is the share of what is drawn that differs from its own mirror image, 0 where both halves are each
    other's. The second is what is drawn in the right half less what is in the left, over both (−1…1). The horizon is
    where the rows' mean colour changes most from row to row, as a share of the height; NaN where rows differ less
    than pixels do within them.
    """
    pictures = pictures.float()
    ink = ink_of(pictures, own_grounds(pictures))
    total = ink.sum(dim=(1, 2)).clamp(min=1e-6)
    mirrored = (ink - ink.flip(2)).abs().sum(dim=(1, 2)) / (2 * total)
    width = ink.shape[2]
    right, left = ink[:, :, width - width // 2 :].sum(dim=(1, 2)), ink[:, :, : width // 2].sum(dim=(1, 2))
    return torch.stack([mirrored, (right - left) / total, _horizon(pictures)], dim=1).double()


def _horizon(pictures: Tensor) -> Tensor:
    """Where [n] the rows' mean colour changes most, NaN where there is no horizon."""
    height = pictures.shape[2]
    rows = pictures.mean(dim=3)
    between = rows.var(dim=2, correction=0).mean(dim=1)
    whole = pictures.flatten(2).var(dim=2, correction=0).mean(dim=1)
    edges = rows.diff(dim=2).square().sum(dim=1).square() + 1e-9
    place = edges @ (torch.arange(1, height) / height).to(edges) / edges.sum(dim=1)
    return place.where(between >= LEVEL * whole.clamp(min=1e-9), torch.nan)
