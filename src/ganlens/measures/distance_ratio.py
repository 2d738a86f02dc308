"""Are samples nearer to what the generator was trained on than to what it never saw?"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ganlens.measures.facts import THREE_SETS, Group, ValidInterval, measure
from ganlens.measures.feature_matrix import feature_pair
from ganlens.measures.neighbours import nearest_neighbours


@dataclass(frozen=True)
class DistanceRatio:
    """What `distance_ratio` found.

    Attributes:
        ratio: [m] float64, each fake's distance to the nearest training row over that to the nearest held-out
            one: 0 is a copy, infinite a copy of a held-out row, 1 where it equals one of each.
        nearer_to_train: the share of the fakes whose ratio is below 1; those at 1 count half.
        z: how many standard deviations that share lies above ½, by chance alone; see `distance_ratio`.
        rows: training rows, and as many held-out ones, that were looked among.
    """

    ratio: Tensor
    nearer_to_train: float
    z: float
    rows: int


@measure(
    Group.MEMORISATION,
    applied_to=THREE_SETS,
    range="`nearer_to_train` 0…1, any `z`; far above 0 is copying",
    better="½, and `z` near 0",
    bias="none",
    intervals=(ValidInterval(".z ± 1.96", "0, for any generator that did not copy"),),
)
def distance_ratio(train: Tensor, held_out: Tensor, fake: Tensor, *, rng: torch.Generator) -> DistanceRatio:
    """Are fakes nearer to training rows than to as many rows that the generator never saw?

    A set with more rows has nearer ones, so the larger set is subsampled to the size of the smaller. Then the
    two are alike to a generator that did not copy, *however bad it is otherwise*: blurred, noisy or collapsed
    fakes are as near to the one as to the other. This separates copying from underfitting, which
    `authenticity` and `copying_statistic` mix.

    The `z` is exact in mean and variance when which real rows were trained on is exchanged at random: with
    cⱼ fakes nearest to real row j, the share is a mean over a random half of the rows. So a crowd of fakes
    around one row is one piece of evidence, not many, and no distribution is assumed. About normal where many
    rows are a nearest one. It asks for training and held-out rows that differ by chance alone: not for those
    of another time, class or source. Rows that are repeated within a set make it a little too careful.

    Args:
        train: [n, d], what the generator was trained on.
        held_out: [n', d], from the same source, never seen.
        fake: [m, d], in the same feature space.
        rng: draws the subsample; a CPU generator.

    Returns:
        `z` about standard normal (no copying) and up (copying); `nearer_to_train` in 0…1, ½ for no copying.
        Unbiased. A binomial interval of the share is not valid: fakes around one row share its luck.

    Raises:
        UserError: mismatched widths, fewer than two real rows in a set, no fakes, integer or non-finite
            features.

    Source: ours; the variance is that of a sum drawn without replacement, which is about normal (Wald &
    Wolfowitz 1944).
    """
    train, held_out = feature_pair(train, held_out, ("train", "held_out"))
    train, fake = feature_pair(train, fake, ("train", "fake"), rows=1)
    rows = min(len(train), len(held_out))
    to_train, crowd = _nearest(fake, _some(train, rows, rng))
    to_held_out, unseen_crowd = _nearest(fake, _some(held_out, rows, rng))
    win = torch.where(to_train == to_held_out, 0.5, (to_train < to_held_out).double())
    ratio = torch.where(to_train == to_held_out, 1.0, to_train / to_held_out)
    nearer = float(win.mean())
    return DistanceRatio(ratio, nearer, _permutation_z(win, crowd, unseen_crowd, rows), rows)


def _permutation_z(win: Tensor, crowd: Tensor, unseen_crowd: Tensor, rows: int) -> float:
    """(T − E T) / sd T for T = Σ cⱼ over the training rows, under all ways to choose them from both."""
    counts = torch.zeros(2 * rows, dtype=torch.float64, device=win.device)
    counts.index_add_(0, crowd, win)
    counts.index_add_(0, unseen_crowd + rows, 1 - win)
    variance = float((counts - counts.mean()).square().sum()) * rows / (2 * (2 * rows - 1))
    return float(win.sum() - len(win) / 2) / variance**0.5 if variance > 0 else 0.0


def _nearest(fake: Tensor, real: Tensor) -> tuple[Tensor, Tensor]:
    nearest = nearest_neighbours(fake, real)
    return nearest.distances[:, 0], nearest.indices[:, 0]


def _some(points: Tensor, rows: int, rng: torch.Generator) -> Tensor:
    if rows == len(points):
        return points
    return points[torch.randperm(len(points), generator=rng)[:rows].to(points.device)]
