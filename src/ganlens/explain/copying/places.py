"""Are more samples suspicious than chance allows? A crowd in one place is one piece of evidence, not many."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ganlens.measures.corrected_share import Count

SIMULATIONS = 20_000
BLOCK = 512


def places_of(rows: Tensor, radius: float) -> Tensor:
    """Groups samples [n, d] that lie within a radius of the first of their group: the number of each one's, [n]."""
    number = torch.full((len(rows),), -1, dtype=torch.int64)
    leaders = rows[:0]
    for start in range(0, len(rows), BLOCK):
        block, of_block = rows[start : start + BLOCK], number[start : start + BLOCK]
        if len(leaders):
            nearest = torch.cdist(block, leaders).min(dim=1)
            near = nearest.values <= radius
            of_block[near] = nearest.indices[near]
        left = (of_block < 0).nonzero().flatten()
        groups, firsts = _grouped(torch.cdist(block[left], block[left]) <= radius)
        of_block[left] = len(leaders) + groups
        leaders = torch.cat([leaders, block[left[firsts]]])
    return number


def _grouped(near: Tensor) -> tuple[Tensor, Tensor]:
    """Groups [n] by who is near [n, n] the first that belongs to no group yet, and who these are."""
    groups = torch.full((len(near),), -1, dtype=torch.int64)
    firsts: list[int] = []
    for one in range(len(near)):
        if groups[one] < 0:
            groups[(groups < 0) & near[one]] = len(firsts)
            groups[one] = len(firsts)
            firsts.append(one)
    return groups, torch.tensor(firsts, dtype=torch.int64)


def rarity_by_chance(suspicious: Tensor, places: Tensor, usual: Count, rng: np.random.Generator) -> float:
    """How often would chance make so many samples suspicious, or so many places, if none were copies?

    Each place is suspicious, with all samples in it, as often as real samples are that the generator never saw. How
    often that is, is known from some of them alone, and so is drawn (Jeffreys' posterior). Samples find a few training
    samples that are copied often, places many that are copied once beside a crowd elsewhere; the rarer of the two
    counts, at half the level.

    Args:
        suspicious: [n] bool.
        places: [n] the number of each sample's place.
        usual: how many of such real samples are suspicious.

    Returns:
        A p-value in 0…1, never 0.
    """
    _, place, sizes = places.unique(return_inverse=True, return_counts=True)
    first = torch.full((len(sizes),), len(place)).scatter_reduce(0, place, torch.arange(len(place)), "amin")
    share = rng.beta(usual.alarms + 0.5, usual.trials - usual.alarms + 0.5, SIMULATIONS)
    samples, of_places = np.zeros(SIMULATIONS, dtype=np.int64), np.zeros(SIMULATIONS, dtype=np.int64)
    for size, count in zip(*(column.tolist() for column in sizes.unique(return_counts=True)), strict=True):
        drawn = rng.binomial(count, share)
        samples += size * drawn
        of_places += drawn
    as_many = (
        (samples >= int(suspicious.sum())).sum(),
        (of_places >= int(suspicious[first].sum())).sum(),
    )
    return min(2 * (1 + int(min(as_many))) / (1 + SIMULATIONS), 1.0)
