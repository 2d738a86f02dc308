"""Rules that several probes share: what they hold by, and what they say."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest

from ganlens.probes.shared_rules import (
    BETTER_LABELS,
    Untrained,
    autoencoder_no_better_than_pca,
    labeller_too_weak,
    untrained_does_as_well,
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


# ---- the autoencoder, and untrained twins


@dataclass(frozen=True)
class OfNetworks:
    autoencoder: Any
    untrained: Untrained


NETWORK_RULES = Rules(
    OfNetworks,
    autoencoder_no_better_than_pca(),
    untrained_does_as_well("units", "Its best unit explains"),
    Rule("fine", always, Verdict.GOOD, "Fine.", "As it is."),
)


def of_networks(*, beats_pca: bool = True, claimed: int = 10, surpassing: int = 10) -> OfNetworks:
    autoencoder = SimpleNamespace(beats_pca=beats_pca, held_out_r2=0.4, pca_held_out_r2=0.6)
    return OfNetworks(autoencoder, Untrained(claimed, surpassing, 0.3, 0.25))


def test_an_autoencoder_that_does_not_beat_pca_comes_first_with_both_figures() -> None:
    said = NETWORK_RULES.conclude(of_networks(beats_pca=False, surpassing=0))
    assert (said.rule, said.verdict) == ("autoencoder-no-better-than-pca", Verdict.NOT_BELIEVABLE)
    assert said.detail == "Of held-out real samples its R² is 0.400, that of PCA of the same width 0.600."


@pytest.mark.parametrize(("claimed", "surpassing", "refused"), [(10, 1, False), (10, 0, True), (0, 0, False)])
def test_where_no_claim_surpasses_the_network_untrained_nothing_was_learned(
    claimed: int, surpassing: int, refused: bool
) -> None:
    said = NETWORK_RULES.conclude(of_networks(claimed=claimed, surpassing=surpassing))
    assert (said.rule == "untrained-does-as-well") is refused


def test_the_check_on_twins_is_said_with_both_figures() -> None:
    said = NETWORK_RULES.conclude(of_networks(surpassing=0))
    assert said.claim == "Untrained, the same network has such units too: nothing was learned."
    assert said.detail == (
        "Its best unit explains 30%, fitted in the same way to the same network with shuffled or fresh weights 25%."
    )
    assert Untrained(0, 0, 0, 0, "it has no weights").remark == (
        "Not all was asked of an untrained twin, because it has no weights."
    )
