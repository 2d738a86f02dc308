"""How near samples lie to training samples for how near they lie to unseen ones: a copy alone makes that small."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ganlens.explain.copying.unseen import Unseen
from ganlens.measures import Interval, binomial_interval, median_interval, nearest_neighbours
from ganlens.subject import SampleBank

FEWEST_PLACES = 20
"""Places, below which a median over places is worth no interval."""


@dataclass(frozen=True)
class Quotients:
    """How near each query lies to the training set, as a multiple of its distance to unseen real samples.

    Attributes:
        ratio: [n]; small means suspiciously near to a training sample.
        train, train_row: [n] distance to the nearest training sample, and which one.
        apart, unseen_row: [n] distance to the nearest of the unseen samples, and which one.
    """

    ratio: Tensor
    train: Tensor
    train_row: Tensor
    apart: Tensor
    unseen_row: Tensor

    def place_by_place(self) -> Tensor:
        """The median quotient around each unseen sample: a crowd in one place is one piece of evidence."""
        return torch.stack([self.ratio[self.unseen_row == row].median() for row in self.unseen_row.unique()])


@dataclass(frozen=True)
class QuotientsInSpace:
    """One feature space: the generated samples, and two halves of the held-out ones as controls for each other.

    Attributes:
        space, title: its name, and what a reader calls it.
        rarity: the share of the first half of the held-out samples that lies below the threshold.
    """

    space: str
    title: str
    generated: Quotients
    first: Quotients
    second: Quotients
    rarity: float

    @property
    def sees_copies(self) -> bool:
        """Whether a copy would be noticed: real samples lie apart from each other and from the training samples.

        Where they coincide (constant samples, a feature space that sees nothing), or distances are too large for
        floats, nothing lies below the threshold.
        """
        return self.threshold > 0 and float(self.first.apart.median()) > 0

    @property
    def threshold(self) -> float:
        """The quotient below which a sample is suspicious."""
        return float(self.first.ratio.quantile(self.rarity))

    @property
    def suspicious(self) -> int:
        """How many generated samples lie below it."""
        return int((self.generated.ratio < self.threshold).sum())

    @property
    def share(self) -> float:
        """What share of generated samples that is."""
        return self.suspicious / len(self.generated.ratio)

    @property
    def interval(self) -> Interval:
        """Of that share."""
        return binomial_interval(self.suspicious, len(self.generated.ratio))

    @property
    def real_share(self) -> float:
        """The share of the second half of the held-out samples that lies below it."""
        return float((self.second.ratio < self.threshold).double().mean())

    @property
    def expected(self) -> float:
        """The share that is usual."""
        return max(self.rarity, self.real_share)

    @property
    def real(self) -> Tensor:
        """The quotients of all held-out samples."""
        return torch.cat([self.first.ratio, self.second.ratio])

    def nearer_as_a_whole(self, than: float) -> bool:
        """Whether the median generated quotient, place by place, is surely below `than` times the real one."""
        generated = self.generated.place_by_place()
        real = torch.cat([self.first.place_by_place(), self.second.place_by_place()])
        if min(len(generated), len(real)) < FEWEST_PLACES:
            return False
        return median_interval(generated).high < than * median_interval(real).low


def quotients_in(
    bank: SampleBank,
    space: str,
    unseen: Unseen,
    *,
    compared: int,
    training: int,
    rare: float,
    rare_count: int,
) -> QuotientsInSpace:
    """The quotients of generated samples and of both halves of the held-out ones in one space.

    Args:
        compared: generated samples, and held-out ones in each half, at most.
        training: training samples to look among, at most.
        rare, rare_count: share of held-out samples that lies below the threshold, and their least number.
    """
    half = min(len(unseen) // 2, compared)
    train = bank.features(space, "train", training)
    held_out = unseen.features(space, 2 * half)
    first, second = held_out[:half], held_out[half : 2 * half]
    return QuotientsInSpace(
        space,
        bank.title(space),
        generated=quotients(bank.features(space, "fake", compared), train, second),
        first=quotients(first, train, second),
        second=quotients(second, train, first),
        rarity=max(rare, rare_count / half),
    )


def quotients(queries: Tensor, train: Tensor, unseen: Tensor) -> Quotients:
    """Distances of queries [n, d] to the nearest of training samples [t, d] over those to unseen ones [u, d]."""
    to_train = nearest_neighbours(queries, train)
    nearest_unseen = nearest_neighbours(queries, unseen)
    to_unseen = nearest_unseen.distances[:, 0].double()
    distance = to_train.distances[:, 0].double()
    # A sample that equals an unseen one as well is no sign of copying: 0 over 0 counts as usual.
    ratio = torch.where(to_unseen > 0, distance / to_unseen.clamp_min(1e-30), torch.ones_like(distance))
    return Quotients(ratio, distance, to_train.indices[:, 0], to_unseen, nearest_unseen.indices[:, 0])
