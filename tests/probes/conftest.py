"""Planted generators over data whose distribution is known: what a probe must find is decided here.

The data are five Gaussian clouds in eight dimensions ("points", so that nothing assumes images) with shares
40, 30, 15, 10 and 5 %.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from ganlens.data import Dataset, SampleArray, Split
from ganlens.modality import Points
from ganlens.subject import SampleBank, Subject

SHARES = torch.tensor([0.40, 0.30, 0.15, 0.10, 0.05])
WIDTH = 8
NAMES = ("alpha", "beta", "gamma", "delta", "epsilon")
CENTRES = 4.0 * torch.eye(5, WIDTH)
SPREAD = 0.7


def clouds(uniform: Tensor, noise: Tensor, shares: Tensor = SHARES) -> tuple[Tensor, Tensor]:
    """Points [n, 8] and their classes, from numbers in 0…1 that choose the class and noise [n, 8]."""
    labels = torch.searchsorted(shares.cumsum(0)[:-1].contiguous(), uniform, right=True)
    return CENTRES[labels] + SPREAD * noise, labels


class NearestCentre(nn.Module):
    """A labeller that knows the truth: no training, no seconds, an error that is known."""

    class_names = NAMES
    protocol = "the nearest of the true centres"
    held_out_accuracy, held_out_accuracy_interval, majority_share = 0.99, (0.97, 1.0), 0.40

    def features(self, samples: Tensor) -> Tensor:
        return torch.cdist(samples, CENTRES)

    def forward(self, samples: Tensor) -> Tensor:
        return -self.features(samples).square()


class KindsAlone(NearestCentre):
    """Features that know the kind of a sample and hardly anything else: noise passes for real in them."""

    def features(self, samples: Tensor) -> Tensor:
        kinds = functional.one_hot(torch.cdist(samples, CENTRES).argmin(dim=1), len(CENTRES))
        return kinds + 1e-3 * samples[:, -1:].tanh()


class Planted:
    """A generator that is a function of latents [n, 9]: a choice and eight noises, all standard normal."""

    def __init__(self, make: Callable[[Tensor, Tensor], Tensor]) -> None:
        self._make = make

    def sample_latent(self, n: int, *, rng: torch.Generator) -> Tensor:
        return torch.randn((n, 1 + WIDTH), generator=rng)

    def synthesize(self, latent: Tensor, labels: Tensor | None = None) -> Tensor:
        uniform = 0.5 * (1 + torch.erf(latent[:, 0].contiguous() / math.sqrt(2)))
        return self._make(uniform, latent[:, 1:])


@dataclass(frozen=True)
class Lab:
    """The data, and a way to put a generator with a known fault under examination."""

    data: Dataset

    def honest(self, shares: Tensor = SHARES) -> Planted:
        return Planted(lambda uniform, noise: clouds(uniform, noise, shares)[0])

    def copycat(self, share: float = 1.0, noise: float = 0.0) -> Planted:
        """Replays training samples with that probability, and is honest otherwise."""
        train = self.data.train.samples.tensor()

        def make(uniform: Tensor, noises: Tensor) -> Tensor:
            rows = ((uniform * 7919) % 1 * len(train)).long().clamp(max=len(train) - 1)
            copies = train[rows] + noise * noises
            return torch.where((uniform < share)[:, None], copies, clouds((uniform * 104729) % 1, noises)[0])

        return Planted(make)

    def collapsed(self) -> Planted:
        """One tight cloud at an ordinary place of the commonest class."""
        place = clouds(torch.zeros(1), torch.randn(1, WIDTH, generator=torch.Generator().manual_seed(5)))[0]
        return Planted(lambda uniform, noise: place + 0.1 * noise)

    def noisy(self, times: float = 3.0) -> Planted:
        """The right clouds, some times too wide."""
        return Planted(lambda uniform, noise: clouds(uniform, times * noise)[0])

    def cut_off(self) -> Planted:
        """No sample on the far side of its cloud."""
        return Planted(lambda uniform, noise: clouds(uniform, -noise.abs())[0])

    def constant(self) -> Planted:
        """Three causes that vary in the data and never in the samples."""

        def make(uniform: Tensor, noise: Tensor) -> Tensor:
            return clouds(uniform, torch.cat([noise[:, :-3], torch.zeros_like(noise[:, -3:])], dim=1))[0]

        return Planted(make)

    def kinds_alone(self) -> KindsAlone:
        """A labeller blind to everything but the kind."""
        return KindsAlone()

    def bank(
        self, generator: Planted, *, samples: int = 2000, labeller: nn.Module | None = None
    ) -> SampleBank:
        subject = Subject.wrap(generator, data=self.data, name="planted")
        return SampleBank(subject, samples=samples, labeller=labeller or NearestCentre())


@pytest.fixture(scope="session")
def lab() -> Lab:
    def split(n: int, seed: int) -> Split:
        rng = torch.Generator().manual_seed(seed)
        points, labels = clouds(torch.rand(n, generator=rng), torch.randn(n, WIDTH, generator=rng))
        return Split(SampleArray(points.numpy().astype(np.float32)), labels)

    return Lab(Dataset("clouds", Points(), split(2000, 1), split(500, 2), NAMES))
