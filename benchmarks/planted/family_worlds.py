"""One world of a family as a subject: generator, data, and what stands beside it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from torch import nn

from ganlens import Subject
from ganlens.data import Dataset
from planted.conditions import Condition
from planted.families.family import Family, Level
from planted.family_data import family_data
from planted.family_generator import FamilyGenerator, untrained_generator
from planted.judges import classifier_of, discriminator_of
from planted.plant import Plant

SAMPLES = 10_000
FEWEST = 200


@dataclass(frozen=True)
class FamilyWorld:
    """What one audit is about.

    Attributes:
        generator: with its truth; of the untrained world a plain network.
        subject: what the probes get to see.
        samples: of the data, and generated.
        kept: where what is trained on its data is kept, or None.
    """

    plant: Plant
    data: Dataset
    generator: nn.Module
    subject: Subject
    samples: int
    kept: Path | None


def open_world(
    family: Family, level: Level, condition: Condition, seed: int, *, scale: float, kept: Path | None
) -> FamilyWorld:
    """A family's world under a condition.

    Args:
        seed: of rotations, data, and of what the fault falls on.
        scale: of the 10,000 real samples and as many generated ones.
        kept: folder for what is trained on data, or None.
    """
    plant = condition.plant(family, level, seed)
    samples = max(FEWEST, round(SAMPLES * scale))
    data = family_data(family, level, plant, count=samples, seed=seed)
    if kept is not None:
        kept = kept / f"{family.name}-{level.name}-{data.fingerprint()}"
    generator: nn.Module
    if plant.untrained:
        generator = untrained_generator(family, level, seed=seed)
    else:
        generator = FamilyGenerator(family, level, plant, seed=seed, train=data.train.samples)
    subject = Subject.wrap(
        generator,
        data=data,
        classifier=classifier_of(family, level, plant, data, seed=seed, kept=kept),
        discriminator=discriminator_of(family, level, plant, data, seed=seed, kept=kept),
        name=f"{family.name}, {condition.name}",
        latent=generator[0].in_features if plant.untrained else None,
        range=(-1.0, 1.0) if family.channels else None,
        modality=family.modality,
    )
    return FamilyWorld(plant, data, generator, subject, samples, kept)
