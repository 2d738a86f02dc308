"""A toy kind: a row of a table with a category and a number, stored as [red, green, blue, height]."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from ganlens.modality import Modality, Part, Reading, Requirement, modalities, slab


@modalities.register("toy-rows")
@dataclass(frozen=True)
class Rows(Modality):
    """Rows of a table."""

    name: ClassVar[str] = "toy-rows"
    measured: ClassVar[bool] = True
    colours: tuple[str, ...] = ("red", "green", "blue")
    tallest: float = 2.5

    @property
    def range(self) -> None:
        return None  # each field has its own

    def bounds(self, sample_shape: tuple[int, ...]) -> tuple[Tensor, Tensor]:
        return torch.zeros(sample_shape), torch.tensor([1.0] * len(self.colours) + [self.tallest])

    def accepts(self, sample_shape: tuple[int, ...]) -> bool:
        return sample_shape == (len(self.colours) + 1,)

    @property
    def columns(self) -> tuple[str, ...]:
        return "colour", "height"

    def encode(self, things: list[tuple[str, float]]) -> Tensor:
        return torch.tensor([[float(c == known) for known in self.colours] + [h] for c, h in things])

    def decode(self, samples: Tensor) -> list[tuple[str, float]]:
        return [(self.colours[int(row[:-1].argmax())], round(float(row[-1]), 3)) for row in samples]

    @property
    def valid(self) -> tuple[Requirement, ...]:
        return (Requirement("one colour", lambda rows: (rows[:, :-1] > 0.5).sum(dim=1) == 1),)

    def parts(self, sample_shape: tuple[int, ...]) -> tuple[Part, ...]:
        width = len(self.colours)
        colour, height = slab(sample_shape, 0, range(width)), slab(sample_shape, 0, [width])
        return Part("the column colour", colour), Part("the column height", height)

    def local_readings(self, sample_shape: tuple[int, ...]) -> tuple[Reading, ...]:
        return tuple(
            Reading(name, lambda rows: rows, place, differentiable=True)
            for place, name in enumerate((*self.colours, "height"))
        )

    def readings(self, like: Tensor) -> tuple[Reading, ...]:
        colour = Reading("colour", lambda rows: rows[:, :-1].argmax(dim=1), counts=True, values=self.colours)
        words = {
            "rises": "raises height",
            "falls": "lowers height",
            "high": "very tall rows",
            "low": "very short rows",
        }
        return colour, Reading("height", lambda rows: rows[:, -1], unit="m", least=0.001, **words)


def draw(count: int, rng: torch.Generator) -> Tensor:
    """Rows: three colours equally often, heights about 1.7."""
    colour = torch.randint(3, (count,), generator=rng)
    height = (1.7 + 0.1 * torch.randn(count, generator=rng)).clamp(1.2, 2.2)
    return torch.cat([torch.nn.functional.one_hot(colour, 3).float(), height[:, None]], dim=1)


KIND = Rows()
