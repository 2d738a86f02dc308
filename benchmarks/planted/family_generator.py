"""The generator of a family's world, with what is planted in it."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from ganlens.data import SampleArray
from ganlens.randomness import seeded, torch_generator
from planted.artefacts import Hash, Spoiled
from planted.families.family import Family, Level
from planted.generators import UNITS, hard_switch
from planted.latents import Scores
from planted.plant import (
    OVERDONE,
    PATCH_ELSEWHERE,
    PATCH_IN,
    TINTED,
    TRUNCATED,
    Copies,
    Plant,
    box,
)

DOT_SHARE = 0.5
QUICK = 0.004
"""Of a class's score: one class becomes the next within about five of these, which is where 3 % of samples lie."""
SHIFTS = ((0, 1), (0, -1), (1, 0), (-1, 0))


class Truth(NamedTuple):
    """What made some samples, one row each.

    Attributes:
        scores: [n, c] the causes as standard normal scores, before any fault.
        values: [n, c] the causes' values as drawn.
        classes: [n] the class drawn; of a copy it is not the training sample's.
        dotted, patched, copied: [n] whether the dot or the patch is there, or the sample is a copy.
    """

    scores: Tensor
    values: Tensor
    classes: Tensor
    dotted: Tensor
    patched: Tensor
    copied: Tensor


class Sources(NamedTuple):
    """What one sample is drawn from: standard normal scores [n] or [n, …], None where the world has no such thing."""

    causes: Tensor
    kind: Tensor | None
    nuisances: Tensor
    switch: Tensor | None
    tint: Tensor | None
    which: Tensor | None


def sources_of(scores: Tensor, family: Family, plant: Plant) -> Sources:
    """The parts of scores [n, `score_count`], in their order."""
    causes, rest = scores[:, : len(family.causes)], scores[:, len(family.causes) :]
    nuisances, rest = rest[:, : family.nuisances], rest[:, family.nuisances :]
    taken: list[Tensor | None] = []
    for needed in _needed(plant):
        taken.append(rest[:, 0] if needed else None)
        rest = rest[:, 1:] if needed else rest
    kind, switch, tint, which = taken
    return Sources(causes, kind, nuisances, switch, tint, which)


def score_count(family: Family, plant: Plant) -> int:
    """How many scores a sample is drawn from: none that does nothing, or a healthy latent would have idle parts."""
    return len(family.causes) + family.nuisances + sum(_needed(plant))


def _needed(plant: Plant) -> tuple[bool, bool, bool, bool]:
    """Whether there is a score for the class, for what is switched on in some samples, the tint, and which copy."""
    kind = plant.obeyed is None or plant.obeyed < 1
    switch = bool(plant.copies or plant.dot or plant.patch) or (plant.obeyed is not None and plant.obeyed < 1)
    return kind, switch, plant.tinted, plant.copies is not None


class Rendering(nn.Module):
    """Samples of scores, with the faults that are faults of causes and classes: the world without its latent.

    The data are drawn by it as well, so that a healthy generator makes just such samples.
    """

    thresholds: Tensor
    low: Tensor
    high: Tensor

    def __init__(self, family: Family, level: Level, plant: Plant) -> None:
        super().__init__()
        self.family, self.plant = family, plant
        self.draw = family.renderer(level)
        shares = class_shares(family, plant).double().cumsum(0)[:-1].clamp(0, 1)
        cuts = torch.special.ndtri(shares).clamp(-30, 30).float()
        limits = torch.tensor([[cause.low, cause.high] for cause in family.causes])
        for name, tensor in (("thresholds", cuts), ("low", limits[:, 0]), ("high", limits[:, 1])):
            self.register_buffer(name, tensor, persistent=False)

    def forward(self, sources: Sources, classes: Tensor) -> Tensor:
        return self.draw(classes, self.values(sources, classes), sources.nuisances)  # type: ignore[no-any-return]

    def classes(self, sources: Sources, labels: Tensor | None) -> Tensor:
        """Weights [n, k] that sum to 1: 0 and 1, but where one class is about to become the next.

        Their gradient is that of soft steps, so that it reaches the class's score everywhere.
        """
        if sources.kind is None:
            assert labels is not None
            return self._one_hot(labels)
        passed = _quick_switch(sources.kind[:, None] - self.thresholds)
        start, end = torch.ones_like(passed[:, :1]), torch.zeros_like(passed[:, :1])
        free = torch.cat([start, passed], dim=1) - torch.cat([passed, end], dim=1)
        if labels is None or self.plant.obeyed is None or sources.switch is None:
            return free
        obeys = _below(sources.switch, self.plant.obeyed)
        return torch.where(obeys[:, None], self._one_hot(labels), free)

    def values(self, sources: Sources, classes: Tensor) -> Tensor:
        """The causes' values [n, c]."""
        family, plant = self.family, self.plant
        shares = list(torch.special.ndtr(sources.causes).unbind(1))
        for name, change in (
            (plant.constant, lambda share: torch.full_like(share, 0.5)),
            (plant.truncated, lambda share: TRUNCATED * share),
            (plant.overdone, lambda share: 0.5 + OVERDONE * (share - 0.5)),
            (plant.torn, lambda share: (share + 0.5).remainder(1.0)),
        ):
            if name:
                place = family.place(name)
                shares[place] = change(shares[place])
        if plant.tinted:
            assert family.tint is not None and sources.tint is not None
            place, count = family.place(family.tint), len(family.classes)
            own = (classes @ torch.arange(count, device=classes.device).float() + shares[place]) / count
            shares[place] = torch.where(_below(sources.tint, TINTED), own, shares[place])
        return self.low + torch.stack(shares, dim=1) * (self.high - self.low)

    def _one_hot(self, labels: Tensor) -> Tensor:
        return nn.functional.one_hot(labels.long(), len(self.family.classes)).float()


class FamilyGenerator(nn.Module):
    """Latents [n, L] from N(0, I) to a family's samples.

    Attributes:
        family, level, plant: what it is.
        num_classes: labels it wants; 0 where it is asked for no class.
        latent_dim: L.
    """

    def __init__(
        self, family: Family, level: Level, plant: Plant, *, seed: int, train: SampleArray | None = None
    ) -> None:
        super().__init__()
        self.family, self.level, self.plant = family, level, plant
        self.num_classes = len(family.classes) if plant.obeyed is not None else 0
        self.latent_dim = score_count(family, plant)
        twist = 0.0 if plant.straight else level.twist
        self.scores = Scores(self.latent_dim, twist=twist, equal_scales=plant.equal_scales, seed=seed)
        self.rendering = Rendering(family, level, plant)
        if family.channels:
            self._add_canvas(seed)
        if plant.artefact:
            self.spoiled = Spoiled(plant.artefact, level, family.channels, self.latent_dim, seed)
        if plant.copies is not None:
            assert train is not None
            self.memory = Memory(plant.copies, train, self.latent_dim, seed)
        self.eval()

    def sample_latent(self, n: int, *, rng: torch.Generator) -> Tensor:
        """Latents [n, L] from N(0, I)."""
        return torch.randn(n, self.latent_dim, generator=rng)

    def synthesize(self, latent: Tensor, labels: Tensor | None = None) -> Tensor:
        """Samples [n, …] in the modality's range."""
        return self(latent, labels)  # type: ignore[no-any-return]

    def forward(self, latent: Tensor, labels: Tensor | None = None) -> Tensor:
        sources = sources_of(self.scores(latent), self.family, self.plant)
        classes = self.rendering.classes(sources, labels)
        samples: Tensor = self.rendering(sources, classes)
        if self.family.channels:
            mark = self._mark(sources, classes)
            light = torch.cat([samples, mark], dim=1) if mark is not None else samples
            samples = self.blend(self.rectify(self.paint(light))).clamp(0, 1) * 2 - 1
        if self.plant.artefact:
            samples = self.spoiled(samples, latent)
        if self.plant.copies is not None:
            assert sources.switch is not None and sources.which is not None
            samples = self.memory(samples, sources.switch, sources.which, latent)
        return samples

    @torch.no_grad()
    def all_scores(self, latent: Tensor) -> Tensor:
        """[n, s] the scores that samples of these latents are drawn from: causes first, then the rest."""
        return self.scores(latent)  # type: ignore[no-any-return]

    @torch.no_grad()
    def truth(self, latent: Tensor, labels: Tensor | None = None) -> Truth:
        """What made the samples of these latents."""
        sources = sources_of(self.scores(latent), self.family, self.plant)
        classes = self.rendering.classes(sources, labels)
        mark, nothing = self._mark(sources, classes), torch.zeros(len(latent), dtype=torch.bool)
        marked = nothing if mark is None else mark.flatten(1).amax(dim=1) > 0
        copied = nothing
        if self.plant.copies is not None and sources.switch is not None:
            copied = _below(sources.switch, self.plant.copies.share)
        dotted, patched = (marked if place else nothing for place in (self.plant.dot, self.plant.patch))
        values = self.rendering.values(sources, classes)
        return Truth(sources.causes, values, classes.argmax(dim=1), dotted, patched, copied)

    def _mark(self, sources: Sources, classes: Tensor) -> Tensor | None:
        """Light [n, 1, size, size] of the dot or the patch; None where the world has neither."""
        corner = self.plant.dot or self.plant.patch
        if not corner:
            return None
        assert sources.switch is not None
        return mark_light(sources.switch, classes, self.family, self.level, self.plant)

    def _add_canvas(self, seed: int) -> None:
        """Units that see random mixtures of the colours, and a layer that takes them apart again.

        Where there is a dot, one unit alone draws it, and draws nothing else.
        """
        channels, marked = self.family.channels, bool(self.plant.dot or self.plant.patch)
        self.paint = nn.Conv2d(channels + marked, UNITS, 1, bias=False)
        self.rectify = nn.ReLU()
        self.blend = nn.Conv2d(UNITS, channels, 1, bias=False)
        others = [unit for unit in range(UNITS) if not marked or unit != self.plant.dot_unit]
        rng = torch_generator(seed, "planted", "canvas")
        mixtures = 0.1 + torch.rand(len(others), channels, generator=rng)
        with torch.no_grad():
            self.paint.weight.zero_()
            self.blend.weight.zero_()
            self.paint.weight[others, :channels, 0, 0] = mixtures
            self.blend.weight[:, others, 0, 0] = torch.linalg.pinv(mixtures)
            if marked:
                self.paint.weight[self.plant.dot_unit, channels] = 1
                self.blend.weight[:, self.plant.dot_unit] = 1


class Memory(nn.Module):
    """Hands out training samples in place of some of its own."""

    def __init__(self, copies: Copies, train: SampleArray, latent: int, seed: int) -> None:
        super().__init__()
        self.copies, self.train_samples = copies, train
        first = train[0]
        self.noise = Hash(latent, first.numel(), seed, "noise of copies") if copies.noise else None
        self.spread = 2.0 if first.ndim == 3 else float(train[: min(len(train), 2000)].std(dim=0).mean())

    def forward(self, samples: Tensor, switch: Tensor, which: Tensor, latent: Tensor) -> Tensor:
        with torch.no_grad():
            rows = (torch.special.ndtr(which) * len(self.train_samples)).long()
            rows = rows.clamp(0, len(self.train_samples) - 1)
            kept = changed(self.train_samples[rows].to(samples.device), self.copies.change, rows)
            if self.noise is not None:
                uniform = (self.noise(latent) - 0.5) * 12**0.5
                kept = kept + self.copies.noise * self.spread * uniform.view_as(kept)
                kept = kept.clamp(-1, 1) if kept.ndim == 4 else kept
        copied = _below(switch, self.copies.share).view(-1, *(1,) * (samples.ndim - 1))
        return torch.where(copied, kept, samples)


def changed(pictures: Tensor, change: str, rows: Tensor) -> Tensor:
    """Training samples [n, …] flipped, or moved by a pixel to a side that their row number says."""
    if change == "flipped":
        return pictures.flip(-1)
    if change == "shifted":
        padded = nn.functional.pad(pictures, (1, 1, 1, 1), mode="replicate")
        height, width = pictures.shape[2:]
        moved = [padded[:, :, 1 + y : 1 + y + height, 1 + x : 1 + x + width] for y, x in SHIFTS]
        return torch.stack(moved)[rows % len(SHIFTS), torch.arange(len(rows))]
    return pictures


def mark_light(switch: Tensor, classes: Tensor, family: Family, level: Level, plant: Plant) -> Tensor:
    """Light [n, 1, size, size], 1 within the dot or the patch where it is drawn."""
    share = torch.full((len(family.classes),), DOT_SHARE if plant.dot else PATCH_ELSEWHERE)
    if plant.patch:
        share[family.classes.index(plant.patch_class)] = PATCH_IN
    threshold = torch.special.ndtri(share).to(classes.device)
    on = hard_switch(classes @ threshold - switch)
    return on[:, None, None, None] * mark_box(plant.dot or plant.patch, level).to(classes.device)


def mark_box(corner: str, level: Level) -> Tensor:
    """[1, 1, size, size], 1 within the dot or the patch of that corner."""
    place = torch.zeros(1, 1, level.size, level.size)
    place[(..., *box(corner, level))] = 1
    return place


def class_shares(family: Family, plant: Plant) -> Tensor:
    """How often each class is made [k]."""
    count = len(family.classes)
    share = torch.full((count,), 1 / count)
    if plant.never or plant.twice:
        place = family.classes.index(plant.never or plant.twice)
        share[place] = 0.0 if plant.never else 2 / count
        others = torch.arange(count) != place
        share[others] = (1 - share[place]) / (count - 1)
    return share


def untrained_generator(family: Family, level: Level, *, seed: int) -> nn.Module:
    """A freshly initialised network with latents of as many numbers as the healthy generator's."""
    latent = score_count(family, Plant())
    with seeded(seed, "planted", "untrained"):
        if not family.channels:
            layers = [
                nn.Linear(latent, 64),
                nn.ReLU(),
                nn.Linear(64, 64),
                nn.ReLU(),
                nn.Linear(64, level.size),
            ]
            return nn.Sequential(*layers).eval()
        side = level.size // 4
        return nn.Sequential(
            nn.Linear(latent, 32 * side * side),
            nn.Unflatten(1, (32, side, side)),
            nn.ReLU(),
            nn.ConvTranspose2d(32, 24, 4, stride=2, padding=1),
            nn.BatchNorm2d(24),
            nn.ReLU(),
            nn.ConvTranspose2d(24, family.channels, 4, stride=2, padding=1),
            nn.Tanh(),
        ).eval()


def _quick_switch(beyond: Tensor) -> Tensor:
    """From 0 to 1 within a few `QUICK`, without a jump; the gradient is that of the hard switch."""
    hard = hard_switch(beyond)
    return hard - hard.detach() + torch.sigmoid(beyond / QUICK).detach()


def _below(score: Tensor, share: float) -> Tensor:
    """[n] whether a standard normal score lies among that lowest share."""
    return torch.special.ndtr(score) < share
