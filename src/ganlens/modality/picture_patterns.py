"""The pattern on what is drawn, and texture, read off pictures exactly.

A pattern is the wave that fits best to the inside of the largest part, by least squares on its pixels alone, so that
neither its outline nor what stands beside it has a share in it (Lomb 1976; Scargle 1982).
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor
from torch.nn import functional

from ganlens.modality.picture_ground import departures, own_grounds
from ganlens.modality.picture_parts import PLANE, foreground

FAINT = 0.005
"""Differences (of 2, black to white) of about a step of bytes: below them there is no texture."""
SEEN = 2 * FAINT
"""The same from which on there is a texture to see."""
DIRECTIONS, FREQUENCIES = 8, 8
COARSEST, FINEST = 2.0, 0.4
"""Waves that are tried: from so many cycles a picture to so many a pixel."""
CLEAR = 8
"""Waves are weighed by this power of the share of the pattern that they explain."""
FEWEST = 12
"""Pixels inside, below which there is no pattern to see."""


def texture_statistics(pictures: Tensor) -> Tensor:
    """Logarithms of texture's strength and fineness [n, 2] float64 of pictures [n, c, h, w].

    Strength is the median difference of a pixel's grey from the mean of the 25 around it; fineness what of it is
    finer: the median difference from the mean of nine, over that of this mean from the mean of 49. Medians, so that
    outlines and a few spots don't count, and a picture of flat areas has none (NaN).
    """
    grey = pictures.float().mean(dim=1, keepdim=True)
    means = {
        side: functional.avg_pool2d(grey, side, 1, side // 2, count_include_pad=False) for side in (3, 5, 7)
    }

    def size(differences: Tensor) -> Tensor:
        return (differences.abs().flatten(1).median(dim=1).values.square() + FAINT**2).log() / 2

    fine, middle = size(grey - means[3]), size(means[3] - means[7])
    strength = size(grey - means[5])
    there = strength >= math.log(SEEN)
    return torch.stack([strength, fine - middle], dim=1).where(there[:, None], torch.nan).double()


def pattern_statistics(pictures: Tensor) -> Tensor:
    """Strength, frequency and tilt of the pattern within what is drawn: [n, 3] float64 of pictures [n, c, h, w].

    Within: inside the largest part of the foreground, gaps of two pixels closed, a pixel away from its outline.
    Strength is √2 times the root mean square of the wave that fits best: its amplitude. Frequency is the logarithm of
    cycles a picture, and tilt the sine of twice the angle by which its stripes lean to the right (upright and level
    ones 0, −1…1); both are means over waves, weighed by how well these fit. NaN in a picture with no inside.
    """
    pictures = pictures.float()
    inside = within(departures(pictures, own_grounds(pictures)))
    explained, total = _explained(pictures, inside)
    there = inside.sum(dim=(1, 2)) >= FEWEST
    share = explained / (total + FAINT**2)[:, None]
    weights = share.clamp(0, 1) ** CLEAR + 1e-12
    weights = weights / weights.sum(dim=1, keepdim=True)
    _, cycles, lean = _waves(*pictures.shape[2:])
    strength = (2 * (weights * explained).sum(dim=1)).clamp(min=0).sqrt()
    columns = torch.stack([strength, weights @ cycles.log(), weights @ lean], dim=1)
    return columns.where(there[:, None], torch.nan).double()


def within(ink: Tensor) -> Tensor:
    """The inside [n, h, w] of the largest part, as 0 and 1, by how far pixels [n, h, w] depart from the ground."""
    grown = functional.max_pool2d(foreground(ink).float()[:, None], 3, 1, 1)
    inner = (1 - functional.max_pool2d(1 - functional.pad(grown, [2] * 4), 5, 1))[:, 0] > 0
    labels, count = ndimage.label(inner.numpy(), structure=PLANE)
    flat = labels.reshape(len(labels), -1)
    sizes = np.bincount(flat.ravel(), minlength=count + 1)
    sizes[0] = 0
    largest = flat[np.arange(len(flat)), sizes[flat].argmax(axis=1)]
    mine = (labels == largest[:, None, None]) & (labels > 0)
    return torch.from_numpy(mine.astype(np.float32))


@lru_cache(maxsize=4)
def _waves(height: int, width: int) -> tuple[Tensor, Tensor, Tensor]:
    """Waves [2w, pixels], cosines and then sines; cycles a picture [w] and sines of twice their stripes' lean [w]."""
    side = max(height, width)
    steps = torch.linspace(0, 1, FREQUENCIES)
    cycles = COARSEST * (max(FINEST * side, COARSEST + 1) / COARSEST) ** steps
    angles = math.pi * torch.arange(DIRECTIONS) / DIRECTIONS
    across, down = (angles.cos()[:, None] * cycles).flatten(), (angles.sin()[:, None] * cycles).flatten()
    x, y = torch.arange(width) - (width - 1) / 2, torch.arange(height) - (height - 1) / 2
    turns = (across[:, None, None] * x + down[:, None, None] * y[:, None]) / side
    phase = 2 * math.pi * turns.flatten(1)
    # Stripes of a wave that runs down to the right lean to the right: y grows downwards.
    lean = (2 * angles).sin()[:, None].expand(-1, FREQUENCIES).flatten()
    return torch.cat([phase.cos(), phase.sin()]), cycles.repeat(DIRECTIONS), lean


def _explained(pictures: Tensor, inside: Tensor) -> tuple[Tensor, Tensor]:
    """Mean squares [n, w] that each wave explains inside, and the whole mean square [n]; summed over the channels."""
    waves, cycles, _ = _waves(*pictures.shape[2:])
    count = len(cycles)
    mask = inside.flatten(1)
    pixels = mask.sum(dim=1, keepdim=True).clamp(min=1)
    cosine, sine = waves[:count], waves[count:]
    means = mask @ waves.T / pixels
    of_cosine, of_sine = means[:, :count], means[:, count:]
    products = mask @ torch.cat([cosine.square(), cosine * sine]).T / pixels
    squares = products[:, :count] - of_cosine.square(), 1 - products[:, :count] - of_sine.square()
    mixed = products[:, count:] - of_cosine * of_sine
    ridge = 0.02  # where less than a wave is seen, its two parts can't be told apart
    first, second = squares[0] + ridge, squares[1] + ridge
    determinant = (first * second - mixed.square()).clamp(min=ridge**2)
    explained, total = torch.zeros(len(pictures), count), torch.zeros(len(pictures))
    for channel in pictures.flatten(2).unbind(dim=1):
        level = (channel * mask).sum(dim=1, keepdim=True) / pixels
        above = (channel - level) * mask
        with_waves = above @ waves.T / pixels
        a, b = with_waves[:, :count], with_waves[:, count:]
        explained += (a.square() * second + b.square() * first - 2 * a * b * mixed) / determinant
        total += above.square().sum(dim=1) / pixels[:, 0]
    return explained / pictures.shape[1], total / pictures.shape[1]
