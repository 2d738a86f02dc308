"""A toy kind: a mono sound of 64 values, which has the shape of a vector and is none."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from ganlens.modality import Axis, Change, Modality, Part, Reading, modalities, stretches


@modalities.register("toy-sound")
@dataclass(frozen=True)
class Sound(Modality):
    """Mono sounds."""

    name: ClassVar[str] = "toy-sound"
    strength: ClassVar[str] = "mean pressure"
    changes: ClassVar[frozenset[Change]] = frozenset({"shift"})
    rate: int = 64

    @property
    def range(self) -> tuple[float, float]:
        return -1.0, 1.0

    def accepts(self, sample_shape: tuple[int, ...]) -> bool:
        return len(sample_shape) == 1 and sample_shape[0] % 8 == 0

    @property
    def grid(self) -> tuple[Axis, ...]:
        return (Axis("time", 0),)

    def parts(self, sample_shape: tuple[int, ...]) -> tuple[Part, ...]:
        return stretches(sample_shape, self.grid[0], 8)

    def readings(self, like: Tensor) -> tuple[Reading, ...]:
        def loudness(waves: Tensor) -> Tensor:
            return waves.square().mean(dim=1).clamp(min=1e-8).log() / 2

        def pitch(waves: Tensor) -> Tensor:
            return (
                (waves[:, 1:].sign() != waves[:, :-1].sign()).double().sum(dim=1)
                * self.rate
                / 2
                / waves.shape[1]
            )

        loud = {"rises": "makes it louder", "falls": "makes it quieter", "high": "very loud sounds"}
        high = {"rises": "raises the pitch", "falls": "lowers the pitch", "high": "very high sounds"}
        return (
            Reading("loudness", loudness, **loud, low="very quiet sounds", least=0.02),
            Reading("pitch", pitch, **high, low="very low sounds", unit="Hz", least=0.1),
        )


def draw(count: int, rng: torch.Generator) -> Tensor:
    """Sines of 2 to 6 Hz, a quarter to full loudness, any phase."""
    hertz, size, phase = (torch.rand(count, 1, generator=rng) for _ in range(3))
    angle = 2 * math.pi * ((2 + 4 * hertz) * torch.arange(64) / 64 + phase)
    return (0.25 + 0.7 * size) * angle.sin()


KIND = Sound()
