"""Place, size, weight, lean, stretch, bow and tint of what is drawn on a picture, by moments of its departure."""

from __future__ import annotations

import torch
from torch import Tensor

from ganlens.modality.picture_ground import ink_of

LEAST_INK = 1e-6


def picture_statistics(pictures: Tensor, ground: Tensor) -> Tensor:
    """Statistics [n, s] float64 of pictures [n, c, h, w], c of 1 to 4.

    What is drawn is where a picture departs from `ground`, [c] or [n, c]; it weighs as much as it departs. Places and
    sizes are in shares of the picture's side, sizes and strengths as logarithms, so that a difference of 0.02 is 2 %;
    lean is how far a slanted stroke moves sideways as a share of its height. A picture that is all ground has its
    places in the middle.
    """
    pictures = pictures.double()
    ink = ink_of(pictures, ground.double())
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
    empty = ink.flatten(1).amax(dim=1) == 0
    x, y = x.where(~empty, 0.5), y.where(~empty, 0.5)
    area = total.square() / squares / (height * width)
    values = [
        (squares / total).log(),
        x,
        y,
        spread.log() / 2,
        (area / spread).log(),
        -both / var_y,
        (var_x / var_y).log() / 2,
        var_x.log() / 2,
        var_y.log() / 2,
    ]
    if pictures.shape[1] == 3:
        weighed = (pictures * ink[:, None]).sum(dim=(2, 3)) / total[:, None]
        values += list((weighed - weighed.mean(dim=1, keepdim=True)).unbind(dim=1))
    return torch.stack([*values, pictures.mean(dim=(1, 2, 3))], dim=1)
