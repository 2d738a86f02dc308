"""What each unit of the generator draws, and whether it is missed when it is gone."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, ClassVar, Literal

from pydantic import Field

from ganlens.explain.dissection.claims import Standard
from ganlens.explain.dissection.drawn_artefacts import foremost_drawn
from ganlens.explain.dissection.examination import (
    Outcome,
    Plan,
    Removals,
    cross_examine,
    remove_units,
)
from ganlens.explain.dissection.layers import Layer, layers_to_dissect
from ganlens.explain.preconditions import FEWEST
from ganlens.figures.figure import Figure
from ganlens.finding import Finding
from ganlens.probes.explain.units.conclusion import RULES, Evidence, arrays_of, measurements_of
from ganlens.probes.explain.units.figures import (
    artefact_table,
    layer_plot,
    set_plots,
    strips,
    top_pictures,
    unit_table,
)
from ganlens.probes.learned import LearnedSettings
from ganlens.probes.probe import Need, Probe, probes, threshold
from ganlens.probes.repetition import without_repetition
from ganlens.subject import Context, SampleBank, Subject


class UnitsThresholds(LearnedSettings):
    """What claims about units, and the verdict, hang on."""

    least_correlation: float = threshold(
        Standard.least_correlation,
        "Correlation with a concept's score below which a unit is not said to fire on it: less explains a hundredth "
        "of how the concept varies",
        ge=0,
        le=1,
    )
    least_iou: float = threshold(
        Standard.least_iou,
        "IoU with a concept's mask below which a unit is not said to fire on it: network dissection's usual limit",
        ge=0,
        le=1,
    )
    least_effect: float = threshold(
        Standard.least_effect,
        "Standard deviations of a concept by which a unit's removal must surely move it: less can't be seen",
        gt=0,
    )
    matched: int = threshold(
        Standard.matched,
        "Units of the same layer, nearest in activity, each of which a unit's effect must surely exceed: removing "
        "anything as active disturbs samples",
        ge=2,
    )
    least_change: float = threshold(
        Standard.least_change,
        "Share of the Fréchet distance by which a unit's removal must surely lower it to make it an artefact unit: "
        "less is no reason to remove anything",
        ge=0,
    )
    often: float = threshold(
        0.5,
        "How large a share of units has a concept in an untrained twin, of the share in the generator, from which "
        "their number means nothing: half of it then comes without learning",
        gt=0,
    )
    fewest_by_chance: int = threshold(
        3, "Units with a concept that it takes in an untrained twin to say so: one or two happen", ge=1
    )
    least_confirmed: float = threshold(
        0.5,
        "Share of the units switched on that must bring their concept more than matched units: most of what removing "
        "them says should hold the other way round",
        ge=0,
        le=1,
    )


class UnitsSettings(UnitsThresholds):
    layers: list[str] = Field(
        default=[], description="Layers to dissect, by name; default: one for each layer of weights"
    )
    concepts: str = Field(
        Plan.concepts,
        description="Where concepts come from: auto, classes, factors, code, picture, or python:module:function "
        "of samples [n, …] that gives scores [n, k] or masks [n, k, height, width], alone or with their names",
    )
    threshold: Literal["auto", "information", "top"] = Field(
        Plan.threshold,
        description="Above which activation a unit fires: where that says most about a concept (information), in "
        "its top half per cent (top), or the first for concepts that are masks and the second for others (auto)",
    )
    count: int = Field(Plan.count, ge=FEWEST, description="The most samples in the dissection")
    units: int = Field(
        Plan.units,
        ge=3,
        description="The most units of a layer to remove one by one, those that vary most first",
    )
    removals: int = Field(
        Plan.removals,
        ge=100,
        description="Samples made with one unit removed: bounds the time of the causal test",
    )
    sets: int = Field(
        Plan.sets, ge=0, le=20, description="Concepts for which a smallest set of units is sought"
    )


@probes.register("units")
class Units(Probe):
    """Which unit of the generator draws what?"""

    name: ClassVar[str] = "units"
    question: ClassVar[str] = "Which of its units draws what, and is it gone from the samples without them?"
    section: ClassVar[str] = "explain"
    order: ClassVar[int] = 20
    needs: ClassVar[frozenset[Need]] = frozenset({Need.LAYERS})
    Settings: ClassVar[type[LearnedSettings]] = UnitsSettings
    method: ClassVar[str] = (
        "Dissection. One pass over the samples finds with which concept each unit (channel of a layer) fires: the "
        "correlation of its mean activation with the concept's score, or, where masks are given, the IoU of the "
        "mask with where the unit fires (stretched to the mask's size). It fires above a threshold found on the "
        "first samples: of several that it seldom to mostly exceeds, the one at which firing shares most "
        "information with the concept (mutual information over joint entropy; its very highest activations where "
        "that is no more than chance for all of its candidates and concepts together), or its very highest "
        "activations throughout (here: {threshold}; auto takes the first for masks, the second for scores, which "
        "say nothing of places). Faint ones (correlation below {least_correlation:g}, IoU below {least_iou:g}) are "
        "dropped. Then every unit is removed (set to zero everywhere) on fresh latents. Half of them choose its "
        "concept, the one by which it stands out most from the {matched} units of its layer nearest in mean "
        "activation; the other half measures how far that concept falls, in its standard deviations (bootstrap "
        "interval over latents). Believable units are also switched on: set to their typical value where they fire, "
        "at the places where they usually do, and nowhere else. Smallest sets: how much of each unit to take away is "
        "learned by gradient, at a price for each unit (without gradients units are added greedily), and compared on "
        "fresh latents with the best single units and with random sets of that size. Artefact units: those whose "
        "removal brings samples nearer to held-out real ones are tried again on fresh samples, by the Fréchet "
        "distance and against units of the same activity; the whole interval of the fall must lie above "
        "{least_change:.0%} of the distance. Self-checks: a unit is believable only where the whole interval lies "
        "above {least_effect:g} and above the effect of every one of its {matched} matched units on that concept; "
        "and it must surpass untrained twins: the same network with its weights shuffled and freshly drawn, to which "
        "the trial is fitted anew on fewer samples and units. What a unit does there as well, by the same test, is "
        "dropped; and their number is held against how many units have any concept there (a twin counts as far as its "
        "samples vary as real ones do beside the generator's; it is left out where its weights can't be reached, or it "
        "draws as the data are). A unit's self-score, from zero to one, is the share of its effect that is left when "
        "interval and matched units are taken off, less where the "
        "effect is faint. Verdict: not believable where no unit survives, or where no larger a share of units has a "
        "concept than in a twin ({fewest_by_chance} there at least) and none more surely; caution where there are "
        "artefact units, or where units of a twin have concepts of any kind at least {often:g} times as often "
        "({fewest_by_chance} at least); else good. Where fewer than {least_confirmed:.0%} of the units switched on "
        "bring their concept, more than matched units, it is said that removal alone shows it."
    )
    rules: ClassVar[Any] = RULES
    self_check: ClassVar[str] = (
        "A unit's concept counts only where removing the unit moves it surely more than removing any unit of "
        "the same activity, and the same unit does not do so in the same network untrained; not believable where "
        "none is left."
    )
    cost: ClassVar[str] = (
        "The audit's samples once more for the statistics, about 60,000 edited ones at the defaults, and a labeller "
        "or autoencoder for the concepts; a minute for a small convolutional generator."
    )
    source: ClassVar[str] = (
        "Bau et al. 2019 (arXiv 1811.10597); Adebayo et al. 2018 (arXiv 1810.03292) for untrained twins"
    )

    def examine(self, subject: Subject, settings: UnitsSettings, context: Context) -> Finding:
        if because := without_repetition(subject):
            return Finding.not_applicable(because)
        layers = layers_to_dissect(subject, settings.layers)
        if because := _not_applicable(context.bank, layers):
            return Finding.not_applicable(because)
        removals = remove_units(context, subject, plan_of(settings), layers)
        if not removals.concepts_vary:
            because = "none of the concepts varies over its samples"
            return Finding.not_applicable(because)
        outcome = cross_examine(context, removals)
        artefact, drawn = foremost_drawn(context) or (None, None)
        evidence = Evidence(
            outcome,
            settings.often,
            settings.fewest_by_chance,
            settings.least_confirmed,
            artefact,
            drawn,
        )
        return Finding.concluded(
            RULES.conclude(evidence),
            measurements=measurements_of(outcome),
            figures=_figures(removals, outcome),
            arrays=arrays_of(outcome),
            remarks=evidence.remarks,
            method=f"{self.described(settings)} Concepts: {outcome.concepts.title}. {_counts(removals)}",
        )


def plan_of(settings: UnitsSettings) -> Plan:
    """How much to do, and what claims are held to."""
    standard = settings.model_dump(include={field.name for field in fields(Standard)})
    asked = settings.model_dump(include={field.name for field in fields(Plan)})
    return Plan(**asked | {"layers": tuple(settings.layers), "standard": Standard(**standard)})


def _not_applicable(bank: SampleBank, layers: list[Layer]) -> str:
    if not layers:
        return "none of its layers gives [units] or [units, height, width] before the sample itself"
    if bank.size < FEWEST:
        return f"it needs at least {FEWEST} samples and there are {bank.size}"
    if all(layer.units < 3 for layer in layers):
        return "no layer has three units, so there is none to compare another with"
    return ""


def _figures(removals: Removals, outcome: Outcome) -> list[Figure]:
    names, workshop, bank = outcome.concepts.names, removals.workshop, removals.bank
    return [
        *strips(workshop, removals.subject, bank, outcome.ranked, names),
        *top_pictures(workshop, removals.subject, bank, outcome.ranked, names),
        unit_table(outcome.trials, names, outcome.inserted),
        layer_plot(outcome.trials, outcome.controls),
        *set_plots(outcome.sets, names),
        *artefact_table(outcome.suspects),
    ]


def _counts(removals: Removals) -> str:
    draws = removals.draws
    left_out = sum(trial.layer.units - len(trial.claims) for trial in removals.trials)
    only = f" {left_out} units that vary least were not removed." if left_out else ""
    return (
        f"{len(draws.statistics[0]):,} samples in the statistics, {len(draws.removals[0])} latents for every "
        f"removal.{only}"
    )
