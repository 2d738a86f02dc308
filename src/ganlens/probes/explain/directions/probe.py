"""Which directions of the latent space do one thing each? Every known method, held to one standard."""

from __future__ import annotations

from typing import ClassVar

import torch
from pydantic import Field, field_validator
from torch import Tensor

from ganlens.explain.directions.audit import LEAST_SHIFT, QUANTILE
from ganlens.explain.directions.examination import (
    Judged,
    Outcome,
    Plan,
    examine_directions,
    lay_out,
)
from ganlens.explain.directions.likeness import SAME
from ganlens.explain.directions.methods import TITLES, WIDEST_REGRESSION
from ganlens.explain.directions.shuffled import Shuffled, check_on_shuffled
from ganlens.explain.directions.steepest import ALIKE
from ganlens.explain.directions.walk import Walk
from ganlens.finding import Finding
from ganlens.measurement import Measurement
from ganlens.measures import Estimate, share_estimate
from ganlens.probes.explain.directions.figures import figures_of
from ganlens.probes.preconditions import sentences
from ganlens.probes.probe import Probe, ProbeSettings, probes
from ganlens.probes.repetition import without_repetition
from ganlens.registry import nearest_names
from ganlens.rules import Verdict
from ganlens.subject import Context, Subject

SEVERAL = 3
"""Things that clean directions do, from which the verdict is good."""

CLEAN = 0.5
"""Share of a direction's change that is its main effect, from which it is called clean."""

NAMED = 4
"""Directions named in the headline."""

FEWEST_SAMPLES = 100
FAINT = 1e-9
"""Share of the samples' variance that a step of one standard deviation has to change, or nothing does."""


class DirectionsSettings(ProbeSettings):
    space: str = Field("auto", description="Latent space to look in; auto: w where there is one, else z")
    methods: list[str] = Field(list(TITLES), min_length=1, description=f"Methods to ask: {', '.join(TITLES)}")
    k: int = Field(8, ge=1, le=64, description="Directions of each method, at most (boundaries: one a class)")
    steps: int = Field(150, ge=1, description="Training steps of the learned methods")
    batch: int = Field(24, ge=2, description="Pairs of samples in a step of the reconstructor")
    layer: str = Field(
        "auto", description="Layer whose principal components GANSpace takes; auto: w itself, or the first"
    )
    conditional: bool = Field(
        False, description="Make each class's boundary direction orthogonal to the other classes'"
    )
    starts: int = Field(64, ge=16, description="Fresh latents from which every direction is followed")
    randoms: int = Field(24, ge=5, description="Random directions that set the bar")
    reach: float = Field(2.0, gt=0, description="How far directions are followed, in standard deviations")
    show: float = Field(3.0, gt=0, description="How far the pictured traversals go, in standard deviations")
    stability: bool = Field(
        True, description="Fit every method twice, to see whether it finds the same again"
    )

    @field_validator("methods")
    @classmethod
    def _known(cls, methods: list[str]) -> list[str]:
        for method in methods:
            if method not in TITLES:
                raise ValueError(f"there is no method {method!r}. {nearest_names(method, list(TITLES))}")
        return list(dict.fromkeys(methods))


@probes.register("directions")
class Directions(Probe):
    """Which latent directions do one thing each, and what is it?

    `finding.arrays` holds, for every method that was asked, `directions_<method>` [k, d] float32,
    `self_score_<method>` [k] (see `audit`) and `self_recall_<method>` [1]: over all that can be read off
    samples, the mean of the best score with which one of the method's directions moves it.

    A row u is a unit vector in the coordinates of `LatentScale.of` the points of the space behind the bank's
    samples: moving by a standard deviations takes the flattened point p to p + a·u·deviation, with
    `deviation` [d] in the arrays as well. For latents drawn from N(0, I) the deviation is 1 but for chance, so
    that a row is the latent direction itself. A row points to where its main reading rises.
    `settings["space"]` says which space was asked for; "auto" is w where the subject has one, else z.
    """

    name: ClassVar[str] = "directions"
    question: ClassVar[str] = "Which directions of its latent space do one thing each, and what do they do?"
    section: ClassVar[str] = "explain"
    order: ClassVar[int] = 10
    Settings: ClassVar[type[ProbeSettings]] = DirectionsSettings
    method: ClassVar[str] = (
        "Directions by every method that this generator allows: GANSpace (principal components of w or of an "
        "early layer), SeFa (what the first weights stretch most), the mean Jacobian, class boundaries "
        "(support vector machines between the 2 % highest and lowest scores of a class), directions learned "
        "with a reconstructor, LatentCLR, regressions of the autoencoder's axes and of what is read off "
        "samples, and random ones. All are followed from the same fresh latents by the same distances. What is "
        "read off samples: for pictures exact statistics (place, size, strength, weight, lean, stretch, tint), "
        "for points their coordinates; known factors, read by trees from the code; and log-odds of classes by "
        "a labeller. A reading is dropped where the class, or the readings before it, explain half of it. "
        "Score = purity · evenness · steepness, 0 for random directions and 1 for one that does one thing and as "
        "much of it as any: the share of all readings' mean squared slopes that is the main reading's (of "
        "readings that no direction parts, the odds of classes and those that rise fastest along directions of a "
        f"cosine above {ALIKE:g}, only the most moved counts); the share of the main reading's way up and down "
        "that is gained; and where its mean squared shift lies between random directions' (0) and that along "
        "the direction in which it rises fastest by a regression on samples (1; in spaces of more than "
        f"{WIDEST_REGRESSION:,} numbers nothing is regressed, and it is 1 less the ratio of random directions' "
        "mean squared shift to its own). Only the regressions of readings aim at what is scored. It is 0 where the "
        f"main reading shifts by less than {LEAST_SHIFT:g} standard deviations of samples for one of the "
        "latents. The main reading is chosen on half of the starts and "
        "measured on the others; intervals are bootstraps over those. A direction is believable where the "
        f"interval of its score lies above {QUANTILE:.0%} of random directions' scores by the same procedure. "
        "“Makes a 4 a 9” is said where the exact interval of the share of starts that become that class lies "
        "above random directions' mean. Directions are the same where the changes they cause on the same "
        f"starts correlate by more than {SAME:g}. Verdict: good where believable directions do {SEVERAL} or more "
        f"different things with {CLEAN:.0%} of their change or more on the named one, caution where any are "
        "believable, not believable where none by any method is, or where half of the best claims that the "
        "check can see hold in most of three generators with shuffled weights as well."
    )
    self_check: ClassVar[str] = (
        "Every direction has to beat random ones of the same length in the same readings, and its claim has to "
        "vanish when the generator's weights are shuffled; where no method's does, the finding is not believable."
    )
    cost: ClassVar[str] = (
        "About 50,000 samples, two short trainings with gradients, and a labeller and an autoencoder where "
        "there are data; up to a minute."
    )
    source: ClassVar[str] = (
        "Härkönen et al. 2020 (arXiv 2004.02546); Shen & Zhou 2021 (arXiv 2007.06600); Shen et al. 2020 (arXiv "
        "2005.09635); Voynov & Babenko 2020 (arXiv 2002.03754); Yüksel et al. 2021 (arXiv 2104.00820); "
        "Adebayo et al. 2018 (arXiv 1810.03292)"
    )

    def examine(self, subject: Subject, settings: DirectionsSettings, context: Context) -> Finding:
        if because := without_repetition(subject):
            return Finding.not_applicable(self.name, self.question, because, section=self.section)
        bank = context.bank
        if bank.size < FEWEST_SAMPLES:
            because = f"it needs at least {FEWEST_SAMPLES} generated samples and there are {bank.size}"
            return Finding.not_applicable(self.name, self.question, because, section=self.section)
        plan = Plan(**settings.model_dump(exclude={"show"}) | {"methods": tuple(settings.methods)})
        course = lay_out(context, plan, Walk.through(subject, bank, settings.space))
        if not course.panel.readings:
            because = "nothing that can be named is read off such samples, or nothing varies over them"
            return Finding.not_applicable(self.name, self.question, because, section=self.section)
        outcome = examine_directions(context, plan, course)
        shuffled = check_on_shuffled(context, outcome)
        return Finding(
            probe=self.name,
            question=self.question,
            headline=headline(outcome, shuffled),
            verdict=verdict_of(outcome, shuffled),
            measurements=measurements_of(outcome, shuffled),
            method=_how(self.described(settings), outcome, shuffled),
            figures=figures_of(subject, outcome, settings.show),
            arrays=_arrays(outcome),
        )


def verdict_of(outcome: Outcome, shuffled: Shuffled) -> Verdict:
    """See `Directions.method`."""
    if not outcome.believable or not shuffled.passed:
        return Verdict.NOT_BELIEVABLE
    clean = {each.name.text for each in outcome.believable if each.claim.purity >= CLEAN}
    return Verdict.GOOD if len(clean) >= SEVERAL else Verdict.CAUTION


def headline(outcome: Outcome, shuffled: Shuffled) -> str:
    """The best directions by name, how cleanly they do it, and the methods that have none."""
    best = outcome.believable
    if not best:
        return _nothing_found(outcome)
    gate = "" if shuffled.passed else f"Not believable: {_lower(shuffled.sentence)}"
    things = outcome.different
    named = ", ".join(f"“{each.name.text}” ({each.title})" for each in things[:NAMED])
    more = ", …" if len(things) > NAMED else ""
    several = len(best) > 1
    found = (
        f"Found {len(best)} direction{'s' * several} that {'do' if several else 'does'} what "
        f"{'their names say' if several else 'its name says'} beyond what random ones do: {named}{more}"
    )
    most = max(each.claim.purity for each in best)
    clean = [each for each in things if each.claim.purity >= CLEAN]
    if not clean:
        how = f"none does it alone (at best {most:.0%} of the change that is read is the named one)"
    elif len(clean) < len(things):
        does = "is" if len(clean) == 1 else "are"
        how = f"of these {len(things)} different things {len(clean)} {does} done with little else changing"
    else:
        how = "little else changes with it" if len(things) == 1 else "each with little else changing"
    idle = [found.title for found in outcome.sets if _idle(outcome, found.method)]
    rest = f"No direction by {_listed(idle, 'or')} beats random ones." if idle else ""
    return sentences(gate, f"{found}; {how}.", rest)


def _nothing_found(outcome: Outcome) -> str:
    if outcome.baseline.effect <= FAINT:
        return "Not believable: moving its latents changes nothing in its samples, along any direction."
    methods = len([found for found in outcome.sets if found.method != "random"])
    if not methods:
        return (
            "Not believable: there are random directions only, and they show nothing that others would not."
        )
    return (
        f"Not believable: no direction by any of {methods} method{'s' * (methods != 1)} does one thing more "
        "clearly than random directions do; the traversals below explain nothing."
    )


def _idle(outcome: Outcome, method: str) -> bool:
    return method != "random" and not any(each.believable for each in outcome.by(method))


def measurements_of(outcome: Outcome, shuffled: Shuffled) -> list[Measurement]:
    """How each method scores on average, the directions that the headline names, and the two checks.

    Everything else about a direction stands in its row of the table.
    """
    lines = [_mean_score(outcome, found.method) for found in outcome.sets if found.method != "random"]
    for each in outcome.different[:NAMED]:
        lines += _of_direction(outcome, each)
    if trusted := outcome.by("random"):
        passing = share_estimate(sum(each.believable for each in trusted), len(trusted))
        lines.append(
            passing.measurement(
                "random directions that pass for believable",
                better="lower",
                baseline=1 - QUANTILE,
                what="what the bar lets through by chance at most",
            )
        )
    if shuffled.tried:
        lines.append(
            Estimate(
                len(shuffled.kept) / shuffled.tried, "none: claims about one generator depend on each other"
            ).measurement(
                "claims that hold in generators with shuffled weights",
                better="lower",
                baseline=shuffled.own / shuffled.tried,
                what=f"in the generator itself by the same procedure, {shuffled.tried} claims",
            )
        )
    return lines


def _mean_score(outcome: Outcome, method: str) -> Measurement:
    scores = torch.tensor([each.claim.score.value for each in outcome.by(method)], dtype=torch.float64)
    return Estimate(
        float(scores.mean()), f"none: the {len(scores)} directions are all there are"
    ).measurement(
        f"mean score, {TITLES[method]}",
        better="higher",
        baseline=float(outcome.baseline.scores.mean()),
        what=f"{len(outcome.baseline.scores)} random directions",
    )


def _of_direction(outcome: Outcome, judged: Judged) -> list[Measurement]:
    """Its score, and where its name speaks of classes how often it turns the one into the other."""
    count, flips = len(outcome.baseline.scores), judged.name.flips
    lines = [
        judged.claim.score.measurement(
            f"score of {judged.title}, “{judged.name.text}”",
            better="higher",
            baseline=outcome.baseline.bar,
            what=f"the score that {QUANTILE:.0%} of {count} random directions stay below",
        )
    ]
    if flips is not None and flips.beats_random:
        lines.append(
            flips.share.measurement(
                f"share turned by {judged.title}, “{judged.name.text}”",
                better="higher",
                baseline=flips.by_random,
                what="random directions, turned to the side where that class's odds rise",
            )
        )
    return lines


def _how(method: str, outcome: Outcome, shuffled: Shuffled) -> str:
    course = outcome.course
    found = "; ".join(f"{each.title}: {each.how}" for each in outcome.sets if each.method != "random")
    left = "; ".join(f"{each.title}, because {each.because}" for each in outcome.left_out)
    readings = [reading.name for reading in course.panel.readings if reading.of_class is None]
    if course.panel.classes:
        readings.append(f"odds of {len(course.panel.classes)} classes by {course.panel.class_source}")
    reach = float(course.distances[-1])
    return sentences(
        method,
        f"Here: space {course.walk.space.name}, {course.walk.size:,} numbers; {len(course.points)} starts, moved by "
        f"±{reach / 2:g} and ±{reach:g} standard deviations. Read: {', '.join(readings)}.",
        f"{found}.",
        f"Left out: {left}." if left else "",
        shuffled.sentence,
    )


def _arrays(outcome: Outcome) -> dict[str, Tensor]:
    arrays = {"deviation": outcome.course.walk.scale.deviation.float()}
    for found in outcome.sets:
        arrays[f"directions_{found.method}"] = found.unit.float().contiguous()
        scores = [each.claim.score.value for each in outcome.by(found.method)]
        arrays[f"self_score_{found.method}"] = torch.tensor(scores, dtype=torch.float32)
        arrays[f"self_recall_{found.method}"] = torch.tensor([outcome.recall(found.method)])
    return arrays


def _listed(names: list[str], word: str) -> str:
    return f" {word} ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else names[0]


def _lower(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]
