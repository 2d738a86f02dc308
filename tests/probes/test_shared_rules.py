"""Rules that several probes share: what they hold by, and what they say."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest

from ganlens.probes.shared_rules import (
    BETTER_LABELS,
    ShuffledWeights,
    autoencoder_no_better_than_pca,
    labeller_too_weak,
    shuffled_weights_repeat_it,
)
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


# ---- the autoencoder, and shuffled weights


@dataclass(frozen=True)
class OfNetworks:
    autoencoder: Any
    shuffled: ShuffledWeights


NETWORK_RULES = Rules(
    OfNetworks,
    autoencoder_no_better_than_pca(),
    shuffled_weights_repeat_it("units"),
    Rule("fine", always, Verdict.GOOD, "Fine.", "As it is."),
)


def of_networks(
    *, beats_pca: bool = True, seen: int = 10, repeated: int = 0, most: float = 0.5
) -> OfNetworks:
    autoencoder = SimpleNamespace(beats_pca=beats_pca, held_out_r2=0.4, pca_held_out_r2=0.6)
    return OfNetworks(autoencoder, ShuffledWeights(12, seen, repeated, most))


def test_an_autoencoder_that_does_not_beat_pca_comes_first_with_both_figures() -> None:
    said = NETWORK_RULES.conclude(of_networks(beats_pca=False, repeated=10))
    assert (said.rule, said.verdict) == ("autoencoder-no-better-than-pca", Verdict.NOT_BELIEVABLE)
    assert said.detail == "Of held-out real samples its R² is 0.400, that of PCA of the same width 0.600."


@pytest.mark.parametrize(
    ("seen", "repeated", "most", "refused"),
    [(10, 4, 0.5, False), (10, 5, 0.5, True), (10, 9, 1.0, False), (10, 10, 1.0, True), (0, 0, 0.5, False)],
)
def test_what_shuffled_weights_repeat_was_not_learned(
    seen: int, repeated: int, most: float, refused: bool
) -> None:
    said = NETWORK_RULES.conclude(of_networks(seen=seen, repeated=repeated, most=most))
    assert (said.rule == "shuffled-weights-repeat-it") is refused


def test_the_shuffled_check_is_said_with_its_counts() -> None:
    said = NETWORK_RULES.conclude(of_networks(repeated=6))
    assert said.claim == "Its units do the same with shuffled weights: nothing was learned."
    assert said.detail == (
        "Of 12 claims 6 hold with shuffled weights as well; the check finds 10 in the generator itself."
    )
    assert ShuffledWeights(0, 0, 0, 0.5, "it has no weights").remark == (
        "The check on shuffled weights was not run, because it has no weights."
    )
