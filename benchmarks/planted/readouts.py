"""Discriminators whose reasons are known pixel by pixel: what every attribution of them should say."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ganlens.randomness import torch_generator
from planted.faults import MARK_LOGIT, corner_map
from planted.generators import World, mark_map

CENTRE = 10
"""Side, in 32nds of the picture, of the square in the middle that `TwoPlaces` looks at beside the corner."""


class TwoPlaces(nn.Module):
    """Logits [n, 1]: light in the corner is fake, light in the centre real, a third as much a pixel.

    Linear, with a weight of its own for every pixel, so that right maps have a sign and grades.
    """

    def __init__(self, world: World) -> None:
        super().__init__()
        rng = torch_generator(world.seed, "planted", "two places")
        grades = 0.5 + torch.rand(1, 1, world.size, world.size, generator=rng)
        weight = (centre_map(world.size) / 3 - corner_map(world.size)) * grades
        mark = mark_map(world)
        self.weight = nn.Parameter(weight * MARK_LOGIT / -float((weight * mark).sum()))
        self.eval()

    def forward(self, pictures: Tensor) -> Tensor:
        light = (pictures + 1) / 2
        return 2 + (self.weight * light).sum(dim=(1, 2, 3))[:, None]


class Texture(nn.Module):
    """Logits [n, 1]: the more energy small filters find, the faker, and the lower in the picture the more it counts.

    Quadratic in the pixels, all of them, each together with its neighbours.
    """

    def __init__(self, world: World) -> None:
        super().__init__()
        rng = torch_generator(world.seed, "planted", "texture")
        self.filters = nn.Conv2d(1, 4, 3, padding=1, bias=False)
        ramp = torch.linspace(0, 1, world.size)[:, None].square()
        self.window = nn.Parameter(ramp.expand(1, 1, -1, world.size).clone())
        with torch.no_grad():
            self.filters.weight.copy_(torch.randn(self.filters.weight.shape, generator=rng) / 10)
        self.eval()

    def forward(self, pictures: Tensor) -> Tensor:
        energy = self.filters((pictures + 1) / 2).square() * self.window
        return 2 - energy.sum(dim=(1, 2, 3))[:, None]


def centre_map(size: int) -> Tensor:
    """1 within the square in the middle: [1, 1, size, size]."""
    side = round(CENTRE * size / 32)
    start = (size - side) // 2
    found = torch.zeros(1, 1, size, size)
    found[..., start : start + side, start : start + side] = 1
    return found


def true_evidence(discriminator: nn.Module, samples: Tensor, baseline: Tensor) -> Tensor:
    """What each pixel [n, h, w] truly adds to logit(baseline) − logit(sample), the evidence for "fake".

    (sample − baseline) times the gradient halfway between them: exact for a discriminator that is linear or
    quadratic between the two, where it is Shapley's and Aumann's value, too.
    """
    middle = ((samples + baseline) / 2).requires_grad_(True)
    (gradient,) = torch.autograd.grad(discriminator(middle).sum(), middle)
    return (gradient * (baseline - samples)).sum(dim=1)
