"""What spoils pictures: patterns, specks, blur, grey, a colour that is missing."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from ganlens.randomness import torch_generator
from planted.families.family import Level

ARTEFACTS = ("checkerboard", "stripes", "border", "specks", "blur", "grey wash", "colour missing")
AMPLITUDE = 0.25
"""Of checkerboard and stripes at full strength, on a scale of −1 to 1."""
BORDER = 0.8
STRIPE_PERIOD = 4
"""Of the stripes, in pixels."""
SPECKLED, SPECKS = 0.25, 0.02
"""Share of the samples that have specks, and of the pixels in them that are one."""
SOFT = 1 / 22
"""Standard deviation of the blur, as a share of the picture."""
PALE = 0.5
"""Contrast that a grey wash leaves."""
MISSING = 2
"""The colour that is missing: blue."""


class Hash(nn.Module):
    """Numbers [n, count], about uniform in 0…1, that depend on the latent so wildly that they look drawn.

    The same latent gives the same numbers, as of any generator.
    """

    weight: Tensor

    def __init__(self, latent: int, count: int, seed: int, purpose: str) -> None:
        super().__init__()
        drawn = torch.randn(latent, count, generator=torch_generator(seed, "planted", "hash", purpose))
        self.register_buffer("weight", drawn, persistent=False)

    @torch.no_grad()
    def forward(self, latent: Tensor) -> Tensor:
        # One sample at a time, by sums of its own: a matrix product's rounding may depend on the batch around it.
        mixed = (latent.double()[:, :, None] * self.weight.double()).sum(dim=1)
        return (mixed * 997).remainder(1).to(latent.dtype)


class Spoiled(nn.Module):
    """Pictures [n, c, h, w] in −1…1 with one of the artefacts.

    Args:
        latent: numbers of a latent, which say where specks are.
    """

    pattern: Tensor
    kernel: Tensor

    def __init__(self, artefact: str, level: Level, channels: int, latent: int, seed: int) -> None:
        super().__init__()
        self.artefact, self.strength = artefact, level.strength
        self.specks = Hash(latent, level.size**2 + 1, seed, "specks") if artefact == "specks" else None
        self.register_buffer("pattern", _pattern(artefact, level.size), persistent=False)
        self.register_buffer("kernel", gaussian(SOFT * level.size, channels), persistent=False)

    def forward(self, pictures: Tensor, latent: Tensor) -> Tensor:
        if self.artefact in ("checkerboard", "stripes"):
            return (pictures + AMPLITUDE * self.strength * self.pattern).clamp(-1, 1)
        if self.artefact == "border":
            return pictures + BORDER * self.pattern * (1 - pictures)
        if self.artefact == "blur":
            return blurred(pictures, self.kernel)
        if self.artefact == "grey wash":
            return PALE * pictures
        if self.artefact == "colour missing":
            return torch.where(self.pattern > 0, pictures, -torch.ones_like(pictures))
        assert self.specks is not None
        return torch.where(self._speckled(latent, pictures), torch.ones_like(pictures), pictures)

    def _speckled(self, latent: Tensor, pictures: Tensor) -> Tensor:
        """[n, 1, h, w] whether a pixel is a speck."""
        assert self.specks is not None
        numbers = self.specks(latent)
        specks = (numbers[:, 1:] < SPECKS) & (numbers[:, :1] < SPECKLED)
        return specks.view(-1, 1, *pictures.shape[2:])


def _pattern(artefact: str, size: int) -> Tensor:
    """What is added or laid over, by its places [1, 1, size, size], or by channel [1, 3, 1, 1]."""
    rows, across = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    if artefact == "colour missing":
        return (torch.arange(3) != MISSING).float().view(1, 3, 1, 1)
    if artefact == "checkerboard":
        drawn = 1.0 - 2.0 * ((rows + across) % 2)
    elif artefact == "stripes":
        drawn = math.sqrt(2) * torch.cos(2 * math.pi * (across + 0.5) / STRIPE_PERIOD)
    elif artefact == "border":
        edge = size - 1
        drawn = ((rows == 0) | (across == 0) | (rows == edge) | (across == edge)).float()
    else:
        drawn = torch.zeros(size, size)
    return drawn.view(1, 1, size, size)


def gaussian(deviation: float, channels: int) -> Tensor:
    """A Gaussian [channels, 1, k, 1], for each channel alone."""
    reach = math.ceil(3 * deviation)
    line = torch.exp(-torch.arange(-reach, reach + 1).square() / (2 * deviation**2))
    return (line / line.sum()).view(1, 1, -1, 1).repeat(channels, 1, 1, 1)


def blurred(pictures: Tensor, kernel: Tensor) -> Tensor:
    reach, channels = kernel.shape[2] // 2, pictures.shape[1]
    padded = functional.pad(pictures, (reach,) * 4, mode="replicate")
    down = functional.conv2d(padded, kernel, groups=channels)
    return functional.conv2d(down, kernel.transpose(2, 3), groups=channels)
