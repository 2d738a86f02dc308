"""What the counterfactuals amount to: the numbers with their baselines, the verdict, and the sentence."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import torch
from torch import Tensor

from ganlens.explain.attribution.places import place_of
from ganlens.explain.counterfactuals.evaluation import Attempt, Scores
from ganlens.explain.counterfactuals.judge import Judge
from ganlens.explain.counterfactuals.search_space import Question, SearchSpace
from ganlens.explain.counterfactuals.starts import Starts
from ganlens.measurement import Measurement
from ganlens.measures import Estimate, binomial_interval, bootstrap_estimates, share_estimate
from ganlens.rules import Verdict

FEWEST = 5
"""Samples below which nothing is claimed."""

ENOUGH_FOUND = 0.8
ENOUGH_REPRODUCED = 0.5
ENOUGH_AGREED = 2 / 3

NO_PLACE = ("no one part of the picture", "the middle quarter", "the centre")
"""Where most pictures have their subject, so that nothing is said by naming it."""

NO_INTERVAL = "none: a mean over samples that the search chose by reaching their class"


@dataclass
class Evidence:
    """All that the conclusion rests on."""

    attempts: list[Attempt]
    scores: dict[str, Scores]
    starts: Starts
    question: Question
    redrawn: Tensor
    judge: Judge | str
    space: SearchSpace
    rng: torch.Generator
    most_used: tuple[str, float] | None = None
    _advantage: Estimate | None = None

    @property
    def searches(self) -> list[Attempt]:
        return [attempt for attempt in self.attempts if attempt.answers is not None]

    @property
    def reproduced(self) -> float:
        return float(self.starts.kept.double().mean())

    @property
    def advantage(self) -> Estimate | None:
        """By how much the judge sees the new class more often than in adversarial samples of equal size."""
        if self._advantage is None and isinstance(self.judge, Judge):
            ours, theirs = self.scores["latent"], self.scores["adversarial"]
            rows = ours.valid.nonzero().flatten()
            if len(rows) < FEWEST or ours.agreed is None or theirs.agreed is None:
                return None
            gain = ours.agreed[rows].double() - theirs.agreed[rows].double()

            def statistic(weights: Tensor) -> Tensor:
                return (weights @ gain / weights.sum(dim=1))[:, None]

            self._advantage = bootstrap_estimates(statistic, len(rows), rng=self.rng, of="counterfactuals")[0]
        return self._advantage


def verdict(evidence: Evidence) -> Verdict:
    """See the probe's method."""
    if why_not(evidence):
        return Verdict.NOT_BELIEVABLE
    search = evidence.scores["latent"]
    if evidence.advantage is None:
        return Verdict.CAUTION
    good = search.validity >= ENOUGH_FOUND and (search.agreement or 0) >= ENOUGH_AGREED
    return Verdict.GOOD if good else Verdict.CAUTION


def why_not(evidence: Evidence) -> str:
    """The sentence that has to open the headline where the answers are not to be believed; else empty."""
    if evidence.reproduced < ENOUGH_REPRODUCED:
        return (
            f"Not believable: only {evidence.reproduced:.0%} of the samples keep their class when the generator "
            "redraws them, so most flips would be the inversion's."
        )
    gain, search = evidence.advantage, evidence.scores["latent"]
    if gain is not None and gain.low <= 0 and not _surely_agreed(search):
        agreed = search.agreement or 0.0
        return (
            "Not believable: an independent judge sees the new class in the counterfactuals no more often than in "
            f"adversarial samples changed by as much ({agreed:.0%}; difference {gain.low:+.0%} to {gain.high:+.0%})."
        )
    return ""


def _surely_agreed(found: Scores) -> bool:
    """Whether the judge sees the new class in surely more than two thirds, whatever it sees in the baseline."""
    valid = int(found.valid.sum())
    return valid > 0 and binomial_interval(round((found.agreement or 0.0) * valid), valid).low > ENOUGH_AGREED


def headline(evidence: Evidence) -> str:
    """One or two sentences for a manager, after the reason not to believe them where there is one."""
    search, total = evidence.scores["latent"], len(evidence.question)
    found = int(search.valid.sum())
    names = evidence.space.classifier.class_names
    parts = [why_not(evidence)]
    if not found:
        targets = sorted({names[target] for target in evidence.question.targets.tolist()})
        parts.append(
            f"None found: from none of {total} samples does a way in the latent space lead to the class wanted "
            f"({', '.join(targets)})."
        )
        return " ".join(part for part in parts if part)
    result = (
        f"{_pair(evidence)}the nearest believable change flips {found} of {total} decisions by moving "
        f"{search.latent:.1f} standard deviations in the latent space"
    )
    parts.append(result[:1].upper() + result[1:] + _judged(evidence) + "." + _where(evidence))
    parts.append(_others(evidence))
    excluded = int((~evidence.starts.kept).sum())
    if excluded:
        parts.append(
            f"{excluded} of {len(evidence.starts.kept)} samples were left out: redrawing them changed their class."
        )
    return " ".join(part for part in parts if part)


def _where(evidence: Evidence) -> str:
    """The part of the picture that changes, as a sentence, where there is one."""
    valid = evidence.scores["latent"].valid
    change = (evidence.attempts[0].samples - evidence.redrawn)[valid].abs()
    if not evidence.space.subject.modality.picture_like:
        return ""
    place = place_of(change.mean(dim=(0, 1)))
    if place is None or place.where in NO_PLACE:
        return ""
    return f" What changes lies mostly in {place.where}."


def _pair(evidence: Evidence) -> str:
    """ "Most often from 4 to 9: ", where one flip is commoner than others."""
    valid = evidence.scores["latent"].valid
    names = evidence.space.classifier.class_names
    pairs = Counter(
        zip(evidence.question.sources[valid].tolist(), evidence.question.targets[valid].tolist(), strict=True)
    )
    (source, target), count = pairs.most_common(1)[0]
    if count == 1 and len(pairs) > 1:
        return ""
    often = "" if len(pairs) == 1 else "most often "
    return f"{often}from {names[source]} to {names[target]}: "


def _judged(evidence: Evidence) -> str:
    search, gain = evidence.scores["latent"], evidence.advantage
    if gain is None or search.agreement is None:
        why = evidence.judge if isinstance(evidence.judge, str) else "too few were found"
        return f"; nobody independent judged them, because {why}"
    theirs = evidence.scores["adversarial"]
    rows = search.valid
    by_chance = float(theirs.agreed[rows].double().mean()) if theirs.agreed is not None else 0.0
    return (
        f", and the labeller sees the new class in {search.agreement:.0%} of them (in {by_chance:.0%} of adversarial "
        "samples changed by as much)"
    )


def _others(evidence: Evidence) -> str:
    told = [
        f"the {attempt.title} {evidence.scores[attempt.name].validity:.0%}"
        for attempt in evidence.searches[1:]
    ]
    if not told:
        return ""
    by = ""
    if evidence.most_used is not None:
        name, used = evidence.most_used
        by = f"; {used:.0%} of the flips by attributes use {name}"
    return f"Of the same samples {' and '.join(told)}{by}."


def measurements(evidence: Evidence) -> list[Measurement]:
    """Every number beside its baseline."""
    scores, total = evidence.scores, len(evidence.question)
    kept = int(evidence.starts.kept.sum())
    lines = [
        share_estimate(kept, len(evidence.starts.kept)).measurement(
            "share of samples that keep their class when redrawn",
            better="higher",
            baseline=1.0,
            what="generated samples, redrawn from their own latents",
        )
    ]
    for attempt in evidence.searches:
        found = scores[attempt.name]
        lines.append(
            share_estimate(int(found.valid.sum()), total).measurement(
                f"validity, {attempt.title}",
                better="higher",
                baseline=scores["random"].validity,
                what="random directions of the latent search's length",
            )
        )
        lines += _of_valid(attempt, found, scores)
    gain = evidence.advantage
    if gain is not None:
        lines.append(
            gain.measurement(
                "judge's agreement with the latent search above that with adversarial samples",
                better="higher",
                baseline=0.0,
                what="adversarial change of the same size",
                unit="share of counterfactuals",
            )
        )
    return lines


def _of_valid(attempt: Attempt, found: Scores, scores: dict[str, Scores]) -> list[Measurement]:
    """The measures that only valid counterfactuals have."""
    lines = []
    real, blend = scores["nearest_real"], scores["blend"]
    if found.agreement is not None:
        valid = int(found.valid.sum())
        agreed = round(found.agreement * valid)
        lines.append(
            Estimate(found.agreement, binomial_interval(agreed, valid)).measurement(
                f"judge's agreement, {attempt.title}",
                better="higher",
                baseline=scores["adversarial"].agreement or 0.0,
                what="adversarial samples of the latent search's size",
            )
        )
    for name, unit, value, reference in (
        ("distance L2", "", found.l2, real.l2),
        ("values changed", "share", found.sparsity, real.sparsity),
    ):
        if value is not None and reference is not None:
            lines.append(
                Estimate(value, NO_INTERVAL).measurement(
                    f"{name}, {attempt.title}",
                    better="lower",
                    baseline=reference,
                    what="the nearest real sample of the class",
                    unit=unit,
                )
            )
    if found.realism is not None and found.reference is not None:
        lines.append(
            Estimate(found.realism, "none: too few counterfactuals for one that is valid").measurement(
                f"Fréchet distance to real samples of the class, {attempt.title}",
                better="lower",
                baseline=found.reference,
                what="as many real samples of a disjoint half",
            )
        )
    if found.cout is not None and blend.cout is not None:
        lines.append(
            Estimate(found.cout, NO_INTERVAL).measurement(
                f"COUT, {attempt.title}",
                better="higher",
                baseline=blend.cout,
                what="blending with the mean real sample of the class",
            )
        )
    return lines
