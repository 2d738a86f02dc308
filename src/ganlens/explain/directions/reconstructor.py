"""Directions learned so that a second network can tell which of them was followed, and how far."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from ganlens.explain.directions.direction_set import DirectionSet
from ganlens.explain.directions.walk import Walk
from ganlens.modality import Body
from ganlens.progress import Task
from ganlens.randomness import seeded, torch_generator

FARTHEST, NEAREST = 6.0, 0.5
"""Shifts are uniform in ±[NEAREST, FARTHEST], in standard deviations."""

SHIFT_WEIGHT = 0.25
DIRECTIONS_RATE, RECONSTRUCTOR_RATE = 0.03, 0.005
"""Of Adam. The authors' 0.0001 is for a hundred thousand steps; here there are a few hundred."""

MOST_PIXELS = 16
"""Side to which pictures are reduced before the reconstructor sees them."""


def learned_directions(walk: Walk, k: int, steps: int, batch: int, seed: int, task: Task) -> DirectionSet:
    """Orthonormal directions and a reconstructor, trained together by cross-entropy + ¼·|ε − ε̂|.

    What is trained for is that they can be told apart, and where the generator is near linear, mixtures of its
    factors can be as well: a thousand steps then name more directions than a hundred, and no truer ones.

    Args:
        steps: of Adam, `batch` pairs of samples each.
        seed: of the start, of the choice among the bank's samples and of the shifts.

    Source: Voynov & Babenko 2020 (arXiv 2002.03754).
    """
    k = min(k, walk.size)
    rng = torch_generator(seed, "directions", "reconstructor")
    raw = torch.randn(walk.size, k, generator=rng).requires_grad_(True)
    with seeded(seed, "directions", "reconstructor weights"):
        shape = walk.subject.sample_shape
        network = Reconstructor(shape, k, walk.subject.modality.body(shape)).to(walk.subject.device)
    weights = list(network.parameters())
    optimiser = torch.optim.Adam(
        [{"params": [raw], "lr": DIRECTIONS_RATE}, {"params": weights, "lr": RECONSTRUCTOR_RATE}]
    )
    deviation = walk.scale.deviation.float()
    right = 0.0
    with torch.enable_grad():
        for step in range(steps):
            points, labels, still = walk.some(batch, rng)
            chosen, shifts = draw_shifts(len(points), k, rng)
            unit = torch.linalg.qr(raw)[0].T
            moved = points + (shifts[:, None] * unit[chosen] * deviation).reshape(points.shape)
            samples = walk.space.synthesize(moved, labels)
            logits, guessed = network(still.to(samples.device), samples)
            wanted, far = chosen.to(logits.device), shifts.to(logits.device)
            loss = functional.cross_entropy(logits, wanted) + SHIFT_WEIGHT * (guessed - far).abs().mean()
            for weight, gradient in zip(
                [raw, *weights], torch.autograd.grad(loss, [raw, *weights]), strict=True
            ):
                weight.grad = gradient
            optimiser.step()
            if step >= steps - max(1, steps // 5):
                right += float((logits.argmax(dim=1) == wanted).double().mean()) / max(1, steps // 5)
            task.advance()
    unit = torch.linalg.qr(raw.detach().double())[0].T.contiguous()
    return DirectionSet(
        "learned",
        "learned",
        walk.space.name,
        unit,
        f"trained for {steps} steps of {batch} pairs with a reconstructor, which names {right:.0%} of them in the end",
        facts={"reconstructor": right},
    )


def draw_shifts(n: int, k: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """Which direction [n] int64 to follow and how far [n], balanced over directions, signs and distances.

    Distances are uniform in NEAREST…FARTHEST, signs a fair coin. (A known program draws them by index, so
    that 69 % come out positive and the first never comes.)
    """
    chosen = torch.randint(k, (n,), generator=rng)
    sign = 2.0 * torch.randint(2, (n,), generator=rng) - 1
    return chosen, sign * (NEAREST + (FARTHEST - NEAREST) * torch.rand(n, generator=rng))


class Reconstructor(nn.Module):
    """From a pair of samples [n, …]: logits [n, k] of the direction between them, and the distance [n]."""

    def __init__(self, sample_shape: tuple[int, ...], k: int, body: Body) -> None:
        super().__init__()
        if body == "convolutional":
            self.side: tuple[int, int] | None = tuple(min(s, MOST_PIXELS) for s in sample_shape[1:])  # type: ignore[assignment]
            self.body = nn.Sequential(
                nn.Conv2d(2 * sample_shape[0], 24, 3, 2, 1),
                nn.LeakyReLU(0.2),
                nn.Conv2d(24, 48, 3, 2, 1),
                nn.LeakyReLU(0.2),
                nn.Flatten(),
                nn.LazyLinear(128),
                nn.LeakyReLU(0.2),
            )
            channels = 2 * sample_shape[0]
            assert self.side is not None
            self.body(torch.zeros(1, channels, *self.side))  # settles the lazy layer's width
        else:
            self.side = None
            self.body = nn.Sequential(
                nn.Flatten(), nn.Linear(2 * math.prod(sample_shape), 128), nn.LeakyReLU(0.2)
            )
        self.which, self.far = nn.Linear(128, k), nn.Linear(128, 1)

    def forward(self, first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
        pair = torch.cat([first, second - first], dim=1)
        if self.side is not None and tuple(pair.shape[2:]) != self.side:
            pair = functional.adaptive_avg_pool2d(pair, self.side)
        features = self.body(pair)
        return self.which(features), self.far(features).flatten()
