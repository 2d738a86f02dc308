"""`ring` and `grid`: mixtures of Gaussians in the plane, where every mode and its share are known.

Source of both layouts: Srivastava et al., VEEGAN, 2017, section 4.1.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray

from ganlens.data.dataset import DataOptions, Dataset, SampleArray, Split, split_rows
from ganlens.data.source_arguments import refuse_argument, refuse_large, refuse_size
from ganlens.data.sources import sources
from ganlens.modality import Points
from ganlens.progress import Progress
from ganlens.randomness import numpy_generator

COUNT = 10_000


@sources.register("ring")
def ring(argument: str | None, options: DataOptions, progress: Progress) -> Dataset:
    """2-D points: 8 narrow Gaussians (σ 0.01) evenly on a circle of radius 2; labels are the Gaussian."""
    refuse_argument("ring", argument)
    angles = np.arange(8) * (2 * math.pi / 8)
    return _mixture("ring", 2 * np.stack([np.cos(angles), np.sin(angles)], axis=1), 0.01, options)


@sources.register("grid")
def grid(argument: str | None, options: DataOptions, progress: Progress) -> Dataset:
    """2-D points: 25 Gaussians (σ 0.05) on a 5×5 grid from −4 to 4; labels are the Gaussian."""
    refuse_argument("grid", argument)
    line = np.arange(-4.0, 5.0, 2.0)
    return _mixture("grid", np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2), 0.05, options)


def _mixture(name: str, centres: NDArray[np.float64], sigma: float, options: DataOptions) -> Dataset:
    refuse_size(name, options)
    count = options.count or COUNT
    refuse_large(name, count, (2,), 48)  # each: place, centre, label, noise
    # Dealt in turn, then split by component: each has its fair share to within one point.
    labels = np.arange(count, dtype=np.int64) % len(centres)
    noise = numpy_generator(options.split_seed, name, "points").standard_normal((count, 2))
    points = (centres[labels] + sigma * noise).astype(np.float32)
    train, held_out = split_rows(count, options.held_out, options.split_seed, labels)

    def split(rows: NDArray[np.int64]) -> Split:
        return Split(
            SampleArray(points, rows), torch.from_numpy(labels[rows]), torch.from_numpy(centres[labels[rows]])
        )

    return Dataset(
        name=name,
        modality=Points(),
        train=split(train),
        held_out=split(held_out),
        class_names=tuple(f"({x:g}, {y:g})" for x, y in centres.round(2) + 0.0),
        factor_names=("centre x", "centre y"),
    )
