"""Which colours a picture has and how much of each, wherever they stand: its palette, as an aspect."""

from __future__ import annotations

import torch
from torch import Tensor

from ganlens.modality.edit import Aspect
from ganlens.randomness import torch_generator

NAMES = {1: ("the mix of grey levels", "light"), 3: ("the mix of colours", "colour")}
OTHERWISE = ("the mix of values", "light")
ROUNDS = 8
"""Turns of the colour axes in which marginals are matched; of grey pictures one is exact."""


def palette_aspect(like: Tensor) -> Aspect:
    """The colours of pictures [n, c, h, w] without their places; removed, all have those of `like` together."""
    channels, height, width = like.shape[1:]
    pixels = like.transpose(0, 1).reshape(channels, -1)
    spread = torch.linspace(0, pixels.shape[1] - 1, height * width).round().long()
    # Sorted by lightness, so that those taken at even steps are like all of them.
    usual = pixels[:, pixels.mean(dim=0).argsort()][:, spread].view(1, channels, height, width)
    return Aspect(
        *NAMES.get(channels, OTHERWISE),
        lambda pictures: with_palette(pictures, usual.to(pictures).expand(len(pictures), -1, -1, -1)),
        with_palette,
    )


def with_palette(pictures: Tensor, others: Tensor) -> Tensor:
    """Pictures [n, c, h, w] whose pixels have the colours of others of the same size, each moved as little as may be.

    Along each of several turned axes pixels take the others' values in the same order. Source: Pitié, Kokaram & Dahyot
    2007, "Automated colour grading using colour distribution transfer".
    """
    moved, wanted = pictures.flatten(2), others.to(pictures).flatten(2)
    channels = moved.shape[1]
    rng = torch_generator(0, "palette")
    for _ in range(1 if channels == 1 else ROUNDS):
        axes = torch.ones(1, 1)
        if channels > 1:
            axes = torch.linalg.qr(torch.randn(channels, channels, generator=rng))[0]
        axes = axes.to(moved)
        along = axes @ moved
        order = along.argsort(dim=2, stable=True)
        matched = torch.empty_like(along).scatter_(2, order, (axes @ wanted).sort(dim=2).values)
        moved = axes.T @ matched
    return moved.view_as(pictures)
