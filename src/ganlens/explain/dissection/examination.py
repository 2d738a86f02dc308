"""A whole dissection: units removed one by one, then everything that could take their claims away again.

removals = remove_units(context, subject, Plan(), layers_to_dissect(subject))
outcome = cross_examine(context, removals)
outcome.ranked  # the claims that survive, the surest first
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Literal

import torch
from torch import Tensor

from ganlens.explain.dissection.claims import Claim, Standard
from ganlens.explain.dissection.concepts import Concepts, concepts_for
from ganlens.explain.dissection.harmful_units import Suspect, distance_to_reals, suspects
from ganlens.explain.dissection.insertions import insert
from ganlens.explain.dissection.layers import Layer, layers_to_dissect
from ganlens.explain.dissection.trial import Draws, LayerTrial, Workshop, beside_twins, try_units
from ganlens.explain.dissection.unit_sets import UnitSet, most_promising, unit_set
from ganlens.explain.preconditions import FEWEST
from ganlens.explain.untrained import Refit, Refits, refit_to_twins
from ganlens.measures import Estimate
from ganlens.subject import Context, SampleBank, Subject, Twin

NAME = "units"
THRESHOLD_SAMPLES = 1000
CONTROL_SAMPLES, CONTROL_UNITS = 1000, 64
FEWEST_LATENTS, MOST_LATENTS = 16, 128
INSERTED = 24
"""Believable units that are switched on as well, the surest first."""


@dataclass(frozen=True)
class Plan:
    """How much to do, and what claims are held to.

    Attributes:
        layers: names of those to dissect; none for one of each layer of weights.
        concepts: where they come from; see `concepts_for`.
        threshold: above which a unit fires: where that says most about a concept ("information"), in its highest
            activations ("top"), or the first for masks and the second for scores ("auto").
        count: the most samples in the statistics.
        units: of a layer that are removed, at most.
        removals: samples made with one unit removed, in all.
        sets: concepts for which a smallest set of units is sought.
        standard: see `Standard`.
    """

    layers: tuple[str, ...] = ()
    concepts: str = "auto"
    threshold: Literal["auto", "information", "top"] = "auto"
    count: int = 10_000
    units: int = 512
    removals: int = 30_000
    sets: int = 2
    standard: Standard = field(default_factory=Standard)


@dataclass(frozen=True)
class Removals:
    """Layers dissected and their units removed one by one; nothing has been doubted yet.

    Attributes:
        deviation: [k] standard deviation of each concept's score over the samples.
        trials: one for each layer.
    """

    subject: Subject
    bank: SampleBank
    plan: Plan
    workshop: Workshop
    draws: Draws
    deviation: Tensor
    trials: list[LayerTrial]

    @property
    def concepts_vary(self) -> bool:
        """Whether any concept varies over the samples, so that something could be claimed."""
        return bool((self.deviation > 0).any())


@dataclass(frozen=True)
class Outcome:
    """All that a dissection found.

    Attributes:
        trials: one for each layer, with what became of each claim in the twins.
        controls: the trials of each untrained twin.
        inserted: for layers' names and units that were switched on, the rise of their concept, and the most that
            units of the same activity do.
    """

    concepts: Concepts
    trials: list[LayerTrial]
    controls: Refits[list[LayerTrial]]
    inserted: dict[tuple[str, int], tuple[Estimate, float]]
    sets: list[UnitSet]
    suspects: list[Suspect]

    @property
    def ranked(self) -> list[tuple[LayerTrial, Claim]]:
        """Claims that survive, the surest first."""
        surviving = [(trial, claim) for trial in self.trials for claim in trial.survivors]
        return sorted(surviving, key=lambda entry: -entry[1].self_score)

    @property
    def tested(self) -> int:
        """Units that were removed."""
        return sum(len(trial.claims) for trial in self.trials)

    @property
    def share(self) -> float:
        """Of the units removed, those whose claim survives."""
        return len(self.ranked) / max(self.tested, 1)

    @property
    def control(self) -> Refit[list[LayerTrial]]:
        """The twin of which the largest share of units has a concept, as far as it counts."""
        return max(
            self.controls.each,
            key=lambda refit: refit.counts * _share_surviving(refit.gave),
            default=Refit[list[LayerTrial]]("", []),
        )

    @property
    def control_tested(self) -> int:
        return sum(len(trial.claims) for trial in self.control.gave)

    @property
    def control_survivors(self) -> int:
        return sum(len(trial.survivors) for trial in self.control.gave)

    @property
    def control_share(self) -> float:
        """Of that twin's units, those with a concept, as far as it counts."""
        return self.control.counts * _share_surviving(self.control.gave)

    @property
    def claimed(self) -> int:
        """Claims before the twins took any away."""
        return sum(claim.stands_out for trial in self.trials for claim in trial.claims)

    @property
    def repeated(self) -> int:
        """Claims that were dropped because the same unit does the same in a twin."""
        return sum(claim.repeated for trial in self.trials for claim in trial.claims)

    @property
    def artefacts(self) -> list[Suspect]:
        """Units whose removal surely brings samples nearer to real ones, the worst first."""
        return sorted((each for each in self.suspects if each.is_artefact), key=lambda s: s.change.value)

    @property
    def confirmed_by_insertion(self) -> int:
        """Units that bring their concept when they are switched on, more than units of the same activity."""
        return sum(estimate.low > max(matched, 0.0) for estimate, matched in self.inserted.values())


def _share_surviving(trials: Sequence[LayerTrial]) -> float:
    return sum(len(each.survivors) for each in trials) / max(sum(len(each.claims) for each in trials), 1)


def remove_units(context: Context, subject: Subject, plan: Plan, layers: Sequence[Layer]) -> Removals:
    """Dissect the layers and remove their units one by one.

    Raises:
        UserError: the concepts can't be had; see `concepts_for`.
    """
    bank = context.bank
    concepts = concepts_for(bank, plan.concepts)
    module = subject.generator.module
    assert module is not None  # its layers are reached through it
    workshop = Workshop(
        bank.synthesize,
        module,
        concepts,
        bank.batch,
        context.seed,
        distance_to_reals(bank),
        plan.threshold == "information" or (plan.threshold == "auto" and concepts.masks),
        subject.generator,
        plan.standard,
    )
    draws = _draws(bank, layers, plan)
    count = len(draws.statistics[0]) + sum(min(layer.units, plan.units) for layer in layers)
    with context.progress.task("Dissecting units", count) as task:
        dissection, trials = try_units(workshop, layers, draws, most=plan.units, task=task)
    return Removals(subject, bank, plan, workshop, draws, dissection.concept_deviation, trials)


def cross_examine(context: Context, removals: Removals) -> Outcome:
    """Make the trial anew in untrained twins, switch units on, look for smallest sets and for artefact units."""
    with context.progress.task("Switching units on, in sets, and in untrained twins", 3) as task:
        controls = _controls(removals)
        trials = beside_twins(removals.trials, controls)
        task.advance()
        outcome = Outcome(
            removals.workshop.concepts,
            trials,
            controls,
            _inserted(removals, trials),
            _sets(removals, trials),
            _suspects(removals, trials),
        )
        task.advance(2)
    return outcome


def _draw(bank: SampleBank, purpose: str, n: int) -> tuple[Tensor, Tensor | None]:
    """Latents of the dissection's own, with the bank's conditions (repeated, where more are asked for)."""
    labels = bank.conditions(min(n, bank.size))
    if labels is not None:
        labels = labels[torch.arange(n) % len(labels)]
    return bank.sample_latents(n, NAME, purpose), labels


def _draws(bank: SampleBank, layers: Sequence[Layer], plan: Plan) -> Draws:
    n = min(plan.count, bank.size)
    removed = sum(min(layer.units, plan.units) for layer in layers)
    latents = min(max(plan.removals // removed, FEWEST_LATENTS), MOST_LATENTS, bank.batch)
    first = min(n, THRESHOLD_SAMPLES)
    return Draws(
        (bank.latents(first), bank.conditions(first)),
        (bank.latents(n), bank.conditions(n)),
        _draw(bank, "removals", latents),
    )


def _controls(removals: Removals) -> Refits[list[LayerTrial]]:
    """The same trial of each untrained twin, on fewer samples and units; those of which something is claimed first."""
    bank, plan, workshop = removals.bank, removals.plan, removals.workshop
    latents, labels = removals.draws.statistics
    some = slice(CONTROL_SAMPLES)
    statistics = latents[some], None if labels is None else labels[some]
    claimed = {trial.layer.name: [claim.unit for claim in trial.survivors] for trial in removals.trials}

    def trials_of(twin: Twin) -> list[LayerTrial]:
        module = twin.subject.generator.module
        assert module is not None  # it is a copy of one
        bench = Workshop(
            partial(twin.subject.synthesize, batch=bank.batch),
            module,
            workshop.concepts,
            bank.batch,
            workshop.seed,
            informative=workshop.informative,
            generator=twin.subject.generator,
            standard=workshop.standard,
        )
        return try_units(
            bench,
            layers_to_dissect(twin.subject, plan.layers),
            Draws(removals.draws.thresholds, statistics, removals.draws.removals),
            most=min(CONTROL_UNITS, plan.units),
            deviation=removals.deviation,
            first=claimed,
        )[1]

    return refit_to_twins(bank, trials_of)


def _inserted(removals: Removals, trials: list[LayerTrial]) -> dict[tuple[str, int], tuple[Estimate, float]]:
    surest = sorted((c.self_score for trial in trials for c in trial.survivors), reverse=True)
    if not surest:
        return {}
    least = surest[:INSERTED][-1]
    inserted = {}
    for trial in trials:
        wanted = [claim for claim in trial.survivors if claim.self_score >= least]
        if wanted:
            effects = insert(removals.workshop, trial, wanted, removals.draws, removals.deviation)
            inserted.update({(trial.layer.name, unit): effect for unit, effect in effects.items()})
    return inserted


def _sets(removals: Removals, trials: list[LayerTrial]) -> list[UnitSet]:
    bank, workshop = removals.bank, removals.workshop
    learn_on, test_on = _draw(bank, "learning sets", bank.batch), _draw(bank, "testing sets", MOST_LATENTS)
    return [
        unit_set(
            workshop, removals.subject, trial, concept, float(removals.deviation[concept]), learn_on, test_on
        )
        for trial, concept in most_promising(trials, workshop.concepts.names, removals.plan.sets)
    ]


def _suspects(removals: Removals, trials: list[LayerTrial]) -> list[Suspect]:
    bank, workshop = removals.bank, removals.workshop
    if workshop.distance is None or len(bank.reals("held_out")) < FEWEST:
        return []
    return suspects(workshop, bank, trials, partial(_draw, bank, "artefacts"))
