"""What is said of directions: each rule, from evidence made by hand."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from ganlens.probes.explain.directions.conclusion import RULES, Evidence
from ganlens.probes.shared_rules import ShuffledWeights
from ganlens.rules import Verdict, claim_faults, detail_faults

LEARNED = ShuffledWeights(12, 12, 0, 0.5)


def direction(name: str, purity: float, score: float = 0.6) -> SimpleNamespace:
    claim = SimpleNamespace(purity=purity, score=SimpleNamespace(value=score))
    return SimpleNamespace(name=SimpleNamespace(text=name), claim=claim, believable=True)


def evidence(
    *directions: SimpleNamespace,
    effect: float = 0.1,
    shuffled: ShuffledWeights = LEARNED,
    methods: tuple[str, ...] = ("sefa", "ganspace"),
) -> Evidence:
    """The directions are all SeFa's; GANSpace found nothing."""
    baseline = SimpleNamespace(effect=effect, bar=0.21, standard=SimpleNamespace(beaten=0.95))
    outcome: Any = SimpleNamespace(
        believable=[*directions],
        different=[*{each.name.text: each for each in reversed(directions)}.values()][::-1],
        baseline=baseline,
        sets=[SimpleNamespace(method=method) for method in ("random", *methods)],
        by=lambda method: [*directions] if method == "sefa" else [],
    )
    return Evidence(outcome, shuffled, several=3, clean=0.5, k=8)


PURE = [direction(name, 0.7) for name in ("moves right", "brightens", "leans right", "widens")]
MIXED = [
    direction(name, 0.51 - number / 100) for number, name in enumerate(("moves right", "brightens"), start=2)
]


@pytest.mark.parametrize(
    ("found", "rule", "verdict", "claim"),
    [
        (evidence(effect=0.0), "nothing-moves", Verdict.NOT_BELIEVABLE, "Moving its latents changes nothing"),
        (evidence(methods=()), "nothing-sought", Verdict.NOT_BELIEVABLE, "Only random directions were tried"),
        (
            evidence(),
            "no-better-than-random",
            Verdict.NOT_BELIEVABLE,
            "No direction does one thing more clearly",
        ),
        (
            evidence(*PURE, shuffled=ShuffledWeights(12, 8, 4, 0.5)),
            "shuffled-weights-repeat-it",
            Verdict.NOT_BELIEVABLE,
            "Its directions do the same with shuffled weights: nothing was learned.",
        ),
        (
            evidence(*PURE, shuffled=ShuffledWeights(12, 9, 4, 0.5)),
            "each-alone",
            Verdict.GOOD,
            "4 things can be changed with little else changing.",
        ),
        (
            evidence(*MIXED),
            "none-alone",
            Verdict.CAUTION,
            "2 directions do what their names say; none does it alone.",
        ),
        (
            evidence(MIXED[0]),
            "none-alone",
            Verdict.CAUTION,
            "1 direction does what its name says, but not alone.",
        ),
        (
            evidence(*MIXED, PURE[3]),
            "few-alone",
            Verdict.CAUTION,
            "Only 1 thing can be changed with little else changing.",
        ),
    ],
)
def test_every_rule_is_reached_in_its_order(found: Evidence, rule: str, verdict: Verdict, claim: str) -> None:
    said = RULES.conclude(found)
    assert (said.rule, said.verdict) == (rule, verdict)
    assert said.claim.startswith(claim)
    assert claim_faults(said.claim) == [] and detail_faults(said.detail) == []


def test_the_detail_names_the_foremost_and_the_reference() -> None:
    assert RULES.conclude(evidence(*MIXED)).detail == (
        "At best 49% of the change is the named one; foremost: moves right, brightens."
    )
    assert RULES.conclude(evidence(*PURE)).detail == (
        "4 directions beat 95% of random ones, foremost: moves right, brightens, leans right; little else changes "
        "where 50% or more of the change is the named one."
    )


def test_two_directions_of_one_name_are_one_thing() -> None:
    said = RULES.conclude(evidence(PURE[0], direction("moves right", 0.9), PURE[1]))
    assert said.claim == "Only 2 things can be changed with little else changing."


def test_methods_that_found_nothing_are_named_beside_a_result_alone() -> None:
    unchecked = ShuffledWeights(0, 0, 0, 0.5, "it has no weights")
    assert evidence(*PURE, shuffled=unchecked).remarks == [
        "No direction by GANSpace beats random ones.",
        "The check on shuffled weights was not run, because it has no weights.",
    ]
    assert evidence(*PURE, shuffled=ShuffledWeights(12, 8, 8, 0.5)).remarks == []
    assert evidence().remarks == []
