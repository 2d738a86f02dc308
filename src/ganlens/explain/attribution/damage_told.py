"""Does a discriminator rank real samples above the same kind of samples with damage that everyone sees?

Where a generator is as good as it can be, no discriminator tells its samples from real ones. What tells a fair one from
a blind one is then what it makes of noise, blur, a mosaic.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from ganlens.explain.attribution.score import Score
from ganlens.measures import Estimate, area_under_curve
from ganlens.modality import Modality
from ganlens.modality.edit import Edit
from ganlens.randomness import torch_generator

LOOKED_AT = 256


@dataclass(frozen=True)
class DamageTold:
    """How often an undamaged real sample ranks above a damaged one.

    Attributes:
        name: the damage's, as it stands after "after".
        told_apart: share of pairs, with the usual interval.
        surely: its lower end at an alarm's level, shared by all damages.
    """

    name: str
    told_apart: Estimate
    surely: float


def damage_told(
    score: Score, real: Tensor, modality: Modality, damages: Sequence[Edit], seed: int, *, level: float
) -> list[DamageTold]:
    """Of each damage of half of the first real samples [n, …], held against the other half; empty where there are none.

    Numbers that are not finite are left out; `seed` is of the damage, `level` that at which one claim may be made.
    """
    looked_at = real[:LOOKED_AT]
    if len(looked_at) < 4:
        return []
    whole, spoilt = looked_at[0::2], looked_at[1::2]
    undamaged = score.of(whole)
    results = []
    for damage in damages:
        after = modality.clipped(damage(spoilt, torch_generator(seed, "damage", damage.name)))
        numbers = score.of(after)
        numbers = numbers[numbers.isfinite()]
        if len(numbers):
            surely = area_under_curve(undamaged, numbers, 1 - (1 - level) / len(damages))
            results.append(DamageTold(damage.name, area_under_curve(undamaged, numbers), surely.low))
    return results
