"""What every method gives: unit directions of one space, or the reason why it has none to give."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from ganlens.explain.code.interventions import random_directions


@dataclass(frozen=True)
class DirectionSet:
    """Directions by one method.

    Attributes:
        method: key of the method ("sefa"), as arrays and settings name it.
        title: as a person reads it ("SeFa").
        space: name of the latent space they lie in.
        unit: [k, z] unit rows in the flattened, standardised space (see `LatentScale`), float64.
        how: in a sentence, how they were found.
        labels: one a direction where the method itself says what it should do ("class 3"); else empty.
        facts: numbers that the method knows of itself, by name.
    """

    method: str
    title: str
    space: str
    unit: Tensor
    how: str
    labels: tuple[str, ...] = ()
    facts: dict[str, float] = field(default_factory=dict)

    def name(self, number: int) -> str:
        """What to call a direction before anyone knows what it does: "SeFa 2", "boundary 3, class 2"."""
        label = f", {self.labels[number]}" if self.labels else ""
        return f"{self.title} {number + 1}{label}"


@dataclass(frozen=True)
class LeftOut:
    """A method that can't be asked. `because` completes "left out, because …"."""

    method: str
    title: str
    because: str


def random_set(count: int, size: int, space: str, rng: torch.Generator) -> DirectionSet:
    """The baseline: directions that nobody looked for."""
    return DirectionSet(
        "random", "random", space, random_directions(count, size, rng), "uniform on the sphere"
    )


def conditioned(normal: Tensor, others: Tensor) -> Tensor:
    """A direction [z] without what it shares with other directions [m, z]: n − Cᵀ(CCᵀ)⁻¹Cn, of length 1.

    Where nothing else is left of it, a row of zeros.

    Source: Shen et al. 2020, InterFaceGAN (arXiv 2005.09635), conditional manipulation.
    """
    left: Tensor = normal - others.T @ (
        torch.linalg.pinv(others @ others.T, hermitian=True) @ (others @ normal)
    )
    length = float(left.norm())
    return left / length if length > 1e-6 else torch.zeros_like(normal)
