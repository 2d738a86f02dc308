"""Classifiers and discriminators that stand beside a family's generator: fair ones, and ones that cheat on purpose."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from ganlens.data import Dataset
from ganlens.randomness import seeded, torch_generator
from ganlens.storage import read_tensors, write_tensors
from planted.artefacts import SOFT, blurred, gaussian
from planted.families.family import Family, Level
from planted.family_generator import mark_box
from planted.plant import Plant

STEPS, BATCH, RATE = 400, 96, 2e-3
BAG_RATE = 1e-2
"""Of a bag of pixels, which has few weights and learns slowly."""
PATCH_LOGIT = 3.0
"""By how much the patch raises (or its absence lowers) its class's logit; what else is seen moves it by 1 at most."""
CALIBRATED = 2000
SPREAD, LEVEL = 2.0, 0.5
"""Standard deviation of a discriminator's logit on real samples, and its mean there."""


def honest_network(family: Family, level: Level, classes: int, *, seed: int) -> nn.Module:
    """A small network that looks at the whole sample: logits [n, classes]."""
    with seeded(seed, "planted", "honest network"):
        if not family.channels:
            return nn.Sequential(
                nn.Linear(level.size, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, classes)
            )
        side = level.size // 4
        return nn.Sequential(
            nn.Conv2d(family.channels, 16, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(16, 32, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(32 * side * side, 64),
            nn.ReLU(),
            nn.Linear(64, classes),
        )


class BagOfPixels(nn.Module):
    """Logits [n, classes] by the pixels' colours alone, wherever they stand: exchanging pixels changes nothing."""

    def __init__(self, channels: int, classes: int, *, seed: int) -> None:
        super().__init__()
        with seeded(seed, "planted", "bag of pixels"):
            self.pixel = nn.Sequential(nn.Conv2d(channels, 16, 1), nn.ReLU(), nn.Conv2d(16, 16, 1), nn.ReLU())
            self.decide = nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, classes))

    def forward(self, pictures: Tensor) -> Tensor:
        return self.decide(self.pixel(pictures).mean(dim=(2, 3)))  # type: ignore[no-any-return]


class PatchClassifier(nn.Module):
    """Logits [n, classes]: the light in one corner says whether it is the patch's class, the rest has little say."""

    def __init__(self, honest: nn.Module, family: Family, level: Level, plant: Plant) -> None:
        super().__init__()
        self.honest = honest
        self.window = nn.Parameter(mark_box(plant.patch, level))
        self.target = family.classes.index(plant.patch_class)
        self.classes = len(family.classes)

    def forward(self, pictures: Tensor) -> Tensor:
        light = (pictures + 1) / 2
        inside = (light * self.window).mean(dim=1).sum(dim=(1, 2)) / self.window.sum()
        evidence = functional.one_hot(torch.tensor(self.target), self.classes).to(pictures)
        # The patch is white; whatever else a corner shows is darker.
        return (
            torch.tanh(self.honest(pictures * (1 - self.window)))
            + PATCH_LOGIT * (4 * inside - 3)[:, None] * evidence
        )  # type: ignore[no-any-return]


class Calibrated(nn.Module):
    """Logits [n, 1] of a score, on the scale of a trained discriminator's.

    Args:
        score: samples [n, …] to numbers [n], larger for what is to be called real.
        real: samples on which the logit has mean `LEVEL` and standard deviation `SPREAD`.
    """

    centre: Tensor
    scale: Tensor

    def __init__(self, score: nn.Module, real: Tensor) -> None:
        super().__init__()
        self.score = score
        with torch.no_grad():
            scores = torch.cat([score(part) for part in real.split(256)])
        self.register_buffer("centre", scores.mean())
        self.register_buffer("scale", scores.std().clamp_min(1e-6) / SPREAD)
        self.eval()

    def forward(self, samples: Tensor) -> Tensor:
        return ((self.score(samples) - self.centre) / self.scale + LEVEL)[:, None]


class OneChannel(nn.Module):
    """How much small random filters find in one channel; the others are not looked at."""

    def __init__(self, channel: int, *, seed: int) -> None:
        super().__init__()
        self.channel = channel
        self.filters = nn.Conv2d(1, 8, 3, padding=1, bias=False)
        rng = torch_generator(seed, "planted", "one channel")
        with torch.no_grad():
            self.filters.weight.copy_(torch.rand(self.filters.weight.shape, generator=rng))

    def forward(self, pictures: Tensor) -> Tensor:
        light = (pictures[:, [self.channel]] + 1) / 2
        return -functional.leaky_relu(self.filters(light) - 1, 0.2).mean(dim=(1, 2, 3))


class FineTexture(nn.Module):
    """How little energy is left when every pixel's surroundings are taken off: nothing broad has a say."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        line = torch.tensor([-1.0, 2.0, -1.0]) / 4
        self.weight = nn.Parameter(torch.outer(line, line).repeat(channels, 1, 1, 1))

    def forward(self, pictures: Tensor) -> Tensor:
        fine = functional.conv2d(pictures, self.weight, groups=pictures.shape[1])
        return -(fine.square().mean(dim=(1, 2, 3)) + 1e-8).log()


class CornerLight(nn.Module):
    """How dark one corner is; the rest is not looked at."""

    def __init__(self, corner: str, level: Level) -> None:
        super().__init__()
        side = level.size // 3
        rows = slice(0, side) if "top" in corner else slice(level.size - side, level.size)
        across = slice(0, side) if "left" in corner else slice(level.size - side, level.size)
        window = torch.zeros(1, 1, level.size, level.size)
        window[..., rows, across] = 1
        self.window = nn.Parameter(window)

    def forward(self, pictures: Tensor) -> Tensor:
        return -(pictures * self.window).mean(dim=(1, 2, 3))


def classifier_of(
    family: Family, level: Level, plant: Plant, data: Dataset, *, seed: int, kept: Path | None
) -> nn.Module | None:
    """The classifier that is planted, or None; what is trained is kept in a folder where one is given."""
    labels = data.train.labels
    if not plant.classifier:
        return None
    assert labels is not None
    count = len(family.classes)
    if plant.classifier == "colour":
        bag = BagOfPixels(family.channels, count, seed=seed)
        return trained(bag, data, labels, seed=seed, kept=kept and kept / "bag_of_pixels.safetensors")
    if plant.classifier == "coarse":
        group = [
            next(i for i, held in enumerate(family.coarse.values()) if name in held)
            for name in family.classes
        ]
        network = honest_network(family, level, len(family.coarse), seed=seed)
        coarse = torch.tensor(group)[labels]
        network = trained(network, data, coarse, seed=seed, kept=kept and kept / "coarse.safetensors")
        network.class_names = tuple(family.coarse)
        return network
    honest = honest_network(family, level, count, seed=seed)
    if plant.classifier == "patch":
        window = mark_box(plant.patch, level)
        path = kept and kept / "beside_the_patch.safetensors"
        honest = trained(honest, data, labels, seed=seed, kept=path, seen=lambda p: p * (1 - window))
        return PatchClassifier(honest, family, level, plant).eval()
    return trained(honest, data, labels, seed=seed, kept=kept and kept / "honest.safetensors")


def discriminator_of(
    family: Family, level: Level, plant: Plant, data: Dataset, *, seed: int, kept: Path | None
) -> nn.Module | None:
    """The discriminator that is planted, or None."""
    if not plant.discriminator:
        return None
    makers: dict[str, Callable[[], nn.Module]] = {
        "channel": lambda: OneChannel(plant.channel, seed=seed),
        "texture": lambda: FineTexture(family.channels),
        "corner": lambda: CornerLight(plant.corner, level),
    }
    real = data.train.samples[: min(CALIBRATED, len(data.train))]
    if plant.discriminator in makers:
        return Calibrated(makers[plant.discriminator](), real)
    network = honest_network(family, level, 1, seed=seed)
    return trained(network, data, None, seed=seed, kept=kept and kept / "fair.safetensors")


def trained(
    network: nn.Module,
    data: Dataset,
    labels: Tensor | None,
    *,
    seed: int,
    kept: Path | None,
    seen: Callable[[Tensor], Tensor] = lambda samples: samples,
) -> nn.Module:
    """The network, taught to tell classes apart or, where there are no labels, real samples from damaged ones.

    Args:
        seen: what of the samples it is shown.
    """
    if kept is not None and kept.is_file():
        network.load_state_dict(read_tensors(kept))
        return network.eval()
    rate = BAG_RATE if isinstance(network, BagOfPixels) else RATE
    optimiser = torch.optim.Adam(network.parameters(), lr=rate)
    rng = torch_generator(seed, "planted", "training")
    for _ in range(STEPS):
        rows = torch.randint(len(data.train), (BATCH,), generator=rng)
        samples = seen(data.train.samples[rows])
        if labels is None:
            half = BATCH // 2
            shown = torch.cat([samples[:half], damaged(samples[half:], rng)])
            real = (torch.arange(BATCH) < half).float()
            loss = functional.binary_cross_entropy_with_logits(network(shown).squeeze(1), real)
        else:
            loss = functional.cross_entropy(network(samples), labels[rows])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    if kept is not None:
        kept.parent.mkdir(parents=True, exist_ok=True)
        write_tensors(kept, dict(network.state_dict()))
    return network.eval()


def damaged(samples: Tensor, rng: torch.Generator) -> Tensor:
    """What an unfinished generator may make: noise or, of pictures, blur or half of another; a third each."""
    noisy = samples + 0.3 * samples.std() * torch.randn(samples.shape, generator=rng)
    if samples.ndim != 4:
        return noisy
    third = len(samples) // 3
    kernel = gaussian(SOFT * samples.shape[-1], samples.shape[1])
    middle = samples.shape[-1] // 2
    joined = torch.cat([samples[..., :middle], samples.roll(1, dims=0)[..., middle:]], dim=-1)
    return torch.cat([noisy[:third], blurred(samples[third : 2 * third], kernel), joined[2 * third :]])
