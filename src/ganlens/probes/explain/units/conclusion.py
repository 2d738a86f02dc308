"""What is concluded from a dissection: rules in words, and numbers."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ganlens.explain.artefacts.search import Artefact
from ganlens.explain.dissection.claims import Claim
from ganlens.explain.dissection.drawn_artefacts import Drawn
from ganlens.explain.dissection.examination import Outcome
from ganlens.explain.dissection.harmful_units import Suspect
from ganlens.explain.dissection.trial import LayerTrial
from ganlens.measurement import Measurement
from ganlens.measures import Estimate
from ganlens.probes.shared_rules import Untrained, untrained_does_as_well
from ganlens.rules import Rule, Rules, Verdict, always

LISTED = 6
"""Believable units that have lines among the measurements."""


@dataclass(frozen=True)
class Evidence:
    """What a dissection found, and what it is judged by.

    Attributes:
        often, fewest_by_chance, least_confirmed: see `UnitsSettings`.
        artefact, drawn: the foremost artefact of its samples and the unit that draws it; None where no single one does.
    """

    outcome: Outcome
    often: float
    fewest_by_chance: int
    least_confirmed: float
    artefact: Artefact | None = None
    drawn: Drawn | None = None

    @property
    def untrained(self) -> Untrained:
        """What became of the claims in the untrained twins."""
        o = self.outcome
        claims = (claim for trial in o.trials for claim in trial.claims if claim.stands_out)
        best = max(claims, key=lambda claim: claim.effect.low, default=None)
        low, of_twins = (0.0, 0.0) if best is None else (best.effect.low, best.of_twins)
        return Untrained(o.claimed, self.believable, low, of_twins, o.controls.because)

    @property
    def believable(self) -> int:
        """Units whose claim survives."""
        return len(self.outcome.ranked)

    @property
    def as_often_untrained(self) -> bool:
        """Whether units of an untrained twin have concepts, of whatever kind, about as often."""
        enough = self.outcome.control_survivors >= self.fewest_by_chance
        return enough and self.outcome.control_share >= self.often * self.outcome.share

    @property
    def no_more_than_untrained(self) -> bool:
        """Whether no larger a share of units has a concept than in an untrained twin, nor any more surely."""
        o = self.outcome
        enough = o.control_survivors >= self.fewest_by_chance and o.control_share >= o.share
        surest = max((claim.self_score for trial in o.control.gave for claim in trial.survivors), default=0.0)
        return enough and all(claim.self_score <= surest for _, claim in o.ranked)

    @property
    def refused(self) -> bool:
        """Whether that is what is said: artefact units, which are known by other means, are said first."""
        return self.no_more_than_untrained and not self.outcome.artefacts and self.drawn is None

    @property
    def confirmed(self) -> bool:
        """Whether enough of the units that were switched on bring their concept."""
        return self.outcome.confirmed_by_insertion >= self.least_confirmed * len(self.outcome.inserted)

    @property
    def share_confirmed(self) -> float:
        """Of the units that were switched on, those that bring their concept."""
        return self.outcome.confirmed_by_insertion / max(len(self.outcome.inserted), 1)

    @property
    def any_believable(self) -> str:
        """Which units that is said of."""
        return "one" if self.believable == 1 else f"any of {self.believable}"

    @property
    def units_have(self) -> str:
        return "unit has" if self.believable == 1 else "units have"

    @property
    def units_control(self) -> str:
        return "units controls" if self.believable == 1 else "units each control"

    @property
    def surest(self) -> str:
        """What the surest unit does, as a clause."""
        trial, claim = self.outcome.ranked[0]
        name = self.outcome.concepts.names[claim.concept]
        return f"{called(trial, claim)} {what_it_does(name, fires_with=claim.agreement > 0)}"

    @property
    def foremost(self) -> str:
        """The same, with how much of it is gone without the unit."""
        _, claim = self.outcome.ranked[0]
        name, way = self.outcome.concepts.names[claim.concept], "falls" if claim.agreement > 0 else "rises"
        return (
            f"{self.surest}: without it {name} {way} by {claim.effect.value:.2f} standard deviations, without units "
            f"as active by {claim.matched:.2f} at most"
        )

    @property
    def worst(self) -> Suspect:
        """The unit without which samples come nearest to real ones."""
        return self.outcome.artefacts[0]

    @property
    def worst_called(self) -> str:
        return f"unit {self.worst.unit} of {self.worst.layer.called}"

    @property
    def which_does(self) -> str:
        """What that unit does, as a relative clause, where that can be claimed."""
        for trial, claim in self.outcome.ranked:
            if (trial.layer, claim.unit) == (self.worst.layer, self.worst.unit):
                name = self.outcome.concepts.names[claim.concept]
                return f", which {what_it_does(name, fires_with=claim.agreement > 0)},"
        return ""

    @property
    def any_artefact(self) -> str:
        """The artefact unit; how many there are, where there are several."""
        count = len(self.outcome.artefacts)
        return self.worst_called if count == 1 else f"any of {count} units"

    @property
    def remarks(self) -> list[str]:
        """What a careful reader has to know beside a result; nothing beside a refusal."""
        if not self.believable or self.refused:
            return []
        artefacts = self.outcome.artefacts
        return [
            f"Surest is that {self.foremost}."
            if artefacts or self.as_often_untrained or not self.confirmed
            else "",
            self._counted,
            f"{units(self.outcome.repeated)} kept a concept, but so in the same network untrained: nothing learned."
            if self.outcome.repeated
            else "",
            "Untrained, so many of its units have a concept, too: believe each by itself, not their number."
            if self.as_often_untrained and artefacts
            else "",
            f"Removing each of these alone helps: {self._artefacts_called}." if len(artefacts) > 1 else "",
            self.untrained.remark,
        ]

    @property
    def _counted(self) -> str:
        o = self.outcome
        control = (
            f"; in the same network {o.control.called} {o.control_survivors or 'none'} of {o.control_tested}"
            if o.controls
            else ""
        )
        return f"Of {units(o.tested)} {self.believable} {self._has} a concept that survives removal{control}."

    @property
    def _has(self) -> str:
        return "has" if self.believable == 1 else "have"

    @property
    def _artefacts_called(self) -> str:
        return ", ".join(f"unit {each.unit} of {each.layer.called}" for each in self.outcome.artefacts)


RULES = Rules(
    Evidence,
    Rule(
        "draws-an-artefact",
        lambda e: e.drawn is not None,
        Verdict.CAUTION,
        claim="Unit {drawn.unit} draws {artefact.called}.",
        detail="Without it, in {drawn.layer.called}, {drawn.left:.0%} of the samples that had that have it still; "
        "without another unit as active {drawn.left_without_others:.0%} at the least.",
        advice="Leave it out where that is no loss: "
        "`generator.get_submodule('{drawn.layer.name}').register_forward_hook(lambda layer, given, output: "
        "output.index_fill(1, torch.tensor([{drawn.unit}], device=output.device), 0))`.",
    ),
    untrained_does_as_well(
        "units", "Without its best unit a concept surely moves by standard deviations of", ".2f"
    ),
    Rule(
        "no-better-than-matched-units",
        lambda e: not e.believable,
        Verdict.NOT_BELIEVABLE,
        claim="No unit explains anything by itself.",
        detail="Of {outcome.tested:.0f} units removed one by one none moves the concept it fires on surely more than "
        "units of the same activity do.",
        advice="Look for what many units do together: `ganlens probe directions SUBJECT`.",
    ),
    Rule(
        "artefact-units",
        lambda e: bool(e.outcome.artefacts),
        Verdict.CAUTION,
        claim="Removing {any_artefact} brings samples nearer to real ones.",
        detail="Without {worst_called}{which_does} the Fréchet distance to real samples changes by "
        "{worst.change.value:+.1%}, without units as active by {worst.matched:+.1%} at the lowest.",
        advice="Look at what it draws, and leave it out where that is no loss: "
        "`generator.get_submodule('{worst.layer.name}').register_forward_hook(lambda layer, given, output: "
        "output.index_fill(1, torch.tensor([{worst.unit}], device=output.device), 0))`.",
    ),
    Rule(
        "no-more-than-untrained",
        lambda e: e.no_more_than_untrained,
        Verdict.NOT_BELIEVABLE,
        claim="Its units tell nothing: untrained, as many have a concept.",
        detail="Of its units {outcome.share:.1%} have a concept that survives their removal, in the same network "
        "untrained {outcome.control_share:.1%}.",
        advice="Train it further, or make sure that its trained weights were loaded, and ask again.",
    ),
    Rule(
        "as-many-untrained",
        lambda e: e.as_often_untrained,
        Verdict.CAUTION,
        claim="{believable:.0f} {units_have} a concept, but untrained it has such units too.",
        detail="Surest is that {surest}; {outcome.share:.1%} of the units have a concept, in the same network "
        "untrained {outcome.control_share:.1%}.",
        advice="Believe each unit in the table by itself, not their number; for what was learned ask "
        "`ganlens probe directions SUBJECT`.",
    ),
    Rule(
        "removal-alone",
        lambda e: not e.confirmed,
        Verdict.GOOD,
        claim="Removing {any_believable} of its units takes one concept away.",
        detail="Surest is that {surest}; of the units switched on {share_confirmed:.0%} bring their concept more than "
        "units as active do, where {least_confirmed:.0%} would confirm it.",
        advice="Edit samples by removing these units, not by switching them on; what adds a concept is sought by "
        "`ganlens probe directions SUBJECT`.",
    ),
    Rule(
        "units-control-concepts",
        always,
        Verdict.GOOD,
        claim="{believable:.0f} of its {units_control} one concept.",
        detail="Surest is that {foremost}.",
    ),
)


def units(count: int) -> str:
    return f"{count} unit{'s' * (count != 1)}"


def called(trial: LayerTrial, claim: Claim) -> str:
    return f"unit {claim.unit} of {trial.layer.called}"


def what_it_does(concept: str, *, fires_with: bool) -> str:
    """What a unit does about a concept, as a verb and its object."""
    place = concept.removeprefix("brightness ")
    if place != concept:
        return f"draws {place}" if fires_with else f"keeps dark what is {place}"
    return f"makes {concept}" if fires_with else f"holds back {concept}"


def measurements_of(outcome: Outcome) -> list[Measurement]:
    names = outcome.concepts.names
    lines = [
        Estimate(
            outcome.share,
            "none: all units of the layers were looked at, and they are not independent of each other",
        ).measurement(
            "units with a believable concept",
            unit="share of units",
            better="higher",
            baseline=outcome.control_share,
            what=f"the same network, {outcome.control.called}{outcome.controls.counted_how}"
            if outcome.controls
            else "no claim at all; there is no untrained twin to ask",
        )
    ]
    for trial, claim in outcome.ranked[:LISTED]:
        where = called(trial, claim)
        lines.append(
            claim.effect.measurement(
                f"{where} removed, {'fall' if claim.agreement > 0 else 'rise'} of {names[claim.concept]}",
                unit="standard deviations",
                better="higher",
                baseline=claim.matched,
                what="the most that any unit of the same activity does",
            )
        )
        if (on := outcome.inserted.get((trial.layer.name, claim.unit))) is not None:
            lines.append(
                on[0].measurement(
                    f"{where} inserted, {'rise' if claim.agreement > 0 else 'fall'} of {names[claim.concept]}",
                    unit="standard deviations",
                    better="higher",
                    baseline=on[1],
                    what="the most that any unit of the same activity does",
                )
            )
    for unit_set in outcome.sets:
        chosen = unit_set.enough
        size = unit_set.sizes[chosen]
        lines.append(
            unit_set.fall[chosen].measurement(
                f"{unit_set.how} set of {size} unit{'s' * (size != 1)} of {unit_set.layer.called} removed, fall of "
                f"{names[unit_set.concept]}",
                unit="standard deviations",
                better="higher",
                baseline=unit_set.fall_of_random[chosen],
                what=f"the best of five random sets of that size; the best single units together "
                f"{unit_set.fall_of_single[chosen]:.3g}",
            )
        )
    lines += [
        suspect.change.measurement(
            f"change of the Fréchet distance without unit {suspect.unit} of {suspect.layer.called}, {suspect.space}",
            unit="share of it",
            better="neither",
            baseline=suspect.matched,
            what="the lowest for a unit of the same activity",
        )
        for suspect in outcome.suspects
    ]
    return lines


def arrays_of(outcome: Outcome) -> dict[str, Tensor]:
    """By layer: effects and agreement [units, concepts], thresholds and self-scores [units], and where each concept
    has its own, thresholds [units, concepts].

    Effects are the mean change of each concept by the unit's removal, in standard deviations (NaN for units that
    were not removed).
    """
    arrays: dict[str, Tensor] = {}
    for trial in outcome.trials:
        name, units = trial.layer.name, trial.layer.units
        effects = torch.full((units, trial.effects.shape[2]), torch.nan)
        effects[trial.tested] = trial.effects.mean(dim=1)
        scores = torch.zeros(units)
        scores[trial.tested] = torch.tensor([claim.self_score for claim in trial.claims])
        measure = "agreement" if trial.statistics.iou is None else "iou"
        arrays[f"effect_{name}"] = effects
        arrays[f"{measure}_{name}"] = trial.statistics.agreement.float()
        arrays[f"thresholds_{name}"] = trial.statistics.threshold.float()
        arrays[f"self_score_{name}"] = scores
        if trial.statistics.for_concept is not None:
            arrays[f"thresholds_for_concepts_{name}"] = trial.statistics.for_concept.float()
    for unit_set in outcome.sets:
        arrays[f"set_{unit_set.layer.name}_{outcome.concepts.names[unit_set.concept]}"] = unit_set.order[
            : unit_set.sizes[unit_set.enough]
        ].clone()
    return arrays
