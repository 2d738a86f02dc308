"""The contract a kind of sample fulfils. Probes speak only to this, never to "an image"."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from PIL import Image
from torch import Tensor

from ganlens.registry import Registry


class Modality(ABC):
    """One kind of sample.

    Attributes:
        name: short, as saved in files ("images", "points").
        range: lowest and highest value of a sample, or None when it is unbounded.
        raw_space: what `raw_features` are called where a number is shown ("pixels").
    """

    name: ClassVar[str]
    range: ClassVar[tuple[float, float] | None]
    raw_space: ClassVar[str]

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other)

    def __hash__(self) -> int:
        return hash(type(self))

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"

    @abstractmethod
    def accepts(self, sample_shape: tuple[int, ...]) -> bool:
        """Whether one sample of this kind can have that shape."""

    @abstractmethod
    def default_preset(self, sample_shape: tuple[int, ...]) -> str:
        """The training preset that suits samples of that shape."""

    def default_size(self, sample_shape: tuple[int, ...]) -> int | None:
        """The `size` to train at when none is asked for; None when samples of that shape are taken as they are."""
        return None

    @abstractmethod
    def raw_features(self, samples: Tensor) -> Tensor:
        """Samples [n, …] as vectors [n, d], d at most 1,024, with no model in between (sources of bias: none
        but the down-sampling that `raw_protocol` names)."""

    @abstractmethod
    def raw_protocol(self, sample_shape: tuple[int, ...]) -> str:
        """In words, what `raw_features` does to samples of that shape ("pixels, area-averaged to 16×16")."""

    @abstractmethod
    def picture(self, samples: Tensor, *, columns: int | None = None) -> Image.Image:
        """Samples [n, …] as one picture to look at: a grid of images, a scatter of points.

        Small samples are enlarged by whole factors with nearest-neighbour scaling, so they stay crisp.
        """

    @abstractmethod
    def strips(self, samples: Tensor) -> Image.Image:
        """Sequences [rows, steps, …] as one picture, a row per sequence: what changes along each."""

    @abstractmethod
    def pairs(self, first: Tensor, second: Tensor, *, difference: bool = False) -> Image.Image:
        """Two aligned batches [n, …] side by side, so that each pair can be compared; with `difference`, a
        third row (or mark) that shows where the second departs from the first."""


modalities: Registry[type[Modality]] = Registry("modality", "ganlens.modality")
