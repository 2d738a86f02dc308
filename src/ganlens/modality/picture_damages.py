"""Damage to pictures that everyone sees: noise, blur, a mosaic, each as strong as the picture's own contrast asks."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor
from torch.nn import functional

from ganlens.modality.edit import Edit

GRAIN = 0.5
"""Noise moves the pixels so far, root mean square, as a share of the picture's contrast: 6 decibels."""
LOSS = 0.4
"""Blur and mosaic move them at least so far: a sixth of the picture's variance, which is its edges."""
SMALLEST_SIDE = 4
"""Smaller pictures have no detail to take away."""


def picture_damages(sample_shape: tuple[int, ...]) -> tuple[Edit, ...]:
    """Noise for pictures of any size, blur and a mosaic for those with detail to lose.

    Each picture is damaged by its own measure: noise in shares of its contrast, blur and mosaic by the smallest step
    that moves its pixels as far. A picture of one colour stays what it is.
    """
    noise = Edit("noise", "grain", _noise)
    side = min(sample_shape[1:])
    if side < SMALLEST_SIDE:
        return (noise,)
    return (
        noise,
        Edit("blur", "detail", lambda samples, rng: _far_enough(samples, _blurs(side))),
        Edit("a mosaic", "detail", lambda samples, rng: _far_enough(samples, _mosaics(side))),
    )


def _noise(samples: Tensor, rng: torch.Generator) -> Tensor:
    """Independent noise in every value."""
    drawn = torch.randn(samples.shape, generator=rng, dtype=samples.dtype).to(samples.device)
    return samples + GRAIN * _contrast(samples) * drawn


def _contrast(samples: Tensor) -> Tensor:
    """The standard deviation of each picture's values about their channel's mean [n, 1, 1, 1]."""
    centred = samples - samples.mean(dim=(2, 3), keepdim=True)
    return centred.square().mean(dim=(1, 2, 3), keepdim=True).sqrt()


def _far_enough(samples: Tensor, steps: Iterator[Callable[[Tensor], Tensor]]) -> Tensor:
    """Each picture after the first of ever stronger steps that moves it far enough, or after the last."""
    least = LOSS * _contrast(samples)
    damaged = samples
    waiting = torch.ones_like(least, dtype=torch.bool)
    for step in steps:
        damaged = torch.where(waiting, step(samples), damaged)
        waiting = (damaged - samples).square().mean(dim=(1, 2, 3), keepdim=True).sqrt() < least
        if not waiting.any():
            break
    return damaged


def _blurs(side: int) -> Iterator[Callable[[Tensor], Tensor]]:
    """Gaussian blurs from half a pixel on, each half as wide again, up to a quarter of the side."""
    width = 0.5
    while width <= max(side / 4, 1):
        yield lambda samples, width=width: _blurred(samples, width)  # type: ignore[misc]
        width *= 1.5


def _blurred(samples: Tensor, width: float) -> Tensor:
    """Pictures after a Gaussian of that standard deviation, the border repeated outwards."""
    reach = max(1, round(3 * width))
    places = torch.arange(-reach, reach + 1, dtype=samples.dtype, device=samples.device)
    weights = torch.exp(-places.square() / (2 * width**2))
    weights = weights / weights.sum()
    channels = samples.shape[1]
    padded = functional.pad(samples, (reach, reach, reach, reach), mode="replicate")
    down = functional.conv2d(padded, weights.view(1, 1, -1, 1).expand(channels, 1, -1, 1), groups=channels)
    return functional.conv2d(down, weights.view(1, 1, 1, -1).expand(channels, 1, 1, -1), groups=channels)


def _mosaics(side: int) -> Iterator[Callable[[Tensor], Tensor]]:
    """Tiles of one colour from two pixels on, each twice as wide, up to half of the side."""
    tile = 2
    while tile <= side // 2:
        yield lambda samples, tile=tile: _tiled(samples, tile)  # type: ignore[misc]
        tile *= 2


def _tiled(samples: Tensor, tile: int) -> Tensor:
    """Pictures whose tiles have their mean colour."""
    height, width = samples.shape[2:]
    tiles = functional.avg_pool2d(samples, tile, ceil_mode=True, count_include_pad=False)
    grown = tiles.repeat_interleave(tile, dim=2).repeat_interleave(tile, dim=3)
    return grown[:, :, :height, :width]
