"""Which of the known classes does a generator make, and in what shares?"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ganlens.errors import UserError
from ganlens.measures.estimate import Interval
from ganlens.measures.facts import FRESH, Group, ValidInterval, measure
from ganlens.measures.intervals import binomial_interval


@dataclass(frozen=True)
class ModeCoverage:
    """What `mode_coverage` found.

    Attributes:
        modes: classes that occur at least once.
        kl: nats from the reference shares, 0 and up; lower is better.
        shares: [num_modes] float64, sums to 1.
        counts: [num_modes] int64.
    """

    modes: int
    kl: float
    shares: Tensor
    counts: Tensor


@measure(
    Group.DIVERSITY,
    applied_to="the class of each generated sample, by a labeller",
    range="`modes` 0 to all; `kl` 0 and up, in nats",
    better="more modes, lower `kl`",
    bias="`modes` understates; `kl` overstates, by about (modes − 1)/2n",
    intervals=(ValidInterval(FRESH.by, f"`kl`: {FRESH.contains}"),),
)
def mode_coverage(labels: Tensor, num_modes: int, *, reference_shares: Tensor | None = None) -> ModeCoverage:
    """How many of the known modes are generated, and how far are their shares from those expected?

    Depends on how many samples are labelled: few samples may miss a rare mode, and `kl` is too large by about
    (num_modes − 1)/2n nats. It counts what the labeller says: one that errs finds modes that are not there.

    Args:
        labels: [n] integers in 0…num_modes−1, the class that a labeller gave each generated sample.
        num_modes: how many there are.
        reference_shares: [num_modes], what the shares should be; equal shares by default.

    Raises:
        UserError: labels that are not integers, out of range or missing; reference shares as `reverse_kl`.

    Source: Metz et al. 2017 (arXiv 1611.02163) and Lin et al. 2018 (arXiv 1712.04086) for the protocol.
    """
    counts = _counts(labels, num_modes)
    shares = counts.double() / counts.sum()
    if reference_shares is None:
        reference_shares = torch.full((num_modes,), 1 / num_modes, dtype=torch.float64)
    return ModeCoverage(int((counts > 0).sum()), reverse_kl(shares, reference_shares), shares, counts)


@measure(
    Group.NEIGHBOURS,
    applied_to="two lists of class shares",
    range="0 and up, in nats",
    better="lower",
    bias="none for known shares; for counted ones as `mode_coverage`",
    none_because="shares don't say how many samples they were counted from; see `mode_coverage`",
)
def reverse_kl(shares: Tensor, reference_shares: Tensor) -> float:
    """How far are the generated shares p from the reference shares q, in nats: Σ p ln(p/q)?

    "Reverse" because the generated shares come first: a class that is never generated costs little, one that
    is generated too often costs much.

    Args:
        shares, reference_shares: [classes] each, not negative, summing to 1.

    Returns:
        0 (equal) and up; infinite where a class is generated that the reference lacks.

    Raises:
        UserError: different lengths, negative or non-finite shares, or a sum that is not 1.
    """
    generated = _checked_shares(shares, "shares")
    reference = _checked_shares(reference_shares, "reference_shares")
    if len(generated) != len(reference):
        raise UserError(f"shares has {len(generated)} classes and reference_shares has {len(reference)}")
    present = generated > 0
    if (reference[present] == 0).any():
        return math.inf
    terms = generated[present] * (generated[present] / reference[present]).log()
    return max(0.0, float(terms.sum()))


def chance_divergence(
    shares: Tensor, reference_shares: Tensor, n: int, *, rng: np.random.Generator, draws: int = 1000
) -> Tensor:
    """How far are the shares of n fresh samples from the reference, where the samples have the right shares?

    What any generator with exactly those shares is expected to score: a divergence of counted shares is above 0 by
    chance, about (classes − 1) / 2n (Miller 1955), and a stratified set's is not.

    Args:
        shares: [classes] of what is drawn from.
        reference_shares: [classes] to which the divergence is measured; nowhere 0 where `shares` are not.
        n: samples in a draw.
        rng: draws.
        draws: how many sets of n.

    Returns:
        [draws] divergences in nats, each as `reverse_kl` of that draw.
    """
    p, q = (_checked_shares(values, "shares") for values in (shares, reference_shares))
    drawn = torch.from_numpy(rng.multinomial(n, p.numpy(), size=draws)).double() / n
    terms = torch.xlogy(drawn, drawn / q.where(q > 0, torch.ones_like(q)))
    return terms.sum(dim=1).clamp(min=0)


@measure(
    Group.DIVERSITY,
    applied_to="the class of each sample, by a labeller",
    range="0…1 for each class",
    better="near the share in the real data",
    bias="none, but for the labeller's own errors",
    intervals=(ValidInterval("binomial_interval", "the true share of each class"),),
)
def share_intervals(
    labels: Tensor, num_modes: int, *, level: float = 0.95, simultaneous: bool = False
) -> list[Interval]:
    """Between what limits does the true share of each class lie, given the labels of independent samples?

    Args:
        labels: [n] integers in 0…num_modes−1.
        num_modes: how many classes.
        simultaneous: widen the intervals so that all of them hold together at `level` (Bonferroni); for
            looking over all classes and picking out the odd ones.

    Returns:
        One exact binomial interval per class, in the classes' order.

    Raises:
        UserError: labels that are not integers, out of range or missing; a level outside 0…1.
    """
    counts = _counts(labels, num_modes)
    if not 0 < level < 1:
        raise UserError(f"level must lie between 0 and 1, found {level}; 0.95 is usual")
    each = 1 - (1 - level) / num_modes if simultaneous else level
    intervals = [binomial_interval(int(count), len(labels), each) for count in counts]
    if not simultaneous:
        return intervals
    together = (
        f"{100 * level:g} % for all {num_modes} classes together, exact binomial, {len(labels):,} trials"
    )
    return [Interval(interval.low, interval.high, together) for interval in intervals]


def _counts(labels: Tensor, num_modes: int) -> Tensor:
    if num_modes < 1:
        raise UserError(f"num_modes must be at least 1, found {num_modes}")
    if labels.ndim != 1 or len(labels) == 0:
        raise UserError(
            f"labels: expected one integer per sample and at least one, found shape {tuple(labels.shape)}"
        )
    if labels.is_floating_point() or labels.is_complex() or labels.dtype == torch.bool:
        raise UserError(f"labels: expected integers, found {labels.dtype}")
    labels = labels.detach().cpu().long()
    outside = ((labels < 0) | (labels >= num_modes)).nonzero()
    if len(outside):
        row = int(outside[0])
        raise UserError(f"labels: row {row} is {int(labels[row])}, expected 0 to {num_modes - 1}")
    return torch.bincount(labels, minlength=num_modes)


def _checked_shares(shares: Tensor, name: str) -> Tensor:
    checked = shares.detach().cpu().double()
    if checked.ndim != 1 or len(checked) == 0:
        raise UserError(f"{name}: expected one share per class, found shape {tuple(checked.shape)}")
    if not torch.isfinite(checked).all() or (checked < 0).any():
        raise UserError(f"{name}: shares must be finite and not negative")
    total = float(checked.sum())
    if abs(total - 1) > 1e-5:  # float32 shares of many classes add up to 1 only so far
        raise UserError(f"{name}: shares must sum to 1, found {total:.6g}; divide the counts by their sum")
    return checked / total
