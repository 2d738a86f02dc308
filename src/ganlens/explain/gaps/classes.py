"""What to call what is missed or over-made: the classes it is mostly made of, where classes are known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from ganlens.explain.gaps.regions import Comparison, Kind, Region
from ganlens.instruments.labeller import is_skilled
from ganlens.measures import binomial_interval
from ganlens.subject import SampleBank

MOSTLY = 0.8
"""Classes are named that together make up this share of what was found, if they are few."""

MOST_NAMED = 3
HALF = 0.5
FEWEST = 5
"""Members of a region below which its commonest class is not told."""


@dataclass(frozen=True)
class Classes:
    """Classes of the samples in the regions: given ones of real samples, the labeller's of generated ones.

    Attributes:
        names: of all classes.
        real, other: of every row of a comparison's second halves [n] and [m], or None where they are not known.
    """

    names: tuple[str, ...]
    real: Tensor | None
    other: Tensor | None

    @classmethod
    def of(cls, bank: SampleBank, comparison: Comparison, compared: int) -> Classes:
        """Read off the bank; the labeller is asked only where regions are confirmed as invented, and if it can tell."""
        data = bank.subject.data
        names = tuple(data.class_names) if data is not None else ()
        labels = bank.real_labels("train", compared)
        if labels is None or len(names) < 2:
            return cls((), None, None)
        other = None
        if comparison.confirmed("invented"):
            labeller = bank.labeller
            if labeller is not None and is_skilled(labeller):
                other = bank.predictions("fake", compared)[0][comparison.other_rows]
        return cls(names, labels[comparison.real_rows], other)

    def region_names(self, comparison: Comparison, traits: Mapping[int, str] | None = None) -> dict[int, str]:
        """What to call each region: its number, and what most of its samples are.

        Args:
            traits: by number, what a region's samples have in common where no class is most of them.
        """
        names = {region.number: f"region {region.number + 1}" for region in comparison.regions}
        names[comparison.regions[-1].number] = "all the rest"
        for region in comparison.regions[:-1]:
            most = self._most_of(comparison, region) or (traits or {}).get(region.number)
            if most:
                names[region.number] += f" ({most})"
        return names

    def _most_of(self, comparison: Comparison, region: Region) -> str | None:
        """The class that surely makes up more than half of a region; a minority would tell nothing of the rest."""
        labels = self._of(comparison, region.proposed or "missed", [region.number])
        if labels is None or len(labels) < FEWEST:
            return None
        counts = torch.bincount(labels, minlength=len(self.names))
        largest = int(counts.max())
        if binomial_interval(largest, len(labels)).low <= HALF:
            return None
        return f"{largest / len(labels):.0%} “{self.names[int(counts.argmax())]}”"

    def mostly(self, comparison: Comparison, kind: Kind) -> list[str]:
        """The classes that what is confirmed as `kind` consists of, the commonest first; empty if none stand out.

        A class stands out where it is surely commoner there than among real samples (exact 95 % interval). At
        most `MOST_NAMED` are named, fewer than there are, which make up `MOSTLY` of it together.
        """
        numbers = [region.number for region in comparison.confirmed(kind)]
        labels = self._of(comparison, kind, numbers)
        if labels is None or self.real is None or not len(labels):
            return []
        counts = torch.bincount(labels, minlength=len(self.names)).tolist()
        base = torch.bincount(self.real, minlength=len(self.names)).double() / len(self.real)
        leading, held = [], 0
        for number in sorted(range(len(counts)), key=lambda n: -counts[n])[:MOST_NAMED]:
            if binomial_interval(counts[number], len(labels)).low <= float(base[number]):
                break
            leading.append(self.names[number])
            held += counts[number]
            if held >= MOSTLY * len(labels):
                return leading if len(leading) < len(self.names) else []
        return []

    def _of(self, comparison: Comparison, kind: Kind, numbers: list[int]) -> Tensor | None:
        """Classes of the samples in regions of those numbers: real ones where they are missed."""
        labels = self.real if kind == "missed" else self.other
        places = comparison.real_regions if kind == "missed" else comparison.other_regions
        return (
            None if labels is None else labels[torch.isin(places, torch.tensor(numbers, dtype=places.dtype))]
        )
