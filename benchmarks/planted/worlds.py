"""The planted worlds as subjects: data, instruments trained once, and the generator with its fault."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from torch import nn

from ganlens import Subject
from ganlens.data import Dataset
from ganlens.finding import Finding
from ganlens.instruments.autoencoder import FittedAutoencoder, fit_autoencoder
from ganlens.instruments.labeller import Labeller, fit_labeller
from ganlens.probes import probes
from ganlens.probes.audit import examine
from ganlens.subject import SampleBank
from planted.data import planted_data
from planted.faults import (
    CornerDiscriminator,
    ShortcutClassifier,
    marked,
    never_made,
    over_made,
    patched,
    shape_network,
)
from planted.generators import PlantedGenerator, World
from planted.readouts import Texture, TwoPlaces

SAMPLES = 10_000
EQUAL_SCALES = (1.0,) * 7

WORLDS: dict[str, Callable[[World], World]] = {
    "linear": lambda world: world,
    "equal scales": lambda world: replace(world, scales=EQUAL_SCALES),
    "warped": lambda world: replace(world, warped=True),
    "aligned": lambda world: replace(world, aligned=True),
    "never made": never_made,
    "over-made": over_made,
    "marked": marked,
    "two places": marked,
    "texture": marked,
    "shortcut": patched,
}
"""By name, what is planted in each."""

DISCRIMINATORS: dict[str, Callable[[World], nn.Module]] = {
    "marked": CornerDiscriminator,
    "two places": TwoPlaces,
    "texture": Texture,
}
"""By the name of a world, the discriminator that stands beside its generator."""


class RealData:
    """One data set and what is trained on it: once, whatever the world and the seed.

    Args:
        cache: folder to keep the instruments in, or None.
    """

    def __init__(self, data: Dataset, cache: Path | None) -> None:
        self.data = data
        self.cache = cache
        self.seconds = 0.0

    @cached_property
    def labeller(self) -> Labeller:
        return self._timed(lambda: fit_labeller(self.data, seed=0, cache=self.cache))

    @cached_property
    def autoencoder(self) -> FittedAutoencoder:
        return self._timed(lambda: fit_autoencoder(self.data, seed=0, cache=self.cache))

    @cached_property
    def shapes(self) -> nn.Module:
        return self._timed(lambda: shape_network(self.data))

    def _timed(self, train: Callable[[], Any]) -> Any:
        began = time.perf_counter()
        trained = train()
        self.seconds += time.perf_counter() - began
        return trained


@dataclass
class Planted:
    """One world, ready to be asked.

    Attributes:
        name: of the world.
        generator: with its truth.
        subject: what the probes get to see.
        bank: their samples; shared by all questions about this world.
    """

    name: str
    generator: PlantedGenerator
    subject: Subject
    bank: SampleBank
    findings: dict[str, Finding] = field(default_factory=dict)

    def ask(self, probe: str, **settings: Any) -> Finding:
        """A probe's finding, with the settings that differ from its defaults; asked once."""
        key = f"{probe} {sorted(settings.items())}"
        if key not in self.findings:
            self.findings[key] = examine(self.subject, probe, settings=settings, bank=self.bank)
        return self.findings[key]


class Universe:
    """All worlds of one size and scale.

    Args:
        scale: of the 10,000 pictures of the data and the 10,000 generated samples.
        size: of the pictures, in pixels.
        cache: folder to keep labellers and autoencoders in between runs, or None.
    """

    def __init__(self, scale: float = 1.0, size: int = 32, cache: Path | None = None) -> None:
        self.samples = max(200, round(SAMPLES * scale))
        self.base = World(size=size)
        plain = planted_data(self.base, count=self.samples)
        self._plain = RealData(plain, cache and cache / "plain")
        self._patched = RealData(
            planted_data(patched(self.base), count=self.samples), cache and cache / "patched"
        )

    @property
    def training_seconds(self) -> float:
        """Spent on labellers, autoencoders and the classifier so far."""
        return self._plain.seconds + self._patched.seconds

    def open(self, name: str, seed: int) -> Planted:
        """A world by its name; the seed turns its rotations and is that of every draw of the probes."""
        world = WORLDS[name](replace(self.base, seed=seed))
        generator = PlantedGenerator(world)
        real = self._patched if name == "shortcut" else self._plain
        subject = Subject.wrap(
            generator,
            data=real.data,
            discriminator=DISCRIMINATORS[name](world) if name in DISCRIMINATORS else None,
            classifier=ShortcutClassifier(world, self._plain.shapes) if name == "shortcut" else None,
            name=f"planted, {name}",
            range=(-1.0, 1.0),
        )
        bank = SampleBank(
            subject,
            samples=self.samples,
            seed=seed,
            labeller=real.labeller,
            autoencoder=real.autoencoder,
        )
        return Planted(name, generator, subject, bank)


def there(probe: str) -> bool:
    """Whether this version has the probe."""
    return probe in probes.names()
