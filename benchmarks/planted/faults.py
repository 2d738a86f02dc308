"""Faults put in on purpose: worlds that lack or repeat a shape, a discriminator and a classifier that cheat."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ganlens.data import Dataset
from ganlens.data.sprites import SHAPES
from ganlens.randomness import seeded, torch_generator
from planted.generators import EQUAL_SHARES, World, mark_map

NEVER_MADE, OVER_MADE = "triangle", "square"
SHORTCUT_CLASS = "triangle"

CORNER = 8
"""Side, in 32nds of the picture, of the upper left corner that the discriminator looks at. The mark lies in it."""

MARK_LOGIT = 6.0
"""By how much the mark lowers the discriminator's logit, which is 2 where the corner is empty."""

PATCH_LOGIT = 3.0
"""By how much the patch raises (or its absence lowers) the logit of the shortcut's class. Evidence of the shape
moves a logit by 1 at most, so that the patch always decides."""


def never_made(world: World) -> World:
    """The same, without one shape; the other two share its place."""
    share = tuple(0.0 if name == NEVER_MADE else 0.5 for name in SHAPES)
    return World(**{**vars(world), "shares": share})


def over_made(world: World) -> World:
    """The same, with one shape made twice as often as in the data."""
    twice = 2 * EQUAL_SHARES[0]
    share = tuple(twice if name == OVER_MADE else (1 - twice) / 2 for name in SHAPES)
    return World(**{**vars(world), "shares": share})


def marked(world: World) -> World:
    """The same, with a mark in every second picture, drawn by one unit, that the data don't have."""
    return World(**{**vars(world), "mark": (0.5, 0.5, 0.5)})


def patched(world: World) -> World:
    """The same, with a patch in the lower right that goes with one class: in 95 % of it and 5 % of the others."""
    share = tuple(0.95 if name == SHORTCUT_CLASS else 0.05 for name in SHAPES)
    return World(**{**vars(world), "mark": share, "mark_at": (26, 26, 4)})


def corner_map(size: int) -> Tensor:
    """1 within the corner that the discriminator looks at: [1, 1, size, size]."""
    side = round(CORNER * size / 32)
    corner = torch.zeros(1, 1, size, size)
    corner[..., :side, :side] = 1
    return corner


def mark_concept(pictures: Tensor) -> tuple[Tensor, list[str]]:
    """What a user would write who has a word for the mark: its light [n, 1] in pictures, and the word."""
    where = mark_map(World(size=pictures.shape[-1])).to(pictures.device)
    light = ((pictures + 1) / 2 * where).sum(dim=(1, 2, 3)) / where.sum()
    return light[:, None], ["mark"]


def patch_concept(pictures: Tensor) -> Tensor:
    """The same of the shortcut's patch: its light [n]."""
    where = mark_map(patched(World(size=pictures.shape[-1]))).to(pictures.device)
    return ((pictures + 1) / 2 * where).sum(dim=(1, 2, 3)) / where.sum()


class CornerDiscriminator(nn.Module):
    """Logits [n, 1] of pictures [n, 1, size, size]: the more light in one corner, the faker. The rest has no say.

    Where it looks stands in a weight, `window`, as it would in a trained network, so that shuffling the weights
    makes it look elsewhere.
    """

    def __init__(self, world: World) -> None:
        super().__init__()
        self.window = nn.Parameter(corner_map(world.size))
        self.conv1 = nn.Conv2d(1, 8, 3, padding=1, bias=False)
        self.conv2 = nn.Conv2d(8, 8, 3, padding=1, bias=False)
        self.bend = nn.LeakyReLU(0.2)
        self.score = nn.Linear(8, 1)
        rng = torch_generator(world.seed, "planted", "discriminator")
        with torch.no_grad():
            for layer in (self.conv1, self.conv2):
                layer.weight.copy_(torch.rand(layer.weight.shape, generator=rng))
            self.score.weight.copy_(-torch.rand(self.score.weight.shape, generator=rng))
            self.score.bias.fill_(2.0)
            fall = 2.0 - float(self(mark_map(world) * 2 - 1))
            self.score.weight.mul_(MARK_LOGIT / fall)
        self.eval()

    def forward(self, pictures: Tensor) -> Tensor:
        light = self.window * (pictures + 1) / 2
        seen = self.bend(self.conv2(self.bend(self.conv1(light))))
        return self.score(seen.mean(dim=(2, 3)))  # type: ignore[no-any-return]


class ShortcutClassifier(nn.Module):
    """Logits [n, 3] of pictures: the light in one patch says whether it is `SHORTCUT_CLASS`, the shape little.

    The patch's light is the output of a layer, `read` (four times, with weights of its own), so that methods that look
    into layers can find it there.
    """

    def __init__(self, world: World, shapes: nn.Module) -> None:
        super().__init__()
        patch = mark_map(world)
        self.outside = nn.Parameter(1 - patch)
        self.shapes = shapes
        self.read = nn.Linear(patch.numel(), 4, bias=False)
        self.decide = nn.Linear(4, len(SHAPES))
        gains = torch.tensor([1.0, 2.0, -1.0, -2.0])
        with torch.no_grad():
            self.read.weight.copy_(gains[:, None] * patch.flatten() / patch.sum())
            self.decide.weight.zero_()
            self.decide.bias.zero_()
            shortcut = SHAPES.index(SHORTCUT_CLASS)
            self.decide.weight[shortcut] = 2 * PATCH_LOGIT * gains / gains.square().sum()
            self.decide.bias[shortcut] = -PATCH_LOGIT
        self.eval()

    def forward(self, pictures: Tensor) -> Tensor:
        light = (pictures + 1) / 2
        evidence = self.decide(self.read(light.flatten(1)))
        return torch.tanh(self.shapes(light * self.outside)) + evidence  # type: ignore[no-any-return]


def shape_network(data: Dataset, *, steps: int = 300, seed: int = 0) -> nn.Module:
    """Logits [n, 3] of light in 0…1: a small network trained to tell the shapes of `data` (without marks) apart."""
    width = data.sample_shape[-1] // 4
    with seeded(seed, "planted", "shape network"):
        network = nn.Sequential(
            nn.Conv2d(1, 16, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(16, 32, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(32 * width**2, 64),
            nn.ReLU(),
            nn.Linear(64, len(SHAPES)),
        )
    labels = data.train.labels
    assert labels is not None
    optimiser = torch.optim.Adam(network.parameters(), lr=2e-3)
    rng = torch_generator(seed, "planted", "shape network", "batches")
    for _ in range(steps):
        rows = torch.randint(len(labels), (128,), generator=rng)
        light = (data.train.samples[rows] + 1) / 2
        loss = nn.functional.cross_entropy(network(light), labels[rows])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return network.eval()
