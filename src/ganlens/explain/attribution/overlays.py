"""Maps laid over the samples that they explain."""

from __future__ import annotations

import torch
from torch import Tensor

FOR = (213 / 255, 94 / 255, 0.0)
AGAINST = (0.0, 114 / 255, 178 / 255)
"""Okabe and Ito's vermilion and blue."""
PALE = 0.7
"""How far a sample is faded towards white under its map."""
FULL = 0.99
"""Quantile of |map| from which a pixel has full colour: a single large pixel must not hide the others."""


def overlay(samples: Tensor, maps: Tensor) -> Tensor:
    """Samples [n, c, h, w] in −1…1 as pale pictures [n, 3, h, w], coloured where the maps [n, h, w] are not 0.

    Vermilion where a map is above 0, blue where it is below; each map has its own scale.
    """
    pale = as_colours(samples) * (1 - PALE) + PALE
    reach = maps.abs().flatten(1).quantile(FULL, dim=1).clamp_min(1e-30)
    largest = maps.abs().flatten(1).amax(dim=1)
    reach = torch.where(reach < 1e-6 * largest, largest, reach).clamp_min(1e-30)
    strength = (maps / reach[:, None, None]).clamp(-1, 1)[:, None]
    colours = torch.where(
        strength > 0, torch.tensor(FOR).view(1, 3, 1, 1), torch.tensor(AGAINST).view(1, 3, 1, 1)
    )
    part = strength.abs()
    return pale * (1 - part) + (2 * colours - 1) * part


def as_colours(samples: Tensor) -> Tensor:
    """Samples [n, c, h, w] as RGB [n, 3, h, w]."""
    channels = samples.shape[1]
    return samples[:, :3] if channels >= 3 else samples[:, :1].expand(-1, 3, -1, -1)
