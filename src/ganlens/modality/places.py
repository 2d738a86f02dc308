"""Where in a sample: the axes that are places, and the named pieces that can be covered, swapped or pointed at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor


class Axis(NamedTuple):
    """An axis of a sample along which neighbours are near each other.

    Attributes:
        name: in the singular ("height", "time", "character").
        axis: which one of the sample's, counted without the batch.
    """

    name: str
    axis: int


@dataclass(frozen=True, eq=False)
class Part:
    """A named piece of a sample.

    Attributes:
        name: as it stands after "in" or "at" ("the top left", "time 16–31", "the column age").
        mask: [*sample_shape] bool, the values that belong to it.
    """

    name: str
    mask: Tensor

    def covered(self, samples: Tensor, by: Tensor | float) -> Tensor:
        """Samples [n, …] with this piece replaced by a value, or by what `by` [n, …] has there."""
        return torch.where(self.mask.to(samples.device), torch.as_tensor(by).to(samples), samples)

    def mean(self, samples: Tensor) -> Tensor:
        """The mean value [n] of this piece of samples [n, …]."""
        return samples[:, self.mask.to(samples.device)].mean(dim=1)


def stretches(sample_shape: tuple[int, ...], axis: Axis, count: int) -> tuple[Part, ...]:
    """At most `count` stretches of about equal length along one axis, named by where they begin and end, from 0."""
    length = sample_shape[axis.axis]
    ends = torch.linspace(0, length, min(count, length) + 1).round().int().tolist()
    return tuple(
        Part(
            f"{axis.name} {start}" if end - start == 1 else f"{axis.name} {start}–{end - 1}",
            slab(sample_shape, axis.axis, range(start, end)),
        )
        for start, end in pairwise(ends)
    )


def slab(sample_shape: tuple[int, ...], axis: int, rows: Sequence[int]) -> Tensor:
    """Mask [*sample_shape] of all values that stand at `rows` of one axis."""
    mask = torch.zeros(sample_shape, dtype=torch.bool)
    mask.index_fill_(axis, torch.tensor(list(rows)), True)
    return mask
