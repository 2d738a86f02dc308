"""What is planted in one world of a family, as a value: the fault itself, whatever family it is put into."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from ganlens.randomness import numpy_generator
from planted.families.family import Family, Level

Chosen = TypeVar("Chosen")

CORNERS = ("top left", "top right", "bottom left", "bottom right")
TRUNCATED, OVERDONE = 0.55, 1.7
"""A truncated cause reaches so much of its range; an overdone one so many times its range, around the middle."""
OBEYED = 0.56
"""Share of a disobedient generator's samples that are of the class asked for on purpose; others are by chance."""
PATCH_IN, PATCH_ELSEWHERE = 0.95, 0.05
"""How often the patch stands in samples of the class it goes with, and in others."""
TINTED = 0.8
"""Share of the tinted world's samples whose tint goes with their class."""


@dataclass(frozen=True)
class Copies:
    """A generator that hands out training samples.

    Attributes:
        share: of its samples.
        change: "none", "flipped" (from left to right) or "shifted" (by a pixel).
        noise: standard deviation of what is added, as a share of the range or of the points' spread.
    """

    share: float
    change: str = "none"
    noise: float = 0.0


@dataclass(frozen=True)
class Plant:
    """What is wrong, or nothing.

    Attributes:
        never, twice: the class that is never made; that is made twice as often as in the data.
        constant, truncated, overdone: the cause that doesn't vary, is cut off, is drawn beyond its range.
        torn: the cause that is as often drawn with each value as in the data, and jumps from its highest to its lowest
            in the middle of the latent space.
        copies: training samples handed out.
        artefact: what spoils the pictures (`planted.artefacts`).
        dot: the corner in which one unit draws a bright dot in every second sample.
        dot_unit: that unit's number in the layers `paint` and `rectify`.
        obeyed: share of samples that are of the class asked for; None where the generator is asked for none.
        tinted: whether the data's tint goes with the class, mostly.
        patch, patch_class: the corner of a patch that goes with a class, in data and generator; that class.
        equal_scales: whether the causes have the same spread in the first layer.
        straight: whether the latent is not bent, whatever the level says.
        untrained: whether the generator is a freshly initialised network.
        classifier, discriminator: what stands beside the generator (`planted.judges`); "" for none.
        channel: the channel that the one-channel discriminator sees.
        corner: the corner that the corner's discriminator sees.
    """

    never: str = ""
    twice: str = ""
    constant: str = ""
    truncated: str = ""
    overdone: str = ""
    torn: str = ""
    copies: Copies | None = None
    artefact: str = ""
    dot: str = ""
    dot_unit: int = 0
    obeyed: float | None = None
    tinted: bool = False
    patch: str = ""
    patch_class: str = ""
    equal_scales: bool = False
    straight: bool = False
    untrained: bool = False
    classifier: str = ""
    discriminator: str = ""
    channel: int = 0
    corner: str = ""

    @property
    def data(self) -> Plant:
        """What of it is in the data, too."""
        return Plant(tinted=self.tinted, patch=self.patch, patch_class=self.patch_class)


def drawn(family: Family, seed: int, purpose: str, choices: Sequence[Chosen]) -> Chosen:
    """What a fault falls on: another thing for another seed, so that nothing can be tuned to one."""
    rng = numpy_generator(seed, "planted", family.name, purpose)
    return choices[int(rng.integers(len(choices)))]


def box(corner: str, level: Level) -> tuple[slice, slice]:
    """Rows and columns of a mark in that corner: a seventh of the picture, a twelfth from its edges."""
    margin, side = max(1, round(level.size / 12)), max(2, round(level.size / 7))
    start = slice(margin, margin + side)
    end = slice(level.size - margin - side, level.size - margin)
    return (start if "top" in corner else end, start if "left" in corner else end)
