"""Which real samples have no generated one nearby, though real ones are?"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ganlens.errors import UserError
from ganlens.measures.facts import THREE_SETS, Group, measure
from ganlens.measures.neighbours import nearest_neighbours

PERMUTATIONS = 500
LOOKED_AT = 32
"""Nearest samples of each held-out one whose origin is permuted: a ball that holds k of one set holds about
2k of two, and what lies beyond matters to no permutation."""


@dataclass(frozen=True)
class NeighbourCoverage:
    """Held-out real samples and their neighbours.

    Attributes:
        by_generated, by_real: bool [n], whether a generated (a training) sample is near.
        ratio: [n] distance to the nearest generated sample over what counts as near.
        p_value: how probable so few covered samples are if both sets come from one source.
    """

    by_generated: Tensor
    by_real: Tensor
    ratio: Tensor
    p_value: float


@measure(
    Group.DIVERSITY,
    applied_to=THREE_SETS,
    range="yes or no for each held-out row; `p_value` 0…1",
    better="as many by generated rows as by training ones",
    bias="none against training rows of the same number",
    none_because="it is a test: `p_value` tells how often exchanged rows cover as few",
)
def neighbour_coverage(
    train: Tensor, generated: Tensor, held_out: Tensor, *, k: int, rng: torch.Generator
) -> NeighbourCoverage:
    """Which held-out samples have a generated one near them, and are they fewer than would have a real one?

    Near is within the distance to the k-th nearest of one half of the training samples; the other half
    competes with the generated ones. The p-value comes from exchanging members of the two at random.

    Args:
        train, generated, held_out: [·, d] features or codes, rows in random order; at least two training rows,
            and one of the others.
        k: neighbours; at most half of the training rows.
        rng: draws the exchanges; a CPU generator.

    Returns:
        With p-values of at most p in a share p of cases, at most, where generated and training samples come from
        one source.

    Raises:
        UserError: too few rows, k below 1, or features as `nearest_neighbours` refuses them.

    Source: ours; Naeem et al. 2020 (arXiv 2002.09797) for coverage; Fisher 1935 for the exchanges.
    """
    if min(len(train) // 2, len(generated), len(held_out), k) < 1:
        raise UserError(
            "expected two training rows, one generated, one held-out and one neighbour at least; found "
            f"{len(train)}, {len(generated)}, {len(held_out)} and {k}"
        )
    each = min(len(train) // 2, len(generated))
    around, rivals, generated = train[0::2][:each], train[1::2][:each], generated[:each]
    radius = nearest_neighbours(held_out, around, min(k, each)).distances[:, -1]
    to_generated = nearest_neighbours(held_out, generated).distances[:, 0]
    by_generated = to_generated <= radius
    by_real = nearest_neighbours(held_out, rivals).distances[:, 0] <= radius

    both = nearest_neighbours(held_out, torch.cat([generated, rivals]), min(LOOKED_AT, 2 * each))
    near = both.distances <= radius[:, None]
    fewer = 0
    for _ in range(PERMUTATIONS):
        first = torch.randperm(2 * each, generator=rng) < each
        fewer += int((near & first[both.indices]).any(dim=1).sum() <= by_generated.sum())
    p_value = (1 + fewer) / (1 + PERMUTATIONS)
    return NeighbourCoverage(by_generated, by_real, to_generated / radius.clamp(min=1e-12), p_value)
