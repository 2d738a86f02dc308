"""How a generator's numbers are kept within the bounds of what it makes."""

from __future__ import annotations

import torch
from torch import Tensor, nn

Bounds = tuple[Tensor, Tensor]
"""Lowest and highest value [*sample_shape] of each number of a sample, infinite where there is none."""


class Squashed(nn.Module):
    """Numbers without bounds brought within them by tanh; those that have none pass as they are."""

    low: Tensor
    high: Tensor

    def __init__(self, bounds: Bounds) -> None:
        super().__init__()
        for name, end in zip(("low", "high"), bounds, strict=True):
            self.register_buffer(name, end.float(), persistent=False)

    def forward(self, samples: Tensor) -> Tensor:
        """[n, *sample_shape] → the same."""
        middle, half = (self.low + self.high) / 2, (self.high - self.low) / 2
        bounded = middle.isfinite() & half.isfinite()
        squashed = torch.where(bounded, middle, 0.0) + samples.tanh() * torch.where(bounded, half, 1.0)
        return torch.where(bounded, squashed, samples)


class Stretched(nn.Module):
    """Numbers in −1…1 brought to the bounds of a sample, all of which are finite."""

    def __init__(self, bounds: Bounds) -> None:
        super().__init__()
        low, high = bounds
        self.register_buffer("middle", ((low + high) / 2).float(), persistent=False)
        self.register_buffer("reach", ((high - low) / 2).float(), persistent=False)

    middle: Tensor
    reach: Tensor

    def forward(self, samples: Tensor) -> Tensor:
        """[n, *sample_shape] → the same."""
        return self.middle + samples * self.reach


def output_for(bounds: Bounds | None, *, squashed: bool) -> tuple[str, nn.Module] | None:
    """The last layer that a generator's body needs, with its name; None where it needs none.

    Args:
        bounds: of the samples; None where no number has any.
        squashed: whether the body's numbers lie in −1…1 already.
    """
    if bounds is None:
        return None
    if bool((bounds[0] == -1).all() and (bounds[1] == 1).all()):
        return None if squashed else ("tanh", nn.Tanh())
    if squashed and bool(bounds[0].isfinite().all() and bounds[1].isfinite().all()):
        return "stretched", Stretched(bounds)
    return "squashed", Squashed(bounds)
