"""A toy kind: a text of 10 characters, each one of six, stored as shares [10, 6]."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from ganlens.modality import Axis, Modality, Reading, Requirement, modalities


@modalities.register("toy-text")
@dataclass(frozen=True)
class Text(Modality):
    """Short texts."""

    name: ClassVar[str] = "toy-text"
    alphabet: str = "abcde_"

    @property
    def range(self) -> tuple[float, float]:
        return 0.0, 1.0

    def accepts(self, sample_shape: tuple[int, ...]) -> bool:
        return len(sample_shape) == 2 and sample_shape[1] == len(self.alphabet)

    @property
    def columns(self) -> tuple[str, ...]:
        return ("text",)

    @property
    def grid(self) -> tuple[Axis, ...]:
        return (Axis("character", 0),)

    def encode(self, things: list[str]) -> Tensor:
        return torch.tensor(
            [[[float(c == known) for known in self.alphabet] for c in line] for line in things]
        )

    def decode(self, samples: Tensor) -> list[str]:
        return ["".join(self.alphabet[i] for i in row) for row in samples.argmax(dim=2).tolist()]

    @property
    def valid(self) -> tuple[Requirement, ...]:
        return (
            Requirement(
                "no letter after a blank", lambda t: (t.argmax(2) == 5).int().diff(dim=1).min(1)[0] >= 0
            ),
        )

    def readings(self, like: Tensor) -> tuple[Reading, ...]:
        def length(texts: Tensor) -> Tensor:
            return (texts.argmax(dim=2) != len(self.alphabet) - 1).sum(dim=1)

        return (
            Reading(
                "letters", length, rises="makes it longer", falls="makes it shorter", counts=True, least=0.1
            ),
        )


def draw(count: int, rng: torch.Generator) -> Tensor:
    """Words of 6 to 10 letters a to e, and blanks up to 10."""
    letters = torch.randint(5, (count, 10), generator=rng)
    length = torch.randint(6, 11, (count, 1), generator=rng)
    codes = torch.where(torch.arange(10) < length, letters, 5)
    return torch.nn.functional.one_hot(codes, 6).float()


KIND = Text()
