"""Real samples in the generator's own mix of kinds, so that samples are compared kind by kind.

Some kinds are harder to redraw than others. A generator that makes too many of the easy ones lies nearer to what an
autoencoder redraws, and one that makes too many of the hard ones farther off, though each sample is right.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ganlens.instruments.labeller import is_skilled
from ganlens.measures import k_means, nearest_centre
from ganlens.randomness import torch_generator

if TYPE_CHECKING:
    from ganlens.subject import SampleBank
    from ganlens.subject.draws import Of

GROUPS = 10
"""Kinds that are made where no labels name any."""
GROUPED_FROM = 1000
FEWEST_OF_KIND = 20
"""Kinds with fewer held-out samples count as one: of so few nobody knows where the farthest twentieth lies."""


def kind_weights(bank: SampleBank, held_out: int, *, naming_skill: float) -> Tensor:
    """How much the first held-out samples count [m], so that each kind has the share that the generator gives it.

    The kinds are the labeller's classes or, where none names them well, groups of training samples in the
    autoencoder's code. The sum is 1. Of kinds without any held-out sample nothing is known, and they count nothing.

    Args:
        held_out: m, at most as many as there are.
        naming_skill: see `is_skilled`.
    """
    kinds = _kinds(bank, held_out, naming_skill)
    number = 1 + max(int(labels.max()) for labels in kinds.values())
    of_fakes, real = (torch.bincount(kinds[of], minlength=number).double() for of in ("fake", "held_out"))
    rare = real < FEWEST_OF_KIND
    for counts in (of_fakes, real):
        counts[rare] = counts[rare].sum()
    weights = (of_fakes / real.clamp_min(1))[kinds["held_out"]]
    if not weights.any():
        weights = torch.ones_like(weights)
    return weights / weights.sum()


def _kinds(bank: SampleBank, held_out: int, naming_skill: float) -> dict[Of, Tensor]:
    """The kind [n] of each generated and of each of the held-out samples."""
    counts: dict[Of, int] = {"fake": bank.size, "held_out": held_out}
    labeller = bank.labeller
    if labeller is not None and is_skilled(labeller, naming_skill):
        return {of: bank.predictions(of, n)[0] for of, n in counts.items()}
    rows = bank.features("code", "train", GROUPED_FROM)
    groups = k_means(rows, min(GROUPS, len(rows)), torch_generator(bank.seed, "kinds of the code"))
    return {of: nearest_centre(bank.features("code", of, n), groups.centres) for of, n in counts.items()}
