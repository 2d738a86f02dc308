"""What samples have in common that others lack: the end of a reading by which they are told from the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ganlens.measures import Estimate, area_under_curve
from ganlens.modality import Reading

TOLD = 0.95
"""A trait is named where a member has more of it than a stranger, in this share of pairs."""
FEWEST = 20
"""Members below which nothing is said of what they share: half of them choose the trait, half judge it."""


@dataclass(frozen=True)
class Trait:
    """The end of one reading, and how well it tells members from the rest.

    Attributes:
        name: what a person calls samples of that end ("very dark samples").
        separation: probability, 0…1, that a member has more of it than one of the rest, on rows that had no part in the
            choice.
    """

    name: str
    separation: Estimate


def shared_trait(
    readings: Sequence[Reading], values: Tensor, members: Tensor, *, told: float = TOLD
) -> Trait | None:
    """What sets members apart from the rest, in the words of one reading; None where no reading does.

    Even rows choose the end that tells them best, odd rows judge it, so the choice can't flatter itself.

    Args:
        readings: r of them; those without words for an end can't name it.
        values: [n, r] of all samples, members and the rest.
        members: [n] bool.
        told: the share of pairs in which a member must have more of the trait.
    """
    chooses = torch.arange(len(values)) % 2 == 0
    halves = [(values[half & members], values[half & ~members]) for half in (chooses, ~chooses)]
    if int(members.sum()) < FEWEST or not all(len(rows) for half in halves for rows in half):
        return None
    (inside, outside), (judged, judged_outside) = halves
    best: tuple[float, str, int, int] | None = None
    for column, reading in enumerate(readings):
        share = area_under_curve(inside[:, column], outside[:, column]).value
        for sign, end, name in ((1, share, reading.high), (-1, 1 - share, reading.low)):
            if name and (best is None or end > best[0]):
                best = (end, name, column, sign)
    if best is None:
        return None
    _, name, column, sign = best
    sure = area_under_curve(sign * judged[:, column], sign * judged_outside[:, column])
    return Trait(name, sure) if sure.value >= told and sure.low > 0.5 else None
