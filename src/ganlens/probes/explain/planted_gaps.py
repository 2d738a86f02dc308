"""How small a gap would be noticed? Asked by cutting gaps into real samples and looking for them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ganlens.measures import k_means
from ganlens.probes.explain.regions import compare, nearest_centre
from ganlens.randomness import torch_generator

GAPS = (1, 2, 3, 4)
"""Sizes of the gaps, in regions, until one is noticed."""

PLACED_BY = 4000
"""Real samples that place the regions to be removed."""


@dataclass(frozen=True)
class PlantedGap:
    """The smallest gap that was noticed or, where none was, the largest that was tried.

    Attributes:
        mass: of the gap, as a share of the real samples.
        found: whether it was noticed.
    """

    mass: float
    found: bool


def smallest_gap_noticed(
    real: Tensor, held_out: Tensor, *, regions: int, ratio: float, seed: int
) -> PlantedGap:
    """Remove a region of median size from the held-out codes, then more of its neighbours, until `compare`
    notices.

    The regions to be removed are placed by the real codes alone and are not those of the comparison, so a gap
    lies across the latter's borders as one of a generator would. It counts as noticed when at least half of
    the real samples in it lie in regions confirmed as missed.

    Args:
        real, held_out: codes [n, d] and [m, d], rows in random order.
        regions, ratio: see `compare`.
    """
    first = real[:PLACED_BY]
    rng = torch_generator(seed, "planted gap", "regions")
    centres = k_means(first, min(regions, len(first)), rng, restarts=2, iterations=50).centres
    middle = len(centres) // 2  # they come in order of size
    by_distance = (centres - centres[middle]).square().sum(dim=1).argsort()
    in_real, in_held_out = nearest_centre(real, centres), nearest_centre(held_out, centres)
    mass = 0.0
    for size in GAPS:
        gap = by_distance[:size]
        kept = held_out[~torch.isin(in_held_out, gap)]
        if 2 * len(kept) < len(held_out):
            break
        mass = float(torch.isin(in_real, gap).double().mean())
        rng = torch_generator(seed, "planted gap", size)
        seen = compare(real, kept, regions=regions, ratio=ratio, rng=rng)
        inside = torch.isin(in_real[seen.real_rows], gap)
        if inside.any() and float(seen.in_missed()[inside].double().mean()) >= 0.5:
            return PlantedGap(mass, True)
    return PlantedGap(mass, False)
