"""The averaged generator: an exponential moving average of the weights, measured in images."""

from __future__ import annotations

import torch
from torch import nn

from ganlens.config import EMAConfig


def ema_decay(config: EMAConfig, images: int, batch: int) -> float:
    """The share of the old average kept at a step of `batch` images: 0.5^(batch / half-life).

    While few images have been seen the half-life is cut to `warmup` of them, so that the first, random weights do
    not linger (StyleGAN2's ramp).
    """
    half_life: float = config.half_life
    if config.warmup > 0:
        half_life = min(half_life, images * config.warmup)
    return float(0.5 ** (batch / max(half_life, 1e-8)))


@torch.no_grad()
def update_ema(average: nn.Module, current: nn.Module, decay: float) -> None:
    """average ← decay·average + (1 − decay)·current for parameters; buffers are copied."""
    torch._foreach_lerp_(list(average.parameters()), list(current.parameters()), 1 - decay)
    for kept, new in zip(average.buffers(), current.buffers(), strict=True):
        kept.copy_(new)
