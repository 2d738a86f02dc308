"""Is a counterfactual valid, near, sparse, believable, and not the only one? The measures of such answers.

A counterfactual is a sample that differs from an original and that a classifier puts into another, wanted class.
All functions take samples of any shape [n, …], or points of a latent space, or features.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ganlens.errors import UserError
from ganlens.measures.facts import EACH_SAMPLE, ORIGINALS, Group, measure
from ganlens.measures.feature_matrix import feature_matrix, feature_pair
from ganlens.measures.frechet import frechet_distance

CHANGED = 0.05
"""A coordinate has changed where it moved by more than this: for pixels in −1…1, a fortieth of black to white."""

FEWEST_ROWS = 4
"""Rows on each side below which a Fréchet distance says nothing."""


@dataclass(frozen=True)
class Proximity:
    """How far each counterfactual is from its original.

    Attributes:
        l1: [n] mean absolute change of a coordinate.
        l2: [n] Euclidean length of the change.
    """

    l1: Tensor
    l2: Tensor


@dataclass(frozen=True)
class Realism:
    """How far counterfactuals are from real samples of the class they claim, and how far real ones are.

    Attributes:
        distance: Fréchet distance of counterfactuals to one half of the real samples.
        reference: Fréchet distance of as many samples of the other half to that half.
        count: rows on the counterfactual side, and on the reference's.
    """

    distance: float
    reference: float
    count: int


@measure(
    Group.COUNTERFACTUALS,
    applied_to="a classifier's scores of counterfactuals, and the classes wanted",
    range="0…1",
    better="higher",
    bias="none, but searches that stop when they succeed push it to 1",
    none_because="a search chose the samples; over independent originals `binomial_interval` suits",
)
def counterfactual_validity(logits: Tensor, targets: Tensor) -> float:
    """Which share of the counterfactuals does the classifier put into the class that was wanted?

    Interval: `binomial_interval`, where the originals are independent.

    Args:
        logits: [n, k] of the counterfactuals, or any other scores of which the largest wins.
        targets: [n] wanted classes.

    Returns:
        0 to 1; higher is better. 1 says nothing about whether they are believable.

    Raises:
        UserError: no rows, or logits and targets of different lengths.

    Source: Mothilal et al. 2020 (arXiv 1905.07697).
    """
    if logits.ndim != 2 or targets.shape != logits.shape[:1] or not len(logits):
        raise UserError(
            f"expected logits [n, classes] and targets [n] of at least one counterfactual, found "
            f"{tuple(logits.shape)} and {tuple(targets.shape)}"
        )
    return float((logits.argmax(dim=1) == targets.to(logits.device)).double().mean())


@measure(
    Group.COUNTERFACTUALS,
    applied_to=ORIGINALS,
    range="`l1`, `l2` 0 and up, for each sample",
    better="lower",
    bias="none; only valid ones can be compared",
    none_because=EACH_SAMPLE,
)
def counterfactual_proximity(originals: Tensor, counterfactuals: Tensor) -> Proximity:
    """How far is each counterfactual from its original, in the units of what is given?

    Interval: `bootstrap_interval` over the samples' distances.

    Args:
        originals, counterfactuals: [n, …]: samples, points of a latent space or features.

    Returns:
        `Proximity`: 0 (nothing changed) and up; lower is better, among valid ones.

    Raises:
        UserError: the shapes differ, or a value is not finite.

    Source: Wachter et al. 2017 (arXiv 1711.00399).
    """
    change = _change(originals, counterfactuals)
    return Proximity(change.abs().mean(dim=1), change.norm(dim=1))


@measure(
    Group.COUNTERFACTUALS,
    applied_to=ORIGINALS,
    range="0…1, for each sample",
    better="lower",
    bias="none; depends on the tolerance",
    none_because=EACH_SAMPLE,
)
def counterfactual_sparsity(
    originals: Tensor, counterfactuals: Tensor, *, tolerance: float = CHANGED
) -> Tensor:
    """Which share of the coordinates did each counterfactual change by more than a tolerance?

    Interval: `bootstrap_interval` over the samples' shares.

    Args:
        originals, counterfactuals: [n, …].
        tolerance: in the units of what is given; a change of exactly this much does not count.

    Returns:
        [n], each 0 to 1; lower is sparser.

    Raises:
        UserError: the shapes differ, a value is not finite, or the tolerance is negative.

    Source: Mothilal et al. 2020 (arXiv 1905.07697), who count the coordinates that were left alone.
    """
    if tolerance < 0:
        raise UserError(f"a tolerance is 0 or more, found {tolerance}")
    return (_change(originals, counterfactuals).abs() > tolerance).double().mean(dim=1)


@measure(
    Group.COUNTERFACTUALS,
    applied_to="features of counterfactuals and of real samples of their class",
    range="`distance`, `reference` 0 and up",
    better="`distance` near `reference`",
    bias="both overstate, as 1/n, equally",
    none_because="the two share a half of the real samples; repeat it with other halves",
)
def counterfactual_realism(counterfactuals: Tensor, real: Tensor, *, rng: torch.Generator) -> Realism:
    """How far are counterfactuals from real samples of their class, beside real samples from each other?

    The real samples are split into disjoint halves. One is what both distances are measured to, the other
    gives the reference, by as many rows as there are counterfactuals at most: the distance's bias depends on
    the number of rows, so the two are comparable with each other and with nothing else.

    Args:
        counterfactuals: [n, d] features of counterfactuals of one class.
        real: [m, d] features of real samples of that class.
        rng: draws the halves, and the rows of the larger side; a CPU generator.

    Returns:
        `Realism`: 0 and up each; believable ones come near the reference.

    Raises:
        UserError: fewer than `FEWEST_ROWS` counterfactuals or real samples in a half, or unusable features.

    Source: ours, around Heusel et al. 2017 (arXiv 1706.08500).
    """
    counterfactuals, real = feature_pair(counterfactuals, real, ("counterfactuals", "real"))
    half = len(real) // 2
    count = min(len(counterfactuals), half)
    if count < FEWEST_ROWS:
        raise UserError(
            f"realism takes at least {FEWEST_ROWS} counterfactuals and {2 * FEWEST_ROWS} real samples, found "
            f"{len(counterfactuals)} and {len(real)}"
        )
    order = torch.randperm(len(real), generator=rng)
    chosen = torch.randperm(len(counterfactuals), generator=rng)[:count]
    towards = real[order[:half]]
    return Realism(
        frechet_distance(counterfactuals[chosen], towards),
        frechet_distance(real[order[half : half + count]], towards),
        count,
    )


@measure(
    Group.COUNTERFACTUALS,
    applied_to="class probabilities while the change is put in, the largest part first",
    range="−1…1, for each sample",
    better="higher",
    bias="none, but from the number of steps",
    none_because=EACH_SAMPLE,
)
def counterfactual_transition(source_scores: Tensor, target_scores: Tensor) -> Tensor:
    """How early does the classifier change its mind as the change is put in, the largest part first? (COUT)

    The area under the target class's probability minus that under the original class's, along the way from the
    original (first column) to the counterfactual (last); the ways are made by `swapped_in_order`.

    Interval: `bootstrap_interval` over the samples' scores.

    Args:
        source_scores: [n, t] probability of the original class after each of t − 1 equal swaps, none first.
        target_scores: [n, t] probability of the wanted class.

    Returns:
        [n], each −1 (never changes) to 1; higher is better: few and decisive changes.

    Raises:
        UserError: the shapes differ, there is no step, or a score is not a probability.

    Source: Khorram & Fuxin 2022 (arXiv 2203.15064).
    """
    if source_scores.shape != target_scores.shape or source_scores.ndim != 2 or source_scores.shape[1] < 2:
        raise UserError(
            f"expected scores [n, steps] of at least two steps for both classes, found "
            f"{tuple(source_scores.shape)} and {tuple(target_scores.shape)}"
        )
    gain = target_scores.double() - source_scores.double()
    both = torch.stack([source_scores, target_scores])
    if not bool(((both >= -1e-6) & (both <= 1 + 1e-6)).all()):
        raise UserError("COUT is an area under probabilities; a score lies outside 0…1 or is not finite")
    return ((gain[:, 1:] + gain[:, :-1]) / 2).mean(dim=1)


def swapped_in_order(
    originals: Tensor, counterfactuals: Tensor, steps: int, consume: Callable[[Tensor], Tensor]
) -> Tensor:
    """The way from originals to counterfactuals, by swapping in the coordinates that changed most first.

    Channels of a pixel are swapped together: a sample [c, h, w] has h·w coordinates, any other as many as
    numbers.

    Args:
        originals, counterfactuals: [n, …].
        steps: equal shares in which the coordinates are swapped.
        consume: takes samples [n, …] after each share and returns something [n, …] to keep, so that the way
            is never in memory.

    Returns:
        [n, steps + 1, …] what `consume` made of each stage, the originals first.

    Raises:
        UserError: the shapes differ, a value is not finite, or there are no steps.
    """
    if steps < 1:
        raise UserError(f"expected at least 1 step, found {steps}")
    change = _change(originals, counterfactuals).reshape(originals.shape)
    size = change.abs().sum(dim=1, keepdim=True) if originals.ndim == 4 else change.abs()
    places = size.flatten(1)
    rank = places.argsort(dim=1, descending=True, stable=True).argsort(dim=1).reshape(size.shape)
    total = places.shape[1]
    kept = []
    for step in range(steps + 1):
        swapped = rank < round(total * step / steps)
        kept.append(consume(torch.where(swapped, counterfactuals, originals)))
    return torch.stack(kept, dim=1)


@measure(
    Group.COUNTERFACTUALS,
    applied_to="several answers for each sample",
    range="0 and up, for each sample",
    better="higher, among valid ones",
    bias="none",
    none_because=EACH_SAMPLE,
)
def counterfactual_diversity(answers: Tensor, exists: Tensor) -> Tensor:
    """How far apart are the several answers that one sample got?

    Interval: `bootstrap_interval` over the samples' values.

    Args:
        answers: [n, a, …] a answers for each of n samples: samples, points or features.
        exists: [n, a] which of them exist.

    Returns:
        [m] mean Euclidean distance over the pairs of answers, for the m ≤ n samples that have at least two;
        0 (all alike) and up.

    Raises:
        UserError: the shapes do not belong together, or an answer that exists is not finite.

    Source: Mothilal et al. 2020 (arXiv 1905.07697).
    """
    if answers.ndim < 3 or exists.shape != answers.shape[:2]:
        raise UserError(
            f"expected answers [n, a, …] and exists [n, a], found {tuple(answers.shape)} and {tuple(exists.shape)}"
        )
    several = exists.sum(dim=1) >= 2
    values = []
    for rows, exist in zip(answers[several], exists[several], strict=True):
        values.append(torch.pdist(feature_matrix(rows[exist].flatten(1), "answers").double()).mean())
    return torch.stack(values) if values else torch.empty(0, dtype=torch.float64)


def _change(originals: Tensor, counterfactuals: Tensor) -> Tensor:
    """Counterfactuals minus originals as rows [n, d] in float64."""
    if originals.shape != counterfactuals.shape or originals.ndim < 2:
        raise UserError(
            f"expected originals and counterfactuals of one shape [n, …], found {tuple(originals.shape)} and "
            f"{tuple(counterfactuals.shape)}"
        )
    change = (counterfactuals.double() - originals.double()).flatten(1)
    if not torch.isfinite(change).all():
        row = int((~torch.isfinite(change).all(dim=1)).nonzero()[0])
        raise UserError(f"sample {row} or its counterfactual holds NaN or an infinite value")
    return change
