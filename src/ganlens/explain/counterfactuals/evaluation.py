"""How good are the counterfactuals of one method? The same measures for every method and every baseline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ganlens.explain.counterfactuals.baselines import RealSamples, logits_of
from ganlens.explain.counterfactuals.judge import Judge
from ganlens.explain.counterfactuals.search_space import Answers, Question, SearchSpace
from ganlens.measures import (
    Estimate,
    bootstrap_estimates,
    counterfactual_diversity,
    counterfactual_proximity,
    counterfactual_realism,
    counterfactual_sparsity,
    counterfactual_transition,
    swapped_in_order,
)
from ganlens.measures.counterfactual import FEWEST_ROWS
from ganlens.subject import SampleBank

SWAPS = 10
REALS_A_SAMPLE = 8
"""Real samples of its class for each counterfactual, half of them to measure to."""


@dataclass(frozen=True)
class Attempt:
    """What one method made of n samples.

    Attributes:
        name: short, as in names of arrays ("latent").
        title: as in tables ("latent search").
        samples: [n, …]; the redrawn sample where it found nothing.
        exists: [n] whether it says that it found something; of a baseline, whether it could be tried.
        answers: all of a search's answers, or None for a baseline.
        seconds: in all.
        elsewhere: whether the answers lie in another space than the question, so that no distance can be told.
    """

    name: str
    title: str
    samples: Tensor
    exists: Tensor
    answers: Answers | None
    seconds: float
    elsewhere: bool = False


@dataclass(frozen=True)
class Scores:
    """Measures of one attempt; means over the samples that reached their class, None where there are none.

    Attributes:
        valid: [n] whether the classifier gives the target's class.
        agreed: [n] whether the judge does; None without a judge.
        l1, l2: change of a value, and Euclidean length of the change of the sample.
        latent: distance in standard deviations of the latent space; None for baselines outside it.
        sparsity: share of values changed by more than a fortieth of black to white.
        realism, reference: Fréchet distances to real samples of the class; see `counterfactual_realism`.
        cout: see `counterfactual_transition`.
        diversity: mean distance of several answers; None with one.
    """

    valid: Tensor
    agreed: Tensor | None
    l1: float | None
    l2: float | None
    latent: float | None
    sparsity: float | None
    realism: float | None
    reference: float | None
    cout: float | None
    diversity: float | None

    @property
    def validity(self) -> float:
        return float(self.valid.double().mean())

    @property
    def agreement(self) -> float | None:
        """Share of the valid ones that the judge gives the target's class too."""
        if self.agreed is None or not bool(self.valid.any()):
            return None
        return float(self.agreed[self.valid].double().mean())

    @property
    def self_score(self) -> float:
        """0…1: the share of all samples that changed class in the judge's eyes too, or at least validly."""
        return self.validity if self.agreed is None else self.validity * (self.agreement or 0.0)


def score(
    attempt: Attempt,
    bank: SampleBank,
    space: SearchSpace,
    question: Question,
    redrawn: Tensor,
    real: RealSamples,
    judge: Judge | None,
    rng: torch.Generator,
) -> Scores:
    """All measures of one attempt against the redrawn samples [n, …]."""
    valid = attempt.exists & (logits_of(space.classifier, attempt.samples).argmax(dim=1) == question.targets)
    agreed = None if judge is None else judge.agrees(attempt.samples, question.targets)
    rows = valid.nonzero().flatten()
    if not len(rows):
        return Scores(valid, agreed, None, None, None, None, None, None, None, None)
    before, after, asked = redrawn[rows], attempt.samples[rows], question.take(rows)
    proximity = counterfactual_proximity(before, after)
    realism = _realism(bank, after, asked.targets, real, rng)
    latent = diversity = None
    if attempt.answers is not None and not attempt.elsewhere:
        ways = attempt.answers.rows[:, 0] - question.starts
        latent = float(ways.norm(dim=1)[rows.to(ways.device)].mean())
        diversity = _diversity(attempt.answers, space, question)
    return Scores(
        valid,
        agreed,
        float(proximity.l1.mean()),
        float(proximity.l2.mean()),
        latent,
        float(counterfactual_sparsity(before, after).mean()),
        None if realism is None else realism[0],
        None if realism is None else realism[1],
        float(_cout(space, before, after, asked).mean()),
        diversity,
    )


def agreement_above(ours: Scores, theirs: Scores, fewest: int, rng: torch.Generator) -> Estimate | None:
    """By how much the judge sees the new class more often in our valid samples than in theirs of the same starts.

    Returns:
        The paired difference −1…1; None without a judge, or with fewer than `fewest` valid samples.
    """
    rows = ours.valid.nonzero().flatten()
    if len(rows) < fewest or ours.agreed is None or theirs.agreed is None:
        return None
    gain = ours.agreed[rows].double() - theirs.agreed[rows].double()

    def statistic(weights: Tensor) -> Tensor:
        return (weights @ gain / weights.sum(dim=1))[:, None]

    return bootstrap_estimates(statistic, len(rows), rng=rng, of="counterfactuals")[0]


def _realism(
    bank: SampleBank, samples: Tensor, targets: Tensor, real: RealSamples, rng: torch.Generator
) -> tuple[float, float] | None:
    """Distances of the samples and of real ones to real ones, all with the classes in the same shares."""
    members: list[Tensor] = []
    for target in targets.tolist():
        same = (real.classes == target).nonzero().flatten()
        if not len(same):
            return None
        members.append(same[torch.randperm(len(same), generator=rng)[:REALS_A_SAMPLE]])
    chosen = torch.cat(members).unique()
    if len(samples) < FEWEST_ROWS or len(chosen) < 2 * FEWEST_ROWS:
        return None
    extract = bank.space(bank.spaces[0]).extract

    def features(rows: Tensor) -> Tensor:
        with torch.no_grad():
            parts = [extract(part.to(bank.device)).flatten(1).float().cpu() for part in rows.split(512)]
        return torch.cat(parts)

    exists = counterfactual_realism(features(samples), features(real.samples[chosen]), rng=rng)
    return exists.distance, exists.reference


def _cout(space: SearchSpace, before: Tensor, after: Tensor, question: Question) -> Tensor:
    both = torch.stack([question.sources, question.targets], dim=1)

    def probabilities(samples: Tensor) -> Tensor:
        return logits_of(space.classifier, samples).softmax(dim=1).gather(1, both)

    way = swapped_in_order(before, after, SWAPS, probabilities)
    return counterfactual_transition(way[..., 0], way[..., 1])


def _diversity(answers: Answers, space: SearchSpace, question: Question) -> float | None:
    """Mean distance between the samples of several answers."""
    each = answers.rows.shape[1]
    if each < 2:
        return None
    samples: Sequence[Tensor] = [space.samples(answers.rows[:, a], question.labels) for a in range(each)]
    apart = counterfactual_diversity(torch.stack(list(samples), dim=1), answers.exists)
    return float(apart.mean()) if len(apart) else None
