"""Rules that several probes share: what they hold by, and what they say."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest

from ganlens.probes.shared_rules import BETTER_LABELS, labeller_too_weak
from ganlens.rules import Rule, Rules, Verdict, always


@dataclass(frozen=True)
class Evidence:
    labeller: Any
    labeller_skill: float


RULES = Rules(
    Evidence, labeller_too_weak(BETTER_LABELS), Rule("fine", always, Verdict.GOOD, "Fine.", "As it is.")
)


def labeller(surely: float) -> SimpleNamespace:
    return SimpleNamespace(
        held_out_accuracy=surely + 0.05, held_out_accuracy_interval=(surely, surely + 0.1), majority_share=0.4
    )


@pytest.mark.parametrize(
    ("surely", "skill", "weak"),
    [(0.4, 0.0, True), (0.41, 0.0, False), (0.69, 0.5, True), (0.71, 0.5, False)],
)
def test_a_labeller_is_too_weak_where_it_is_not_surely_far_enough_from_guessing(
    surely: float, skill: float, weak: bool
) -> None:
    conclusion = RULES.conclude(Evidence(labeller(surely), skill))
    assert (conclusion.rule == "labeller-too-weak") is weak


def test_it_is_said_with_its_reference_and_what_to_do() -> None:
    conclusion = RULES.conclude(Evidence(labeller(0.31), 0.0))
    assert conclusion.verdict is Verdict.NOT_BELIEVABLE
    assert conclusion.claim == "The labeller is too weak to judge the generator by."
    assert conclusion.detail == (
        "The labeller is right on 36% of held-out samples; always naming the commonest class gives 40%."
    )
    assert conclusion.advice == BETTER_LABELS


def test_where_no_labeller_is_relied_on_it_can_not_hold() -> None:
    assert RULES.conclude(Evidence(None, 0.5)).rule == "fine"
