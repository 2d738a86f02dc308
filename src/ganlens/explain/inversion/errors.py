"""How well own, training and held-out samples are redrawn, compared."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ganlens.explain.inversion.redrawing import Redrawn
from ganlens.measurement import Measurement
from ganlens.measures import ALARM_LEVEL, Estimate, bootstrap_estimates, share_estimate
from ganlens.randomness import torch_generator

NOTHING = 1e-3
"""Errors below this share of the variance count as this much in ratios: nobody sees the difference."""
ALARM_RESAMPLES = 4000
"""Of which the fourth lowest is the low end at the level of an alarm."""


@dataclass(frozen=True)
class Errors:
    """Means and comparisons of the three groups' errors, in shares of the data's variance.

    Attributes:
        own, train, held_out: means.
        own_nearest, held_out_nearest: with the nearest generated sample in place of the redrawn.
        excess: held-out above own; over_own, over_train: held-out over own, over training.
        over_nearest: own over own_nearest; from 1 on the search has come no nearer than it began.
        surely_lost, surely_over_train: the low ends of excess and over_train at the level of an alarm.
        beyond: share of held-out samples with an error above `threshold`, which only 1 − `worst_own` of own ones have.
    """

    own: Estimate
    train: Estimate
    held_out: Estimate
    own_nearest: Estimate
    held_out_nearest: float
    excess: Estimate
    over_own: Estimate
    over_train: Estimate
    over_nearest: Estimate
    surely_lost: float
    surely_over_train: float
    beyond: Estimate
    threshold: float
    worst_own: float


def compare(own: Redrawn, train: Redrawn, held_out: Redrawn, seed: int, *, worst_own: float) -> Errors:
    """Means, differences and ratios of the three groups' errors, with intervals.

    Args:
        worst_own: a held-out sample can't be redrawn where its error exceeds this share of own errors.
    """
    groups = [own.errors, train.errors, held_out.errors]
    sizes = [len(group) for group in groups]
    values = torch.zeros(sum(sizes), 4, dtype=torch.float64)
    members = torch.zeros(sum(sizes), 4, dtype=torch.float64)
    start = 0
    for column, group in enumerate(groups):
        values[start : start + len(group), column] = group
        members[start : start + len(group), column] = 1
        start += len(group)
    values[: sizes[0], 3] = own.nearest
    members[: sizes[0], 3] = 1

    def statistic(weights: Tensor) -> Tensor:
        means = weights @ values / (weights @ members).clamp(min=1)
        a, b, c, d = means.unbind(dim=1)
        return torch.stack(
            [
                a,
                b,
                c,
                d,
                c - a,
                c.clamp(min=NOTHING) / a.clamp(min=NOTHING),
                c.clamp(min=NOTHING) / b.clamp(min=NOTHING),
                a.clamp(min=NOTHING) / d.clamp(min=NOTHING),
            ],
            dim=1,
        )

    rng = torch_generator(seed, "inversion", "bootstrap")
    a, b, c, d, excess, over_own, over_train, over_nearest = bootstrap_estimates(
        statistic, sum(sizes), rng=rng, of="samples of the kinds compared"
    )
    alarm = bootstrap_estimates(
        lambda weights: statistic(weights)[:, [4, 6]],
        sum(sizes),
        rng=torch_generator(seed, "inversion", "alarm"),
        of="samples of the kinds compared",
        resamples=ALARM_RESAMPLES,
        level=ALARM_LEVEL,
    )
    threshold = max(float(own.errors.quantile(worst_own)), NOTHING)
    beyond = share_estimate(int((held_out.errors > threshold).sum()), sizes[2])
    nearest = float(held_out.nearest.mean())
    return Errors(
        a,
        b,
        c,
        d,
        nearest,
        excess,
        over_own,
        over_train,
        over_nearest,
        alarm[0].low,
        alarm[1].low,
        beyond,
        threshold,
        worst_own,
    )


def error_measurements(errors: Errors) -> list[Measurement]:
    """The numbers, each with its reference."""
    unit = "of the data's variance"
    own = "the generator's own samples"
    nearest = "the nearest generated sample in place of the redrawn"
    held = errors.held_out.measurement(
        "error of held-out samples",
        better="lower",
        baseline=errors.own.value,
        what=own,
        unit=unit,
        controls={nearest: errors.held_out_nearest},
    )
    return [
        held,
        errors.train.measurement(
            "error of training samples",
            better="lower",
            baseline=errors.held_out.value,
            what="held-out samples",
            unit=unit,
        ),
        errors.own.measurement(
            "error of own samples",
            better="lower",
            baseline=0.0,
            what="a search that finds what is there",
            unit=unit,
            controls={nearest: errors.own_nearest.value},
        ),
        errors.excess.measurement(
            "error of held-out above own samples", better="lower", baseline=0.0, what=own, unit=unit
        ),
        errors.over_own.measurement("held-out over own error", better="lower", baseline=1.0, what=own),
        errors.over_train.measurement(
            "held-out over training error",
            better="lower",
            baseline=1.0,
            what="a generator that learned the kind, not the samples",
        ),
        errors.beyond.measurement(
            "share of held-out samples it can't redraw",
            better="lower",
            baseline=1 - errors.worst_own,
            what="own samples beyond the same error, by its choice",
            unit="share",
        ),
    ]
