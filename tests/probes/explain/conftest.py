"""A small world in which the truth is known: 8×8 pictures of one bright spot, made from its two coordinates.

The pictures lie on a curved surface of two dimensions, so that a code of width 2 can be exact and PCA of that
width can't be. The autoencoder of this world is written down, not trained.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import Tensor

from ganlens.data import Dataset, SampleArray, Split
from ganlens.finding import Finding
from ganlens.modality import Images
from ganlens.probes import probes
from ganlens.subject import Context, SampleBank, Subject

SIDE = 8
GRID = torch.arange(SIDE).float()


def draw(places: Tensor) -> Tensor:
    """Pictures [n, 1, 8, 8] of a spot whose centre is 3.5 + `places` [n, 2] pixels from the corner."""
    x, y = (3.5 + places[:, i, None] - GRID for i in (0, 1))
    spot = torch.exp(-(x**2)[:, None, :] / 2 - (y**2)[:, :, None] / 2)
    return (2 * spot - 1)[:, None]


def locate(pictures: Tensor) -> Tensor:
    """The centre of brightness, as `draw` takes it."""
    light = ((pictures[:, 0] + 1) / 2).clamp(min=0) + 1e-9
    total = light.sum(dim=(1, 2))
    x, y = light.sum(dim=1) @ GRID / total, light.sum(dim=2) @ GRID / total
    return torch.stack([x, y], dim=1) - 3.5


class SpotCode:
    """An exact autoencoder: it knows that pictures are spots. Its raw code is the place, skewed."""

    width = 2
    skew = torch.tensor([[3.0, 0.5], [1.0, 0.2]])

    def encode(self, x: Tensor) -> Tensor:
        return locate(x) @ self.skew

    def decode(self, codes: Tensor) -> Tensor:
        return draw(codes @ torch.linalg.inv(self.skew))


class Quadrants(torch.nn.Module):
    """A labeller that was written down: the quadrant that holds a spot's centre."""

    class_names = ("upper left", "upper right", "lower left", "lower right")
    held_out_accuracy, held_out_accuracy_interval, majority_share = 1.0, (0.99, 1.0), 0.25
    protocol = "A labeller that was written down."

    def features(self, samples: Tensor) -> Tensor:
        return locate(samples)

    def forward(self, samples: Tensor) -> Tensor:
        x, y = (50 * locate(samples)).unbind(dim=1)
        return torch.stack([-x - y, x - y, y - x, x + y], dim=1)


class Components:
    """PCA of the training pictures."""

    def __init__(self, pictures: Tensor, width: int) -> None:
        rows = pictures.flatten(1)
        self.width, self.mean, self.shape = width, rows.mean(dim=0), pictures.shape[1:]
        self.axes = torch.linalg.svd(rows - self.mean, full_matrices=False).Vh[:width]

    def encode(self, x: Tensor) -> Tensor:
        return (x.flatten(1) - self.mean) @ self.axes.T

    def decode(self, codes: Tensor) -> Tensor:
        return (codes @ self.axes + self.mean).unflatten(1, self.shape)


@dataclass
class Fitted:
    """What the bank expects of a fitted autoencoder."""

    network: object
    pca: Components
    held_out_r2: float
    pca_held_out_r2: float
    held_out_r2_margin: SimpleNamespace
    beats_pca: bool
    width: int = 2
    protocol: str = "An autoencoder that was written down."


def dataset(
    places: Callable[[int, torch.Generator], Tensor], train: int = 1000, held_out: int = 400
) -> Dataset:
    """Pictures of spots whose places are drawn by `places(n, rng)`; labels are the quadrant of the place."""
    drawn = places(train + held_out, torch.Generator().manual_seed(0))
    pictures = draw(drawn).numpy().astype(np.float32)
    labels = (drawn[:, 0] > 0).long() + 2 * (drawn[:, 1] > 0).long()

    def split(rows: slice) -> Split:
        return Split(SampleArray(pictures[rows]), labels[rows])

    names = ("upper left", "upper right", "lower left", "lower right")
    return Dataset("spots", Images(), split(slice(train)), split(slice(train, None)), class_names=names)


def fitted(data: Dataset, network: object | None = None, *, beats_pca: bool = True, width: int = 2) -> Fitted:
    pca = Components(data.train.samples.tensor(), width)
    low, high = (0.1, 0.3) if beats_pca else (-0.3, -0.1)
    margin = SimpleNamespace(value=(low + high) / 2, low=low, high=high)
    return Fitted(network or SpotCode(), pca, 0.6 + margin.value, 0.6, margin, beats_pca, width)


class Spots:
    """A generator: latents [n, 4] to places by any function, places to pictures by `draw`."""

    latent_shape = (4,)

    def __init__(self, places: Callable[[Tensor], Tensor], noise: float = 0.0) -> None:
        self.places, self.noise = places, noise

    def sample_latent(self, n: int, *, rng: torch.Generator) -> Tensor:
        return torch.randn(n, 4, generator=rng)

    def synthesize(self, latent: Tensor, labels: Tensor | None = None) -> Tensor:
        pictures = draw(self.places(latent))
        if self.noise:  # a function of the latent alone, as a generator is
            ripple = torch.sin(37.0 * latent.sum(dim=1)[:, None] * torch.arange(1, SIDE * SIDE + 1))
            pictures = pictures + self.noise * ripple.unflatten(1, (1, SIDE, SIDE))
        return pictures.clamp(-1, 1)


def spread(n: int, rng: torch.Generator) -> Tensor:
    """Places all over the picture: 1.5·tanh of a normal pair, so that spots stay inside."""
    return 1.5 * torch.tanh(torch.randn(n, 2, generator=rng))


def quarters(n: int, rng: torch.Generator) -> Tensor:
    """Places in four tight groups of equal size."""
    corner = torch.randint(0, 2, (n, 2), generator=rng) * 3.0 - 1.5
    return corner + 0.15 * torch.randn(n, 2, generator=rng)


def first_two(latent: Tensor) -> Tensor:
    """Places from the first two latent numbers alone: the same distribution as `spread`."""
    return 1.5 * torch.tanh(latent[:, :2])


def corners(latent: Tensor) -> Tensor:
    """Places from latents with the distribution of `quarters`."""
    return torch.where(latent[:, :2] > 0, 1.5, -1.5) + 0.15 * latent[:, 2:]


def ask(
    probe: str,
    generator: object,
    data: Dataset,
    autoencoder: Fitted | None = None,
    *,
    samples: int = 2000,
    seed: int = 0,
    **settings: object,
) -> Finding:
    """One probe's finding on a generator of this world."""
    limits = (-1.0, 1.0) if data.modality.name == "images" else None
    subject = Subject.wrap(generator, data=data, range=limits)
    bank = SampleBank(subject, samples=samples, seed=seed, autoencoder=autoencoder or fitted(data))  # type: ignore[arg-type]
    kind = probes[probe]
    return kind().examine(subject, kind.Settings(**settings), Context(seed, bank.device, bank))


@pytest.fixture(scope="session")
def spots() -> SimpleNamespace:
    """The world's parts, by name."""
    return SimpleNamespace(
        draw=draw,
        dataset=dataset,
        fitted=fitted,
        Generator=Spots,
        SpotCode=SpotCode,
        Quadrants=Quadrants,
        Components=Components,
        spread=spread,
        quarters=quarters,
        first_two=first_two,
        corners=corners,
        ask=ask,
    )
