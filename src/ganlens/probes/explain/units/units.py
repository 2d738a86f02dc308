"""What each unit of the generator draws, and whether it is missed when it is gone."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor

from ganlens.errors import UserError
from ganlens.finding import Figure, Finding, Measurement, Verdict
from ganlens.probes.explain.estimate import Estimate
from ganlens.probes.explain.preconditions import FEWEST, sentences
from ganlens.probes.explain.units.artefacts import Suspect, distance_to_reals, suspects
from ganlens.probes.explain.units.claims import Claim
from ganlens.probes.explain.units.concepts import Concepts, concepts_for
from ganlens.probes.explain.units.figures import (
    artefact_table,
    layer_plot,
    set_plots,
    strips,
    top_pictures,
    unit_table,
)
from ganlens.probes.explain.units.insertions import insert
from ganlens.probes.explain.units.layers import Layer, layers_to_dissect
from ganlens.probes.explain.units.trial import Draws, LayerTrial, Workshop, try_units
from ganlens.probes.explain.units.unit_sets import UnitSet, most_promising, unit_set
from ganlens.probes.measured import measured
from ganlens.probes.probe import Context, Need, Probe, ProbeSettings, probes
from ganlens.subject import SampleBank, Subject
from ganlens.subject.randomised import randomised

THRESHOLD_SAMPLES = 1000
CONTROL_SAMPLES, CONTROL_UNITS = 1000, 64
FEWEST_LATENTS, MOST_LATENTS = 16, 64
INSERTED = 24
"""Believable units that are switched on as well, the surest first."""
LISTED = 6
CONTROL_MAY_CLAIM = 0.5
"""Claims on the shuffled generator, relative to those on this one, from which none is believed."""


class UnitsSettings(ProbeSettings):
    layers: list[str] = Field(
        default=[], description="Layers to dissect, by name; default: one for each layer of weights"
    )
    concepts: str = Field(
        "auto",
        description="Where concepts come from: auto, classes, factors, code, picture, or python:module:function "
        "of samples [n, …] that gives scores [n, k] or masks [n, k, height, width], alone or with their names",
    )
    samples: int = Field(10_000, ge=FEWEST, description="The most samples in the dissection")
    units: int = Field(
        512, ge=3, description="The most units of a layer to remove one by one, those that vary most first"
    )
    removals: int = Field(
        30_000, ge=100, description="Samples made with one unit removed: bounds the time of the causal test"
    )
    sets: int = Field(2, ge=0, le=20, description="Concepts for which a smallest set of units is sought")


@dataclass(frozen=True)
class _Result:
    """All that the finding is written from."""

    concepts: Concepts
    trials: list[LayerTrial]
    control: list[LayerTrial]
    inserted: dict[tuple[str, int], tuple[Estimate, float]]
    sets: list[UnitSet]
    suspects: list[Suspect]

    @property
    def ranked(self) -> list[tuple[LayerTrial, Claim]]:
        """Believable claims, the surest first."""
        found = [(trial, claim) for trial in self.trials for claim in trial.survivors]
        return sorted(found, key=lambda entry: -entry[1].self_score)

    @property
    def tested(self) -> int:
        return sum(len(trial.claims) for trial in self.trials)

    @property
    def share(self) -> float:
        return len(self.ranked) / max(self.tested, 1)

    @property
    def control_tested(self) -> int:
        return sum(len(trial.claims) for trial in self.control)

    @property
    def control_survivors(self) -> int:
        return sum(len(trial.survivors) for trial in self.control)

    @property
    def control_share(self) -> float:
        return self.control_survivors / max(self.control_tested, 1)

    @property
    def artefacts(self) -> list[Suspect]:
        return [suspect for suspect in self.suspects if suspect.is_artefact]

    @property
    def confirmed_by_insertion(self) -> int:
        return sum(estimate.low > max(matched, 0.0) for estimate, matched in self.inserted.values())


@probes.register("units")
class Units(Probe):
    """Which unit of the generator draws what?"""

    name: ClassVar[str] = "units"
    question: ClassVar[str] = "Which of its units draws what, and is it gone from the samples without them?"
    section: ClassVar[str] = "explain"
    order: ClassVar[int] = 45
    needs: ClassVar[frozenset[Need]] = frozenset({Need.LAYERS})
    Settings: ClassVar[type[ProbeSettings]] = UnitsSettings
    method: ClassVar[str] = (
        "Dissection. One pass over the samples finds with which concept each unit (channel of a layer) fires: the "
        "correlation of its mean activation with the concept's score, or, where masks are given, the IoU of the "
        "mask with where the activation is in its top 0.5 % (stretched to the mask's size; the threshold comes "
        "from a first pass over 1,000 samples). Faint ones (correlation below 0.1, IoU below 0.05) are dropped. "
        "Then every unit is removed (set to 0 everywhere) on fresh latents. Half of them choose its concept, the "
        "one by which it stands out most from the 8 units of its layer nearest in mean activation; the other half "
        "measures how far that concept falls, in its standard deviations (bootstrap interval over latents). "
        "Believable units are also switched on: set to their top-0.5 % value at the places where they usually "
        "fire, and nowhere else. Smallest sets: how much of each unit to take away is learned by gradient (Adam, "
        "rate 0.01, 100 steps, a price of 0.02 standard deviations a unit; without gradients units are added "
        "greedily) and compared on fresh latents with the best single units and with random sets of that size. "
        "Artefact units: those whose removal brings samples nearer to held-out real ones are tried again on fresh "
        "samples, by the Fréchet distance and against units of the same activity. Self-checks: a unit is "
        "believable only where the whole interval lies above 0.05 and above the effect of every one of its 8 "
        "matched units on that concept; and in the generator with shuffled weights such claims must vanish. A "
        "unit's self-score, 0…1, is the share of its effect that is left when interval and matched units are "
        "taken off, less where the effect is below 0.2. Verdict: not believable where no unit survives or the "
        "shuffled generator keeps half as large a share or more; good where at least half of the units switched on "
        "bring their concept, more than matched units; else, and where there are artefact units, caution."
    )
    self_check: ClassVar[str] = (
        "A unit's concept counts only where removing the unit moves it surely more than removing any of 8 units of "
        "the same activity; not believable where none does, or where a generator with shuffled weights keeps half "
        "as large a share of such claims."
    )
    cost: ClassVar[str] = (
        "The audit's samples once more for the statistics, about 60,000 edited ones at the defaults, and a labeller "
        "or autoencoder for the concepts; a minute for a small convolutional generator."
    )
    source: ClassVar[str] = (
        "Bau et al. 2019 (arXiv 1811.10597); Adebayo et al. 2018 (arXiv 1810.03292) for the shuffled weights"
    )

    def examine(self, subject: Subject, settings: UnitsSettings, context: Context) -> Finding:
        bank = context.bank
        layers = layers_to_dissect(subject, settings.layers)
        if because := _not_applicable(bank, layers):
            return Finding.not_applicable(self.name, self.question, because, section=self.section)
        concepts = concepts_for(bank, settings.concepts)
        module = subject.generator.module
        assert module is not None  # its layers are reached through it
        workshop = Workshop(
            bank.synthesize, module, concepts, bank.batch, context.seed, distance_to_reals(bank)
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
            control = _control(subject, bank, workshop, draws, settings, deviation)
            task.advance()
            result = _Result(
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
            headline=_headline(result),
            verdict=_verdict(result),
            measurements=_measurements(result),
            method=f"{self.method} Concepts: {concepts.title}. {_counts(draws, trials)}",
            figures=_figures(workshop, subject, bank, result),
            arrays=_arrays(result),
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
    n = min(settings.samples, bank.size)
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
) -> list[LayerTrial]:
    """The same trial of the generator with shuffled weights; empty where it can't be shuffled or run."""
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
        )
        layers = layers_to_dissect(shuffled, settings.layers)
        _, trials = try_units(
            bench,
            layers,
            Draws(draws.thresholds, statistics, draws.removals),
            most=min(CONTROL_UNITS, settings.units),
            deviation=deviation,
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
        for trial, concept in most_promising(trials, count)
    ]


def _suspects(workshop: Workshop, bank: SampleBank, trials: list[LayerTrial]) -> list[Suspect]:
    if workshop.distance is None or len(bank.reals("held_out")) < FEWEST:
        return []
    return suspects(workshop, bank, trials, partial(_draw, bank, "artefacts"))


# ---- what is said


def _headline(result: _Result) -> str:
    if not result.ranked:
        return (
            f"Not believable: no unit explains anything by itself. Of {result.tested} units removed one by one none "
            "moves the concept it fires on surely more than units of the same activity do."
        )
    shuffled = (
        f"in the generator with shuffled weights {result.control_survivors or 'none'} of {result.control_tested}"
        if result.control
        else "its weights can't be shuffled for a control"
    )
    gate = ""
    if _vanish_too_little(result):
        gate = "Not believable: the same claims can be made of a generator that has learned nothing."
    trial, claim = result.ranked[0]
    effect = claim.effect
    name = result.concepts.names[claim.concept]
    way = "falls" if claim.agreement > 0 else "rises"
    best = (
        f"Unit {claim.unit} of {trial.layer.name} {'draws' if claim.agreement > 0 else 'holds back'} {name}: without "
        f"it that {way} by {effect.value:.2f} standard deviations ({effect.low:.2f} to {effect.high:.2f}; units as "
        f"active {claim.matched:.2f} at most)."
    )
    keep = "a unit has" if len(result.ranked) == 1 else "units have"
    counted = (
        f"Of {result.tested} units {len(result.ranked)} {keep.removeprefix('a unit ').removeprefix('units ')} a "
        f"concept that survives removal ({shuffled})."
    )
    return sentences(gate, best if not gate else "", counted, _artefact_sentence(result))


def _artefact_sentence(result: _Result) -> str:
    if not result.artefacts:
        return ""
    named = ", ".join(f"unit {each.unit} of {each.layer.name}" for each in result.artefacts)
    best = min(result.artefacts, key=lambda each: each.change.value)
    return f"Without {named} samples come nearer to real ones (Fréchet distance {best.change.value:+.0%})."


def _vanish_too_little(result: _Result) -> bool:
    return result.control_share > 0 and result.control_share >= CONTROL_MAY_CLAIM * result.share


def _verdict(result: _Result) -> Verdict:
    if not result.ranked or _vanish_too_little(result):
        return Verdict.NOT_BELIEVABLE
    confirmed = 2 * result.confirmed_by_insertion >= len(result.inserted)
    return Verdict.GOOD if confirmed and not result.artefacts else Verdict.CAUTION


def _counts(draws: Draws, trials: list[LayerTrial]) -> str:
    left_out = sum(trial.layer.units - len(trial.claims) for trial in trials)
    only = f" {left_out} units that vary least were not removed." if left_out else ""
    return (
        f"{len(draws.statistics[0]):,} samples in the statistics, {len(draws.removals[0])} latents for every "
        f"removal.{only}"
    )


def _measurements(result: _Result) -> list[Measurement]:
    names = result.concepts.names
    lines = [
        measured(
            "units with a believable concept",
            result.share,
            "none: all units of the layers were looked at, and they are not independent of each other",
            unit="share of units",
            better="higher",
            baseline=result.control_share if result.control else 0.0,
            what="the generator with shuffled weights"
            if result.control
            else "no claim at all; its weights can't be shuffled",
        )
    ]
    for trial, claim in result.ranked[:LISTED]:
        where = f"unit {claim.unit} of {trial.layer.name}"
        lines.append(
            claim.effect.measurement(
                f"{where} removed, {'fall' if claim.agreement > 0 else 'rise'} of {names[claim.concept]}",
                unit="standard deviations",
                better="higher",
                baseline=claim.matched,
                what="the most that any unit of the same activity does",
            )
        )
        if (on := result.inserted.get((trial.layer.name, claim.unit))) is not None:
            lines.append(
                on[0].measurement(
                    f"{where} inserted, {'rise' if claim.agreement > 0 else 'fall'} of {names[claim.concept]}",
                    unit="standard deviations",
                    better="higher",
                    baseline=on[1],
                    what="the most that any unit of the same activity does",
                )
            )
    for found in result.sets:
        size = found.sizes[found.enough]
        lines.append(
            found.fall[found.enough].measurement(
                f"{found.how} set of {size} unit{'s' * (size != 1)} of {found.layer.name} removed, fall of "
                f"{names[found.concept]}",
                unit="standard deviations",
                better="higher",
                baseline=found.fall_of_random[found.enough],
                what=f"the best of five random sets of that size; the best single units together "
                f"{found.fall_of_single[found.enough]:.3g}",
            )
        )
    lines += [
        suspect.change.measurement(
            f"change of the Fréchet distance without unit {suspect.unit} of {suspect.layer.name}, {suspect.space}",
            unit="share of it",
            better="neither",
            baseline=suspect.matched,
            what="the lowest for a unit of the same activity",
        )
        for suspect in result.suspects
    ]
    return lines


def _figures(workshop: Workshop, subject: Subject, bank: SampleBank, result: _Result) -> list[Figure]:
    names = result.concepts.names
    return [
        *strips(workshop, subject, bank, result.ranked, names),
        *top_pictures(workshop, subject, bank, result.ranked, names),
        unit_table(result.trials, names, result.inserted),
        layer_plot(result.trials, result.control),
        *set_plots(result.sets, names),
        *artefact_table(result.suspects),
    ]


def _arrays(result: _Result) -> dict[str, Tensor]:
    """By layer: effects and agreement [units, concepts], thresholds and self-scores [units].

    Effects are the mean change of each concept by the unit's removal, in standard deviations (NaN for units that
    were not removed).
    """
    arrays: dict[str, Tensor] = {}
    for trial in result.trials:
        name, units = trial.layer.name, trial.layer.units
        effects = torch.full((units, trial.effects.shape[2]), torch.nan)
        effects[trial.tested] = trial.effects.mean(dim=1)
        scores = torch.zeros(units)
        scores[trial.tested] = torch.tensor([claim.self_score for claim in trial.claims])
        kind = "agreement" if trial.statistics.iou is None else "iou"
        arrays[f"effect_{name}"] = effects
        arrays[f"{kind}_{name}"] = trial.statistics.agreement.float()
        arrays[f"thresholds_{name}"] = trial.statistics.threshold.float()
        arrays[f"self_score_{name}"] = scores
    for found in result.sets:
        arrays[f"set_{found.layer.name}_{result.concepts.names[found.concept]}"] = found.order[
            : found.sizes[found.enough]
        ].clone()
    return arrays
