"""A toy kind: a clip of 4 frames of 8×8 in 0…255, which has the shape of a picture of 4 channels and is none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from ganlens.modality import Axis, Modality, Reading, modalities


@modalities.register("toy-clip")
@dataclass(frozen=True)
class Clip(Modality):
    """Clips of a few frames."""

    name: ClassVar[str] = "toy-clip"
    strength: ClassVar[str] = "brightness"
    frames: int = 4

    @property
    def range(self) -> tuple[float, float]:
        return 0.0, 255.0

    def accepts(self, sample_shape: tuple[int, ...]) -> bool:
        return len(sample_shape) == 3 and sample_shape[0] == self.frames

    @property
    def grid(self) -> tuple[Axis, ...]:
        return Axis("frame", 0), Axis("height", 1), Axis("width", 2)

    def readings(self, like: Tensor) -> tuple[Reading, ...]:
        def speed(clips: Tensor) -> Tensor:
            across = torch.arange(clips.shape[-1], dtype=torch.float64)
            weight = clips.double().sum(dim=2)
            centre = (weight * across).sum(dim=2) / weight.sum(dim=2).clamp(min=1e-6)
            return (centre[:, -1] - centre[:, 0]) / (self.frames - 1)

        return (
            Reading(
                *("speed", speed),
                rises="moves faster to the right",
                falls="moves faster to the left",
                unit="px a frame",
                high="clips that go right",
                low="clips that go left",
                least=0.01,
            ),
        )


def draw(count: int, rng: torch.Generator) -> Tensor:
    """A soft spot that starts in the middle of a row and moves by −1…1 pixels a frame."""
    row, speed = 1 + 5 * torch.rand(count, 1, generator=rng), 2 * torch.rand(count, 1, generator=rng) - 1
    column = 3.5 + speed * torch.arange(4)
    places = torch.arange(8)
    down = (-(places[None, None, :, None] - row[:, :, None, None]).square() / 2).exp()
    across = (-(places[None, None, None, :] - column[:, :, None, None]).square() / 2).exp()
    return 230 * down * across


KIND = Clip()
