"""One number of each sample in which an artefact would show, and families of such numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor

Kind = Literal[
    "missing colour",
    "copied colour",
    "checkerboard",
    "stripes",
    "border",
    "spot",
    "specks",
    "blur",
    "noise",
    "grey wash",
]
"""The artefacts that have a name."""

PRECEDENCE: tuple[Kind, ...] = (
    "checkerboard",
    "stripes",
    "border",
    "missing colour",
    "copied colour",
    "spot",
    "noise",
    "specks",
    "blur",
    "grey wash",
)
"""The most particular first: a checkerboard is also noise and a dot is also a speck, but not the other way round."""
SCATTERED: tuple[Kind, ...] = ("noise", "specks")
"""Artefacts of single pixels anywhere, which leave a spot or a pattern here and there by chance."""
BY_CHANCE: tuple[Kind, ...] = ("spot", "checkerboard")
"""What those leave."""


@dataclass(frozen=True)
class Trace:
    """What one column of numbers would show, if it is higher than in real samples.

    Attributes:
        kind: of artefact.
        where: its place, direction or colour in words ("the top right", "horizontal", "red"); empty for a
            whole sample.
        tone: "bright" or "dark" where it is lighter or darker than what is around it.
        visible: by how much it must exceed real samples to be seen.
        box: rows and columns (top, bottom, left, right) that it lies in; None for a whole sample.
    """

    kind: Kind
    where: str = ""
    tone: str = ""
    visible: float = 0.0
    box: tuple[int, int, int, int] | None = None


@dataclass(frozen=True)
class Family:
    """Traces that are measured together.

    Attributes:
        traces: one for each column.
        measure: samples [n, c, h, w] to numbers [n, len(traces)]; higher is more of it.
    """

    traces: Sequence[Trace]
    measure: Callable[[Tensor], Tensor]


def mean_in_thirds(lines: Tensor) -> list[Tensor]:
    """The means along the last axis of its first, middle and last third: what runs across is in all of them."""
    length = lines.shape[-1]
    cuts = [0, length // 3, length - length // 3, length] if length >= 3 else [0, length]
    return [lines[..., start:stop].mean(dim=-1) for start, stop in pairwise(cuts)]


def grain_of(samples: Tensor) -> Tensor:
    """The size [n] of the finest differences of samples [n, c, h, w], as most places have them.

    The median of |a − b − c + d| / 2 over squares of four pixels: for white noise of deviation σ it is 0.67 σ; edges,
    spots and stripes, which are in few places or along one axis, don't move it.
    """
    rows = samples[..., 1:, :] - samples[..., :-1, :]
    return ((rows[..., 1:] - rows[..., :-1]).abs() / 2).flatten(1).median(dim=1).values


def highest(samples: Tensor, share: float) -> Tensor:
    """The mean [n] of the highest `share` of each row's numbers [n, m]."""
    count = max(1, round(share * samples.shape[1]))
    return samples.topk(count, dim=1).values.mean(dim=1)


def stacked(columns: Sequence[Tensor]) -> Tensor:
    """Columns [n] each as [n, k]."""
    return torch.stack([column.float() for column in columns], dim=1)
