"""Faithfulness on pictures of three pixels, worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from ganlens.errors import UserError
from ganlens.measures import (
    completeness_gap,
    complexity,
    infidelity,
    insertion_deletion_auc,
    max_sensitivity,
    model_randomisation,
    pixel_flipping,
    rank_agreement,
    sparseness,
    stability_over_seeds,
)


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def row(*values: float) -> Tensor:
    """One map of three pixels [1, 1, 3]."""
    return torch.tensor([[list(values)]])


SAMPLE = torch.ones(1, 1, 1, 3)
NOTHING = torch.zeros(1, 1, 1, 3)
WEIGHT = torch.tensor([3.0, 2.0, 1.0])


def score(samples: Tensor) -> Tensor:
    """3a + 2b + c."""
    return samples.flatten(1) @ WEIGHT


# ---- curves


def test_insertion_and_deletion_by_hand():
    found = insertion_deletion_auc(score, SAMPLE, row(3, 2, 1), NOTHING, rng=rng(), steps=3)
    # 6, 3, 1, 0 of 6 are left; 0, 3, 5, 6 have come
    torch.testing.assert_close(found.deletion_curve, torch.tensor([[6, 3, 1, 0]]).double() / 6)
    torch.testing.assert_close(found.insertion_curve, torch.tensor([[0, 3, 5, 6]]).double() / 6)
    assert float(found.deletion) == pytest.approx((9 / 2 + 4 / 2 + 1 / 2) / 18)
    assert float(found.insertion) == pytest.approx((3 / 2 + 8 / 2 + 11 / 2) / 18)


def test_the_wrong_way_round_is_as_much_worse_than_random_as_the_right_way_is_better():
    options = {"steps": 3, "random_orders": 2000}
    right, wrong = (
        insertion_deletion_auc(score, SAMPLE, maps, NOTHING, rng=rng(), **options)
        for maps in (row(3, 2, 1), row(1, 2, 3))
    )
    # random order of a sum: half the area, in expectation
    assert float(right.random_deletion) == pytest.approx(0.5, abs=0.005)
    assert float(right.random_insertion) == pytest.approx(0.5, abs=0.005)
    assert float(right.advantage) == pytest.approx(11 / 18 - 7 / 18, abs=0.01)
    assert float(right.advantage + wrong.advantage) == pytest.approx(0, abs=0.02)


def test_areas_have_neither_units_nor_sign():
    first = insertion_deletion_auc(score, SAMPLE, row(3, 2, 1), NOTHING, rng=rng(), steps=3)
    other = insertion_deletion_auc(
        lambda x: 7 - 100 * score(x), SAMPLE, row(3, 2, 1), NOTHING, rng=rng(), steps=3
    )
    torch.testing.assert_close(first.deletion, other.deletion)
    torch.testing.assert_close(first.advantage, other.advantage)


def test_a_map_without_an_opinion_is_a_random_order():
    many = SAMPLE.expand(4000, 1, 1, 3)
    found = insertion_deletion_auc(score, many, torch.zeros(4000, 1, 3), NOTHING, rng=rng(), steps=3)
    assert float(found.advantage.mean()) == pytest.approx(0, abs=0.01)


def test_a_score_that_does_not_move_leaves_nothing_to_explain():
    samples = torch.cat([SAMPLE, NOTHING])
    maps = torch.cat([row(3, 2, 1)] * 2)
    found = insertion_deletion_auc(score, samples, maps, NOTHING[0], rng=rng(), steps=3)
    assert found.defined.tolist() == [True, False]
    assert math.isnan(found.advantage[1])


def test_pixel_flipping_by_hand():
    # falls by 3, 5 and 6
    assert float(pixel_flipping(score, SAMPLE, row(3, 2, 1), NOTHING, rng=rng(), steps=3)) == pytest.approx(
        14 / 3
    )
    # falls by 1, 3 and 6
    assert float(pixel_flipping(score, SAMPLE, row(1, 2, 3), NOTHING, rng=rng(), steps=3)) == pytest.approx(
        10 / 3
    )


def test_completeness_gap_by_hand():
    maps = torch.cat([row(3, 2, 1), row(3, 2, -2), row(0, 0, 0), row(0, 0, 0), row(1, 0, 0)])
    scores = torch.tensor([7.0, 7.0, 7.0, 1.0, 1.0])
    gap = completeness_gap(maps, scores, torch.ones(5))
    assert gap.tolist() == [0, 0.5, 1, 0, math.inf]


# ---- how a map spreads


def test_sparseness_by_hand():
    maps = torch.cat([row(1, 1, 1), row(0, -4, 0), row(1, 2, 3), row(0, 0, 0)])
    # Gini of 1, 2, 3: mean absolute difference 8/9 over twice the mean 2
    torch.testing.assert_close(sparseness(maps), torch.tensor([0, 2 / 3, 2 / 9, 0]).double())


def test_complexity_by_hand():
    maps = torch.cat([row(1, 1, 1), row(0, -4, 0), row(1, 1, 0), row(0, 0, 0)])
    expected = torch.tensor([math.log(3), 0, math.log(2), math.log(3)])
    torch.testing.assert_close(complexity(maps), expected.double())


# ---- agreement


def test_rank_agreement_by_hand():
    first = torch.cat([row(1, 2, 3), row(1, 2, 3), row(1, 2, 3), row(1, 1, 2), row(5, 5, 5), row(5, 5, 5)])
    second = torch.cat([row(2, -9, 90), row(3, 2, 1), row(1, 3, 2), row(1, 2, 3), row(1, 1, 1), row(1, 2, 3)])
    # ties: ranks 1.5, 1.5, 3 against 1, 2, 3
    expected = [1, -1, 0.5, 1.5 / math.sqrt(1.5 * 2), 1, 0]
    torch.testing.assert_close(rank_agreement(first, second), torch.tensor(expected).double())


def test_a_map_and_its_negative_agree_in_magnitude_and_disagree_in_sign():
    first, second = row(-3, 1, 2), row(3, -1, -2)
    assert float(rank_agreement(first, second)) == pytest.approx(1)
    assert float(rank_agreement(first, second, signed=True)) == pytest.approx(-1)


def test_the_average_over_randomised_stages_leaves_out_the_trained_model():
    maps = {"trained": row(1, 2, 3), "last": row(1, 3, 2), "all": row(3, 2, 1)}
    found = model_randomisation(lambda name: maps[name], "trained", {"last layer": "last", "all": "all"})
    assert found.stages == ("last layer", "all")
    torch.testing.assert_close(found.agreement, torch.tensor([[0.5], [-1.0]]).double())
    assert float(found.average) == pytest.approx(-0.25)  # with the trained model's own 1 it would be 1/6
    assert float(found.last) == pytest.approx(-1)
    with pytest.raises(UserError, match="the trained model stands among the randomised ones"):
        model_randomisation(lambda name: maps[name], "trained", {"nothing": "trained", "all": "all"})
    with pytest.raises(UserError, match="none was given"):
        model_randomisation(lambda name: maps[name], "trained", {})


def test_stability_is_the_mean_over_pairs_of_seeds():
    maps = {0: row(1, 2, 3), 1: row(1, 2, 3), 2: row(1, 3, 2)}
    assert float(stability_over_seeds(maps.__getitem__, [0, 1])) == pytest.approx(1)
    assert float(stability_over_seeds(maps.__getitem__, [0, 1, 2])) == pytest.approx((1 + 0.5 + 0.5) / 3)
    with pytest.raises(UserError, match="two different seeds"):
        stability_over_seeds(maps.__getitem__, [0, 0])


# ---- captum's


def test_the_gradient_of_a_linear_model_is_faithful_at_any_scale_and_zeros_are_not():
    weight = WEIGHT.view(1, 1, 1, 3)
    for attribution, expected in ((weight, 0.0), (-50 * weight, 0.0), (0 * weight, 1.0)):
        found = infidelity(score, SAMPLE, attribution, rng=rng())
        torch.testing.assert_close(found, torch.tensor([expected]).double(), atol=1e-4, rtol=0)


def test_infidelity_of_a_part_of_the_weights_is_the_share_of_the_change_that_is_missed():
    many = SAMPLE.expand(3, 1, 1, 3)
    parts = torch.tensor([[3.0, 0, 0], [0, 2.0, 0], [0, 0, 1.0]]).view(3, 1, 1, 3)
    found = infidelity(score, many, parts, rng=rng(), draws=20_000)
    torch.testing.assert_close(found, 1 - torch.tensor([9, 4, 1]).double() / 14, atol=0.02, rtol=0)


def test_max_sensitivity_by_hand():
    # a map that is the sample itself moves by at most the radius a pixel, of a length of 1 a pixel
    found = max_sensitivity(lambda x: x, SAMPLE, rng=rng(), draws=4000, radius=0.1)
    assert 0.095 < float(found) <= 0.1
    assert float(max_sensitivity(torch.ones_like, SAMPLE, rng=rng())) == 0  # and so never alone
    two = torch.cat([SAMPLE, 10 * SAMPLE])
    found = max_sensitivity(lambda x: x, two, rng=rng(), draws=50)
    assert float(found[0] / found[1]) == pytest.approx(10, rel=1e-4)  # samples are not mixed up


def test_draws_come_from_the_generator_alone():
    state = torch.random.get_rng_state()
    weight = torch.rand(1, 1, 1, 3, generator=rng())
    first, again, other = (infidelity(score, SAMPLE, weight, rng=rng(s)) for s in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    first, again, other = (max_sensitivity(torch.square, SAMPLE, rng=rng(s)) for s in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(torch.random.get_rng_state(), state)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: sparseness(torch.ones(3)), r"expected maps \[n, h, w\].*found shape \(3,\)"),
        (lambda: complexity(row(1, math.nan, 0)), "map 0 holds NaN or infinity"),
        (lambda: rank_agreement(row(1, 2, 3), torch.ones(1, 1, 2)), "maps must come in pairs"),
        (
            lambda: pixel_flipping(score, SAMPLE, torch.ones(1, 3, 1), NOTHING, rng=rng()),
            r"must fit samples \[n, c, h, w\], found \(1, 3, 1\)",
        ),
        (lambda: infidelity(score, SAMPLE, torch.ones(1, 3), rng=rng()), "must have the samples' shape"),
        (lambda: completeness_gap(row(1, 2, 3), torch.ones(2), torch.ones(2)), "one score for each of 1"),
    ],
)
def test_bad_input_is_said_in_a_sentence(call, message):
    with pytest.raises(UserError, match=message):
        call()
