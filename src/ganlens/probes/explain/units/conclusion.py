"""What is concluded from a dissection, in words and numbers."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ganlens.explain.dissection.artefacts import Suspect
from ganlens.explain.dissection.claims import Claim
from ganlens.explain.dissection.concepts import Concepts
from ganlens.explain.dissection.trial import LayerTrial
from ganlens.explain.dissection.unit_sets import UnitSet
from ganlens.measurement import Measurement
from ganlens.measures import Estimate
from ganlens.probes.preconditions import sentences
from ganlens.rules import Verdict

LISTED = 6
OFTEN, FEWEST_BY_CHANCE = 0.5, 3
"""The shuffled generator has as good a share of claims of its own where it has half as large a one, and so many."""


@dataclass(frozen=True)
class Conclusion:
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
    def repeated(self) -> int:
        """Claims that were dropped because the shuffled generator repeats them."""
        return sum(claim.repeated for trial in self.trials for claim in trial.claims)

    @property
    def as_often_shuffled(self) -> bool:
        """Whether units of the shuffled generator have concepts, of whatever kind, about as often."""
        return self.control_survivors >= FEWEST_BY_CHANCE and self.control_share >= OFTEN * self.share

    @property
    def artefacts(self) -> list[Suspect]:
        return [suspect for suspect in self.suspects if suspect.is_artefact]

    @property
    def confirmed_by_insertion(self) -> int:
        return sum(estimate.low > max(matched, 0.0) for estimate, matched in self.inserted.values())


def headline(result: Conclusion) -> str:
    repeated = ""
    if result.repeated:
        repeated = f"{_units(result.repeated)} kept a concept, but so with shuffled weights: nothing learned."
    if not result.ranked:
        nothing = (
            f"Not believable: no unit explains anything by itself. Of {result.tested} units removed one by one none "
            "moves the concept it fires on surely more than units of the same activity do"
            f"{', and only with these weights' if result.repeated else ''}."
        )
        return sentences(nothing, repeated)
    shuffled = (
        f"in the generator with shuffled weights {result.control_survivors or 'none'} of {result.control_tested}"
        if result.control
        else "its weights can't be shuffled for a control"
    )
    trial, claim = result.ranked[0]
    effect = claim.effect
    name = result.concepts.names[claim.concept]
    way = "falls" if claim.agreement > 0 else "rises"
    best = (
        f"Unit {claim.unit} of {trial.layer.called} {deed(name, claim.agreement > 0)}: without it "
        f"{name} {way} by {effect.value:.2f} standard deviations ({effect.low:.2f} to {effect.high:.2f}; units as "
        f"active {claim.matched:.2f} at most)."
    )
    counted = (
        f"Of {result.tested} units {len(result.ranked)} {'has' if len(result.ranked) == 1 else 'have'} a concept that "
        f"survives removal ({shuffled})."
    )
    often = ""
    if result.as_often_shuffled:
        often = "So many units have a concept without any learning: believe each by itself, not their number."
    return sentences(best, counted, repeated, often, _artefact_sentence(result))


def _units(count: int) -> str:
    return f"{count} unit{'s' * (count != 1)}"


def deed(concept: str, fires_with: bool) -> str:
    """What a unit does about a concept, as a verb and its object."""
    place = concept.removeprefix("brightness ")
    if place != concept:
        return f"draws {place}" if fires_with else f"keeps dark what is {place}"
    return f"makes {concept}" if fires_with else f"holds back {concept}"


def _artefact_sentence(result: Conclusion) -> str:
    if not result.artefacts:
        return ""
    named = ", ".join(f"unit {each.unit} of {each.layer.called}" for each in result.artefacts)
    best = min(result.artefacts, key=lambda each: each.change.value)
    return f"Without {named} samples come nearer to real ones (Fréchet distance {best.change.value:+.0%})."


def verdict(result: Conclusion) -> Verdict:
    if not result.ranked:
        return Verdict.NOT_BELIEVABLE
    confirmed = 2 * result.confirmed_by_insertion >= len(result.inserted)
    doubtful = result.artefacts or result.as_often_shuffled
    return Verdict.GOOD if confirmed and not doubtful else Verdict.CAUTION


def measurements(result: Conclusion) -> list[Measurement]:
    names = result.concepts.names
    lines = [
        Estimate(
            result.share,
            "none: all units of the layers were looked at, and they are not independent of each other",
        ).measurement(
            "units with a believable concept",
            unit="share of units",
            better="higher",
            baseline=result.control_share if result.control else 0.0,
            what="the generator with shuffled weights"
            if result.control
            else "no claim at all; its weights can't be shuffled",
        )
    ]
    for trial, claim in result.ranked[:LISTED]:
        where = f"unit {claim.unit} of {trial.layer.called}"
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
                f"{found.how} set of {size} unit{'s' * (size != 1)} of {found.layer.called} removed, fall of "
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
            f"change of the Fréchet distance without unit {suspect.unit} of {suspect.layer.called}, {suspect.space}",
            unit="share of it",
            better="neither",
            baseline=suspect.matched,
            what="the lowest for a unit of the same activity",
        )
        for suspect in result.suspects
    ]
    return lines


def arrays(result: Conclusion) -> dict[str, Tensor]:
    """By layer: effects and agreement [units, concepts], thresholds and self-scores [units], and where each concept
    has its own, thresholds [units, concepts].

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
        if trial.statistics.for_concept is not None:
            arrays[f"thresholds_for_concepts_{name}"] = trial.statistics.for_concept.float()
    for found in result.sets:
        arrays[f"set_{found.layer.name}_{result.concepts.names[found.concept]}"] = found.order[
            : found.sizes[found.enough]
        ].clone()
    return arrays
