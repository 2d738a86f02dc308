"""What a dissection says: each rule, from claims made by hand."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from ganlens.explain.dissection.claims import Claim, Standard
from ganlens.explain.dissection.drawn_artefacts import Drawn
from ganlens.explain.dissection.examination import Outcome
from ganlens.explain.dissection.harmful_units import Suspect
from ganlens.explain.dissection.layers import Layer
from ganlens.explain.dissection.trial import LayerTrial, beside_twins
from ganlens.explain.untrained import Refit, Refits
from ganlens.measures import Estimate, Interval
from ganlens.probes.explain.units.conclusion import RULES, Evidence
from ganlens.probes.explain.units.probe import UnitsSettings, plan_of
from ganlens.rules import Verdict, claim_faults, detail_faults

LAYER = Layer("up", 8, (4, 4))
NAMES = ("brightness at the top left", "size")


def near(value: float, by: float = 0.05) -> Estimate:
    return Estimate(value, Interval(value - by, value + by, "made up"))


def claim(unit: int, *, concept: int = 0, agreement: float = 0.5, repeated: bool = False) -> Claim:
    return Claim(unit, concept, agreement, near(0.7), 0.1, repeated=repeated)


def trial(*claims: Claim) -> Any:
    """A layer's trial, as far as words look at it: other units of its eight have no claim."""
    named = {each.unit for each in claims}
    others = [Claim(unit, -1, 0.0, near(0.0), 0.0) for unit in range(8) if unit not in named]
    return SimpleNamespace(
        layer=LAYER, claims=[*claims, *others], survivors=[each for each in claims if each.survives]
    )


def evidence(
    *claims: Claim,
    control: tuple[Claim, ...] | None = (),
    brings: float = 0.6,
    suspects: tuple[Suspect, ...] = (),
) -> Evidence:
    inserted = {(LAYER.name, each.unit): (near(brings), 0.1) for each in claims if each.survives}
    concepts: Any = SimpleNamespace(names=NAMES)
    outcome = Outcome(
        concepts,
        [trial(*claims)],
        Refits(because="it has no weights that can be reached")
        if control is None
        else Refits(
            (Refit("with its weights shuffled", [trial(*control)]), Refit("freshly initialised", []))
        ),
        inserted,
        [],
        list(suspects),
    )
    return Evidence(outcome, often=0.5, fewest_by_chance=3, least_confirmed=0.5)


def suspect(unit: int, change: float) -> Suspect:
    return Suspect(LAYER, unit, near(change, 0.01), -0.02, "pixels")


THREE = claim(0), claim(1), claim(2)
SPOT: Any = SimpleNamespace(called="a bright spot at the top right")
DRAWN = Drawn(LAYER, 7, 0.02, 0.97, near(0.9), 100)


@pytest.mark.parametrize(
    ("seen", "rule", "verdict", "said"),
    [
        (  # whatever else the units do, or with shuffled weights
            replace(evidence(claim(5, repeated=True)), artefact=SPOT, drawn=DRAWN),
            "draws-an-artefact",
            Verdict.CAUTION,
            "Unit 7 draws a bright spot at the top right.",
        ),
        (
            evidence(claim(5, repeated=True), suspects=(suspect(3, -0.2),)),
            "untrained-does-as-well",
            Verdict.NOT_BELIEVABLE,
            "Untrained, the same network has such units too: nothing was learned.",
        ),
        (
            evidence(suspects=(suspect(3, -0.2),)),
            "no-better-than-matched-units",
            Verdict.NOT_BELIEVABLE,
            "No unit explains anything by itself.",
        ),
        (
            evidence(claim(5), suspects=(suspect(3, -0.2), suspect(4, -0.005))),
            "artefact-units",
            Verdict.CAUTION,
            "Removing unit 3 of up brings samples nearer to real ones.",
        ),
        (
            evidence(*THREE, control=THREE, suspects=(suspect(3, -0.2), suspect(4, -0.3))),
            "artefact-units",
            Verdict.CAUTION,
            "Removing any of 2 units brings samples nearer to real ones.",
        ),
        (
            evidence(*THREE, control=THREE),
            "no-more-than-untrained",
            Verdict.NOT_BELIEVABLE,
            "Its units tell nothing: untrained, as many have a concept.",
        ),
        (
            evidence(*THREE, claim(5), control=THREE),
            "as-many-untrained",
            Verdict.CAUTION,
            "4 units have a concept, but untrained it has such units too.",
        ),
        (
            evidence(*THREE, brings=0.12),
            "removal-alone",
            Verdict.GOOD,
            "Removing any of 3 of its units takes one concept away.",
        ),
        (
            evidence(claim(5), control=THREE[:2]),
            "units-control-concepts",
            Verdict.GOOD,
            "1 of its units controls one concept.",
        ),
        (
            evidence(*THREE, control=None),
            "units-control-concepts",
            Verdict.GOOD,
            "3 of its units each control one concept.",
        ),
    ],
)
def test_each_rule(seen: Evidence, rule: str, verdict: Verdict, said: str) -> None:
    concluded = RULES.conclude(seen)
    assert (concluded.rule, concluded.verdict, concluded.claim) == (rule, verdict, said)
    assert claim_faults(concluded.claim) == [] and detail_faults(concluded.detail) == []


def test_the_detail_names_the_surest_unit_with_what_the_others_do() -> None:
    said = RULES.conclude(evidence(claim(5, concept=1, agreement=-0.5))).detail
    assert said == (
        "Surest is that unit 5 of up holds back size: without it size rises by 0.70 standard deviations, without "
        "units as active by 0.10 at most."
    )


def test_an_artefact_unit_comes_with_the_line_that_leaves_it_out() -> None:
    said = RULES.conclude(evidence(claim(5), suspects=(suspect(3, -0.2), suspect(6, -0.3))))
    assert said.detail.startswith(
        "Without unit 6 of up the Fréchet distance to real samples changes by -30.0%"
    )
    known = RULES.conclude(evidence(claim(6), suspects=(suspect(6, -0.3),))).detail
    assert known.startswith("Without unit 6 of up, which draws at the top left, the Fréchet distance")
    assert "get_submodule('up')" in said.advice and "torch.tensor([6], device" in said.advice


def test_remarks_count_units_and_say_what_was_dropped_or_not_checked() -> None:
    assert evidence(claim(5), claim(6, repeated=True), control=(claim(6),)).remarks == [
        "",
        "Of 8 units 1 has a concept that survives removal; in the same network with its weights shuffled 1 of 8.",
        "1 unit kept a concept, but so in the same network untrained: nothing learned.",
        "",
        "",
        "",
    ]
    unchecked = evidence(*THREE, control=None).remarks
    assert unchecked[-1] == (
        "Not all was asked of an untrained twin, because it has no weights that can be reached."
    )
    assert evidence().remarks == []


def test_settings_are_what_claims_are_held_to() -> None:
    plan = plan_of(UnitsSettings(least_effect=0.3, matched=4, layers=["up"]))
    assert plan.standard == Standard(least_effect=0.3, matched=4) and plan.layers == ("up",)
    faint = Claim(0, 0, 0.5, near(0.3), 0.0, plan.standard.least_effect)
    assert not faint.survives and Claim(0, 0, 0.5, near(0.3), 0.0).survives


def test_what_the_same_unit_does_in_either_twin_is_dropped_and_what_another_does_is_not() -> None:
    twins = Refits(
        (
            Refit("with its weights shuffled", [LayerTrial(*nothing_but(claim(3)))], 0.01),
            Refit("freshly initialised", [LayerTrial(*nothing_but(claim(4, concept=1)))], 0.01),
        )
    )
    mine = [claim(3), claim(4), claim(4, concept=1), claim(5)]
    (judged,) = beside_twins([LayerTrial(*nothing_but(*mine))], twins)
    assert [each.repeated for each in judged.claims] == [True, False, True, False]
    assert [each.of_twins for each in judged.claims] == [0.7, 0.0, 0.7, 0.0]


def test_a_twin_s_share_counts_as_far_as_it_varies_as_the_data_do() -> None:
    """Three of eight in the twin, of which a tenth counts, are no reason to doubt three of eight."""
    seen = evidence(*THREE, control=THREE)
    faint = replace(
        seen, outcome=replace(seen.outcome, controls=Refits((Refit("shuffled", [trial(*THREE)], 0.1),)))
    )
    assert seen.outcome.control_share == 3 / 8 and faint.outcome.control_share == pytest.approx(0.3 / 8)
    assert RULES.conclude(faint).rule == "units-control-concepts"


def nothing_but(*claims: Claim) -> tuple[Any, ...]:
    return SimpleNamespace(layer=LAYER), None, None, [*claims], None
