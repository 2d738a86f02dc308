"""Why does the discriminator call this sample fake? Maps of its evidence, and which of them to believe."""

from __future__ import annotations

from typing import ClassVar

import torch
from pydantic import Field

from ganlens.errors import UserError
from ganlens.finding import Finding, Measurement, Verdict
from ganlens.probes.explain.attribution import METHODS, GradientAlarm, Method, Score, gradient_alarms
from ganlens.probes.explain.attribution.checks import CRITERIA, MethodCheck, Question, check_method
from ganlens.probes.explain.attribution.places import HOLDS, Place, place_of
from ganlens.probes.explain.discriminator_figures import figures
from ganlens.probes.explain.discriminator_scores import (
    Chosen,
    Judged,
    judge,
    least_real,
    most_fake,
)
from ganlens.probes.explain.estimate import Estimate, area_under_curve
from ganlens.probes.explain.preconditions import sentences
from ganlens.probes.measured import measured
from ganlens.probes.probe import Context, Need, Probe, ProbeSettings, probes
from ganlens.randomness import derive_seed
from ganlens.subject import Subject
from ganlens.subject.randomised import randomised_module

NARROW = 0.1
"""Share of the picture that, holding 70 % of the attribution, makes the discriminator's attention narrow."""
NARROWER = 0.8
"""Of the area that the discriminator with shuffled weights needs: from there on the place is not its choice."""
FEWEST = 8
"""Samples of a kind below which nothing is explained."""


class DiscriminatorSettings(ProbeSettings):
    explained: int = Field(
        16, ge=FEWEST, le=2000, description="Most fake generated samples, and least real ones, to explain"
    )
    samples: int = Field(2000, ge=FEWEST, description="The most samples of each kind that are scored")
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
        "whose gradient is zero, is named as such. Where it looks is the smallest share of the picture that holds "
        f"{HOLDS:.0%} of the attribution (mean of |map| as shares, of the believed method with the highest "
        "self-score), beside that of the same method on the discriminator with shuffled weights. Verdict: not "
        "believable where no method is believed; caution where one only is, where the discriminator can't "
        "tell generated from real samples, tells training from held-out ones, or looks at less than "
        f"{NARROW:.0%} of the picture."
    )
    self_check: ClassVar[str] = (
        "Every method must beat random order and maps that never look at the discriminator, and lose its maps when "
        "the weights are shuffled; where none does, the finding is not believable."
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
        if len(subject.sample_shape) != 3:
            because = f"attribution maps are drawn on pictures, and the samples are {subject.modality.name}"
            return Finding.not_applicable(self.name, self.question, because, section=self.section)
        if bank.size < FEWEST or discriminator is None:
            because = f"it explains {FEWEST} samples at least, and there are {bank.size}"
            return Finding.not_applicable(self.name, self.question, because, section=self.section)
        real, fakeness = Score(discriminator), Score(discriminator, sign=-1)
        judged = judge(bank, real, settings.samples)
        fakes, reals = (choose(bank, judged, settings.explained) for choose in (most_fake, least_real))
        assert fakes is not None
        alarms = gradient_alarms(fakeness, fakes.samples)
        if judged.constant or not bool(torch.isfinite(judged.fake).all()):
            return self._silent(judged, alarms)
        if settings.layer is not None:
            _check_layer(discriminator, settings.layer)
        checks, left_out = self._checks(settings, context, fakeness, fakes, reals)
        return _finding(self, subject, judged, fakes, reals, alarms, checks, left_out)

    def _checks(
        self,
        settings: DiscriminatorSettings,
        context: Context,
        fakeness: Score,
        fakes: Chosen,
        reals: Chosen | None,
    ) -> tuple[list[MethodCheck], dict[Method, str]]:
        """Every method that gives maps, and why the others give none. Generated samples come first in the maps."""
        assert fakeness.module is not None
        shuffled = randomised_module(fakeness.module, derive_seed(context.seed, self.name, "shuffled"))
        both = [chosen for chosen in (fakes, reals) if chosen is not None]
        question = Question(
            fakeness,
            None if shuffled is None else Score(shuffled, sign=-1),
            torch.cat([chosen.samples for chosen in both]),
            torch.cat([chosen.baseline for chosen in both]),
            {
                "layer": f"module.{settings.layer}" if settings.layer else None,
                "steps": settings.steps,
                "draws": settings.draws,
                "window": settings.window,
            },
            derive_seed(context.seed, self.name, "checks"),
        )
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
        finite = bool(torch.isfinite(judged.fake).all())
        what = (
            f"gives every sample the same number ({float(judged.fake[0]):.4g})" if finite else "returns NaN"
        )
        return Finding(
            probe=self.name,
            question=self.question,
            headline=sentences(
                f"Not believable: the discriminator {what}, so there is nothing to explain.",
                _alarm_sentence(alarms),
            ),
            verdict=Verdict.NOT_BELIEVABLE,
            measurements=[],
            method=self.method,
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
) -> Finding:
    ranked = sorted(checks, key=lambda check: (check.believed, check.self_score), reverse=True)
    believed = [check for check in ranked if check.believed]
    told_apart = None if judged.real is None else area_under_curve(judged.real, judged.fake)
    learned = None
    if judged.train is not None and judged.held_out is not None and len(judged.held_out):
        learned = area_under_curve(judged.train, judged.held_out)
    place = place_of(_of_fakes(believed[0], fakes).mean_map) if believed else None
    return Finding(
        probe=probe.name,
        question=probe.question,
        headline=sentences(
            _gate(believed, checks, left_out),
            _looks(place, believed, fakes),
            _alarm_sentence(alarms),
            _which(believed, ranked, left_out),
            _tells(told_apart),
            _by_heart(learned),
        ),
        verdict=_verdict(believed, told_apart, learned, place),
        measurements=[
            *_numbers(told_apart, learned),
            *(m for check in ranked for m in _measurements(check, fakes)),
        ],
        method=probe.method,
        figures=figures(subject, judged, fakes, reals, ranked, left_out),
        arrays={
            **{f"self_score_{check.method}": torch.tensor([check.self_score]) for check in checks},
            **{f"attribution_{check.method}": check.maps[: len(fakes.rows)] for check in checks},
            **{f"mean_attribution_{check.method}": _of_fakes(check, fakes).mean_map for check in checks},
            "most_fake_rows": fakes.rows,
            **({"least_real_rows": reals.rows} if reals is not None else {}),
        },
    )


def _of_fakes(check: MethodCheck, fakes: Chosen) -> MethodCheck:
    return check.first(len(fakes.rows))


def _gate(believed: list[MethodCheck], checks: list[MethodCheck], left_out: dict[Method, str]) -> str:
    if believed:
        return ""
    if not checks:
        return (
            f"Not believable: no method gives a map of this discriminator ({next(iter(left_out.values()))})."
        )
    best = max(checks, key=lambda check: check.self_score)
    return (
        f"Not believable: none of {len(checks)} methods passes its checks; the nearest is {best.title}, but "
        f"{best.faults[0]}."
    )


def _looks(place: Place | None, believed: list[MethodCheck], fakes: Chosen) -> str:
    if place is None:
        return ""
    check = believed[0].first(len(fakes.rows))
    beside, samples_own = "an even map would need 70 %", ""
    if check.shuffled_maps is not None and (other := place_of(check.mean_shuffled_map)) is not None:
        beside = f"with shuffled weights, in {other.area:.0%}"
        if place.where == other.where and place.area > NARROWER * other.area:
            samples_own = ", so that place is where the samples differ and not a choice of the discriminator"
    mostly = "at" if place.where.startswith("no one") else "mostly at"
    return (
        f"To call samples fake the discriminator looks {mostly} {place.where}: {place.share:.0%} of the "
        f"attribution lies in {place.area:.0%} of the picture ({beside}{samples_own})."
    )


def _alarm_sentence(alarms: list[GradientAlarm]) -> str:
    if not alarms:
        return ""
    text = "; ".join(str(alarm) for alarm in alarms[:2])
    return f"Alarm: {text}, so maps made of gradients show rounding or nothing."


def _which(believed: list[MethodCheck], ranked: list[MethodCheck], left_out: dict[Method, str]) -> str:
    doubted = [check.title for check in ranked if not check.believed]
    if not believed:
        return ""
    text = f"Believe {_listed([check.title for check in believed])}"
    if doubted:
        text += f", not {_listed(doubted)}"
    return f"{text}."


def _tells(told_apart: Estimate | None) -> str:
    if told_apart is None:
        return ""
    if told_apart.low > 0.5:
        return f"It ranks a real sample above a generated one in {told_apart.value:.0%} of pairs."
    if told_apart.high < 0.5:
        return (
            f"It ranks generated samples above real ones (real wins {told_apart.value:.0%} of pairs): either "
            "the generator fools it, or its number means “fake”."
        )
    return f"It can't tell generated from real samples (real wins {told_apart.value:.0%} of pairs)."


def _by_heart(learned: Estimate | None) -> str:
    if learned is None or learned.low <= 0.5:
        return ""
    return (
        f"It ranks training samples above held-out ones in {learned.value:.0%} of pairs: it has learned some "
        "by heart."
    )


def _verdict(
    believed: list[MethodCheck], told_apart: Estimate | None, learned: Estimate | None, place: Place | None
) -> Verdict:
    if not believed:
        return Verdict.NOT_BELIEVABLE
    doubts = (
        len(believed) < 2,
        told_apart is not None and told_apart.low <= 0.5,
        learned is not None and learned.low > 0.5,
        place is not None and place.area < NARROW,
    )
    return Verdict.CAUTION if any(doubts) else Verdict.GOOD


def _numbers(told_apart: Estimate | None, learned: Estimate | None) -> list[Measurement]:
    found = []
    if told_apart is not None:
        found.append(
            told_apart.measurement(
                "AUC: real samples ranked above generated ones",
                better="neither",
                baseline=0.5,
                what="a coin",
            )
        )
    if learned is not None:
        found.append(
            learned.measurement(
                "AUC: training samples ranked above held-out ones",
                better="lower",
                baseline=0.5,
                what="a discriminator that learned nothing by heart",
            )
        )
    return found


def _measurements(check: MethodCheck, fakes: Chosen) -> list[Measurement]:
    title = check.title
    found = [
        check.advantage.measurement(
            f"{title}: insertion minus deletion area, beyond random order",
            better="higher",
            baseline=check.advantage.value - check.over_control.value,
            what=f"{check.control}, the best map that never looks at the discriminator (random order: 0)",
        ),
        measured(
            f"{title}: self-score",
            check.self_score,
            "none: it is a product of measures that share samples",
            better="higher",
            baseline=0.0,
            what="a map that beats one that never looks on half of the samples, or that shuffled weights give as well",
        ),
        measured(
            f"{title}: max-sensitivity to invisible noise",
            check.sensitivity,
            "none: it is a largest value over few draws; never to be read alone, a constant map has 0",
            better="lower",
            baseline=2**0.5,
            what="two unrelated maps of one length",
        ),
    ]
    if check.agreement_with_shuffled is not None:
        found.append(
            check.agreement_with_shuffled.measurement(
                f"{title}: agreement with maps of the discriminator with shuffled weights",
                better="lower",
                baseline=check.stability,
                what="agreement with its own maps under noise that no one sees",
            )
        )
    if check.gap is not None:
        found.append(
            measured(
                f"{title}: share of the score's difference left unexplained, median",
                check.gap,
                "none: it is an error of numerical integration, not of sampling",
                better="lower",
                baseline=1.0,
                what="a map of zeros",
            )
        )
    own = check.first(len(fakes.rows))
    if (place := place_of(own.mean_map)) is not None:
        shuffled = place_of(own.mean_shuffled_map) if own.shuffled_maps is not None else None
        found.append(
            measured(
                f"{title}: share of the picture that holds {HOLDS:.0%} of the attribution",
                place.area,
                "none: it is read off the mean of all maps",
                better="neither",
                baseline=HOLDS,
                what="an even map",
                controls={"the discriminator with shuffled weights": shuffled.area} if shuffled else None,
            )
        )
    return found


def _check_layer(discriminator: torch.nn.Module, name: str) -> None:
    from ganlens.subject.hooks import layer_named

    try:
        layer_named(discriminator, name)
    except UserError as error:
        raise UserError(f"the discriminator: {error}") from None


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
