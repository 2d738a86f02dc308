"""Which directions of the latent space do one thing each? Every known method, held to one standard."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, ClassVar

import torch
from pydantic import Field, field_validator
from torch import Tensor

from ganlens.explain.directions.audit import Standard
from ganlens.explain.directions.examination import Outcome, Plan, examine_directions, lay_out
from ganlens.explain.directions.methods import ASKED, TITLES
from ganlens.explain.directions.refit import Refitted, refit
from ganlens.explain.directions.refit import figures_of as refitted_figures
from ganlens.explain.directions.walk import Walk
from ganlens.finding import Finding
from ganlens.probes.explain.directions.conclusion import RULES, Evidence, measurements_of
from ganlens.probes.explain.directions.figures import figures_of
from ganlens.probes.learned import LearnedSettings
from ganlens.probes.probe import Probe, probes, threshold
from ganlens.probes.repetition import without_repetition
from ganlens.probes.shared_rules import times_the_odds_of_untrained
from ganlens.registry import nearest_names
from ganlens.subject import Context, Subject

FEWEST_SAMPLES = 100
MOST_DIRECTIONS = 64


class DirectionsSettings(LearnedSettings):
    space: str = Field("auto", description="Latent space to look in; auto: w where there is one, else z")
    methods: list[str] = Field(
        list(ASKED), min_length=1, description=f"Methods to ask, of {', '.join(TITLES)}"
    )
    k: int = Field(
        8,
        ge=1,
        le=MOST_DIRECTIONS,
        description="Directions of each method, at most (boundaries: one a class)",
    )
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
    beaten: float = threshold(
        Standard.beaten,
        "A direction is believable where the whole interval of its independence lies above that of this share of "
        "random directions: so few of those pass by chance",
        gt=0,
        lt=1,
    )
    least_shift: float = threshold(
        Standard.least_shift,
        "Standard deviations of samples by which one of the latents has to move what a direction is named after: "
        "less can't be seen",
        ge=0,
    )
    same: float = threshold(
        Standard.same,
        "Correlation of the changes that two directions cause on the same starts, above which they count as one: "
        "side by side they look alike",
        gt=0,
        le=1,
    )
    told: float = threshold(
        Standard.told,
        "Share of starts whose two ends a reading has to tell apart before a direction is named after it: a word that "
        "is wrong more often misleads",
        gt=0.5,
        le=1,
    )
    accounted: float = threshold(
        Standard.accounted,
        "A direction is named after a reading where it has this share of the squared slope of the direction along "
        "which that reading rises fastest: it then is most of what moves it",
        gt=0,
        le=1,
    )
    clean: float = threshold(
        0.6,
        "Independence from which a direction is said to do one thing alone: in generators whose causes are known, "
        "mixtures of two in equal parts have about half, and single causes three quarters and more",
        gt=0,
        le=1,
    )
    several: int = threshold(
        3,
        "Different things done alone, below which they are said to be few: a person can steer by so many",
        ge=1,
    )
    surpassed: float = times_the_odds_of_untrained()

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
    `self_score_<method>` [k] (see `independence`), `together_<method>` [1], what they come to as a set, which is the
    score of the method, and `self_recall_<method>` [1]: how much of all change that the space makes the method's
    directions make alone.

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
    Settings: ClassVar[type[LearnedSettings]] = DirectionsSettings
    method: ClassVar[str] = (
        "Directions by every method that this generator allows: GANSpace (principal components of w or of an early "
        "layer), SeFa (what the first weights stretch most), the mean Jacobian, class boundaries (support vector "
        "machines between the highest and the lowest scores of a class), directions learned with a reconstructor, "
        "LatentCLR, regressions of the autoencoder's axes and of what is read off samples, and random ones. All are "
        "followed from the same fresh latents by the same distances. What is read off samples: for pictures exact "
        "statistics (place, size, strength, weight, lean, stretch, tint), for points their coordinates; known "
        "factors, read by trees from the code; and log-odds of classes by a labeller. A reading is dropped where the "
        "class, or the readings before it, explain half of it. A direction's score is its independence, which needs "
        "no reading: S, the root of JᵀJ at one start (J by differences), says how strongly samples change along every "
        "direction; the score is how far Σ(uᵀSu)² ÷ Σ|Su|² over fresh starts lies above random directions' mean, "
        "nothing for chance and one for a direction that shares nothing of what it changes. Sums go over raw features "
        "and, where samples have places, edges, profiles along each axis and the distribution of values. A direction "
        "is believable where the interval of its score (a bootstrap over starts) lies above {beaten:.0%} of random "
        "directions' scores, and in some reading, or in raw features, a step along it goes on from the one before (of "
        "unrelated samples every second step goes back). A name is a reading, chosen on half of the starts by purity "
        "· evenness · steepness (its share of all readings' mean squared slopes, readings that no direction parts "
        "counted once; the share of its way that is gained; where its mean squared shift lies between random "
        "directions' and that along the direction in which it rises fastest by a regression, or in spaces too wide "
        "for one what random directions don't reach). It is said where on the other half the reading tells {told:.0%} "
        "of the ends apart, no reading of another kind moves more, the steepness is {accounted:.0%} or more and the "
        "shift at least {least_shift:g} standard deviations of samples; else the words are what most ends have in "
        "common, “among other things”, each tested in the same way, or “an unnamed change”. “Makes a cat a dog” is "
        "said where the exact interval of the share of starts that become that class lies above random directions' "
        "mean. Directions are the same where the changes they cause on the same starts correlate by more than "
        "{same:g}. The control: GANSpace, SeFa and the Jacobian are fitted anew to the same network with its weights "
        "shuffled and to it freshly initialised (at most a thousand samples of each), and the share of all change that "
        "directions make alone is compared; where there are data, that of such a network counts as far as its samples "
        "vary as real ones do beside the generator's (left out where such networks draw as the data are). Verdict: not "
        "believable where no direction is, or the odds of that share are below {surpassed:g} times those of the better "
        "such network; caution where none has an independence of {clean:.0%}; else good, and where different "
        "directions of that independence do fewer than {several} things it is said that they are few. Reconstructors "
        "and LatentCLR are "
        "asked on request only (`methods`): what they are trained for is "
        "that directions can be told apart, which mixtures can be as well, and where causes are known they recover "
        "hardly more than random directions."
    )
    rules: ClassVar[Any] = RULES
    self_check: ClassVar[str] = (
        "Every direction has to beat random ones, every name is tested on other starts, and the whole search is made "
        "anew in the same network with shuffled and with fresh weights; where those do as well, the finding is not "
        "believable."
    )
    cost: ClassVar[str] = (
        "About 50,000 samples, two short trainings with gradients, and a labeller and an autoencoder where there are "
        "data; up to a minute."
    )
    source: ClassVar[str] = (
        "Härkönen et al. 2020 (arXiv 2004.02546); Shen & Zhou 2021 (arXiv 2007.06600); Shen et al. 2020 (arXiv "
        "2005.09635); Voynov & Babenko 2020 (arXiv 2002.03754); Yüksel et al. 2021 (arXiv 2104.00820); "
        "Adebayo et al. 2018 (arXiv 1810.03292)"
    )

    def examine(self, subject: Subject, settings: DirectionsSettings, context: Context) -> Finding:
        if because := without_repetition(subject):
            return Finding.not_applicable(because)
        bank = context.bank
        if bank.size < FEWEST_SAMPLES:
            because = f"it needs at least {FEWEST_SAMPLES} generated samples and there are {bank.size}"
            return Finding.not_applicable(because)
        plan = plan_of(settings)
        course = lay_out(context, plan, Walk.through(subject, bank, settings.space))
        if not course.panel.readings:
            because = "nothing that can be named is read off such samples, or nothing varies over them"
            return Finding.not_applicable(because)
        outcome = examine_directions(context, plan, course)
        refitted = refit(context, settings.k, settings.layer)
        evidence = Evidence(
            outcome,
            refitted,
            settings.several,
            settings.clean,
            settings.surpassed,
            settings.k,
            MOST_DIRECTIONS,
        )
        return Finding.concluded(
            RULES.conclude(evidence),
            measurements=measurements_of(outcome, refitted),
            figures=figures_of(subject, outcome, settings.show),
            arrays=_arrays(outcome),
            remarks=evidence.remarks,
            method=_how(self.described(settings), outcome, evidence),
        )


def plan_of(settings: DirectionsSettings) -> Plan:
    """How much to do, and what directions are held to."""
    asked = settings.model_dump(include={field.name for field in fields(Plan)})
    return Plan(**asked | {"methods": tuple(settings.methods)})


def _how(method: str, outcome: Outcome, evidence: Evidence) -> str:
    course = outcome.course
    asked = "; ".join(f"{each.title}: {each.how}" for each in outcome.sets if each.method != "random")
    left = "; ".join(f"{each.title}, because {each.because}" for each in outcome.left_out)
    names = [reading.name for reading in course.panel.readings if reading.of_class is None]
    if course.panel.classes:
        names.append(f"odds of {len(course.panel.classes)} classes by {course.panel.class_source}")
    reach = float(course.distances[-1])
    sentences = (
        method,
        f"Here: space {course.walk.space.name}, {course.walk.size:,} numbers; {len(course.points)} starts, moved by "
        f"±{reach / 2:g} and ±{reach:g} standard deviations. Read: {', '.join(names)}.",
        f"{asked}.",
        f"Left out: {left}." if left else "",
        _refitted_sentence(evidence.refitted),
        evidence.not_refitted,
    )
    return " ".join(filter(None, sentences))


def _refitted_sentence(refitted: Refitted) -> str:
    if not refitted.twins:
        return ""
    return (
        f"The search made anew comes to {refitted.own:.1%} in the generator, and in the same network "
        f"{refitted_figures(refitted.figures)}{refitted.twins.counted_how}."
    )


def _arrays(outcome: Outcome) -> dict[str, Tensor]:
    arrays = {"deviation": outcome.course.walk.scale.deviation.float()}
    for directions in outcome.sets:
        arrays[f"directions_{directions.method}"] = directions.unit.float().contiguous()
        scores = [each.score.value for each in outcome.by(directions.method)]
        arrays[f"self_score_{directions.method}"] = torch.tensor(scores, dtype=torch.float32)
        arrays[f"together_{directions.method}"] = torch.tensor([outcome.together(directions.method)])
        arrays[f"self_recall_{directions.method}"] = torch.tensor([outcome.recall(directions.method)])
    return arrays
