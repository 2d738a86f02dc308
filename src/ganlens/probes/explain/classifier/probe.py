"""What moves this classifier's decisions, what shortcuts does it use, where is it wrong?"""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor

from ganlens.explain.counterfactuals.attributes import Attributes, code_attributes, random_attributes
from ganlens.explain.counterfactuals.baselines import logits_of
from ganlens.explain.counterfactuals.judge import Judge
from ganlens.explain.counterfactuals.search_space import SearchSpace
from ganlens.explain.counterfactuals.starts import population_rows
from ganlens.explain.decisions.aspects import AspectEffect, aspect_effects
from ganlens.explain.decisions.attributes import AttributeEffects, attribute_effects, best_random, ranked
from ganlens.explain.decisions.class_map import LOOKED_AT, ClassMap, class_map
from ganlens.explain.decisions.confusions import ClassMix, Tour, class_mix, confusion_tour
from ganlens.explain.decisions.marks import Mark, candidate_marks, measured_marks
from ganlens.explain.decisions.patches import COVERS, PatchEffects, Shortcut, patch_effects, strongest
from ganlens.explain.decisions.shortcuts import alarm_level, right_more_often
from ganlens.explain.preconditions import unsuited
from ganlens.explain.readings.panel import Panel, panel_of
from ganlens.figures.figure import Figure
from ganlens.finding import Finding
from ganlens.instruments.jury import Jury
from ganlens.modality import Aspect
from ganlens.probes.explain.classifier import figures
from ganlens.probes.explain.classifier.conclusion import RULES, Evidence, remarks
from ganlens.probes.explain.classifier.measurements import measurements, patch_arrays
from ganlens.probes.explain.classifier.settings import ClassifierSettings
from ganlens.probes.probe import Need, Probe, ProbeSettings, probes
from ganlens.probes.repetition import without_steady_classifier
from ganlens.randomness import torch_generator
from ganlens.rules import Rules
from ganlens.subject import Context, SampleBank, Subject
from ganlens.subject.adapted_classifier import AdaptedClassifier

POPULATION = 4000
"""Generated samples that define the ends of an attribute."""

FOREMOST = 4
"""Patches that are measured, none over another."""

LIKE = 512
"""Training samples that say what is usual of an aspect."""

PANEL = 512
"""Generated samples on which the readings that name an attribute are measured."""


@probes.register("classifier")
class Classifier(Probe):
    """What moves a classifier's decisions, and are these the right things?"""

    name: ClassVar[str] = "classifier"
    question: ClassVar[str] = (
        "What moves this classifier's decisions, what shortcuts does it use, where is it wrong?"
    )
    section: ClassVar[str] = "explain"
    order: ClassVar[int] = 60
    needs: ClassVar[frozenset[Need]] = frozenset({Need.CLASSIFIER, Need.DATA, Need.HELD_OUT})
    Settings: ClassVar[type[ProbeSettings]] = ClassifierSettings
    rules: ClassVar[Rules[Any] | None] = RULES
    method: ClassVar[str] = (
        "A shortcut is a change that moves the decision and leaves what defines the class. What defines it, a jury "
        "says: of four small classifiers that see the samples otherwise and are built otherwise (two networks, one of "
        "them on shifted samples, a dense one on the raw values, boosted trees on the autoencoder's code), the three "
        "that are right most often on held-out samples. They learn the classifier's own classes from the data's "
        "labels: those of the same names, or unions of labels, learned from what the classifier calls training "
        "samples where that foretells surely {agrees:.0%} of its decisions on held-out ones. Without a jury no "
        "shortcut is told from a reason. Aspects that are no place (brightness, contrast, colour, channels, position, "
        "size, background, bands of frequency, texture) are each taken from a real sample that it gives another "
        "class; counted is how often the decision becomes that sample's, and of jurors how often it changes at all. "
        "Patches: a quarter of the picture's side across, every half patch, and an eighth, covered with black, with "
        "white and with what a sample of another class has there, in generated and held-out real samples. The patch "
        "with the largest share of decisions changed to or from one class, beyond the jury's, is chosen on every "
        "other sample and measured on the rest, and has to show on real and on generated ones. Attributes are the "
        "latent directions of the foremost code axes; each is set to the lower and to the upper end of its "
        "population, but for single outliers, in the same fresh samples, and its effect is the distance between the "
        "class probabilities at the two ends (total variation), with a bootstrap interval over samples. It is named "
        "after the reading (image statistics, known factors, the labeller's classes) that moves most. Each of these "
        "is a shortcut where the classifier depends on it more than every juror by over {beyond_jury:.0%}, with the "
        "whole interval at the level of an alarm, corrected for all that were tried, and the most affected juror at "
        "most {jury_at_most:.0%} as much; a patch must also change surely more decisions than the median patch does. "
        "Of shortcuts the foremost is named, and a patch before an aspect that decides hardly more. Wrong: generated "
        "samples of which the labeller is {sure:.0%} sure or more and the classifier says another class, beside the "
        "same rate on held-out real samples. Self-check: an attribute must move the decisions more, with the whole "
        "interval, than the most effective of as many random directions; where none does and nothing is a shortcut, "
        "the finding is not believable. Nor is it where the labeller's class shares of generated and of held-out real "
        "samples are farther apart than {classes_apart:.0%} (total variation): such samples no classifier of the data "
        "was made for. Bad: a shortcut. Caution: no jury, or surely more contradictions on generated than on real "
        "samples. Else good. Where the data have a shortcut in them, jurors learn something of it too. So patches are "
        "also exchanged between samples of one class and others, in fresh samples: a patch (or an aspect) is a "
        "shortcut as well where surely in more than {overrules:.0%} of samples more a decision goes with it, against "
        "all the rest, than that of a juror that is surely right more often on held-out real samples, and the juror "
        "goes along at most {jury_at_most:.0%} as often. "
        "What always goes with the class in the data nobody can tell from what defines it."
    )
    self_check: ClassVar[str] = (
        "Not believable where no attribute moves the decisions surely more than the most effective of as many random "
        "directions, and no patch or aspect surely more than it moves any of three independent classifiers; nor where "
        "the labeller takes most generated samples for other classes than the data's."
    )
    cost: ClassVar[str] = (
        "About 4,000 samples of its own, some 50,000 covered pictures through the classifier and three others, which "
        "are trained first, and an autoencoder; a minute."
    )
    source: ClassVar[str] = (
        "Lang et al. 2021 (arXiv 2104.13369); Zeiler & Fergus 2014 (arXiv 1311.2901); Geirhos et al. 2019 "
        "(arXiv 1811.12231); ours"
    )

    def examine(self, subject: Subject, settings: ClassifierSettings, context: Context) -> Finding:
        bank, classifier = context.bank, subject.classifier
        assert classifier is not None  # the audit has seen to the needs
        because = without_steady_classifier(subject) or unsuited(bank) or _constant(bank, subject)
        if because:
            return Finding.not_applicable(because)
        count = min(POPULATION, bank.size)
        space = SearchSpace.fit(subject, "z", bank.latents(count), bank.conditions(count))
        population = population_rows(bank, space, count)
        task = class_map(bank, classifier, settings.agrees)
        jury, no_jury = _jury(bank, task)
        rows, labels = self._fresh(bank, space, settings)
        attributes = code_attributes(bank, population, settings.attributes)
        own, random = self._moved(bank, space, jury, population, attributes, rows, labels, context)
        aspects = subject.modality.aspects(bank.reals("train", LIKE).tensor())
        level = alarm_level(len(attributes) + len(aspects) + 2 * FOREMOST)
        ranking = ranked(
            own, random, torch_generator(context.seed, self.name, "bootstrap"), settings.shortcut, level
        )
        better = _better_jurors(bank, jury, task)
        swaps = self._swapped(bank, jury, better, aspects, settings, level, context)
        to_cover = _to_cover(bank, settings.covered) if subject.modality.picture_like else None
        patches, foremost = self._covered(subject, jury, to_cover, settings, level, context)
        marks = self._exchanged(bank, jury, better, patches, settings, level, context)
        tour, mix = _by_labeller(bank, classifier, task, settings)
        evidence = Evidence(
            settings,
            classifier.class_names,
            ranking,
            best_random(random),
            patches,
            foremost,
            0.0 if patches is None else _typical(patches, foremost[0].cover),
            tour,
            no_jury,
            mix,
            tuple(swaps),
            0 if jury is None else len(jury),
            tuple(marks),
        )
        return Finding.concluded(
            RULES.conclude(evidence),
            remarks=remarks(evidence),
            measurements=measurements(evidence),
            method=self.described(settings),
            figures=_figures(
                subject, bank, space, attributes, aspects, evidence, rows, labels, to_cover, settings
            ),
            arrays={
                **patch_arrays(patches),
                **_aspect_arrays(swaps),
                "axis_effects": own.leans,
                "axis_shifts": own.shift.mean(dim=0),
                "axis_directions": attributes.directions.cpu(),
                "self_score_attributes": torch.tensor(
                    sum(entry.beats_random for entry in ranking) / len(ranking)
                ),
            },
        )

    def _fresh(
        self, bank: SampleBank, space: SearchSpace, settings: ClassifierSettings
    ) -> tuple[Tensor, Tensor | None]:
        count = min(settings.count, bank.size)
        labels = bank.conditions(count)
        return space.rows(bank.sample_latents(count, self.name, "attributes").to(space.mean.device)), labels

    def _swapped(
        self,
        bank: SampleBank,
        jury: Jury | None,
        better: Tensor,
        aspects: tuple[Aspect, ...],
        settings: ClassifierSettings,
        level: float,
        context: Context,
    ) -> list[AspectEffect]:
        """What aspects of held-out real samples decide."""
        classifier = bank.subject.classifier
        assert classifier is not None
        if not aspects:
            return []
        samples = bank.reals("held_out", settings.swapped).tensor()
        rng = torch_generator(context.seed, self.name, "aspects")
        with context.progress.task("Swapping aspects", 1) as task:
            return aspect_effects(
                *(classifier, jury, samples, aspects, rng, task),
                level=level,
                better=better,
                criteria=settings.shortcut,
            )

    def _covered(
        self,
        subject: Subject,
        jury: Jury | None,
        to_cover: tuple[Tensor, Tensor] | None,
        settings: ClassifierSettings,
        level: float,
        context: Context,
    ) -> tuple[PatchEffects | None, list[Shortcut]]:
        """What patches decide; None, and none, where samples are no pictures."""
        if to_cover is None or subject.modality.range is None or subject.classifier is None:
            return None, []
        rng = torch_generator(context.seed, self.name, "patches")
        with context.progress.task("Covering patches", 1) as task:
            effects = patch_effects(
                subject.classifier, jury, *to_cover, subject.modality.range, rng, task, settings.beyond_jury
            )
        return effects, strongest(effects, rng, FOREMOST, settings.shortcut, level)

    def _exchanged(
        self,
        bank: SampleBank,
        jury: Jury | None,
        better: Tensor,
        patches: PatchEffects | None,
        settings: ClassifierSettings,
        level: float,
        context: Context,
    ) -> list[Mark]:
        """Which patches overrule the rest, in samples that did not choose them; none without a jury."""
        classifier = bank.subject.classifier
        if patches is None or jury is None or classifier is None:
            return []
        candidates = candidate_marks(patches, FOREMOST)
        samples, real = _fresh_samples(bank, settings.exchanged, settings.covered)
        rng = torch_generator(context.seed, self.name, "marks")
        with context.progress.task("Exchanging patches", 1) as progress:
            return measured_marks(
                classifier,
                jury,
                candidates,
                patches.places,
                samples,
                real,
                rng,
                progress,
                better=better,
                level=level,
                criteria=settings.shortcut,
            )

    def _moved(
        self,
        bank: SampleBank,
        space: SearchSpace,
        jury: Jury | None,
        population: Tensor,
        attributes: Attributes,
        rows: Tensor,
        labels: Tensor | None,
        context: Context,
    ) -> tuple[AttributeEffects, AttributeEffects]:
        """Effects of the attributes, and of as many random directions."""
        rng = torch_generator(context.seed, self.name, "random directions")
        guesses = random_attributes(population, len(attributes), rng)
        panel: Panel | None = panel_of(bank, bank.fakes(min(PANEL, bank.size)).tensor())
        with context.progress.task("Moving attributes", 2 * len(attributes)) as task:
            own = attribute_effects(space, jury, attributes, rows, labels, panel, task)
            random = attribute_effects(space, None, guesses, rows, labels, None, task)
        return own, random


def _constant(bank: SampleBank, subject: Subject) -> str:
    """Why nothing can move its decisions, where it has only one; else empty."""
    classifier = subject.classifier
    assert classifier is not None
    seen = [
        logits_of(classifier, samples[:512]).argmax(dim=1)
        for samples in (bank.fakes(min(512, bank.size)), bank.reals("held_out"))
    ]
    classes = torch.cat(seen).unique()
    if len(classes) > 1:
        return ""
    return f"the classifier gives every sample, real or generated, the class {classifier.class_names[int(classes[0])]}"


def _jury(bank: SampleBank, task: ClassMap | str) -> tuple[Jury | None, str]:
    """A jury of the classifier's task, or None and why there is none, as the end of "because …"."""
    if isinstance(task, str):
        return None, task
    jury = bank.jury(task.of_label)
    if not jury.skilled:
        return None, "they do not learn to tell these classes apart"
    return jury, ""


def _better_jurors(bank: SampleBank, jury: Jury | None, task: ClassMap | str) -> Tensor:
    """Which jurors [jurors] are surely right more often than the classifier on held-out real samples."""
    labels, classifier = bank.real_labels("held_out", LOOKED_AT), bank.subject.classifier
    if jury is None or isinstance(task, str) or labels is None or classifier is None:
        return torch.zeros(0, dtype=torch.bool)
    samples, truth = bank.reals("held_out", LOOKED_AT).tensor(), task.of_label[labels.long()]
    own = logits_of(classifier, samples).argmax(dim=1) == truth
    return right_more_often(own, jury.probabilities(samples).argmax(dim=2) == truth)


def _by_labeller(
    bank: SampleBank, classifier: AdaptedClassifier, task: ClassMap | str, settings: ClassifierSettings
) -> tuple[Tour | None, ClassMix | None]:
    """Where it contradicts the labeller, and what the labeller takes generated samples for; None where it can't say."""
    if isinstance(task, str):
        return None, None
    count = min(settings.tour, bank.size)
    tour = None
    if not isinstance(Judge.of(bank, classifier), str):
        tour = confusion_tour(bank, classifier, task.of_label, count, settings.sure)
    return tour, class_mix(bank, task.of_label, count)


def _to_cover(bank: SampleBank, count: int) -> tuple[Tensor, Tensor]:
    """Generated and held-out real samples [n, c, h, w] in turn, and which are real [n]."""
    each = min(count // 2, bank.size, len(bank.reals("held_out")))
    generated, real = bank.fakes(each).tensor(), bank.reals("held_out", each).tensor()
    order = torch.arange(2 * each).view(2, each).T
    if (
        each % 2 == 0
    ):  # in pairs, so that both halves by which the patch is chosen and measured hold both kinds
        order = order.reshape(-1, 4)[:, [0, 2, 1, 3]]
    rows = order.flatten()
    return torch.cat([generated, real])[rows], rows >= each


def _fresh_samples(bank: SampleBank, count: int, covered: int) -> tuple[Tensor, Tensor]:
    """Generated and held-out real samples [n, c, h, w] behind those that were covered, and which are real [n].

    Where held-out samples are so few that none is left, all of them.
    """
    kinds = []
    for source, size in (
        (bank.fakes, bank.size),
        (lambda most: bank.reals("held_out", most), len(bank.reals("held_out"))),
    ):
        used = min(covered // 2, size)
        first = used if size - used >= count // 4 else 0
        kinds.append(source(min(first + count // 2, size)).tensor()[first:])
    generated, real = kinds
    return torch.cat([generated, real]), torch.arange(len(generated) + len(real)) >= len(generated)


def _aspect_arrays(effects: list[AspectEffect]) -> dict[str, Tensor]:
    """Shares [aspects] of decisions that follow each aspect, and of the most affected juror's that change."""
    if not effects:
        return {}
    arrays = {"aspect_effects": torch.tensor([effect.moved.classifier.value for effect in effects])}
    jury = [effect.moved.jury.value for effect in effects if effect.moved.jury is not None]
    return {**arrays, "aspect_effects_jury": torch.tensor(jury)} if jury else arrays


def _typical(effects: PatchEffects, cover: str) -> float:
    """Share of decisions that the median patch changes, with that cover."""
    return float(effects.changed[:, COVERS.index(cover)].double().mean(dim=0).median())


def _figures(
    subject: Subject,
    bank: SampleBank,
    space: SearchSpace,
    attributes: Attributes,
    aspects: tuple[Aspect, ...],
    evidence: Evidence,
    rows: Tensor,
    labels: Tensor | None,
    to_cover: tuple[Tensor, Tensor] | None,
    settings: ClassifierSettings,
) -> list[Figure]:
    chosen: list[Figure] = []
    names, modality = evidence.class_names, subject.modality
    effect = evidence.aspect or evidence.most_followed
    if effect is not None:
        swapped = bank.reals("held_out", settings.swapped).tensor()
        pairs = figures.swapped_pairs(modality, swapped, aspects, effect, names)
        chosen += [] if pairs is None else [pairs]
    chosen += figures.aspect_figures(evidence.aspects)
    if to_cover is not None and evidence.patches is not None and evidence.patch is not None:
        shown = figures.covered_pairs(modality, to_cover[0], evidence.patches, evidence.patch, names)
        chosen += [shown] if shown is not None else []
        chosen += figures.patch_maps(evidence.patches)
        chosen.append(figures.patch_table(evidence))
    chosen += figures.ranking_figures(evidence)
    chosen += figures.traversals(modality, space, attributes, evidence.ranking, rows, labels, names)
    if evidence.tour is not None:
        samples = bank.fakes(min(settings.tour, bank.size)).tensor()
        chosen += figures.tour_figures(modality, samples, evidence.tour, names)
    return chosen
