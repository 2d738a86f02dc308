"""How small a gap would be noticed? Asked by cutting gaps into real samples and looking for them.

The training samples are divided in two: one half stands for the data, the other for a generator that lacks
something. That is half as many of each as in the comparison that matters, so what is noticed here is noticed there.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ganlens.explain.gaps.regions import LEVEL, NOTICEABLE, Described, compare
from ganlens.measures import k_means, nearest_centre
from ganlens.randomness import torch_generator

PARTS = 20
"""Into so many parts the real samples are cut up."""

GAPS = (1, 2, 3, 4)
"""Sizes of the gaps, in parts, until one is noticed."""

PLACED_BY = 4000
"""Real samples that place the parts to be removed."""

CLASSES = 10
"""The most classes that are cut out, those that the data have most of."""

FEWEST_OF_A_CLASS = 20
"""Samples of a class, and of all others, below which it is not cut out."""

COMPARED = 4000
"""Samples of each half in a comparison in which something was cut out."""

MOSTLY = 0.6
"""A class cut out counts as noticed where it makes up this share of what is then said to be missed."""


@dataclass(frozen=True)
class PlantedGap:
    """The smallest gap that was noticed or, where none was, the largest that was tried.

    Attributes:
        mass: of the gap, as a share of the real samples.
        noticed: whether it was noticed.
    """

    mass: float
    noticed: bool


@dataclass(frozen=True)
class ClassGaps:
    """Which classes would be missed if they were not there.

    Attributes:
        tried, noticed: class numbers, as many as were cut out, one at a time, and those of them noticed.
        recovered: the share of its mass that was then said to be missed, for each one noticed.
    """

    tried: tuple[int, ...]
    noticed: tuple[int, ...]
    recovered: tuple[float, ...] = ()

    @property
    def overlooked(self) -> tuple[int, ...]:
        """Those that were not noticed."""
        return tuple(number for number in self.tried if number not in self.noticed)


def classes_noticed(
    real: Described,
    labels: Tensor,
    *,
    regions: int,
    ratio: float,
    seed: int,
    level: float = LEVEL,
    noticeable: float = NOTICEABLE,
) -> ClassGaps:
    """Cut each class out of one half of the real codes and look whether `compare` notices.

    A class need not be a region of its own: where classes lie side by side in the code, a gap of a third of the data
    may be harder to see than a region of a twentieth. It counts as noticed where something is confirmed as missed
    and most of that is of the class.

    Args:
        real: training samples and their labels [n].
        regions, ratio, level, noticeable: see `compare`.
    """
    whole, rest = real[0::2][:COMPARED], real[1::2][:COMPARED]
    of_whole, of_rest = labels[0::2][:COMPARED], labels[1::2][:COMPARED]
    counts = torch.bincount(of_rest)
    tried = [
        number
        for number in counts.argsort(descending=True, stable=True)[:CLASSES].tolist()
        if min(int(counts[number]), len(rest) - int(counts[number])) >= FEWEST_OF_A_CLASS
    ]
    noticed, recovered = [], []
    for number in tried:
        rng = torch_generator(seed, "planted gap", "class", number)
        seen = compare(
            whole,
            rest[of_rest != number],
            regions=regions,
            ratio=ratio,
            rng=rng,
            level=level,
            noticeable=noticeable,
        )
        missed = of_whole[seen.real_rows[seen.in_missed()]]
        if len(missed) and float((missed == number).double().mean()) >= MOSTLY:
            noticed.append(number)
            share = float((of_whole[seen.real_rows] == number).double().mean())
            recovered.append(min(1.0, max(0.0, seen.mass("missed").value / share)))
    return ClassGaps(tuple(tried), tuple(noticed), tuple(recovered))


def smallest_gap_noticed(
    real: Described,
    *,
    regions: int,
    ratio: float,
    seed: int,
    level: float = LEVEL,
    noticeable: float = NOTICEABLE,
) -> PlantedGap:
    """Remove a part of median size from one half of the real codes, then more of its neighbours, until `compare`
    notices.

    A gap counts as noticed when at least half of the samples of the other half that are in it lie in regions
    confirmed as missed.

    Args:
        real: training samples.
        regions, ratio, level, noticeable: see `compare`.
    """
    whole, rest = real[0::2][:COMPARED], real[1::2][:COMPARED]
    first = real.codes[:PLACED_BY]
    rng = torch_generator(seed, "planted gap", "parts")
    centres = k_means(first, min(PARTS, len(first)), rng, restarts=2, iterations=50).centres
    middle = len(centres) // 2  # they come in order of size
    by_distance = (centres - centres[middle]).square().sum(dim=1).argsort()
    in_whole, in_rest = nearest_centre(whole.codes, centres), nearest_centre(rest.codes, centres)
    mass = 0.0
    for size in GAPS:
        gap = by_distance[:size]
        kept = rest[~torch.isin(in_rest, gap)]
        if 2 * len(kept) < len(rest):
            break
        mass = float(torch.isin(in_whole, gap).double().mean())
        rng = torch_generator(seed, "planted gap", size)
        seen = compare(whole, kept, regions=regions, ratio=ratio, rng=rng, level=level, noticeable=noticeable)
        inside = torch.isin(in_whole[seen.real_rows], gap)
        if inside.any() and float(seen.in_missed()[inside].double().mean()) >= 0.5:
            return PlantedGap(mass, True)
    return PlantedGap(mass, False)
