"""The real data of a family's world: drawn by the very rendering that its generator draws with."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ganlens.data import Dataset, SampleArray, Split
from ganlens.data.dataset import split_rows
from ganlens.randomness import torch_generator
from planted.families.family import Family, Level
from planted.family_generator import Rendering, mark_light, score_count, sources_of
from planted.plant import Plant

HELD_OUT = 0.2
BATCH = 500


def family_data(
    family: Family, level: Level, plant: Plant | None = None, *, count: int, seed: int
) -> Dataset:
    """Samples with their labels (the class) and factors (the class's number and the causes' values).

    Args:
        plant: what the world has; of it only what the data have, too, counts here.
        count: samples in both splits together.
        seed: of the samples and the split.
    """
    plant = (plant or Plant()).data
    rendering = Rendering(family, level, plant)
    rng = torch_generator(seed, "planted", family.name, level.name, "data")
    scores = torch.randn(count, score_count(family, plant), generator=rng)
    samples, factors = [], []
    for part in scores.split(BATCH):
        drawn, causes = _drawn(part, family, level, plant, rendering)
        samples.append(drawn)
        factors.append(causes)
    stored, known = np.concatenate(samples), torch.cat(factors)
    labels = known[:, 0].long()
    train, held_out = split_rows(count, HELD_OUT, seed, labels.numpy())

    def split(rows: np.ndarray) -> Split:
        return Split(SampleArray(stored, rows), labels[rows], known[rows])

    names = ("class", *(cause.name for cause in family.causes))
    title = f"planted {family.name}"
    return Dataset(title, family.modality, split(train), split(held_out), family.classes, names)


@torch.no_grad()
def _drawn(
    scores: Tensor, family: Family, level: Level, plant: Plant, rendering: Rendering
) -> tuple[np.ndarray, Tensor]:
    """Samples as they are stored, and their factors [n, 1 + c]."""
    sources = sources_of(scores, family, plant)
    classes = rendering.classes(sources, None)
    made = rendering(sources, classes)
    factors = torch.cat([classes.argmax(dim=1, keepdim=True), rendering.values(sources, classes)], dim=1)
    if not family.channels:
        return made.numpy().astype(np.float32), factors.double()
    if plant.patch:
        assert sources.switch is not None
        made = made + mark_light(sources.switch, classes, family, level, plant)
    return (made.clamp(0, 1) * 255).round().numpy().astype(np.uint8), factors.double()
