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
from ganlens.explain.decisions.attributes import AttributeEffects, attribute_effects, best_random, ranked
from ganlens.explain.decisions.confusions import class_mix, confusion_tour
from ganlens.explain.decisions.patches import COVERS, PatchEffects, patch_effects, strongest
from ganlens.explain.preconditions import unsuited
from ganlens.explain.readings.panel import Panel, panel_of
from ganlens.figures.figure import Figure
from ganlens.finding import Finding
from ganlens.probes.explain.classifier import figures
from ganlens.probes.explain.classifier.conclusion import RULES, Evidence, measurements, patch_arrays, remarks
from ganlens.probes.explain.classifier.settings import ClassifierSettings
from ganlens.probes.probe import Need, Probe, ProbeSettings, probes
from ganlens.probes.repetition import without_steady_classifier
from ganlens.randomness import torch_generator
from ganlens.rules import Rules
from ganlens.subject import Context, SampleBank, Subject

POPULATION = 4000
"""Generated samples that define the ends of an attribute."""

FOREMOST = 4
"""Patches that are measured, none over another."""

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
        "Attributes are the latent directions of the foremost code axes; each is set to the lower and to the "
        "upper end of its population, but for single outliers, in the same fresh samples, and its effect is the "
        "distance between the class probabilities at the two ends (total variation), with a bootstrap interval "
        "over samples. It is named after the reading (image statistics, known factors, the labeller's classes) "
        "that moves most. Patches: a quarter of the picture's side across, every half patch, and an eighth, "
        "covered with black, with white and with what another sample has there, in generated and held-out real "
        "samples. The patch with the largest share of decisions changed to or from one class, beyond the "
        "labeller's, is chosen on every other sample and measured on the rest. A patch or attribute is a shortcut "
        "where the classifier depends on it more than the labeller (trained on the same data's labels) by over "
        "{beyond_labeller:.0%} with the whole interval, and the labeller at most {labeller_at_most:.0%} as much; "
        "a patch must also change surely more decisions than the median patch does. Wrong: generated samples of "
        "which the labeller is {sure:.0%} sure or more and the classifier says another class, beside the same "
        "rate on held-out real samples. Self-check: an attribute must move the decisions more, with the whole "
        "interval, than the most effective of as many random directions; where none does and no patch is a "
        "shortcut, the finding is not believable. Nor is it where the labeller's class shares of generated and of "
        "held-out real samples are farther apart than {classes_apart:.0%} (total variation): such samples no "
        "classifier of the data was made for. Bad: a shortcut. Caution: no independent labeller, or surely more "
        "contradictions on generated than on real samples. Else good."
    )
    self_check: ClassVar[str] = (
        "Not believable where no attribute moves the decisions surely more than the most effective of as many random "
        "directions, and no patch surely more than it moves an independent labeller; nor where the labeller takes most "
        "generated samples for other classes than the data's."
    )
    cost: ClassVar[str] = (
        "About 4,000 samples of its own, some 50,000 covered pictures through the classifier and the labeller, and an "
        "autoencoder; half a minute."
    )
    source: ClassVar[str] = (
        "Lang et al. 2021 (arXiv 2104.13369); Zeiler & Fergus 2014 (arXiv 1311.2901); ours"
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
        judge = Judge.of(bank, classifier)
        labeller = judge if isinstance(judge, Judge) else None
        rows, labels = self._fresh(bank, space, settings)
        attributes = code_attributes(bank, population, settings.attributes)
        own, random = self._moved(bank, space, labeller, population, attributes, rows, labels, context)
        ranking = ranked(
            own, random, torch_generator(context.seed, self.name, "bootstrap"), settings.shortcut
        )
        pictures = subject.modality.picture_like
        covered = _to_cover(bank, settings.covered) if pictures else None
        patches = None
        if covered is not None and subject.modality.range is not None:
            with context.progress.task("Covering patches", 1) as task:
                patches = patch_effects(classifier, labeller, covered, subject.modality.range, task)
        foremost = []
        if patches is not None:
            rng = torch_generator(context.seed, self.name, "patches")
            foremost = strongest(patches, rng, FOREMOST, settings.shortcut)
        evidence = Evidence(
            settings,
            classifier.class_names,
            ranking,
            best_random(random),
            patches,
            foremost,
            0.0 if patches is None else _typical(patches, foremost[0].cover),
            confusion_tour(bank, classifier, min(settings.tour, bank.size), settings.sure)
            if labeller is not None
            else None,
            judge if isinstance(judge, str) else "",
            class_mix(bank, classifier.num_classes, min(settings.tour, bank.size))
            if labeller is not None
            else None,
        )
        return Finding.concluded(
            RULES.conclude(evidence),
            remarks=remarks(evidence),
            measurements=measurements(evidence),
            method=self.described(settings),
            figures=_figures(subject, bank, space, attributes, evidence, rows, labels, covered, settings),
            arrays={
                **patch_arrays(patches),
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

    def _moved(
        self,
        bank: SampleBank,
        space: SearchSpace,
        judge: Judge | None,
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
            own = attribute_effects(space, judge, attributes, rows, labels, panel, task)
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


def _to_cover(bank: SampleBank, count: int) -> Tensor:
    """Generated and held-out real samples in turn: [n, c, h, w]."""
    each = min(count // 2, bank.size, len(bank.reals("held_out")))
    generated, real = bank.fakes(each).tensor(), bank.reals("held_out", each).tensor()
    # In pairs, so that both halves by which the patch is chosen and measured hold both kinds.
    order = torch.arange(2 * each).view(2, each).T.reshape(-1, 4) if each % 2 == 0 else None
    both = torch.cat([generated, real])
    if order is None:
        return both[torch.arange(2 * each).view(2, each).T.flatten()]
    return both[order[:, [0, 2, 1, 3]].flatten()]


def _typical(effects: PatchEffects, cover: str) -> float:
    """Share of decisions that the median patch changes, with that cover."""
    return float(effects.changed[:, COVERS.index(cover)].double().mean(dim=0).median())


def _figures(
    subject: Subject,
    bank: SampleBank,
    space: SearchSpace,
    attributes: Attributes,
    evidence: Evidence,
    rows: Tensor,
    labels: Tensor | None,
    covered: Tensor | None,
    settings: ClassifierSettings,
) -> list[Figure]:
    chosen: list[Figure] = []
    names, modality = evidence.class_names, subject.modality
    if covered is not None and evidence.patches is not None and evidence.patch is not None:
        shown = figures.covered(modality, covered, evidence.patches, evidence.patch, names)
        chosen += [shown] if shown is not None else []
        chosen += figures.patch_maps(evidence.patches)
        chosen.append(figures.patch_table(evidence))
    chosen += figures.ranking_figures(evidence)
    chosen += figures.traversals(modality, space, attributes, evidence.ranking, rows, labels, names)
    if evidence.tour is not None:
        samples = bank.fakes(min(settings.tour, bank.size)).tensor()
        chosen += figures.tour_figures(modality, samples, evidence.tour, names)
    return chosen
