"""Where what is drawn lies in a picture and how large it is, and pictures with it elsewhere or of another size."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

FAINT = 1e-6
FARTHEST_SCALE = 2.0
"""No picture is made larger or smaller by more than this: beyond, nothing of it would be left."""


@dataclass(frozen=True)
class Extent:
    """What pictures' weight is like: its centre [n, 2] across and down, 0…1, and its spread about it [n], 0…1."""

    place: Tensor
    size: Tensor


def extent(pictures: Tensor, ground: Tensor) -> Extent:
    """Of pictures [n, c, h, w], where they depart from the ground [c]. One that is all ground is in the middle."""
    # Squared, so that a faint grain all over weighs next to nothing.
    weight = (pictures - ground.to(pictures).view(1, -1, 1, 1)).square().mean(dim=1)
    total = weight.sum(dim=(1, 2))
    empty = total <= FAINT
    weight = torch.where(empty[:, None, None], torch.ones_like(weight), weight)
    weight = weight / weight.sum(dim=(1, 2), keepdim=True)
    height, width = weight.shape[1:]
    across = (torch.arange(width, device=weight.device) + 0.5) / width
    down = (torch.arange(height, device=weight.device) + 0.5) / height
    columns, rows = weight.sum(dim=1), weight.sum(dim=2)
    x, y = columns @ across, rows @ down
    spread = columns @ across.square() - x.square() + rows @ down.square() - y.square()
    smallest = 1 / (6 * max(height, width) ** 2)  # a single pixel's own extent
    return Extent(torch.stack([x, y], dim=1), (spread + smallest).sqrt())


def moved(pictures: Tensor, by: Tensor) -> Tensor:
    """Pictures [n, c, h, w] moved by shares [n, 2] of width and height, in whole pixels: nothing is blurred. Edges are
    repeated where nothing was."""
    for axis, share in ((3, by[:, 0]), (2, by[:, 1])):
        length = pictures.shape[axis]
        steps = (share * length).round().long()
        rows = (torch.arange(length, device=pictures.device) - steps[:, None]).clamp(0, length - 1)
        shape = [len(pictures), 1, 1, 1]
        shape[axis] = length
        pictures = pictures.gather(axis, rows.view(shape).expand_as(pictures))
    return pictures


def resized(pictures: Tensor, extents: Extent, sizes: Tensor) -> Tensor:
    """Pictures [n, c, h, w] larger or smaller about the centre of their weight, so that its spread is `sizes` [n]."""
    times = (sizes / extents.size).clamp(1 / FARTHEST_SCALE, FARTHEST_SCALE)
    centre = 2 * extents.place - 1
    matrix = torch.zeros(len(pictures), 2, 3, device=pictures.device)
    matrix[:, 0, 0] = matrix[:, 1, 1] = 1 / times
    matrix[:, :, 2] = centre * (1 - 1 / times)[:, None]
    grid = functional.affine_grid(matrix, list(pictures.shape), align_corners=False)
    scaled = functional.grid_sample(
        pictures.float(), grid, mode="bilinear", padding_mode="border", align_corners=False
    )
    same = ((times - 1).abs() < FAINT)[:, None, None, None]
    return torch.where(same, pictures, scaled.to(pictures))
