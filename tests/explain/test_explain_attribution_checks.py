"""An attribution's self-score: 1 for the exact map, 0 for maps that know nothing, between for what lies between."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from ganlens.explain.attribution import Score
from ganlens.explain.attribution.checks import (
    BeliefCriteria,
    Fault,
    agreement_under_noise,
    agreement_where_seen,
    check_method,
)
from ganlens.explain.attribution.foretold import SHUFFLED, Foretold, foretold
from ganlens.explain.attribution.question import Question

SIDE, COUNT = 16, 12


class Linear(nn.Module):
    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight)

    def forward(self, x: Tensor) -> Tensor:
        return (x[:, 0] * self.weight).sum(dim=(1, 2))


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def corner() -> Tensor:
    weight = torch.zeros(SIDE, SIDE)
    weight[:4, :4] = 1 + draw(4, 4, seed=9)
    return weight


def question(weight: Tensor, shuffled: Tensor | None = None, *, lighter: float = 0.0) -> Question:
    samples, baseline = (2 * draw(COUNT, 1, SIDE, SIDE, seed=s) - 1 for s in (1, 2))
    samples += lighter
    other = None if shuffled is None else Score(Linear(shuffled))
    return Question(Score(Linear(weight)), other, samples, baseline, {}, seed=0)


def contributions(asked: Question, weight: Tensor) -> Tensor:
    return weight * (asked.samples - asked.baseline)[:, 0]


def verdict(asked: Question, evidence: Tensor, shuffled: Tensor | None = None) -> Foretold:
    return foretold(asked, evidence, shuffled, torch.Generator().manual_seed(3))


@pytest.mark.parametrize("weight", [corner(), draw(SIDE, SIDE) - 0.5], ids=["corner", "everywhere"])
def test_the_exact_map_has_one_and_the_opposite_none(weight):
    asked = question(weight)
    exact = contributions(asked, weight)
    assert verdict(asked, exact).self_score == pytest.approx(1, abs=1e-6)
    assert verdict(asked, 7 * exact).self_score == pytest.approx(1, abs=1e-6)
    assert verdict(asked, -exact).self_score == 0


@pytest.mark.parametrize("weight", [corner(), draw(SIDE, SIDE) - 0.5], ids=["corner", "everywhere"])
def test_maps_that_know_nothing_have_none(weight):
    asked = question(weight)
    for evidence in asked.blind.values():
        assert verdict(asked, evidence).done_away.value <= 0
    noise = draw(COUNT, SIDE, SIDE, seed=5) - 0.5
    assert verdict(asked, noise).self_score < 0.02
    turned = contributions(asked, weight).roll(SIDE // 2, dims=2)
    assert verdict(asked, turned).self_score < 0.02
    others = contributions(asked, weight).roll(1, dims=0)  # each sample is given another's map
    assert verdict(asked, others).self_score < 0.3


def test_what_lies_between_has_what_lies_between():
    asked = question(corner())
    exact, noise = contributions(asked, corner()), draw(COUNT, SIDE, SIDE, seed=5) - 0.5
    noise *= exact.norm() / noise.norm()
    scores = [
        verdict(asked, (1 - share) * exact + share * noise).self_score for share in (0, 0.25, 0.5, 0.75, 1)
    ]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] > 0.99
    assert 0.25 < scores[2] < 0.75
    assert scores[4] < 0.02


def test_half_of_the_evidence_does_away_with_half_of_the_infidelity():
    weight = torch.zeros(SIDE, SIDE)
    weight[2, 3] = weight[12, 11] = 1.0
    asked = question(weight)
    asked.samples[:, 0], asked.baseline[:, 0] = 1.0, -1.0
    half = contributions(asked, weight)
    half[:, 12] = 0
    told = verdict(asked, half)
    assert told.infidelity.value == pytest.approx(0.5, abs=0.03)
    assert told.self_score == pytest.approx(1 - told.infidelity.value / told.reference_infidelity)


def test_a_map_that_shuffled_weights_give_as_well_has_none():
    asked = question(corner())
    exact = contributions(asked, corner())
    told = verdict(asked, exact, exact)
    assert told.reference == SHUFFLED
    assert told.self_score == 0


def test_a_method_whose_maps_know_nothing_is_not_believed_and_says_why():
    checked = check_method(question(corner(), corner(), lighter=2), "integrated_gradients")
    assert checked.self_score == 0
    assert (checked.faults[0], checked.foretold.reference) == (Fault.AS_BLIND_MAPS, SHUFFLED)
    moved = check_method(question(corner(), corner().flip(0), lighter=2), "integrated_gradients")
    assert moved.believed
    strict = BeliefCriteria(agreement_under_noise=1.01)
    asked = question(corner(), corner().flip(0), lighter=2)
    assert check_method(asked, "integrated_gradients", strict).faults == (Fault.UNSTABLE,)
    assert moved.self_score == pytest.approx(1, abs=1e-4)


def test_a_number_that_never_moves_is_no_question():
    found = check_method(question(torch.zeros(SIDE, SIDE)), "occlusion")
    assert found == "the model's number is the same for the samples and for what they are compared with"


def test_under_noise_an_even_map_is_stable_and_an_unrelated_one_is_not():
    asked = question(corner())
    even = torch.ones(COUNT, SIDE, SIDE)
    rounding = 1e-5 * draw(COUNT, SIDE, SIDE, seed=6)
    assert agreement_under_noise(asked, "saliency", even, even + rounding).tolist() == [1] * COUNT
    one, other = draw(2, COUNT, SIDE, SIDE, seed=7)
    assert float(agreement_under_noise(asked, "saliency", one, other).abs().mean()) < 0.1
    # A map that keeps to its corner agrees, whatever happens to the order within it.
    inside = (corner() > 0) * one
    shuffled_inside = (corner() > 0) * other
    assert float(agreement_under_noise(asked, "saliency", inside, shuffled_inside).min()) > 0.9


def test_the_samples_departure_is_no_agreement_with_another_model():
    weight, other = draw(2, SIDE, SIDE, seed=8) + 0.5
    asked = question(weight)
    maps, others = contributions(asked, weight), contributions(asked, other)
    together = torch.corrcoef(torch.stack([maps.flatten(), others.flatten()]))[0, 1]
    assert float(together) > 0.8  # both are the departure, above all
    rates = agreement_where_seen(asked, "integrated_gradients", maps, others)
    assert float(rates.abs().mean()) < 0.15
    assert agreement_where_seen(asked, "integrated_gradients", maps, 2 * maps).tolist() == pytest.approx(
        [1] * COUNT
    )
