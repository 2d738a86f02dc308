"""Whether a feature space sees what everyone sees: damage planted in real samples.

Features that were learned for one purpose approve of what that purpose never met: a labeller of clean faces gives pixel
noise the features of a face. A space in which damaged real samples pass for real ones is no space to judge in.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ganlens.measures.resemblance import RealReference, Resemblance
from ganlens.modality import Modality
from ganlens.modality.edit import Edit
from ganlens.randomness import torch_generator

LOOKED_AT = 250
"""Real samples of each kind that are looked at: damage of all of them shows among so many."""
FEWEST = 32
NEIGHBOURS = 5
CHUNK = 128
GAP = 0.1
"""Damage is seen where it moves the samples by this share of the real variance: beyond it a generator is bad."""
LOST = 0.5
"""Damage is seen where it costs half of the real samples' precision, recall or coverage, or where density halves or
doubles: damaged samples are then outside the real ones, or crowd in their middle."""


@dataclass(frozen=True)
class PlantedDamage:
    """Real samples after one damage, in one space.

    Attributes:
        name: the damage's ("noise").
        gap: how much further they are from unseen real samples, as a share of the real variance.
        precision, recall, density, coverage: as multiples of what they were before.
    """

    name: str
    gap: float
    precision: float
    recall: float
    density: float
    coverage: float

    @property
    def seen(self) -> bool:
        """Whether a judge by distances and neighbours would call a generator of such samples bad."""
        kept = min(self.precision, self.recall, self.coverage, self.density, 1 / max(self.density, 1e-9))
        return self.gap > GAP or kept < LOST


@dataclass(frozen=True)
class Sight:
    """What one feature space sees.

    Attributes:
        damages: each planted damage; empty where there are too few samples to plant any, or the kind knows none.
    """

    damages: tuple[PlantedDamage, ...] = ()

    @property
    def unseen(self) -> tuple[str, ...]:
        """The damages that pass for real."""
        return tuple(damage.name for damage in self.damages if not damage.seen)

    @property
    def sees(self) -> bool:
        """Whether the space may judge: no damage passes for real."""
        return not self.unseen


def planted_sight(
    extract: Callable[[Tensor], Tensor],
    train: Tensor,
    held_out: Tensor,
    modality: Modality,
    *,
    seed: int,
    intact: tuple[Tensor, Tensor] | None = None,
) -> Sight:
    """Does a space see damage in real samples?

    The same training samples are compared with held-out ones before and after each damage, so that only the damage is
    between the two.

    Args:
        extract: samples [b, …] to features [b, d].
        train, held_out: real samples, as many as there are up to `LOOKED_AT`.
        intact: features [m, d] of both, where they are known.
    """
    n = min(len(train), len(held_out), LOOKED_AT)
    if n < FEWEST:
        return Sight()
    train, held_out = train[:n].float(), held_out[:n].float()

    def features(samples: Tensor) -> Tensor:
        with torch.no_grad():
            return torch.cat([extract(chunk).flatten(1).float().cpu() for chunk in samples.split(CHUNK)])

    of_train, of_held_out = intact if intact is not None else (features(train), features(held_out))
    reference = RealReference(of_held_out[:n], NEIGHBOURS)
    before = reference.compare(of_train[:n])
    edits: Sequence[Edit] = modality.damages(tuple(train.shape[1:]))
    damages = []
    for edit in edits:
        spoiled = modality.clipped(edit(train, torch_generator(seed, "sight", edit.name)))
        seen_as = features(spoiled)
        if seen_as.isfinite().all():  # else nobody takes them for real
            damages.append(_planted(edit.name, before, reference.compare(seen_as)))
    return Sight(tuple(damages))


def _planted(name: str, intact: Resemblance, spoiled: Resemblance) -> PlantedDamage:
    shares = {
        share: _multiple(getattr(spoiled, share), getattr(intact, share))
        for share in ("precision", "recall", "density", "coverage")
    }
    return PlantedDamage(name, spoiled.gap - intact.gap, **shares)


def _multiple(after: float, before: float) -> float:
    """What is left of a share; all of it where there was none, as in a space in which all samples are one."""
    return after / before if before > 0 else 1.0
