"""Indices of latent coordinates, and which of them lie above what directions that mean nothing seem to explain."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from scipy.stats import beta
from torch import Tensor

from ganlens.explain.untrained import Refits
from ganlens.measures import Estimate, Interval
from ganlens.measures.sobol import SobolIndices


@dataclass(frozen=True)
class Attribution:
    """Indices of some directions or blocks of coordinates.

    Attributes:
        indices: [blocks, targets], with intervals; the whole sample is target 0.
        maps: [blocks, values] variance of each sample value that a block takes part in, or None.
    """

    indices: SobolIndices
    maps: Tensor


@dataclass(frozen=True)
class LatentIndices:
    """What each block of coordinates explains, and what directions that mean nothing seem to.

    Attributes:
        targets: names; the whole sample first.
        blocks: for each block its coordinates.
        own, random: of the blocks, and of random ones of the same size.
        variance: [values] of each sample value.
        base: samples A, as many as B.
        what_random: what the reference is, in words.
        level: chance that any coordinate at all would be believed, were the axes directions like any other.
        faint: share of a part's variance below which no coordinate is said to explain it.
        refits: of each untrained twin the largest index that any of its coordinates has for any part.
    """

    targets: tuple[str, ...]
    blocks: list[Tensor]
    own: Attribution
    random: Attribution
    variance: Tensor
    base: int
    what_random: str
    level: float = 0.05
    faint: float = 0.02
    refits: Refits[float] = field(default_factory=Refits)

    @property
    def claims(self) -> list[tuple[int, int]]:
        """Believable (block, target) pairs, the ones farthest above their reference first."""
        return self._above(self.reference.clamp(min=self.untrained))

    @property
    def claims_before_twins(self) -> list[tuple[int, int]]:
        """Those that would be believed if nobody asked what the same coordinates explain where nothing was learned."""
        return self._above(self.reference)

    @property
    def untrained(self) -> float:
        """The largest index that a coordinate of an untrained twin has for any part, as far as the twin counts: with
        many parts, some coordinate of any network explains one of them well."""
        return self.refits.best(float)[1]

    def _above(self, reference: Tensor) -> list[tuple[int, int]]:
        total, low = self.own.indices.total, lower_ends(self.own)
        holds = (low > reference) & (low > self.faint)
        pairs = [(int(b), int(t)) for b, t in holds.nonzero()]
        return sorted(pairs, key=lambda pair: -float(total[pair] - reference[pair[1]]))

    @property
    def share(self) -> float:
        """Of the pairs, how many hold."""
        return len(self.claims) / self.own.indices.total.numel()

    @property
    def reference(self) -> Tensor:
        """[targets] what a coordinate's total index has to exceed.

        The largest of the references, and where a Beta distribution with their mean and variance would put the
        largest of all pairs that are tried. (For an output that is a function of one direction, the index of a
        random one is Beta distributed; for others, narrower.)
        """
        total = self.random.indices.total.double()
        mean, variance = total.mean(dim=0).clamp(1e-12, 1 - 1e-12), total.var(dim=0).clamp(min=1e-18)
        size = (mean * (1 - mean) / variance - 1).clamp(min=1e-6)
        tail = self.level / self.own.indices.total.numel()
        high = torch.from_numpy(beta.isf(tail, (mean * size).numpy(), ((1 - mean) * size).numpy()))
        return torch.maximum(total.amax(dim=0), high.nan_to_num(0.0))

    @property
    def self_scores(self) -> Tensor:
        """[blocks, targets] in 0…1: the share of a total index that is left above its reference and interval."""
        total, reference = self.own.indices.total, self.reference.clamp(min=self.faint)
        return ((lower_ends(self.own) - reference) / total.clamp(min=1e-12)).clamp(0, 1)

    def named(self, block: int) -> str:
        """A block in words."""
        coordinates = self.blocks[block].tolist()
        if len(coordinates) == 1:
            return f"coordinate {coordinates[0]}"
        return f"coordinates {coordinates[0]} to {coordinates[-1]}"

    def total(self, block: int, target: int) -> Estimate:
        """A total index with its interval."""
        indices = self.own.indices
        assert indices.total_low is not None and indices.total_high is not None
        return Estimate(
            float(indices.total[block, target]),
            Interval(
                float(indices.total_low[block, target]),
                float(indices.total_high[block, target]),
                f"95 %, percentile bootstrap over {self.base:,} base samples",
            ),
        )


def lower_ends(attribution: Attribution) -> Tensor:
    """[blocks, targets] low ends of the total indices' intervals."""
    assert attribution.indices.total_low is not None
    return attribution.indices.total_low
