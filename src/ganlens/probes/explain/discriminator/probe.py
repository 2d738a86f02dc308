"""Why does the discriminator call this sample fake? Maps of its evidence, and which of them to believe."""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from pydantic import Field

from ganlens.errors import UserError
from ganlens.explain.attribution import METHODS, GradientAlarm, Method, Score, gradient_alarms
from ganlens.explain.attribution.checks import CRITERIA, MethodCheck, check_method
from ganlens.explain.attribution.discriminator_scores import (
    Chosen,
    Judged,
    judge,
    labels_of,
    least_real,
    most_fake,
    most_frequent,
)
from ganlens.explain.attribution.places import HOLDS, place_of
from ganlens.explain.attribution.question import Question
from ganlens.finding import Finding
from ganlens.measures import area_under_curve
from ganlens.probes.explain.discriminator.conclusion import (
    FEWEST_DIFFERENT,
    HALF,
    NARROW,
    alarm_sentence,
    by_heart,
    gate,
    looks,
    measurements,
    missing_check,
    numbers,
    of_copies,
    of_neighbours,
    of_one_class,
    tells_apart,
    verdict_on,
    which_to_believe,
)
from ganlens.probes.explain.discriminator.figures import figures
from ganlens.probes.preconditions import sentences
from ganlens.probes.probe import Need, Probe, ProbeSettings, probes
from ganlens.randomness import derive_seed
from ganlens.rules import Verdict
from ganlens.subject import Context, SampleBank, Subject
from ganlens.subject.evaluation_mode import in_percent
from ganlens.subject.hooks import layer_named
from ganlens.subject.randomised import not_randomised, randomised_module

FEWEST = 8
"""Samples of a kind below which nothing is explained."""
MOST_OF_NEIGHBOURS = 0.1
"""Share of the numbers' spread by which neighbours in the batch may change a number that is explained all the same."""


class DiscriminatorSettings(ProbeSettings):
    explained: int = Field(
        16, ge=FEWEST, le=2000, description="Most fake generated samples, and least real ones, to explain"
    )
    count: int = Field(2000, ge=FEWEST, description="The most samples of each kind that are scored")
    layer: str | None = Field(
        None, description="Layer of the discriminator for Grad-CAM; none: its last convolution"
    )
    steps: int = Field(24, ge=4, le=1000, description="Points of the integral of integrated gradients")
    draws: int = Field(12, ge=2, le=1000, description="Noisy copies of SmoothGrad")
    window: int | None = Field(
        None, ge=1, description="Side of the square that occlusion moves, in pixels; none: an eighth"
    )


@probes.register("discriminator")
class Discriminator(Probe):
    """Why does the discriminator call this sample fake?"""

    name: ClassVar[str] = "discriminator"
    question: ClassVar[str] = "Why does the discriminator call this sample fake: where does it look?"
    section: ClassVar[str] = "explain"
    order: ClassVar[int] = 50
    needs: ClassVar[frozenset[Need]] = frozenset({Need.DISCRIMINATOR})
    Settings: ClassVar[type[ProbeSettings]] = DiscriminatorSettings
    method: ClassVar[str] = (
        "The discriminator's number (a patch discriminator's mean) is taken as higher for real. Explained are "
        "the generated samples with the lowest numbers and the held-out real ones with the lowest, each against "
        "the nearest, pixel by pixel, of the training samples that it finds more real than most (without "
        "data: of such generated ones). Saliency, integrated gradients, SmoothGrad, Grad-CAM and occlusion "
        "say where the number falls. " + CRITERIA + " A discriminator that gives every sample one number, or "
        "whose gradient is zero, is named as such, and so is one whose number of a sample changes with its neighbours "
        f"in the batch (beyond {MOST_OF_NEIGHBOURS:.0%} of the numbers' spread nothing is explained) or from call to "
        "call (nothing is explained). Where it looks is the smallest share of the picture that holds "
        f"{HOLDS:.0%} of the attribution (mean of |map| as shares, of the believed method with the highest "
        "self-score), beside that of the same method on the discriminator with shuffled weights. Verdict: not "
        f"believable where no method is believed; caution where the best self-score is below {HALF}, where the "
        "discriminator can't tell generated from real samples, tells training from held-out ones, looks at less "
        f"than {NARROW:.0%} of the picture, can't be had with shuffled weights, or looks at neighbours, and where "
        f"fewer than {FEWEST_DIFFERENT} of the generated samples explained differ."
    )
    self_check: ClassVar[str] = (
        "Every method must beat random order, foretell more of what swaps of patches do than maps that know nothing "
        "of the discriminator, its own with shuffled weights among them, and lose its maps when the weights are "
        "shuffled; where none does, the finding is not believable."
    )
    cost: ClassVar[str] = (
        "2,000 samples of each kind through the discriminator, and some 600 passes for each of 32 explained ones"
    )
    source: ClassVar[str] = (
        "Simonyan et al. 2013 (arXiv 1312.6034); Sundararajan et al. 2017 (arXiv 1703.01365); Smilkov et al. 2017 "
        "(arXiv 1706.03825); Selvaraju et al. 2016 (arXiv 1610.02391); Zeiler & Fergus 2013 (arXiv 1311.2901); "
        "Petsiuk et al. 2018 (arXiv 1806.07421); Adebayo et al. 2018 (arXiv 1810.03292)"
    )

    def examine(self, subject: Subject, settings: DiscriminatorSettings, context: Context) -> Finding:
        bank, discriminator = context.bank, subject.discriminator
        if not subject.modality.picture_like:
            because = f"attribution maps are drawn on pictures, and the samples are {subject.modality.name}"
            return Finding.not_applicable(self.name, self.question, because, section=self.section)
        if bank.size < FEWEST or discriminator is None:
            because = f"it explains {FEWEST} samples at least, and there are {bank.size}"
            return Finding.not_applicable(self.name, self.question, because, section=self.section)
        label = None
        if discriminator.takes_labels:
            if because := _not_labelled(bank):
                return Finding.not_applicable(self.name, self.question, because, section=self.section)
            label = most_frequent(labels_of(bank, "fake", settings.count))  # type: ignore[arg-type]
            discriminator = discriminator.asked_for(label)
        if discriminator.sees_batch > MOST_OF_NEIGHBOURS:
            return self._unfit(
                "judges a sample by its neighbours in the batch (its number changes with them by "
                f"{in_percent(discriminator.sees_batch)} of the numbers' spread)"
            )
        if not discriminator.repeatable:
            return self._unfit("answers otherwise each time it is asked")
        real, fakeness = Score(discriminator), Score(discriminator, sign=-1)
        judged = judge(bank, real, settings.count, label)
        if len(judged.fake) < FEWEST:
            because = (
                f"it explains {FEWEST} samples at least, and there are {len(judged.fake)} of class {label}"
            )
            return Finding.not_applicable(self.name, self.question, because, section=self.section)
        if judged.broken:
            return self._silent(judged, [])
        fakes, reals = (choose(bank, judged, settings.explained) for choose in (most_fake, least_real))
        assert fakes is not None
        alarms = gradient_alarms(fakeness, fakes.samples)
        if judged.constant:
            return self._silent(judged, alarms)
        if settings.layer is not None:
            _check_layer(discriminator, settings.layer)
        both = [chosen for chosen in (fakes, reals) if chosen is not None]
        question = question_about(fakeness, both, settings, context.seed)
        checks, left_out = self._checks(question, context)
        unchecked = not_randomised(discriminator) if question.shuffled is None else ""
        finding = _finding(self, subject, judged, fakes, reals, alarms, checks, left_out, unchecked)
        finding.headline = sentences(finding.headline, of_one_class(label))
        return finding

    def _checks(self, question: Question, context: Context) -> tuple[list[MethodCheck], dict[Method, str]]:
        """Every method that gives maps, and why the others give none."""
        checks, left_out = [], {}
        with context.progress.task("Explaining the discriminator", len(METHODS)) as task:
            for method in METHODS:
                task.note(method)
                found = check_method(question, method)
                if isinstance(found, str):
                    left_out[method] = found
                else:
                    checks.append(found)
                task.advance()
        return checks, left_out

    def _silent(self, judged: Judged, alarms: list[GradientAlarm]) -> Finding:
        """The finding on a discriminator whose numbers say nothing."""
        what = f"gives every sample the same number ({float(judged.fake[0]):.4g})"
        if judged.broken:
            kind = "numbers too large to be squared" if math.isfinite(judged.largest) else "NaN or infinity"
            what = f"returns {kind} for {judged.broken:,} of {judged.count:,} samples"
        return Finding(
            probe=self.name,
            question=self.question,
            headline=sentences(
                f"Not believable: the discriminator {what}, so there is nothing to explain.",
                alarm_sentence(alarms),
            ),
            verdict=Verdict.NOT_BELIEVABLE,
            measurements=[],
        )

    def _unfit(self, what: str) -> Finding:
        """The finding on a discriminator whose numbers can't be explained sample by sample, because it does `what`."""
        return Finding(
            probe=self.name,
            question=self.question,
            headline=(
                f"Not believable: the discriminator {what}, so no map of one sample explains it, and what it can tell "
                "or has by heart can't be read off it."
            ),
            verdict=Verdict.NOT_BELIEVABLE,
            measurements=[],
        )


def _not_labelled(bank: SampleBank) -> str:
    """Why a discriminator that judges samples together with labels can't be asked, after "because"; or ""."""
    data, classes = bank.subject.data, bank.subject.num_classes
    if data is None or (data.train.labels is not None and data.num_classes == classes):
        return ""
    return f"this discriminator judges samples together with one of {classes} labels, and the data have no such labels"


def question_about(
    score: Score, explained: list[Chosen], settings: DiscriminatorSettings, seed: int
) -> Question:
    """What is asked of every method: about these samples, beside a discriminator with shuffled weights."""
    assert score.module is not None
    shuffled = randomised_module(score.module, derive_seed(seed, Discriminator.name, "shuffled"))
    return Question(
        score,
        None if shuffled is None else Score(shuffled, sign=-1),
        torch.cat([chosen.samples for chosen in explained]),
        torch.cat([chosen.baseline for chosen in explained]),
        {
            "layer": f"module.{settings.layer}" if settings.layer else None,
            "steps": settings.steps,
            "draws": settings.draws,
            "window": settings.window,
        },
        derive_seed(seed, Discriminator.name, "checks"),
    )


def _finding(
    probe: Discriminator,
    subject: Subject,
    judged: Judged,
    fakes: Chosen,
    reals: Chosen | None,
    alarms: list[GradientAlarm],
    checks: list[MethodCheck],
    left_out: dict[Method, str],
    unchecked: str,
) -> Finding:
    explained = len(fakes.rows)
    ranked = sorted(checks, key=lambda check: (check.believed, check.self_score), reverse=True)
    believed = [check for check in ranked if check.believed]
    assert subject.discriminator is not None
    share = subject.discriminator.sees_batch
    different = len(fakes.samples.flatten(1).unique(dim=0))
    doubtful = bool(unchecked or share or of_copies(different))
    told_apart = None if judged.real is None or share else area_under_curve(judged.real, judged.fake)
    learned = None
    if not share and judged.train is not None and judged.held_out is not None and len(judged.held_out):
        learned = area_under_curve(judged.train, judged.held_out)
    place = place_of(believed[0].first(explained).mean_map) if believed else None
    return Finding(
        probe=probe.name,
        question=probe.question,
        headline=sentences(
            gate(believed, checks, left_out),
            looks(place, believed, explained),
            alarm_sentence(alarms),
            which_to_believe(believed, ranked),
            missing_check(believed, unchecked),
            of_neighbours(share),
            of_copies(different),
            tells_apart(told_apart),
            by_heart(learned),
        ),
        verdict=verdict_on(believed, told_apart, learned, place, unchecked=doubtful),
        measurements=[
            *numbers(told_apart, learned),
            *(m for check in ranked for m in measurements(check, explained)),
        ],
        method=probe.method,
        figures=figures(subject, judged, fakes, reals, ranked, left_out),
        arrays={
            **{f"self_score_{check.method}": torch.tensor([check.self_score]) for check in checks},
            **{f"attribution_{check.method}": check.maps[:explained] for check in checks},
            **{f"mean_attribution_{check.method}": check.first(explained).mean_map for check in checks},
            "most_fake_rows": fakes.rows,
            **({"least_real_rows": reals.rows} if reals is not None else {}),
        },
    )


def _check_layer(discriminator: torch.nn.Module, name: str) -> None:
    try:
        layer_named(discriminator, name)
    except UserError as error:
        raise UserError(f"the discriminator: {error}") from None
