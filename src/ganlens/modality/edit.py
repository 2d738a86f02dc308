"""What may be done to a sample: a change with a name, that keeps its meaning, spoils it, or takes one aspect away."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

Edited = Callable[[Tensor, torch.Generator], Tensor]


@dataclass(frozen=True, eq=False)
class Edit:
    """A change of samples that has a name.

    Attributes:
        name: as it stands after "by" or "after" ("a flip from left to right", "noise").
        family: what it acts on, in a word or two ("place", "light"); edits of one family are alternatives.
        applied: samples [n, …] and a random generator to samples of the same shape, on the same device. Values may
            leave the range; `Modality.clipped` brings them back.
    """

    name: str
    family: str
    applied: Edited

    def __call__(self, samples: Tensor, rng: torch.Generator) -> Tensor:
        """Samples [n, …] after the change."""
        return self.applied(samples, rng)


@dataclass(frozen=True, eq=False)
class Aspect:
    """Something of a sample that is no place in it: a channel, a band of frequencies, its brightness, its texture.

    Attributes:
        name: as it stands after "by" ("the red channel", "fine detail").
        family: the kind of thing it is ("colour", "frequency", "light").
        removed: samples [n, …] without it: what it could tell is the same in all of them.
        swapped: samples [n, …] that have it from others [n, …], and everything else of their own.
    """

    name: str
    family: str
    removed: Callable[[Tensor], Tensor]
    swapped: Callable[[Tensor, Tensor], Tensor]
