"""Artefacts planted in real samples: what a search would have found, and how rare it may be."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from ganlens.explain.artefacts.trace import Kind

Plant = Callable[[Tensor, torch.Generator], Tensor]
NOISE, WASH, WAVE, SPECKS = 0.2, 0.6, 0.4, 0.01
"""Strengths that a person sees at a glance: the noise's deviation, the contrast that a wash leaves, the height of a
pattern's waves, the share of pixels that are specks."""


def spot(samples: Tensor, rng: torch.Generator) -> Tensor:
    """A spot at the top right, against what is usual there."""
    planted = samples.clone()
    height, width = samples.shape[2:]
    size = max(1, min(height, width) // 10)
    rows = slice(height // 8, height // 8 + size)
    columns = slice(width - width // 8 - size, width - width // 8)
    planted[:, :, rows, columns] = -1.0 if float(samples[:, :, rows, columns].mean()) > 0 else 1.0
    return planted


def stripes(samples: Tensor, rng: torch.Generator) -> Tensor:
    """Horizontal lines, a fourth of them bright."""
    planted = samples.clone()
    planted[:, :, ::4] += 2 * WAVE
    return planted.clamp(-1, 1)


def checkerboard(samples: Tensor, rng: torch.Generator) -> Tensor:
    """Every other pixel brighter, the rest darker, within −1…1."""
    height, width = samples.shape[2:]
    odd = (torch.arange(height)[:, None] + torch.arange(width)) % 2
    return (samples * (1 - WAVE) + WAVE * (2.0 * odd - 1)).clamp(-1, 1)


def border(samples: Tensor, rng: torch.Generator) -> Tensor:
    """The bottom line against what is usual there."""
    planted = samples.clone()
    planted[:, :, -1] = -1.0 if float(samples[:, :, -2:].mean()) > 0 else 1.0
    return planted


def specks(samples: Tensor, rng: torch.Generator) -> Tensor:
    """Single pixels anywhere turned white or black, the farther of the two; at least three a sample."""
    planted = samples.clone()
    n, _, height, width = samples.shape
    count = max(3, round(SPECKS * height * width))
    places = torch.rand(n, height * width, generator=rng).argsort(dim=1)[:, :count]
    hit = torch.zeros(n, height * width, dtype=torch.bool).scatter_(1, places, True).view(n, 1, height, width)
    return torch.where(hit, torch.where(planted > 0, -1.0, 1.0), planted)


def blur(samples: Tensor, rng: torch.Generator) -> Tensor:
    """Every pixel the mean of three by three."""
    padded = functional.pad(samples, (1, 1, 1, 1), mode="replicate")
    return functional.avg_pool2d(padded, 3, 1)


def noise(samples: Tensor, rng: torch.Generator) -> Tensor:
    """White noise on every value."""
    return (samples + NOISE * torch.randn(samples.shape, generator=rng)).clamp(-1, 1)


def grey_wash(samples: Tensor, rng: torch.Generator) -> Tensor:
    """Every value drawn towards grey."""
    return WASH * samples


def missing_colour(samples: Tensor, rng: torch.Generator) -> Tensor:
    """The first channel at its mean throughout."""
    planted = samples.clone()
    planted[:, 0] = samples[:, 0].mean()
    return planted


def copied_colour(samples: Tensor, rng: torch.Generator) -> Tensor:
    """The second channel a copy of the first."""
    planted = samples.clone()
    planted[:, 1] = samples[:, 0]
    return planted


PLANTS: dict[Kind, Plant] = {
    "spot": spot,
    "stripes": stripes,
    "checkerboard": checkerboard,
    "border": border,
    "specks": specks,
    "blur": blur,
    "noise": noise,
    "grey wash": grey_wash,
}
"""How each artefact is planted in samples of any number of channels."""
PLANTS_OF_COLOUR: dict[Kind, Plant] = {"missing colour": missing_colour, "copied colour": copied_colour}
"""The same for artefacts of samples with several channels."""


def plants_for(sample_shape: tuple[int, ...]) -> dict[Kind, Plant]:
    """The artefacts that samples of that shape can have."""
    return PLANTS | (PLANTS_OF_COLOUR if sample_shape[0] > 1 else {})
