"""Pictures whose truth is known, as different from each other as small pictures can be."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor


def _places(side: int) -> tuple[Tensor, Tensor]:
    along = (torch.arange(side) + 0.5) / side
    down, across = torch.meshgrid(along, along, indexing="ij")
    return down, across


def figures(n: int, side: int, channels: int, seed: int) -> Tensor:
    """A disc, a square or a bar of some colour on some dark ground: [n, channels, side, side]."""
    rng = torch.Generator().manual_seed(seed)
    down, across = _places(side)

    def uniform(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=rng)

    dx, dy = (grid - (0.3 + 0.4 * uniform(n, 1, 1)) for grid in (across, down))
    size, angle = 0.1 + 0.15 * uniform(n, 1, 1), math.pi * uniform(n, 1, 1)
    u, v = dx * angle.cos() + dy * angle.sin(), dy * angle.cos() - dx * angle.sin()
    shapes = torch.stack(
        [
            (dx.square() + dy.square()).sqrt() - size,
            torch.maximum(u.abs(), v.abs()) - size,
            torch.maximum(u.abs() - 1.5 * size, v.abs() - 0.35 * size),
        ]
    )
    outside = shapes[torch.randint(3, (n,), generator=rng), torch.arange(n)]
    inside = torch.sigmoid(-outside * side * 2.5)[:, None]
    ground, colour = 0.3 * uniform(n, channels, 1, 1) - 1, 1.4 * uniform(n, channels, 1, 1) - 0.4
    return (ground * (1 - inside) + colour * inside).clamp(-1, 1)


def strokes(n: int, side: int, channels: int, seed: int) -> Tensor:
    """One curved bright stroke on black: [n, channels, side, side]."""
    rng = torch.Generator().manual_seed(seed)
    down, across = _places(side)
    t = torch.linspace(0, 1, 16)[:, None]
    first, middle, last = (0.1 + 0.8 * torch.rand(3, n, 1, 2, generator=rng)).unbind()
    curve = (1 - t) ** 2 * first + 2 * t * (1 - t) * middle + t**2 * last
    pixels = torch.stack([across, down], dim=-1).view(1, side * side, 2)
    nearest = torch.cdist(pixels.expand(n, -1, -1).contiguous(), curve).amin(dim=2).view(n, side, side)
    width = 0.03 + 0.04 * torch.rand(n, 1, 1, generator=rng)
    ink = torch.sigmoid((width - nearest) * side * 2)[:, None]
    return (ink * (1.4 + 0.6 * torch.rand(n, channels, 1, 1, generator=rng)) - 1).clamp(-1, 1)


def textures(n: int, side: int, channels: int, seed: int) -> Tensor:
    """Noise whose power falls with frequency, more or less steeply: [n, channels, side, side]."""
    rng = torch.Generator().manual_seed(seed)
    frequencies = torch.fft.fftfreq(side)
    radius = (frequencies[:, None].square() + frequencies.square()).sqrt()
    radius[0, 0] = 1
    own = torch.randn(n, channels, side, side, generator=rng)
    shared = torch.randn(n, 1, side, side, generator=rng)
    steepness = 1.0 + 0.8 * torch.rand(n, 1, 1, 1, generator=rng)
    picture = torch.fft.ifft2(torch.fft.fft2(0.5 * own + 0.85 * shared) / radius**steepness).real
    scaled = 0.45 * picture / picture.flatten(1).std(dim=1)[:, None, None, None]
    return (scaled + 0.5 * torch.rand(n, 1, 1, 1, generator=rng) - 0.25).clamp(-1, 1)


@pytest.fixture(scope="session")
def picture_worlds() -> dict[str, Callable[[int, int, int, int], Tensor]]:
    """By name: n pictures of a side, with so many channels, by a seed."""
    return {"figures": figures, "strokes": strokes, "textures": textures}
