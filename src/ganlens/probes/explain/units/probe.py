"""What each unit of the generator draws, and whether it is missed when it is gone."""

from __future__ import annotations

from functools import partial
from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from ganlens.errors import UserError
from ganlens.explain.dissection.artefacts import Suspect, distance_to_reals, suspects
from ganlens.explain.dissection.concepts import concepts_for
from ganlens.explain.dissection.insertions import insert
from ganlens.explain.dissection.layers import Layer, layers_to_dissect
from ganlens.explain.dissection.trial import Draws, LayerTrial, Workshop, try_units, without_repeated
from ganlens.explain.dissection.unit_sets import UnitSet, most_promising, unit_set
from ganlens.explain.preconditions import FEWEST
from ganlens.figures.figure import Figure
from ganlens.finding import Finding
from ganlens.measures import Estimate
from ganlens.probes.explain.units.conclusion import Conclusion, arrays, headline, measurements, verdict
from ganlens.probes.explain.units.figures import (
    artefact_table,
    layer_plot,
    set_plots,
    strips,
    top_pictures,
    unit_table,
)
from ganlens.probes.probe import Need, Probe, ProbeSettings, probes
from ganlens.probes.repetition import without_repetition
from ganlens.subject import Context, SampleBank, Subject
from ganlens.subject.randomised import randomised

THRESHOLD_SAMPLES = 1000
CONTROL_SAMPLES, CONTROL_UNITS = 1000, 64
FEWEST_LATENTS, MOST_LATENTS = 16, 128
INSERTED = 24
"""Believable units that are switched on as well, the surest first."""


class UnitsSettings(ProbeSettings):
    layers: list[str] = Field(
        default=[], description="Layers to dissect, by name; default: one for each layer of weights"
    )
    concepts: str = Field(
        "auto",
        description="Where concepts come from: auto, classes, factors, code, picture, or python:module:function "
        "of samples [n, …] that gives scores [n, k] or masks [n, k, height, width], alone or with their names",
    )
    threshold: Literal["auto", "information", "top"] = Field(
        "auto",
        description="Above which activation a unit fires: where that says most about a concept (information), in "
        "its top half per cent (top), or the first for concepts that are masks and the second for others (auto)",
    )
    count: int = Field(10_000, ge=FEWEST, description="The most samples in the dissection")
    units: int = Field(
        512, ge=3, description="The most units of a layer to remove one by one, those that vary most first"
    )
    removals: int = Field(
        30_000, ge=100, description="Samples made with one unit removed: bounds the time of the causal test"
    )
    sets: int = Field(2, ge=0, le=20, description="Concepts for which a smallest set of units is sought")


@probes.register("units")
class Units(Probe):
    """Which unit of the generator draws what?"""

    name: ClassVar[str] = "units"
    question: ClassVar[str] = "Which of its units draws what, and is it gone from the samples without them?"
    section: ClassVar[str] = "explain"
    order: ClassVar[int] = 20
    needs: ClassVar[frozenset[Need]] = frozenset({Need.LAYERS})
    Settings: ClassVar[type[ProbeSettings]] = UnitsSettings
    method: ClassVar[str] = (
        "Dissection. One pass over the samples finds with which concept each unit (channel of a layer) fires: the "
        "correlation of its mean activation with the concept's score, or, where masks are given, the IoU of the "
        "mask with where the unit fires (stretched to the mask's size). It fires above a threshold found on 1,000 "
        "samples: of 16, which 0.5 % to 80 % of its activations exceed, the one at which firing shares most "
        "information with the concept (mutual information over joint entropy; in its top 0.5 % where that is no "
        "more than chance, p > 1 % for all its candidates and concepts together), or in its top 0.5 % "
        "throughout (setting threshold; auto takes the first for masks, the second for scores, which say nothing "
        "of places). Faint ones (correlation below 0.1, IoU below 0.05) are dropped. "
        "Then every unit is removed (set to 0 everywhere) on fresh latents. Half of them choose its concept, the "
        "one by which it stands out most from the 8 units of its layer nearest in mean activation; the other half "
        "measures how far that concept falls, in its standard deviations (bootstrap interval over latents). "
        "Believable units are also switched on: set to their typical value where they fire, at the places where "
        "they usually do, and nowhere else. Smallest sets: how much of each unit to take away is learned by gradient "
        "(Adam, rate 0.01, 100 steps, a price of 0.02 standard deviations a unit; without gradients units are added "
        "greedily) and compared on fresh latents with the best single units and with random sets of that size. "
        "Artefact units: those whose removal brings samples nearer to held-out real ones are tried again on fresh "
        "samples, by the Fréchet distance and against units of the same activity. Self-checks: a unit is "
        "believable only where the whole interval lies above 0.05 and above the effect of every one of its 8 "
        "matched units on that concept; and in the generator with shuffled weights the claim must vanish: it "
        "is tried in the same way, and what it repeats, unit and concept, is dropped. A "
        "unit's self-score, 0…1, is the share of its effect that is left when interval and matched units are "
        "taken off, less where the effect is below 0.2. Verdict: not believable where no unit survives; good "
        "where at least half of the units switched on bring their "
        "concept, more than matched units; else caution, and where there are artefact units, or where units of the "
        "shuffled generator have concepts of any kind half as often or more (three at least)."
    )
    self_check: ClassVar[str] = (
        "A unit's concept counts only where removing the unit moves it surely more than removing any of 8 units of "
        "the same activity; not believable where none does, or where the generator with shuffled weights repeats "
        "all of these claims."
    )
    cost: ClassVar[str] = (
        "The audit's samples once more for the statistics, about 60,000 edited ones at the defaults, and a labeller "
        "or autoencoder for the concepts; a minute for a small convolutional generator."
    )
    source: ClassVar[str] = (
        "Bau et al. 2019 (arXiv 1811.10597); Adebayo et al. 2018 (arXiv 1810.03292) for the shuffled weights"
    )

    def examine(self, subject: Subject, settings: UnitsSettings, context: Context) -> Finding:
        if because := without_repetition(subject):
            return Finding.not_applicable(self.name, self.question, because, section=self.section)
        bank = context.bank
        layers = layers_to_dissect(subject, settings.layers)
        if because := _not_applicable(bank, layers):
            return Finding.not_applicable(self.name, self.question, because, section=self.section)
        concepts = concepts_for(bank, settings.concepts)
        module = subject.generator.module
        assert module is not None  # its layers are reached through it
        workshop = Workshop(
            bank.synthesize,
            module,
            concepts,
            bank.batch,
            context.seed,
            distance_to_reals(bank),
            settings.threshold == "information" or (settings.threshold == "auto" and concepts.masks),
            subject.generator,
        )
        draws = _draws(bank, layers, settings)
        count = len(draws.statistics[0]) + sum(min(layer.units, settings.units) for layer in layers)
        with context.progress.task("Dissecting units", count) as task:
            dissection, trials = try_units(workshop, layers, draws, most=settings.units, task=task)
        if not bool((dissection.concept_deviation > 0).any()):
            because = "none of the concepts varies over its samples"
            return Finding.not_applicable(self.name, self.question, because, section=self.section)
        deviation = dissection.concept_deviation
        with context.progress.task("Switching units on, in sets, and in a shuffled generator", 3) as task:
            control = _control(subject, bank, workshop, draws, settings, deviation, trials)
            trials = without_repeated(trials, control)
            task.advance()
            result = Conclusion(
                concepts,
                trials,
                control,
                _inserted(workshop, trials, draws, deviation),
                _sets(workshop, subject, bank, trials, deviation, settings.sets),
                _suspects(workshop, bank, trials),
            )
            task.advance(2)
        return Finding(
            probe=self.name,
            question=self.question,
            headline=headline(result),
            verdict=verdict(result),
            measurements=measurements(result),
            method=f"{self.described(settings)} Concepts: {concepts.title}. {_counts(draws, trials)}",
            figures=_figures(workshop, subject, bank, result),
            arrays=arrays(result),
        )


def _not_applicable(bank: SampleBank, layers: list[Layer]) -> str:
    if not layers:
        return "none of its layers gives [units] or [units, height, width] before the sample itself"
    if bank.size < FEWEST:
        return f"it needs at least {FEWEST} samples and there are {bank.size}"
    if all(layer.units < 3 for layer in layers):
        return "no layer has three units, so there is none to compare another with"
    return ""


def _draw(bank: SampleBank, purpose: str, n: int) -> tuple[Tensor, Tensor | None]:
    """Latents of this probe's own, with the bank's conditions (repeated, where more are asked for)."""
    labels = bank.conditions(min(n, bank.size))
    if labels is not None:
        labels = labels[torch.arange(n) % len(labels)]
    return bank.sample_latents(n, Units.name, purpose), labels


def _draws(bank: SampleBank, layers: list[Layer], settings: UnitsSettings) -> Draws:
    n = min(settings.count, bank.size)
    removed = sum(min(layer.units, settings.units) for layer in layers)
    latents = min(max(settings.removals // removed, FEWEST_LATENTS), MOST_LATENTS, bank.batch)
    first = min(n, THRESHOLD_SAMPLES)
    return Draws(
        (bank.latents(first), bank.conditions(first)),
        (bank.latents(n), bank.conditions(n)),
        _draw(bank, "removals", latents),
    )


def _control(
    subject: Subject,
    bank: SampleBank,
    workshop: Workshop,
    draws: Draws,
    settings: UnitsSettings,
    deviation: Tensor,
    found: list[LayerTrial],
) -> list[LayerTrial]:
    """The same trial of the generator with shuffled weights; empty where it can't be shuffled or run.

    Units of which something is claimed are tried first.
    """
    shuffled = randomised(subject, bank.seed)
    if shuffled is None or shuffled.generator.module is None:
        return []
    latents, labels = draws.statistics
    some = slice(CONTROL_SAMPLES)
    statistics = latents[some], None if labels is None else labels[some]
    try:
        bench = Workshop(
            partial(shuffled.synthesize, batch=bank.batch),
            shuffled.generator.module,
            workshop.concepts,
            bank.batch,
            workshop.seed,
            informative=workshop.informative,
            generator=shuffled.generator,
        )
        layers = layers_to_dissect(shuffled, settings.layers)
        _, trials = try_units(
            bench,
            layers,
            Draws(draws.thresholds, statistics, draws.removals),
            most=min(CONTROL_UNITS, settings.units),
            deviation=deviation,
            first={trial.layer.name: [claim.unit for claim in trial.survivors] for trial in found},
        )
    except UserError:  # shuffled weights may overflow: then there is no such control
        return []
    return trials


def _inserted(
    workshop: Workshop, trials: list[LayerTrial], draws: Draws, deviation: Tensor
) -> dict[tuple[str, int], tuple[Estimate, float]]:
    surest = sorted((c.self_score for trial in trials for c in trial.survivors), reverse=True)
    if not surest:
        return {}
    least = surest[:INSERTED][-1]
    found = {}
    for trial in trials:
        wanted = [claim for claim in trial.survivors if claim.self_score >= least]
        if wanted:
            effects = insert(workshop, trial, wanted, draws, deviation)
            found.update({(trial.layer.name, unit): effect for unit, effect in effects.items()})
    return found


def _sets(
    workshop: Workshop,
    subject: Subject,
    bank: SampleBank,
    trials: list[LayerTrial],
    deviation: Tensor,
    count: int,
) -> list[UnitSet]:
    learn_on, test_on = _draw(bank, "learning sets", bank.batch), _draw(bank, "testing sets", MOST_LATENTS)
    return [
        unit_set(workshop, subject, trial, concept, float(deviation[concept]), learn_on, test_on)
        for trial, concept in most_promising(trials, workshop.concepts.names, count)
    ]


def _suspects(workshop: Workshop, bank: SampleBank, trials: list[LayerTrial]) -> list[Suspect]:
    if workshop.distance is None or len(bank.reals("held_out")) < FEWEST:
        return []
    return suspects(workshop, bank, trials, partial(_draw, bank, "artefacts"))


def _figures(workshop: Workshop, subject: Subject, bank: SampleBank, result: Conclusion) -> list[Figure]:
    names = result.concepts.names
    return [
        *strips(workshop, subject, bank, result.ranked, names),
        *top_pictures(workshop, subject, bank, result.ranked, names),
        unit_table(result.trials, names, result.inserted),
        layer_plot(result.trials, result.control),
        *set_plots(result.sets, names),
        *artefact_table(result.suspects),
    ]


def _counts(draws: Draws, trials: list[LayerTrial]) -> str:
    left_out = sum(trial.layer.units - len(trial.claims) for trial in trials)
    only = f" {left_out} units that vary least were not removed." if left_out else ""
    return (
        f"{len(draws.statistics[0]):,} samples in the statistics, {len(draws.removals[0])} latents for every "
        f"removal.{only}"
    )
