"""What is said of directions: each rule, from evidence made by hand."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from ganlens.explain.directions.refit import Refitted
from ganlens.explain.untrained import Refit, Refits
from ganlens.probes.explain.directions.conclusion import RULES, Evidence
from ganlens.rules import Verdict, claim_faults, detail_faults

TWINS = Refit("with its weights shuffled", 0.2), Refit("freshly initialised", 0.1)
LEARNED = Refitted(0.4, Refits(TWINS))


def direction(name: str, score: float, fits: bool = True) -> SimpleNamespace:
    return SimpleNamespace(
        name=SimpleNamespace(text=name, fits=fits), score=SimpleNamespace(value=score), believable=True
    )


def evidence(
    *directions: SimpleNamespace,
    effect: float = 0.1,
    refitted: Refitted = LEARNED,
    methods: tuple[str, ...] = ("sefa", "ganspace"),
) -> Evidence:
    """The directions are all SeFa's, each a different thing; GANSpace found nothing."""
    baseline = SimpleNamespace(effect=effect, standard=SimpleNamespace(beaten=0.95))
    outcome: Any = SimpleNamespace(
        believable=[*directions],
        different=[*directions],
        baseline=baseline,
        bar=0.21,
        sets=[SimpleNamespace(method=method) for method in ("random", *methods)],
        by=lambda method: [*directions] if method == "sefa" else [],
    )
    return Evidence(outcome, refitted, several=3, clean=0.6, surpassed=1.5, k=8)


PURE = [direction(name, 0.8) for name in ("moves right", "brightens", "leans right", "widens")]
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
            evidence(*PURE, refitted=Refitted(0.27, LEARNED.twins)),
            "nothing-learned",
            Verdict.NOT_BELIEVABLE,
            "Networks that learned nothing have directions that are as good.",
        ),
        (
            evidence(*PURE, refitted=Refitted(0.28, LEARNED.twins)),
            "each-alone",
            Verdict.GOOD,
            "4 things can be changed with little else changing.",
        ),
        (
            evidence(*MIXED),
            "none-alone",
            Verdict.CAUTION,
            "2 directions beat random ones; all share what they change.",
        ),
        (
            evidence(MIXED[0]),
            "none-alone",
            Verdict.CAUTION,
            "1 direction beats random ones, but shares what it changes.",
        ),
        (
            evidence(*MIXED, PURE[3]),
            "few-alone",
            Verdict.GOOD,
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
        "The best has an independence of 49%, where 60% would be one thing; foremost: moves right, brightens."
    )
    assert RULES.conclude(evidence(*PURE)).detail == (
        "Of 4 believable directions 4 have an independence of 60% or more, foremost: moves right, brightens, "
        "leans right."
    )


def test_what_a_word_fits_is_named_before_what_has_none() -> None:
    found = evidence(direction("an unnamed change", 0.9, fits=False), *PURE[:2])
    assert found.foremost == "moves right, brightens, an unnamed change"
    assert RULES.conclude(found).claim == "3 things can be changed with little else changing."


def test_without_a_twin_nothing_is_said_to_be_unlearned_and_the_reader_is_told() -> None:
    unchecked = Refitted(0.0, Refits(because="it has no weights that can be reached"))
    assert RULES.conclude(evidence(*PURE, refitted=unchecked)).verdict is Verdict.GOOD
    assert evidence(*PURE, refitted=unchecked).remarks == [
        "No direction by GANSpace beats random ones.",
        "The search was not repeated in every network that learned nothing, because it has no weights that can be "
        "reached.",
    ]
    assert evidence(*PURE, refitted=Refitted(0.1, LEARNED.twins)).remarks == []
    assert evidence().remarks == []
