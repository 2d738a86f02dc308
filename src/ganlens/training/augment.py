"""DiffAugment: the same kinds of change to real and generated samples, differentiable (Zhao et al. 2020).

Every draw is per sample. What D sees is never the sample itself, so it can't learn a small data set by heart, and since
G is trained through the change it doesn't learn to imitate it.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ganlens.config import AugmentConfig


def augment(samples: Tensor, config: AugmentConfig, rng: torch.Generator) -> Tensor:
    """Changed images [n, c, h, w], of the same shape; other shapes and an empty config come back as they are."""
    if samples.ndim != 4:
        return samples
    if config.colour:
        samples = _colour(samples, rng)
    if config.translation:
        samples = _translate(samples, config.translation, rng)
    if config.cutout:
        samples = _cut(samples, config.cutout, rng)
    return samples


def is_active(config: AugmentConfig) -> bool:
    """Whether `augment` changes anything."""
    return config.colour or config.translation > 0 or config.cutout > 0


def _uniform(samples: Tensor, rng: torch.Generator, shape: tuple[int, ...] = ()) -> Tensor:
    return torch.rand(len(samples), *shape, generator=rng, device=rng.device).to(samples.device)


def _colour(samples: Tensor, rng: torch.Generator) -> Tensor:
    brightness, saturation, contrast = (_uniform(samples, rng, (1, 1, 1)) for _ in range(3))
    samples = samples + (brightness - 0.5)
    grey = samples.mean(dim=1, keepdim=True)
    samples = grey + (samples - grey) * (saturation * 2)
    mean = samples.mean(dim=(1, 2, 3), keepdim=True)
    return mean + (samples - mean) * (contrast + 0.5)


def _translate(samples: Tensor, share: float, rng: torch.Generator) -> Tensor:
    """Whole-pixel shifts; what comes in from outside repeats the border, so the background stays itself."""
    _, _, height, width = samples.shape
    rows = _shifted_index(samples, height, share, rng)
    columns = _shifted_index(samples, width, share, rng)
    picked = torch.arange(len(samples), device=samples.device)[:, None, None]
    moved = samples.permute(0, 2, 3, 1)[picked, rows[:, :, None], columns[:, None, :]]
    return moved.permute(0, 3, 1, 2)


def _shifted_index(samples: Tensor, side: int, share: float, rng: torch.Generator) -> Tensor:
    reach = int(side * share + 0.5)
    shift = (_uniform(samples, rng) * (2 * reach + 1)).floor().long() - reach
    return (torch.arange(side, device=samples.device)[None] + shift[:, None]).clamp(0, side - 1)


def _cut(samples: Tensor, share: float, rng: torch.Generator) -> Tensor:
    _, _, height, width = samples.shape
    inside = None
    for side in (height, width):
        length = int(side * share + 0.5)
        start = (_uniform(samples, rng) * (side + 1 - length % 2)).floor() - length // 2
        place = torch.arange(side, device=samples.device)[None]
        hit = (place >= start[:, None]) & (place < start[:, None] + length)
        inside = hit[:, :, None] if inside is None else inside & hit[:, None, :]
    assert inside is not None
    return samples * ~inside[:, None]
