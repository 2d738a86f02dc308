"""What a family of planted worlds is: classes, named causes, and a renderer that draws samples from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor, nn

from ganlens.modality import Modality


@dataclass(frozen=True)
class Cause:
    """One thing that varies in a family's samples.

    Attributes:
        name: as a person would call it.
        low, high: its values in the data are uniform between these.
        words: a regular expression of what anyone would call it by.
        extends: whether a value beyond the range is drawn as such (a larger body is; a hue beyond red is another hue).
    """

    name: str
    low: float
    high: float
    words: str
    extends: bool = True


@dataclass(frozen=True)
class Level:
    """How hard a family's worlds are.

    Attributes:
        name: "easy", "medium" or "hard".
        size: height and width of pictures in pixels; coordinates of points.
        twist: how far the latent is bent (see `planted.latents.Swirl`); 0 for a linear world.
        strength: of faults that can be faint, 1 for the plainest.
    """

    name: str
    size: int
    twist: float
    strength: float


PICTURE_LEVELS = (
    Level("easy", 16, 0.0, 1.0),
    Level("medium", 24, 0.2, 0.75),
    Level("hard", 32, 0.4, 0.5),
)


class Renderer(Protocol):
    """Draws what is asked for, so that gradients reach every cause.

    Of class weights [n, k] (0 and 1, whose gradients pass), causes' values [n, c] and nuisances' standard normal
    scores [n, d]: light [n, channels, size, size] in 0…1, or points [n, size].
    """

    def __call__(self, classes: Tensor, values: Tensor, nuisances: Tensor) -> Tensor: ...


class Family(Protocol):
    """Worlds of one kind.

    Attributes:
        name: short.
        summary: what its samples are, in a sentence.
        held_back: whether nobody may develop against it.
        modality: what a sample is.
        channels: of pictures; 0 where samples are points.
        classes: names, all alike often in the data.
        causes: in the order of the renderer's values.
        nuisances: further numbers that make samples differ and have no name.
        coarse: names of coarser classes, and the classes that each of them holds.
        tint: the cause that a pixel shows alone, whatever stands beside it (a colour, a brightness); None for none.
        levels: from easy to hard.
    """

    name: str
    summary: str
    held_back: bool
    modality: Modality
    channels: int
    classes: tuple[str, ...]
    causes: tuple[Cause, ...]
    nuisances: int
    coarse: Mapping[str, tuple[str, ...]]
    tint: str | None
    levels: tuple[Level, ...]

    def renderer(self, level: Level) -> nn.Module:
        """What draws its samples; see `Renderer`."""
        ...

    def cause(self, name: str) -> Cause:
        """The cause of that name."""
        return next(cause for cause in self.causes if cause.name == name)

    def place(self, name: str) -> int:
        """The number of the cause of that name among the causes."""
        return [cause.name for cause in self.causes].index(name)

    def level(self, name: str) -> Level:
        """The level of that name."""
        return next(level for level in self.levels if level.name == name)
