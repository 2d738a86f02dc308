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
from ganlens.randomness import torch_generator

LEVEL = 0.01
"""Of the test, after Holm's correction over all networks, layers and concepts."""
TOLD_APART = 0.6
"""Balanced accuracy on held-out examples below which a layer does not hold a concept."""
PLACES = 4
"""Maps are averaged down to at most this many places a side: more say little of a concept and cost much."""
RIDGE = 0.1
HELD_OUT = 1 / 3
ONE = 1 - 1e-6
"""The largest cosine whose Fisher's z is taken."""


@dataclass(frozen=True)
class Tested:
    """What a concept's vectors do in one layer, beside random concepts'.

    Attributes:
        network, layer, concept: where and what.
        outcome: the class whose inputs and logit are meant, or "" for a network with one number.
        score: share of inputs whose number rises along the concept's vector, mean over repeats.
        scores, random_scores: [repeats], and of one vector for each random set in the concept's place.
        pull, random_pulls: how far the gradients point along the vectors, and each random one; see `pull`.
        accuracy: of the concept's vectors on held-out examples, mean over repeats.
        p: two-sided, of the concept's pull among the random ones; `adjusted` by Holm over all tests, filled in when
            all are known.
        vector: [p] mean of the concept's unit vectors, itself of length 1.
        pattern: [p] by how much activations with the concept differ from those without, on average: what to add
            to put it in (a vector tells them apart, and need not lie where activations do).
    """

    network: str
    layer: str
    concept: str
    outcome: str
    score: Estimate
    scores: Tensor
    random_scores: Tensor
    pull: float
    random_pulls: Tensor
    accuracy: float
    p: float
    vector: Tensor
    pattern: Tensor
    adjusted: float = 1.0

    @property
    def named(self) -> str:
        """What was tested: the concept, and for which class."""
        return f"{self.concept} for {self.outcome}" if self.outcome else self.concept


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


def pull(gradients: Tensor, direction: Tensor) -> float:
    """Mean cosine, −1…1, of gradients [n, p] with a direction [p] of length 1; of no gradient, 0.

    Where a network is nearly linear all of its inputs rise along a direction, or none does, whatever the
    direction: then the share of rising ones is 0 or 1 for random directions as well, and this is what tells a
    concept from them.
    """
    length = gradients.norm(dim=1)
    cosine = (gradients @ direction) / length.clamp_min(1e-30)
    return float(torch.where(length > 0, cosine, 0.0).double().mean())


def chance_of(value: float, by_chance: Tensor) -> float:
    """The two-sided p-value of one more mean cosine, given such ones [m] by chance.

    Cosines have ends; what is taken for normal is Fisher's z of them, as for correlations. It is one draw, not
    many: a concept's repeats share its examples, and their number is no evidence.
    """
    own, others = (torch.as_tensor(x).double().clamp(-ONE, ONE).atanh() for x in (value, by_chance))
    mean, deviation, m = float(others.mean()), float(others.std()), len(others)
    if deviation == 0:
        return 1.0 if float(own) == mean else 0.0
    return float(2 * stats.t.sf(abs(float(own) - mean) / (deviation * (1 + 1 / m) ** 0.5), df=m - 1))


@dataclass(frozen=True)
class Found:
    """A concept's vectors in one layer.

    Attributes:
        vectors: of each repeat, with its accuracy.
        by_chance: vectors of random sets, as large as the concept's, in the concept's place.
        pattern: as in `Tested`.
    """

    layer: str
    concept: str
    vectors: Sequence[tuple[Tensor, float]]
    by_chance: Sequence[Tensor]
    pattern: Tensor

    def tested(self, network: str, gradients: Tensor, outcome: str = "") -> Tested:
        """What they do to a number with these gradients [n, p] at the layer, beside random sets' vectors."""
        scores = torch.tensor([share_rising(gradients, vector) for vector, _ in self.vectors])
        random_scores = torch.tensor([share_rising(gradients, vector) for vector in self.by_chance])
        interval = replicate_interval(scores)
        estimate = Estimate(
            float(scores.mean()),
            max(0.0, interval.low),
            min(1.0, interval.high),
            f"{interval.method}, which share the concept's examples",
        )
        own = sum(pull(gradients, vector) for vector, _ in self.vectors) / len(self.vectors)
        random_pulls = torch.tensor(
            [pull(gradients, vector) for vector in self.by_chance], dtype=torch.float64
        )
        mean = torch.stack([vector for vector, _ in self.vectors]).mean(dim=0)
        return Tested(
            network,
            self.layer,
            self.concept,
            outcome,
            estimate,
            scores,
            random_scores,
            own,
            random_pulls,
            sum(right for _, right in self.vectors) / len(self.vectors),
            chance_of(own, random_pulls),
            mean / mean.norm().clamp_min(1e-30),
            self.pattern,
        )


class LayerVectors:
    """The vectors of one layer: a concept's, each time against another random set, and random sets' in its place.

    Args:
        rows: [m, p] activations of the pool.
        repeats: random sets.
        purpose: tells this layer's draws from others'; the layer's name comes last.
    """

    def __init__(self, rows: Tensor, repeats: int, seed: int, *purpose: str) -> None:
        self._rows, self._repeats, self._seed, self._purpose = rows, repeats, seed, purpose
        self._random: dict[int, list[Tensor]] = {}

    def found(self, concept: str, own: Tensor, rest: Tensor, pattern: Tensor | None = None) -> Found:
        """A concept's vectors from activations of its examples [k, p], and of samples [m, p] without it."""
        vectors = []
        for repeat in range(self._repeats):
            rng = torch_generator(self._seed, "concepts", *self._purpose, concept, repeat)
            other = rest[torch.randperm(len(rest), generator=rng)[: len(own)]]
            vectors.append(concept_vector(own, other, rng))
        if pattern is None:
            pattern = own.mean(dim=0) - rest.mean(dim=0)
        return Found(self._purpose[-1], concept, vectors, self._by_chance(len(own)), pattern)

    def _by_chance(self, size: int) -> list[Tensor]:
        """Vectors of random sets of that size told from other random sets."""
        size = min(size, len(self._rows) // 2)
        if size not in self._random:
            self._random[size] = []
            for repeat in range(self._repeats):
                rng = torch_generator(self._seed, "concepts", "random concept", *self._purpose, repeat)
                order = torch.randperm(len(self._rows), generator=rng)
                own, other = self._rows[order[:size]], self._rows[order[size : 2 * size]]
                self._random[size].append(concept_vector(own, other, rng)[0])
        return self._random[size]


def counts(test: Tested) -> bool:
    """Whether a concept passed the test in a layer."""
    return test.adjusted <= LEVEL and test.accuracy >= TOLD_APART
