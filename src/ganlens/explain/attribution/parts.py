"""Which parts of a sample may a discriminator go by? Places, and aspects that are no place: channels, bands, light."""

from __future__ import annotations

import torch
from torch import Tensor

from ganlens.explain.attribution.places import PARTS, cells
from ganlens.modality import Aspect, Modality

PLACE = "place"
"""The family of parts that are places."""


def parts_of(modality: Modality, like: Tensor) -> tuple[Aspect, ...]:
    """The parts of pictures such as `like` [n, c, h, w]: places, the smallest first, and the kind's aspects."""
    return (*(_place(name, rows, columns, like) for name, rows, columns in PARTS), *modality.aspects(like))


def _place(name: str, rows: tuple[float, float], columns: tuple[float, float], like: Tensor) -> Aspect:
    height, width = like.shape[2:]
    inside = torch.zeros(height, width, dtype=torch.bool)
    inside[cells(rows, height), cells(columns, width)] = True
    usual = like.mean(dim=0, keepdim=True)

    def exchanged(samples: Tensor, others: Tensor) -> Tensor:
        return torch.where(inside.to(samples.device), others.to(samples), samples)

    return Aspect(name, PLACE, lambda samples: exchanged(samples, usual), exchanged)
