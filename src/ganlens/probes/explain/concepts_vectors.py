"""Concept activation vectors: directions of a layer, and how a number changes along them.

Captum's `TCAV` writes every activation to a folder, fits with the global random state and has no significance
test, so the few lines it would save are here: a closed-form linear classifier, and draws from passed generators.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from scipy import stats
from torch import Tensor
from torch.nn import functional

from ganlens.measures import replicate_interval
from ganlens.probes.explain.estimate import Estimate

LEVEL = 0.01
"""Of the test, after Holm's correction over all networks, layers and concepts."""
TOLD_APART = 0.6
"""Balanced accuracy on held-out examples below which a layer does not hold a concept."""
PLACES = 4
"""Maps are averaged down to at most this many places a side: more say little of a concept and cost much."""
RIDGE = 0.1
HELD_OUT = 1 / 3


@dataclass(frozen=True)
class Tested:
    """What a concept's vectors do in one layer, beside random concepts'.

    Attributes:
        network, layer, concept: where and what.
        score: share of inputs whose number rises along the concept's vector, mean over repeats.
        scores, random_scores: [repeats].
        accuracy: of the concept's vectors on held-out examples, mean over repeats.
        p: two-sided, Welch's t-test; `adjusted` by Holm over all tests, filled in when all are known.
        vector: [p] mean of the concept's unit vectors, itself of length 1.
        pattern: [p] by how much activations with the concept differ from those without, on average: what to add
            to put it in (a vector tells them apart, and need not lie where activations do).
    """

    network: str
    layer: str
    concept: str
    score: Estimate
    scores: Tensor
    random_scores: Tensor
    accuracy: float
    p: float
    vector: Tensor
    pattern: Tensor
    adjusted: float = 1.0


def reduced(activations: Tensor) -> Tensor:
    """Activations [n, …] as rows [n, p]; maps [n, c, h, w] at no more than 4×4 places."""
    if activations.ndim == 4:
        size = (min(activations.shape[2], PLACES), min(activations.shape[3], PLACES))
        activations = functional.adaptive_avg_pool2d(activations, size)
    return activations.flatten(1)


def restored(vector: Tensor, shape: Sequence[int]) -> Tensor:
    """A direction [p] of `reduced` rows as one of activations of `shape` [c, h, w] or [p]."""
    if len(shape) != 3:
        return vector.reshape(tuple(shape))
    size = (min(shape[1], PLACES), min(shape[2], PLACES))
    return functional.interpolate(vector.reshape(1, shape[0], *size), size=tuple(shape[1:]), mode="nearest")[
        0
    ]


def reduced_gradients(gradients: Tensor) -> Tensor:
    """Gradients [n, …] such that their product with a direction [p] is the derivative along `restored` of it."""
    if gradients.ndim != 4:
        return gradients.flatten(1)
    height, width = gradients.shape[2:]
    places = min(height, PLACES) * min(width, PLACES)
    return reduced(gradients) * (height * width / places)


def concept_vector(positive: Tensor, negative: Tensor, rng: torch.Generator) -> tuple[Tensor, float]:
    """The unit direction [p] that leads from examples without a concept to those with it, and how well it tells
    held-out ones apart.

    A ridge regression on ±1, solved among the examples: two thirds to fit, a third to judge.

    Args:
        positive, negative: activations [n, p] and [m, p].

    Returns:
        The direction (zeros where the examples are all alike) and the balanced accuracy in 0…1.
    """
    fit, judge = [], []
    for rows in (positive, negative):
        order = torch.randperm(len(rows), generator=rng)
        cut = max(1, round(len(rows) * HELD_OUT))
        judge.append(rows[order[:cut]])
        fit.append(rows[order[cut:]])
    centre = (fit[0].mean(dim=0) + fit[1].mean(dim=0)) / 2
    rows = torch.cat(fit) - centre
    side = torch.cat(
        [torch.full((len(part),), sign / len(part)) for part, sign in zip(fit, (1.0, -1.0), strict=True)]
    )
    gram = rows @ rows.T
    ridge = RIDGE * gram.diagonal().mean().clamp_min(1e-12)
    weights = torch.linalg.solve(gram + ridge * torch.eye(len(gram)), side)
    direction = weights @ rows
    length = direction.norm()
    if float(length) == 0:
        return direction, 0.5
    direction = direction / length
    right = [((judge[0] - centre) @ direction > 0), ((judge[1] - centre) @ direction <= 0)]
    return direction, float(torch.stack([part.double().mean() for part in right]).mean())


def share_rising(gradients: Tensor, direction: Tensor) -> float:
    """Share of inputs [n, p] whose number rises along a direction [p]; those it leaves alone count half."""
    change = gradients @ direction
    return float((change > 0).double().mean() + (change == 0).double().mean() / 2)


def tested(
    network: str,
    layer: str,
    concept: str,
    vectors: Sequence[tuple[Tensor, float]],
    gradients: Tensor,
    random_scores: Tensor,
    pattern: Tensor,
) -> Tested:
    """A concept's vectors of all repeats against random concepts' scores."""
    scores = torch.tensor([share_rising(gradients, vector) for vector, _ in vectors])
    interval = replicate_interval(scores)
    estimate = Estimate(
        float(scores.mean()),
        max(0.0, interval.low),
        min(1.0, interval.high),
        f"{interval.method}, which share the concept's examples",
    )
    if float(scores.var()) == 0 and float(random_scores.var()) == 0:
        p = 1.0 if float(scores[0]) == float(random_scores[0]) else 0.0
    else:
        sides = [(float(x.mean()), float(x.std()), len(x)) for x in (scores.double(), random_scores.double())]
        p = float(stats.ttest_ind_from_stats(*sides[0], *sides[1], equal_var=False).pvalue)
    mean = torch.stack([vector for vector, _ in vectors]).mean(dim=0)
    accuracy = sum(right for _, right in vectors) / len(vectors)
    return Tested(
        network,
        layer,
        concept,
        estimate,
        scores,
        random_scores,
        accuracy,
        p,
        mean / mean.norm().clamp_min(1e-30),
        pattern,
    )


def counts(test: Tested) -> bool:
    """Whether a concept passed the test in a layer."""
    return test.adjusted <= LEVEL and test.accuracy >= TOLD_APART
