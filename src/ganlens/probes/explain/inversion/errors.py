"""How well own, training and held-out samples are redrawn, and what that says."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ganlens.explain.inversion.redrawing import Redrawn
from ganlens.measurement import Measurement
from ganlens.measures import Estimate, bootstrap_estimates, share_estimate
from ganlens.randomness import torch_generator
from ganlens.rules import Verdict

OWN_AT_MOST = 0.1
"""Mean error of own samples, in shares of the data's variance, above which the search is not good enough."""
WORST_OWN = 0.95
"""A real sample counts as one that can't be redrawn where its error exceeds this quantile of own errors."""
FINE, SURE = 0.02, 0.1
"""Excess of held-out over own error, in shares of the data's variance: up to the first is good, surely beyond
the second is bad."""
HINT = 1.1
"""Held-out errors surely so many times those of training samples hint at memorisation."""
NOTHING = 1e-3
"""Errors below this share of the variance count as this much in ratios: nobody sees the difference."""


@dataclass(frozen=True)
class Errors:
    """Means and comparisons of the three groups' errors."""

    own: Estimate
    train: Estimate
    held_out: Estimate
    own_nearest: Estimate
    held_out_nearest: float
    excess: Estimate
    over_own: Estimate
    over_train: Estimate
    over_nearest: Estimate
    beyond: Estimate
    threshold: float


def compare(own: Redrawn, train: Redrawn, held_out: Redrawn, seed: int) -> Errors:
    """Means, differences and ratios of the three groups' errors, with intervals."""
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
    threshold = max(float(own.errors.quantile(WORST_OWN)), NOTHING)
    beyond = share_estimate(int((held_out.errors > threshold).sum()), sizes[2])
    nearest = float(held_out.nearest.mean())
    return Errors(a, b, c, d, nearest, excess, over_own, over_train, over_nearest, beyond, threshold)


def not_believable(errors: Errors) -> str:
    """The sentence that has to open the headline where the search is at fault; empty where it is not."""
    if errors.own.value > OWN_AT_MOST:
        return (
            "Not believable: the search does not even find the generator's own samples again (mean error "
            f"{errors.own.value:.1%} of the data's variance), so what it misses of real ones proves nothing."
        )
    if errors.over_nearest.high >= 1 and errors.own.value > NOTHING:
        return (
            "Not believable: the search comes no nearer to the generator's own samples than the nearest of those it "
            f"started from ({errors.own.value:.1%} of the data's variance against {errors.own_nearest.value:.1%})."
        )
    return ""


def result(errors: Errors) -> str:
    """How much of held-out samples can't be redrawn."""
    held, own = errors.held_out, errors.own
    amount = f"{held.value:.1%} of the data's variance ({held.low:.1%} to {held.high:.1%})"
    if errors.excess.value <= FINE:
        return (
            f"It redraws real samples it never saw nearly as well as its own: {amount} is lost, of its own "
            f"samples {own.value:.1%}."
        )
    compared = (
        f"{errors.over_own.value:.1f} times what the search loses of its own samples ({own.value:.1%})"
        if own.value > NOTHING
        else "while the search finds its own samples again"
    )
    return (
        f"Of real samples it never saw it can't redraw {amount}, {compared}; {errors.beyond.value:.0%} of them "
        f"are redrawn worse than {WORST_OWN:.0%} of its own."
    )


def memory(errors: Errors) -> str:
    """What training samples say, beside held-out ones."""
    ratio = errors.over_train
    if ratio.low > HINT:
        return (
            f"Training samples are redrawn better (unseen ones lose {ratio.value:.2f} times as much, "
            f"{ratio.low:.2f} to {ratio.high:.2f}), a hint of memorisation."
        )
    if ratio.low <= 1 <= ratio.high:
        return "Training samples are redrawn no better: no sign of memorisation."
    return ""


def verdict(errors: Errors) -> Verdict:
    """By how much held-out samples are redrawn worse than own ones."""
    if errors.excess.low > SURE:
        return Verdict.BAD
    if errors.excess.value > FINE or errors.over_train.low > HINT:
        return Verdict.CAUTION
    return Verdict.GOOD


def measurements(errors: Errors) -> list[Measurement]:
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
            baseline=1 - WORST_OWN,
            what="own samples beyond the same error, by its choice",
            unit="share",
        ),
    ]
