"""Bands of frequency as aspects: coarse shape, middle detail and fine detail, along any axes that are places."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor

from ganlens.modality.edit import Aspect

BANDS = (("coarse shape", 0.0, 0.25), ("middle detail", 0.25, 0.5), ("fine detail", 0.5, math.inf))
"""Bands with their ends, as shares of the finest frequency that an axis can hold (one wave every two values)."""
FINEST_OF_COARSE = BANDS[0][2]


def frequency_aspects(like: Tensor, axes: Sequence[int]) -> tuple[Aspect, ...]:
    """The bands of samples [n, …] along some of their axes, counted without the batch; their mean belongs to none.

    A band without a single wave in samples of that size is left out. Removed is a band where it is that of the mean of
    `like`. Bands are those of the cosine transform, which takes samples as mirrored at their ends.
    """
    usual = like.mean(dim=0, keepdim=True)
    masks = {name: band_mask(tuple(like.shape[1:]), axes, low, high) for name, low, high in BANDS}
    return tuple(
        Aspect(
            name,
            "frequency",
            lambda samples, mask=mask: exchanged(samples, usual, mask, axes),  # type: ignore[misc]
            partial(exchanged, mask=mask, axes=axes),
        )
        for name, mask in masks.items()
        if bool(mask.any())
    )


def exchanged(samples: Tensor, others: Tensor, mask: Tensor, axes: Sequence[int]) -> Tensor:
    """Samples [n, …] with what others [n, …] (or one) have in a band."""
    return samples + in_band(others.to(samples) - samples, mask, axes)


def in_band(samples: Tensor, mask: Tensor, axes: Sequence[int]) -> Tensor:
    """What samples [n, …] have in the band of a mask."""
    return cosine_transform(cosine_transform(samples, axes) * mask.to(samples.device), axes, inverse=True)


def band_mask(sample_shape: tuple[int, ...], axes: Sequence[int], low: float, high: float) -> Tensor:
    """Which coefficients of samples' cosine transform lie in a band, the mean in none: [*sample_shape] bool, or 1
    where an axis is not among `axes`."""
    radius = torch.zeros([1] * len(sample_shape))
    for axis in axes:
        shape = [1] * len(sample_shape)
        shape[axis] = sample_shape[axis]
        radius = radius + (torch.arange(sample_shape[axis]) / sample_shape[axis]).square().view(shape)
    radius = radius.sqrt()
    return (radius >= low) & (radius < high) & (radius > 0)


def cosine_transform(samples: Tensor, axes: Sequence[int], *, inverse: bool = False) -> Tensor:
    """The orthonormal cosine transform (type 2) of samples [n, …] along axes counted without the batch."""
    for axis in axes:
        matrix = _cosines(samples.shape[axis + 1]).to(samples)
        along = matrix.T if inverse else matrix
        samples = (samples.transpose(axis + 1, -1) @ along.T).transpose(axis + 1, -1)
    return samples


def _cosines(length: int) -> Tensor:
    """Rows are waves of 0, 1, 2… half periods: [length, length], orthonormal."""
    places = torch.arange(length, dtype=torch.float64)
    waves = torch.cos(math.pi / length * torch.outer(places, places + 0.5)) * math.sqrt(2 / length)
    waves[0] /= math.sqrt(2)
    return waves
