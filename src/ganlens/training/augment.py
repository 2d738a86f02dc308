"""DiffAugment: the same kinds of change to real and generated samples, differentiable (Zhao et al. 2020).

Every draw is per sample. What D sees is never the sample itself, so it can't learn a small data set by heart, and since
G is trained through the change it doesn't learn to imitate it.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ganlens.config import AugmentConfig
from ganlens.modality import Modality


def augment(samples: Tensor, modality: Modality, config: AugmentConfig, rng: torch.Generator) -> Tensor:
    """Changed samples [n, …], of the same shape. Nothing is done to them that changes what their kind means."""
    allowed, axes = modality.changes, [place.axis + 1 for place in modality.grid]
    if config.colour and "recolour" in allowed:
        samples = _colour(samples, rng)
    if config.translation and "shift" in allowed:
        samples = _translate(samples, axes, config.translation, rng)
    if config.cutout and "cut" in allowed:
        samples = _cut(samples, axes, config.cutout, rng)
    return samples


def is_active(config: AugmentConfig) -> bool:
    """Whether `augment` changes anything."""
    return config.colour or config.translation > 0 or config.cutout > 0


def _uniform(samples: Tensor, rng: torch.Generator, shape: tuple[int, ...] = ()) -> Tensor:
    return torch.rand(len(samples), *shape, generator=rng, device=rng.device).to(samples.device)


def _colour(samples: Tensor, rng: torch.Generator) -> Tensor:
    """Brightness, saturation and contrast of [n, channels, …]."""
    ones = (1,) * (samples.ndim - 1)
    brightness, saturation, contrast = (_uniform(samples, rng, ones) for _ in range(3))
    samples = samples + (brightness - 0.5)
    grey = samples.mean(dim=1, keepdim=True)
    samples = grey + (samples - grey) * (saturation * 2)
    mean = samples.mean(dim=tuple(range(1, samples.ndim)), keepdim=True)
    return mean + (samples - mean) * (contrast + 0.5)


def _translate(samples: Tensor, axes: list[int], share: float, rng: torch.Generator) -> Tensor:
    """Whole-step shifts; what comes in from outside repeats the border, so the background stays itself."""
    for axis in axes:
        index = _shifted_index(samples, samples.shape[axis], share, rng)
        samples = samples.gather(axis, _along(index, samples, axis).expand_as(samples))
    return samples


def _shifted_index(samples: Tensor, side: int, share: float, rng: torch.Generator) -> Tensor:
    reach = int(side * share + 0.5)
    shift = (_uniform(samples, rng) * (2 * reach + 1)).floor().long() - reach
    return (torch.arange(side, device=samples.device)[None] + shift[:, None]).clamp(0, side - 1)


def _cut(samples: Tensor, axes: list[int], share: float, rng: torch.Generator) -> Tensor:
    inside = torch.ones((), dtype=torch.bool, device=samples.device)
    for axis in axes:
        side = samples.shape[axis]
        length = int(side * share + 0.5)
        start = (_uniform(samples, rng) * (side + 1 - length % 2)).floor() - length // 2
        place = torch.arange(side, device=samples.device)[None]
        hit = (place >= start[:, None]) & (place < start[:, None] + length)
        inside = inside & _along(hit, samples, axis)
    return samples * ~inside


def _along(rows: Tensor, samples: Tensor, axis: int) -> Tensor:
    """Rows [n, side] laid along one axis of samples, with sides of 1 for the others."""
    shape = [1] * samples.ndim
    shape[0], shape[axis] = rows.shape
    return rows.view(shape)
