"""How near samples lie to training samples for how near they lie to unseen ones: a copy alone makes that small."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ganlens.explain.copying.edited import Nearest
from ganlens.measures import nearest_neighbours


@dataclass(frozen=True)
class Quotients:
    """How near each sample lies to the training set, as a multiple of its distance to unseen real samples.

    Attributes:
        ratio: [n]; small means suspiciously near to a training sample.
        train, train_row: [n] distance to the nearest training sample, and which one.
        apart, unseen_row: [n] distance to the nearest of the unseen samples, and which one.
        edit: [n] after which small change it is nearest to the training sample; 0 is none.
    """

    ratio: Tensor
    train: Tensor
    train_row: Tensor
    apart: Tensor
    unseen_row: Tensor
    edit: Tensor

    @classmethod
    def of(cls, train: Nearest, unseen: Nearest) -> Quotients:
        """Of what was found among training samples and among unseen ones."""
        # A sample that equals an unseen one as well is no sign of copying: 0 over 0 counts as usual.
        ratio = torch.where(
            unseen.distance > 0,
            train.distance / unseen.distance.clamp_min(1e-30),
            torch.ones_like(train.distance),
        )
        return cls(ratio, train.distance, train.row, unseen.distance, unseen.row, train.edit)

    def place_by_place(self) -> Tensor:
        """The median quotient around each unseen sample: a crowd in one place is one piece of evidence."""
        return torch.stack([self.ratio[self.unseen_row == row].median() for row in self.unseen_row.unique()])


def quotients(queries: Tensor, train: Tensor, unseen: Tensor) -> Quotients:
    """Of features [n, d] as they are, with those of training samples [t, d] and of unseen ones [u, d]."""
    return Quotients.of(_nearest(queries, train), _nearest(queries, unseen))


def _nearest(queries: Tensor, among: Tensor) -> Nearest:
    nearest = nearest_neighbours(queries, among)
    rows = nearest.indices[:, 0]
    return Nearest(nearest.distances[:, 0].double(), rows, torch.zeros_like(rows))
