"""Take away the pixels that are said to matter, or put them in: does the model's number follow?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ganlens.errors import UserError
from ganlens.measures.facts import EACH_MAP, Group, measure
from ganlens.measures.faithfulness.maps import checked_maps

CHUNK = 128
NO_RISE = 1e-6
"""A score that differs from the baseline's by no more than this share of the larger one has no way to go."""


@dataclass(frozen=True)
class InsertionDeletion:
    """Areas under insertion and deletion curves [n], normalised so that a sample's own score is 1 and its
    baseline's 0. NaN where the two scores are equal: then there is nothing to explain.

    Attributes:
        insertion, deletion: with the pixels that the map ranks highest first.
        random_insertion, random_deletion: mean over random orders.
        insertion_curve, deletion_curve: [n, steps + 1], at 0, 1/steps, … of the pixels.
        random_deletion_curve: [n, steps + 1], mean over random orders.
    """

    insertion: Tensor
    deletion: Tensor
    random_insertion: Tensor
    random_deletion: Tensor
    insertion_curve: Tensor
    deletion_curve: Tensor
    random_deletion_curve: Tensor

    @property
    def defined(self) -> Tensor:
        """[n] whether the sample's score differs from its baseline's."""
        return self.deletion.isfinite()

    @property
    def advantage(self) -> Tensor:
        """[n] insertion minus deletion, beyond what random order has: 0 for a useless map, about 1 for an exact
        one of a few pixels."""
        return (self.insertion - self.deletion) - (self.random_insertion - self.random_deletion)


@measure(
    Group.FAITHFULNESS,
    applied_to="samples, their maps, a baseline and the model",
    range="areas about 0…1, beyond where the score overshoots; the advantage 0 (random order) to about 1",
    better="insertion higher, deletion lower",
    bias="with few steps the areas of very sparse maps are drawn towards ½",
    none_because=EACH_MAP,
)
def insertion_deletion_auc(
    score: Callable[[Tensor], Tensor],
    samples: Tensor,
    maps: Tensor,
    baseline: Tensor,
    *,
    rng: torch.Generator,
    steps: int = 20,
    random_orders: int = 3,
) -> InsertionDeletion:
    """How fast does the score go when the foremost pixels go, and come when they come, against random order?

    A higher insertion and a lower deletion area are better; both are shares of the way from the baseline's
    score to the sample's, and may leave 0…1 where the score overshoots. Baseline: random orders of the same
    pixels, about ½ for a model that adds up its pixels. What replaces a pixel decides much of the
    result: take the baseline that the explanation was made for, and never compare areas across baselines.

    Args:
        score: samples [m, c, h, w] → [m].
        samples: [n, c, h, w].
        maps: [n, h, w]; the highest values are taken first. Ties are broken at random.
        baseline: what pixels are replaced with, [c, h, w] or one a sample.
        rng: draws the random orders; a CPU generator.
        steps: points of the curves.
        random_orders: for the reference; with 0 it is NaN, for a caller who has it already.

    Raises:
        UserError: maps that don't fit the samples or are not finite.

    Source: Petsiuk, Das & Saenko 2018 (arXiv 1806.07421); normalised areas and the random reference: ours.
    """
    order = _order(maps, samples, rng)
    against = baseline.expand_as(samples)
    whole, nothing = _scores(score, samples), _scores(score, against)
    rise = whole - nothing
    rise[rise.abs() <= NO_RISE * torch.maximum(whole.abs(), nothing.abs()).clamp_min(1e-30)] = torch.nan

    def curves(rank: Tensor) -> tuple[Tensor, Tensor]:
        deletion = _curve(score, samples, against, rank, steps, (whole, nothing))
        insertion = _curve(score, against, samples, rank, steps, (nothing, whole))
        return tuple((c - nothing[:, None]) / rise[:, None] for c in (insertion, deletion))  # type: ignore[return-value]

    insertion, deletion = curves(order)
    by_chance = [curves(_order(torch.zeros_like(maps), samples, rng)) for _ in range(random_orders)]
    unknown = torch.full_like(insertion, torch.nan)
    random_insertion = torch.stack([c for c, _ in by_chance]).mean(dim=0) if by_chance else unknown
    random_deletion = torch.stack([c for _, c in by_chance]).mean(dim=0) if by_chance else unknown
    return InsertionDeletion(
        insertion=_area(insertion),
        deletion=_area(deletion),
        random_insertion=_area(random_insertion),
        random_deletion=_area(random_deletion),
        insertion_curve=insertion,
        deletion_curve=deletion,
        random_deletion_curve=random_deletion,
    )


@measure(
    Group.FAITHFULNESS,
    applied_to="samples, their maps, a baseline and the model",
    range="in units of the score",
    better="higher",
    bias="none for given samples; the value depends on the baseline",
    none_because=EACH_MAP,
)
def pixel_flipping(
    score: Callable[[Tensor], Tensor],
    samples: Tensor,
    maps: Tensor,
    baseline: Tensor,
    *,
    rng: torch.Generator,
    steps: int = 20,
) -> Tensor:
    """By how much has the score fallen, on average, as the foremost pixels are flipped one after another?

    Higher is better. In the score's own units, so it compares maps of one sample and not samples. Baseline:
    the same with a random map.

    Args:
        score, samples, maps, baseline, rng, steps: as `insertion_deletion_auc`; `rng` breaks ties.

    Returns:
        [n]: score(sample) − score(after k steps), mean over k = 1…steps.

    Raises:
        UserError: maps that don't fit the samples or are not finite.

    Source: Samek et al. 2015 (arXiv 1509.06321).
    """
    against = baseline.expand_as(samples)
    ends = _scores(score, samples), _scores(score, against)
    curve = _curve(score, samples, against, _order(maps, samples, rng), steps, ends)
    return (curve[:, :1] - curve[:, 1:]).mean(dim=1)


@measure(
    Group.FAITHFULNESS,
    applied_to="signed maps and the model's scores of samples and baselines",
    range="0 and up; 1 for a map of zeros",
    better="lower",
    bias="none",
    none_because=EACH_MAP,
)
def completeness_gap(maps: Tensor, score: Tensor, baseline_score: Tensor) -> Tensor:
    """What does a signed map leave unexplained of score(sample) − score(baseline), as a share of it?

    Lower is better: 0 where the map's pixels add up to the difference, as integrated gradients promise and
    too few steps, or a jump in the model, break. 1 is a map of zeros, the baseline. A small gap says that the
    sum is right, not the places.

    Args:
        maps: [n, h, w], signed.
        score, baseline_score: [n] of the samples and of their baselines.

    Returns:
        [n], 0 and up; infinite where the scores are equal and the map isn't zero in sum.

    Raises:
        UserError: other shapes, or maps that are not finite.

    Source: Sundararajan, Taly & Yan 2017 (arXiv 1703.01365).
    """
    total = checked_maps(maps).sum(dim=1)
    rise = (score - baseline_score).detach().cpu().double()
    if rise.shape != total.shape:
        raise UserError(f"expected one score for each of {len(total)} maps, found shape {tuple(rise.shape)}")
    missing = (rise - total).abs()
    return torch.where(missing == 0, 0.0, missing / rise.abs())


def _order(maps: Tensor, samples: Tensor, rng: torch.Generator) -> Tensor:
    """Each pixel's place [n, p] when they are taken from the highest value down, equal ones at random."""
    if maps.ndim != 3 or samples.ndim != 4 or maps.shape != (len(samples), *samples.shape[2:]):
        raise UserError(
            f"maps [n, h, w] must fit samples [n, c, h, w], found {tuple(maps.shape)} and "
            f"{tuple(samples.shape)}"
        )
    rows = checked_maps(maps)
    shuffle = torch.rand(rows.shape, generator=rng).argsort(dim=1)
    by_value = rows.gather(1, shuffle).argsort(dim=1, descending=True, stable=True)
    return shuffle.gather(1, by_value).argsort(dim=1)


def _curve(
    score: Callable[[Tensor], Tensor],
    start: Tensor,
    end: Tensor,
    rank: Tensor,
    steps: int,
    ends: tuple[Tensor, Tensor],
) -> Tensor:
    """Scores [n, steps + 1] as pixels of `start` take the values of `end`, those of the lowest rank first; those of
    `start` and `end` themselves are known."""
    pixels = rank.shape[1]
    counts = [round(pixels * k / steps) for k in range(1, steps)]
    rank = rank.reshape(len(start), 1, *start.shape[2:])
    together = max(1, CHUNK // max(1, len(counts)))
    parts = []
    for rows in torch.arange(len(start)).split(together) if counts else ():
        mixed = torch.stack(
            [torch.where(rank[rows] < count, end[rows], start[rows]) for count in counts], dim=1
        )
        parts.append(_scores(score, mixed.flatten(0, 1)).unflatten(0, (len(rows), len(counts))))
    between = torch.cat(parts) if parts else torch.empty(len(start), 0, dtype=torch.float64)
    return torch.cat([ends[0][:, None], between, ends[1][:, None]], dim=1)


@torch.no_grad()
def _scores(score: Callable[[Tensor], Tensor], samples: Tensor) -> Tensor:
    return torch.cat([score(part).detach().cpu().double().flatten() for part in samples.split(CHUNK)])


def _area(curve: Tensor) -> Tensor:
    """Trapezoids over 0…1."""
    return (curve[:, :-1] + curve[:, 1:]).mean(dim=1) / 2
