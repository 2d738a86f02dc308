"""Concept activation vectors: directions of a layer, and how a number changes along them.

Captum's `TCAV` writes every activation to a folder, fits with the global random state and has no significance
test, so the few lines it would save are here: a closed-form linear classifier, and draws from passed generators.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from scipy import stats
from torch import Tensor
from torch.nn import functional

from ganlens.measures import Estimate, Interval, holm, replicate_interval
from ganlens.randomness import torch_generator

LEVEL, TOLD_APART = 0.05, 0.6
"""What counts where nothing else is asked for; see `corrected`."""
PLACES = 4
"""Maps are averaged down to at most this many places a side: more say little of a concept and cost much."""
RIDGE = 0.1
HELD_OUT = 1 / 3
AGAINST = 3
"""Random sets that a random set in the concept's place is told from."""
ONE = 1 - 1e-6
"""The largest cosine whose Fisher's z is taken."""


@dataclass(frozen=True)
class Tested:
    """What a concept's vectors do in one layer, beside random concepts'.

    Attributes:
        network, layer, concept: where and what.
        outcome: the class whose inputs and logit are meant, or "" for a network with one number.
        score: share of inputs whose number rises along the concept's vector, mean over repeats.
        scores, random_scores: [repeats], and for each random set in the concept's place its mean.
        pull, random_pulls: how far the gradients point along the vectors, and each random one; see `pull`.
        accuracy: of the concept's vectors on held-out examples, mean over repeats.
        p: two-sided, of the concept's pull among the random ones.
        adjusted, counts: p by Holm over all tests, and whether the concept passed; see `corrected`.
        vector: [p] mean of the concept's unit vectors, itself of length 1.
        pattern: [p] by how much activations with the concept differ from those without, on average: what to add
            to put it in (a vector tells them apart, and need not lie where activations do).
        of_twins: the largest |pull| of the concept in an untrained twin, as far as the twin counts; None where none was
            asked. `outdone` says that it passed but for that.
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
    counts: bool = False
    of_twins: float | None = None
    outdone: bool = False

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


def share_rising(gradients: Tensor, directions: Tensor) -> Tensor:
    """Share of inputs [n, p] whose number rises along each direction [p] or [v, p]; those it leaves alone count
    half."""
    change = gradients @ directions.movedim(-1, 0)
    return (change > 0).double().mean(dim=0) + (change == 0).double().mean(dim=0) / 2


def pull(gradients: Tensor, directions: Tensor) -> Tensor:
    """Mean cosine, −1…1, of gradients [n, p] with each direction [p] or [v, p] of length 1; of no gradient, 0.

    Where a network is nearly linear all of its inputs rise along a direction, or none does, whatever the
    direction: then the share of rising ones is 0 or 1 for random directions as well, and this is what tells a
    concept from them.
    """
    length = gradients.norm(dim=1, keepdim=True)
    cosines: Tensor = (gradients / length.clamp_min(1e-30)) @ directions.movedim(-1, 0)
    return cosines.double().mean(dim=0)


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
class ConceptVectors:
    """A concept's vectors in one layer.

    Attributes:
        vectors: of each repeat, with its accuracy.
        by_chance: [sets, others, p] for each random set, as large as the concept's and in its place, its vectors
            against several others. Fewer than the concept has, so their means scatter no less than its own would by
            chance.
        pattern: as in `Tested`.
    """

    layer: str
    concept: str
    vectors: Sequence[tuple[Tensor, float]]
    by_chance: Tensor
    pattern: Tensor

    def tested(self, network: str, gradients: Tensor, outcome: str = "") -> Tested:
        """What they do to a number with these gradients [n, p] at the layer, beside random sets' vectors."""
        own = torch.stack([vector for vector, _ in self.vectors])
        random = self.by_chance.flatten(0, 1)
        scores = share_rising(gradients, own)
        random_scores, random_pulls = (
            of(gradients, random).unflatten(0, self.by_chance.shape[:2]).mean(dim=1)
            for of in (share_rising, pull)
        )
        interval = replicate_interval(scores).within(0.0, 1.0)
        shared = f"{interval.method}, which share the concept's examples"
        estimate = Estimate(float(scores.mean()), Interval(interval.low, interval.high, shared))
        own_pull = float(pull(gradients, own).mean())
        mean = own.mean(dim=0)
        return Tested(
            network,
            self.layer,
            self.concept,
            outcome,
            estimate,
            scores,
            random_scores,
            own_pull,
            random_pulls,
            sum(right for _, right in self.vectors) / len(self.vectors),
            chance_of(own_pull, random_pulls),
            mean / mean.norm().clamp_min(1e-30),
            self.pattern,
        )


class LayerVectors:
    """The vectors of one layer: a concept's, each time against another random set, and random sets' in its place.

    Args:
        rows: [m, p] activations of the pool.
        repeats: random sets that a concept is told from.
        sets: random sets in the concept's place.
        purpose: tells this layer's draws from others'; the layer's name comes last.
    """

    def __init__(self, rows: Tensor, repeats: int, sets: int, seed: int, *purpose: str) -> None:
        self._rows, self._repeats, self._sets, self._seed, self._purpose = rows, repeats, sets, seed, purpose
        self._random: dict[int, Tensor] = {}

    def of_concept(
        self, concept: str, own: Tensor, rest: Tensor, pattern: Tensor | None = None
    ) -> ConceptVectors:
        """A concept's vectors from activations of its examples [k, p], and of samples [m, p] without it."""
        vectors = []
        for repeat in range(self._repeats):
            rng = torch_generator(self._seed, "concepts", *self._purpose, concept, repeat)
            other = rest[torch.randperm(len(rest), generator=rng)[: len(own)]]
            vectors.append(concept_vector(own, other, rng))
        if pattern is None:
            pattern = own.mean(dim=0) - rest.mean(dim=0)
        return ConceptVectors(self._purpose[-1], concept, vectors, self._by_chance(len(own)), pattern)

    def _by_chance(self, size: int) -> Tensor:
        """[sets, others, p] for each random set of that size its vectors, each against another random set."""
        size = min(size, len(self._rows) // 2)
        if size not in self._random:
            sets = []
            for number in range(self._sets):
                rng = torch_generator(self._seed, "concepts", "random concept", *self._purpose, number)
                order = torch.randperm(len(self._rows), generator=rng)
                own, rest = self._rows[order[:size]], self._rows[order[size:]]
                others = (rest[torch.randperm(len(rest), generator=rng)[:size]] for _ in range(AGAINST))
                sets.append(torch.stack([concept_vector(own, other, rng)[0] for other in others]))
            self._random[size] = torch.stack(sets)
        return self._random[size]


def corrected(tests: Sequence[Tested], level: float = LEVEL, told_apart: float = TOLD_APART) -> list[Tested]:
    """The tests with p-values corrected for how many there are (Holm), and whether each counts.

    Args:
        level: the chance of any false claim at all, over all networks, layers and concepts.
        told_apart: balanced accuracy on held-out examples below which a layer does not hold a concept.
    """
    adjusted = holm(dict(enumerate(test.p for test in tests)))
    return [
        replace(test, adjusted=p, counts=p <= level and test.accuracy >= told_apart)
        for test, p in ((test, adjusted[number]) for number, test in enumerate(tests))
    ]
