"""Maps that never look at the model: what every attribution has to beat."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def blind_maps(samples: Tensor, distance: Tensor) -> dict[str, Tensor]:
    """Maps [n, h, w] of samples [n, c, h, w], by what they are; `distance` [n, h, w] is each pixel's to its
    baseline, by which they are multiplied as every map without a sign is."""
    return {
        "an edge map": edges(samples) * distance,
        "a map of the centre": centre(samples) * distance,
        "the plain difference from the baseline": distance,
    }


def edges(samples: Tensor) -> Tensor:
    """How strongly brightness changes at each pixel [n, h, w]: the length of Sobel's gradient."""
    grey = functional.pad(samples.mean(dim=1, keepdim=True), (1, 1, 1, 1), mode="replicate")
    across = torch.tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]])
    both = torch.stack([across, across.T])[:, None]
    lengths: Tensor = functional.conv2d(grey, both).norm(dim=1)
    return lengths


def centre(samples: Tensor) -> Tensor:
    """Highest in the middle of the picture [n, h, w]."""
    height, width = samples.shape[2:]
    down, along = torch.linspace(-1, 1, height)[:, None], torch.linspace(-1, 1, width)
    return (2 - down**2 - along**2).expand(len(samples), -1, -1)
