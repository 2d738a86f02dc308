"""Why does the discriminator call this sample fake? Maps of its evidence, parts it goes by, and what to believe."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any, ClassVar

import torch
from torch import Tensor

from ganlens.errors import UserError
from ganlens.explain.attribution import METHODS, Method, Score, gradient_alarms
from ganlens.explain.attribution.checks import MethodCheck, check_method
from ganlens.explain.attribution.damage_told import DamageTold, damage_told
from ganlens.explain.attribution.discriminator_scores import (
    Chosen,
    Judged,
    judge,
    labels_of,
    least_real,
    most_fake,
    most_frequent,
    pairs_of,
    question_about,
)
from ganlens.explain.attribution.part_trials import SEARCHED, TESTED, PartEffects, part_effects
from ganlens.explain.attribution.parts import parts_of
from ganlens.explain.attribution.places import place_of
from ganlens.explain.attribution.question import Question
from ganlens.finding import Finding
from ganlens.measures import ALARM_LEVEL, Estimate, area_under_curve
from ganlens.probes.explain.discriminator.conclusion import RULES
from ganlens.probes.explain.discriminator.evidence import Evidence
from ganlens.probes.explain.discriminator.figures import figures
from ganlens.probes.explain.discriminator.measurements import (
    damage_measurements,
    method_measurements,
    ranking_measurements,
)
from ganlens.probes.explain.discriminator.parts_shown import part_measurements
from ganlens.probes.explain.discriminator.remarks import remarks
from ganlens.probes.explain.discriminator.settings import FEWEST, DiscriminatorSettings
from ganlens.probes.probe import Need, Probe, ProbeSettings, probes
from ganlens.randomness import derive_seed, torch_generator
from ganlens.rules import Rules
from ganlens.subject import Context, SampleBank, Subject
from ganlens.subject.draws import Which
from ganlens.subject.hooks import layer_named
from ganlens.subject.randomised import not_randomised

USUAL_OF = 256
"""Samples that say what is usual, where a part is taken away."""


@probes.register("discriminator")
class Discriminator(Probe):
    """Why does the discriminator call this sample fake?"""

    name: ClassVar[str] = "discriminator"
    question: ClassVar[str] = "Why does the discriminator call this sample fake: where does it look?"
    section: ClassVar[str] = "explain"
    order: ClassVar[int] = 50
    needs: ClassVar[frozenset[Need]] = frozenset({Need.DISCRIMINATOR})
    Settings: ClassVar[type[ProbeSettings]] = DiscriminatorSettings
    rules: ClassVar[Rules[Any] | None] = RULES
    method: ClassVar[str] = (
        "The discriminator's number (a patch discriminator's mean) is taken as higher for real. Explained are the "
        "generated samples with the lowest numbers and the held-out real ones with the lowest, each against the "
        "nearest, pixel by pixel, of the training samples that it finds more real than most (without data: of "
        "such generated ones). Saliency, integrated gradients, SmoothGrad, Grad-CAM and occlusion say where the "
        "number falls. Each map is put to two tests of whether it says what the model's number comes from, "
        "against the sample's baseline. Curves: pixels change to the baseline's, the foremost first, and back. "
        "Swaps: half of the picture's patches (sides of a sixteenth, an eighth and a quarter of the picture in "
        "turn, at random) are swapped for the baseline's, then the other half, many times; infidelity is the "
        "share of the difference's square that the map's sums over the patches, scaled to fit, do not foretell "
        "(captum's, normalised; what any two patches do together cancels). Maps that say only how strongly the "
        "number reacts (saliency, SmoothGrad, Grad-CAM, and the blind ones) are multiplied by how far each pixel "
        "goes. A method is believed only if (a) its insertion area minus its deletion area exceeds that of random "
        "order, and its infidelity is below that of the best of four maps that know nothing of the model (the "
        "picture's edges, its centre, the plain difference from the baseline, the same method's map of the model "
        "with shuffled weights), both with the whole interval (bootstrap over samples); (b) its maps agree at "
        "most {agreement_with_shuffled:g} (Spearman, over pixels that differ from the baseline and that either "
        "model responds to; maps with a sign are divided by how far each pixel goes, and which way: that is the "
        "sample's and not the model's) with those of the model with shuffled weights; (c) they agree at least "
        "{agreement_under_noise:g} when noise that no one sees is added to the sample; (d) less than "
        "{empty_maps:.0%} of them are zero everywhere; and, for integrated gradients, (e) they leave at most "
        "{unexplained:.0%} of the score's difference unexplained (median). Its self-score is the share of the "
        "best blind map's infidelity that it does away with: none where it is no better than a map that knows "
        "nothing, all where it foretells every swap. A discriminator that gives every sample one number, or whose "
        "gradient is zero, is named as such, and so is one whose number of a sample changes with its neighbours "
        "in the batch (beyond {neighbours:.0%} of the numbers' spread nothing is explained) or from call to call "
        "(nothing is explained). Where it looks is the smallest share of the picture that holds most of the "
        "attribution (mean of |map| as shares, of the believed method with the highest self-score), beside that "
        "of the same method on the discriminator with shuffled weights. What is no place is tried beside places, by "
        "one measure: two samples, real or generated, exchange a part (a corner, half of the picture, a channel, "
        "brightness, a band of frequencies, texture, position), and its infidelity is the mean square of the change "
        "between samples that share the part and nothing else, over that between samples that share nothing: none "
        "where the number goes with the part, all where it stays with the rest. Its self-score is a map's: the share "
        "that it does away with of the infidelity of a judge that knows nothing, to which every value counts alike "
        "(what a linear one with random weights has on average). The foremost part of each family is found on some "
        "pairs and tested on fresh ones; ends that decide are at the level of an alarm, shared by the families. A "
        "part is named instead of a map's place where surely {least_self_score:.0%} of the blind judge's infidelity "
        "is done away with, and more than by the best map; it counts alone where surely at most {alone:.0%} of the "
        "change is left. Verdict: not believable where neither a method is believed nor a part foretells; caution "
        "where one part counts alone, where the discriminator tells neither generated samples from real ones nor "
        "real ones from the same with damage (noise, blur, a mosaic), ranks generated ones higher, tells training "
        "from held-out ones (all at the level of an alarm), looks at less than {narrow:.0%} of the picture, can't be "
        "had with shuffled weights, or looks at neighbours, and where fewer than {fewest_different} of the generated "
        "samples explained differ."
    )
    self_check: ClassVar[str] = (
        "Every method must beat random order, foretell more of what swaps of patches do than maps that know nothing "
        "of the discriminator, its own with shuffled weights among them, and lose its maps when the weights are "
        "shuffled; a part must foretell more of what fresh swaps do than a judge to which every value counts alike; "
        "where nothing does, the finding is not believable."
    )
    cost: ClassVar[str] = (
        "2,000 samples of each kind through the discriminator, some 600 passes for each of 32 explained ones, and "
        "some 12,000 samples with parts exchanged"
    )
    source: ClassVar[str] = (
        "Simonyan et al. 2013 (arXiv 1312.6034); Sundararajan et al. 2017 (arXiv 1703.01365); Smilkov et al. 2017 "
        "(arXiv 1706.03825); Selvaraju et al. 2016 (arXiv 1610.02391); Zeiler & Fergus 2013 (arXiv 1311.2901); "
        "Petsiuk et al. 2018 (arXiv 1806.07421); Adebayo et al. 2018 (arXiv 1810.03292); Jansen 1999"
    )

    def examine(self, subject: Subject, settings: DiscriminatorSettings, context: Context) -> Finding:
        bank, discriminator = context.bank, subject.discriminator
        if not subject.modality.picture_like:
            because = f"attribution maps are drawn on pictures, and the samples are {subject.modality.name}"
            return Finding.not_applicable(because)
        if bank.size < FEWEST or discriminator is None:
            because = f"it explains {FEWEST} samples at least, and there are {bank.size}"
            return Finding.not_applicable(because)
        label = None
        if discriminator.takes_labels:
            if because := _not_labelled(bank):
                return Finding.not_applicable(because)
            label = most_frequent(labels_of(bank, "fake", settings.count))  # type: ignore[arg-type]
            discriminator = discriminator.asked_for(label)
        evidence = Evidence(
            settings, neighbours=discriminator.sees_batch, repeatable=discriminator.repeatable, label=label
        )
        if evidence.neighbours > settings.neighbours or not evidence.repeatable:
            return Finding.concluded(RULES.conclude(evidence))
        real, fakeness = Score(discriminator), Score(discriminator, sign=-1)
        judged = judge(bank, real, settings.count, label)
        if len(judged.fake) < FEWEST:
            because = (
                f"it explains {FEWEST} samples at least, and there are {len(judged.fake)} of class {label}"
            )
            return Finding.not_applicable(because)
        evidence = replace(evidence, scored=judged.count, unusable=judged.broken, largest=judged.largest)
        if judged.broken:
            return Finding.concluded(RULES.conclude(evidence))
        fakes, reals = (choose(bank, judged, settings.explained) for choose in (most_fake, least_real))
        assert fakes is not None
        evidence = replace(evidence, alarms=gradient_alarms(fakeness, fakes.samples))
        if judged.constant:
            evidence = replace(evidence, constant=float(judged.fake[0]))
            return Finding.concluded(RULES.conclude(evidence), remarks=remarks(evidence))
        if settings.layer is not None:
            _check_layer(discriminator, settings.layer)
        both = [chosen for chosen in (fakes, reals) if chosen is not None]
        question = question_about(
            fakeness, both, settings.method_options, partial(derive_seed, context.seed, self.name)
        )
        checks, left_out = self._checks(question, settings, context)
        evidence = _with_rankings(_with_checks(evidence, fakes, checks, left_out), judged)
        evidence = replace(
            evidence,
            parts=self._parts(bank, judged, question, context),
            damages=self._damages(bank, judged, real, context) if not evidence.neighbours else [],
        )
        if question.shuffled is None:
            evidence = replace(evidence, unchecked=not_randomised(discriminator))
        return Finding.concluded(
            RULES.conclude(evidence),
            remarks=remarks(evidence),
            measurements=[
                *(part_measurements(evidence.parts) if evidence.parts is not None else ()),
                *ranking_measurements(*_rankings(judged, evidence.neighbours)),
                *(m for check in evidence.ranked for m in method_measurements(check, evidence.explained)),
                *damage_measurements(evidence.damages),
            ],
            method=self.described(settings),
            figures=figures(subject, judged, fakes, reals, evidence.ranked, left_out, evidence.parts),
            arrays=_arrays(checks, fakes, reals),
        )

    def _parts(
        self, bank: SampleBank, judged: Judged, question: Question, context: Context
    ) -> PartEffects | None:
        """What places and aspects are worth, on pairs of samples; None where there are too few."""
        rng = torch_generator(context.seed, self.name, "parts")
        pairs = pairs_of(bank, judged, SEARCHED + TESTED, rng)
        data = bank.subject.data
        like = bank.reals("train") if data is not None and len(data.train) else bank.fakes(bank.size)
        parts = parts_of(bank.modality, like[:USUAL_OF])
        with context.progress.task("What the discriminator goes by", 1) as task:
            return part_effects(question.score, question.shuffled, pairs, parts, rng, task, level=ALARM_LEVEL)

    def _damages(self, bank: SampleBank, judged: Judged, score: Score, context: Context) -> list[DamageTold]:
        """How it ranks real samples beside the same kind of samples with damage."""
        if judged.real is None:
            return []
        which: Which = "held_out" if judged.real is judged.held_out else "train"
        real = bank.reals(which)[judged.rows[which]]
        damages = bank.modality.damages(bank.sample_shape)
        seed = derive_seed(context.seed, self.name, "damages")
        return damage_told(score, real, bank.modality, damages, seed, level=ALARM_LEVEL)

    def _checks(
        self, question: Question, settings: DiscriminatorSettings, context: Context
    ) -> tuple[list[MethodCheck], dict[Method, str]]:
        """Every method that gives maps, and why the others give none."""
        checks, left_out = [], {}
        with context.progress.task("Explaining the discriminator", len(METHODS)) as task:
            for method in METHODS:
                task.note(method)
                check = check_method(question, method, settings.belief)
                if isinstance(check, str):
                    left_out[method] = check
                else:
                    checks.append(check)
                task.advance()
        return checks, left_out


def _not_labelled(bank: SampleBank) -> str:
    """Why a discriminator that judges samples together with labels can't be asked, after "because"; or ""."""
    data, classes = bank.subject.data, bank.subject.num_classes
    if data is None or (data.train.labels is not None and data.num_classes == classes):
        return ""
    return f"this discriminator judges samples together with one of {classes} labels, and the data have no such labels"


def _with_checks(
    evidence: Evidence, fakes: Chosen, checks: list[MethodCheck], left_out: dict[Method, str]
) -> Evidence:
    """The evidence with the methods ranked, and where the foremost believed one says that it looks."""
    explained = len(fakes.rows)
    ranked = sorted(checks, key=lambda check: (check.believed, check.self_score), reverse=True)
    place = shuffled_place = None
    if ranked and ranked[0].believed:
        own = ranked[0].first(explained)  # the generated samples stand first in its maps
        place = place_of(own.mean_map)
        shuffled_place = place_of(own.mean_shuffled_map)
    return replace(
        evidence,
        ranked=ranked,
        left_out=left_out,
        place=place,
        shuffled_place=shuffled_place,
        explained=explained,
        different=len(fakes.samples.flatten(1).unique(dim=0)),
    )


def _with_rankings(evidence: Evidence, judged: Judged) -> Evidence:
    """The evidence with how often it ranks real above generated, and training above held-out samples."""
    told_apart, learned = _rankings(judged, evidence.neighbours, ALARM_LEVEL)
    return replace(evidence, told_apart=told_apart, learned=learned)


def _rankings(
    judged: Judged, neighbours: float, level: float = 0.95
) -> tuple[Estimate | None, Estimate | None]:
    """How often real samples rank above generated ones, and training samples above held-out ones.

    Where a sample's number is its neighbours' as well, that says nothing of what it can tell.
    """
    if neighbours:
        return None, None
    learned = None
    if judged.train is not None and judged.held_out is not None and len(judged.held_out):
        learned = area_under_curve(judged.train, judged.held_out, level)
    told_apart = None if judged.real is None else area_under_curve(judged.real, judged.fake, level)
    return told_apart, learned


def _arrays(checks: list[MethodCheck], fakes: Chosen, reals: Chosen | None) -> dict[str, Tensor]:
    explained = len(fakes.rows)
    return {
        **{f"self_score_{check.method}": torch.tensor([check.self_score]) for check in checks},
        **{f"attribution_{check.method}": check.maps[:explained] for check in checks},
        **{f"mean_attribution_{check.method}": check.first(explained).mean_map for check in checks},
        "most_fake_rows": fakes.rows,
        **({"least_real_rows": reals.rows} if reals is not None else {}),
    }


def _check_layer(discriminator: torch.nn.Module, name: str) -> None:
    try:
        layer_named(discriminator, name)
    except UserError as error:
        raise UserError(f"the discriminator: {error}") from None
