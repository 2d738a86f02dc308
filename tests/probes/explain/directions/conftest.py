"""A lamp in a dark room: 12×12 pictures of a bright spot, made from three known causes behind a rotation."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from torch import Tensor, nn

from ganlens.data import Dataset
from ganlens.data.dataset import SampleArray, Split
from ganlens.finding import Finding
from ganlens.modality import Images
from ganlens.probes import probes
from ganlens.subject import Context, SampleBank, Subject

SIDE = 12
SCALES = torch.tensor([3.0, 2.0, 1.3, 0.8, 0.5, 0.3])
"""Of the causes in the first layer: across, down, brightness, and three that do nothing."""


def rotation(size: int, seed: int) -> Tensor:
    """A random orthonormal matrix [size, size]."""
    drawn = torch.randn(size, size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return torch.linalg.qr(drawn)[0].float()


def draw(across: Tensor, down: Tensor, strength: Tensor) -> Tensor:
    """Pictures [n, 1, 12, 12] of a spot so many pixels [n] right of and below the middle, of strength 0…1."""
    grid = torch.arange(SIDE) - (SIDE - 1) / 2
    x = torch.exp(-((grid - across[:, None]) ** 2) / 3)
    y = torch.exp(-((grid - down[:, None]) ** 2) / 3)
    return 2 * (strength[:, None, None] * y[:, :, None] * x[:, None, :])[:, None] - 1


class Lamp(nn.Module):
    """Latents [n, 6] through a linear layer of hidden rotation `turn`, whose rows are the causes' directions."""

    latent_shape = (6,)

    def __init__(self, seed: int = 3) -> None:
        super().__init__()
        self.turn = rotation(6, seed)
        self.first = nn.Linear(6, 6, bias=False)
        self.first.weight.data.copy_(SCALES[:, None] * self.turn)

    def sample_latent(self, n: int, *, rng: torch.Generator) -> Tensor:
        return torch.randn(n, 6, generator=rng)

    def synthesize(self, latent: Tensor, labels: Tensor | None = None) -> Tensor:
        return self.light(self.first(latent) / SCALES)

    def light(self, causes: Tensor) -> Tensor:
        """Pictures of causes [n, 6] that are standard normal."""
        return draw(0.9 * causes[:, 0], 0.8 * causes[:, 1], 0.15 + 0.7 * torch.sigmoid(causes[:, 2]))


def pictures(generator: Lamp, count: int = 600) -> Dataset:
    """Training samples by the same causes, and nothing held out: no instrument can be fitted."""
    causes = torch.randn(count, 6, generator=torch.Generator().manual_seed(99))
    samples = generator.light(causes)
    return Dataset(
        "lamps", Images(), Split(SampleArray(samples.numpy())), Split(SampleArray(samples[:0].numpy()))
    )


def ask(
    generator: object,
    *,
    samples: int = 600,
    seed: int = 0,
    subject: Subject | None = None,
    **settings: object,
) -> Finding:
    """The finding of `directions` on a generator of this world, with few steps and starts."""
    subject = subject or Subject.wrap(generator, range=(-1.0, 1.0))
    bank = SampleBank(subject, samples=samples, seed=seed)
    kind = probes["directions"]
    small = {"k": 4, "steps": 3, "batch": 4, "starts": 32, "stability": False}
    return kind().examine(subject, kind.Settings(**small | settings), Context(seed, bank.device, bank))


@pytest.fixture(scope="session")
def lamps() -> SimpleNamespace:
    """The world's parts, by name."""
    return SimpleNamespace(
        Lamp=Lamp, draw=draw, pictures=pictures, rotation=rotation, ask=ask, SCALES=SCALES, SIDE=SIDE
    )
