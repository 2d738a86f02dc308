"""Where along a way through the latent space does a generator jump, and is the jump a tear?

Speeds at random places never see a tear: a place within a ten-thousandth of it is drawn once in ten thousand.
So a way is walked in steps, and the largest step is halved again and again, the half with more change each time.
What changes smoothly changes half as much with each halving; what is torn doesn't.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

STEPS, HALVINGS = 16, 10
FINEST = STEPS * 2**HALVINGS
"""The steepest bit that is found is one FINEST-th of its way."""
WAYS_AT_ONCE = 16

Way = Callable[[Tensor, Tensor], Tensor]
"""Which way [m] int64 and which place on it [m] float64 in 0…1 → features [m, d] of the sample that stands there."""


@dataclass(frozen=True)
class Steepest:
    """The steepest bit of each of some ways.

    Attributes:
        largest: [n] the largest of `STEPS` equal steps as a share of the way's length; 1/STEPS is even.
        place: [n] float64, where the steepest bit begins; it is 1/FINEST of the way long.
        jump: [n] float64, the distance across it.
        ends: [n, d] the features at the beginning of the ways.
    """

    largest: Tensor
    place: Tensor
    jump: Tensor
    ends: Tensor


def find_steepest(way: Way, count: int) -> Steepest:
    """Walk ways 0…count−1 and look closer where each changes most."""
    parts = [_largest_step(way, ways) for ways in torch.arange(count).split(WAYS_AT_ONCE)]
    largest, place, here, there, ends = (torch.cat(column) for column in zip(*parts, strict=True))
    step = 1 / STEPS
    for _ in range(HALVINGS):
        step /= 2
        middle = way(torch.arange(count), place + step)
        later = _distance(middle, there) > _distance(here, middle)
        place = torch.where(later, place + step, place)
        here, there = (
            torch.where(later[:, None], middle, here),
            torch.where(later[:, None], there, middle),
        )
    return Steepest(largest, place, _distance(here, there), ends)


def _largest_step(way: Way, ways: Tensor) -> tuple[Tensor, ...]:
    """Its share, where it begins, the features on both sides of it, and those where the way begins."""
    places = torch.linspace(0, 1, STEPS + 1, dtype=torch.float64)
    features = way(ways.repeat_interleave(STEPS + 1), places.repeat(len(ways))).unflatten(0, (len(ways), -1))
    steps = _distance(features[:, 1:], features[:, :-1])
    length, number = steps.max(dim=1)
    every = torch.arange(len(ways))
    share = length / steps.sum(dim=1).clamp_min(1e-30)
    return share, places[number], features[every, number], features[every, number + 1], features[:, 0]


def _distance(a: Tensor, b: Tensor) -> Tensor:
    distance: Tensor = torch.linalg.vector_norm(a.double() - b.double(), dim=-1)
    return distance
