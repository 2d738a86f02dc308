"""Whom does a sample take something from? One of another class, of its own kind: generated or real."""

from __future__ import annotations

import torch
from torch import Tensor


def donors(decisions: Tensor, kinds: Tensor, rng: torch.Generator) -> Tensor:
    """For each of n samples another one [n] of the same kind that the classifier gives another class.

    Where there is none of its kind, one of its own class; where it is the only one of its kind, itself.

    Args:
        decisions: [n] classes; kinds: [n] numbers, such as whether a sample is real.
    """
    rows = torch.arange(len(decisions))
    chosen = rows.clone()
    for kind in kinds.unique():
        for decision in decisions[kinds == kind].unique():
            own = (kinds == kind) & (decisions == decision)
            others = rows[(kinds == kind) & (decisions != decision)]
            pool = others if len(others) else rows[own]
            chosen[own] = pool[torch.randint(len(pool), (int(own.sum()),), generator=rng)]
    return chosen
