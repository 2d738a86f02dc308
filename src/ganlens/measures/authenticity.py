"""Which samples are new, and which are nearer to a training point than that point's own neighbour?"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ganlens.errors import UserError
from ganlens.measures.estimate import Interval
from ganlens.measures.facts import Group, ValidInterval, measure
from ganlens.measures.feature_matrix import feature_pair
from ganlens.measures.intervals import binomial_interval
from ganlens.measures.neighbours import nearest_neighbours
from ganlens.measures.prdc import ON_THE_SPHERE


@dataclass(frozen=True)
class Authenticity:
    """What `authenticity` found.

    Attributes:
        share: of the fakes that are authentic, 0…1.
        interval: for `share`, over the generator's draws against this training set.
        authentic: [m] bool, for each fake.
        ratio: [m] float64, its distance to the nearest training point over that point's distance to its own
            neighbour: 0 is a copy, above 1 is authentic.
        nearest: [m] int64, the row of that training point; of equal rows the first.
    """

    share: float
    interval: Interval
    authentic: Tensor
    ratio: Tensor
    nearest: Tensor


@measure(
    Group.MEMORISATION,
    applied_to="training and generated features in one space",
    range="0…1",
    better="near held-out data's, about ½; not 1",
    bias="none against held-out data's own value",
    intervals=(
        ValidInterval(".interval", "the share over the generator's draws, *given this training set*"),
    ),
)
def authenticity(train: Tensor, fake: Tensor, *, level: float = 0.95) -> Authenticity:
    """What share of the fakes are no noisy copies of a training point?

    A fake is authentic when it is farther from its nearest training point than that point is from its own
    nearest other training point. Strictly: a fake at that very distance, or at distance 0, is not.

    Equal training rows count as one point. By the letter of the source a row that occurs twice would have
    a neighbour at distance 0, and all but exact copies of it would be authentic, while rows that occur often
    are those that generators memorise first.

    **The value to hope for is not 1.** A fresh draw from the truth is authentic unless it and its nearest
    training point are each other's nearest: 1/3 of them are in 1 dimension, .38 in 2, .41 in 3 and about ½ in
    many (more where some points are near to many others). Compare with `authenticity(train, held_out)`. Below
    that: copies. Above it: fakes that keep away from the data, blurred or noisy ones too; so a generator that
    copies half the time and fails half the time may score as the truth does.

    Bias: none against the truth's own value at the same number of training points, on which it depends
    weakly.

    Args:
        train: [n, d], what the generator was trained on; at least two different rows.
        fake: [m, d], in the same feature space.
        level: of the interval, which is the exact binomial one: fakes are independent draws, given the
            training set.

    Returns:
        `share` in 0…1; neither end is better, the value of held-out data is.

    Raises:
        UserError: mismatched widths, fewer than two different training rows, no fakes, integer or non-finite
            features.

    Source: Alaa et al. 2022 (arXiv 2102.08921), section 3; as AuthPct in Stein et al. 2023
    (arXiv 2306.04675).
    """
    train, fake = feature_pair(train, fake, ("train", "fake"), rows=1)
    points, point_of_row = torch.unique(train, dim=0, return_inverse=True)
    if len(points) < 2:
        raise UserError("train: expected at least 2 different rows, found one; a point needs a neighbour")
    reach = nearest_neighbours(points, points, exclude_self=True).distances[:, 0]
    distances, indices = nearest_neighbours(fake, points)
    distance, nearest = distances[:, 0], indices[:, 0]
    authentic = distance > reach[nearest] * (1 + ON_THE_SPHERE)
    rows = torch.arange(len(train), device=train.device)
    first_row = torch.full((len(points),), len(train), dtype=torch.int64, device=train.device)
    first_row.scatter_reduce_(0, point_of_row, rows, "amin")
    count = int(authentic.sum())
    return Authenticity(
        share=count / len(fake),
        interval=binomial_interval(count, len(fake), level),
        authentic=authentic,
        ratio=distance / reach[nearest],
        nearest=first_row[nearest],
    )
