from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from ganlens.errors import UserError
from ganlens.measures.disentanglement import interventional_robustness, shuffled_codes


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=generator(seed), dtype=torch.float64)


def every_combination(*values: int, times: int = 1) -> Tensor:
    return torch.cartesian_prod(*(torch.arange(v) for v in values)).repeat(times, 1)


def test_codes_of_one_factor_each_are_not_moved_by_the_others():
    factors = every_combination(3, 4, 5)
    found = interventional_robustness(torch.cat([factors, factors[:, :1] ** 2], dim=1).double(), factors)
    assert found.score == pytest.approx(1, abs=1e-12)
    assert found.factor_of_code.tolist() == [0, 1, 2, 0]
    assert found.reach.tolist() == pytest.approx([1, 1.5, 2, 4 - 5 / 3])


def test_a_mixed_code_by_hand():
    # x in {−1, 1} and y in {−3, 3}; code x + y reaches 4. With x held it moves by 3, with y held by 1.
    factors = every_combination(2, 2)
    codes = (factors * torch.tensor([2, 6]) - torch.tensor([1, 3])).sum(dim=1, keepdim=True).double()
    found = interventional_robustness(codes, factors)
    assert found.robustness[0].tolist() == pytest.approx([1 - 3 / 4, 1 - 1 / 4])
    assert (found.score, found.factor_of_code.tolist()) == (pytest.approx(3 / 4), [1])


def test_the_quantile_is_taken_within_each_value_and_then_averaged():
    factors = torch.stack([torch.arange(2).repeat_interleave(101), torch.arange(202) % 2], dim=1)
    codes = torch.cat([torch.linspace(-1, 1, 101), torch.linspace(-3, 3, 101)]).double()[:, None]
    found = interventional_robustness(codes, factors, deviation_quantile=1.0)
    assert found.robustness[0, 0] == pytest.approx(1 - (1 + 3) / 2 / 3)
    # The distances from the mean are 0, .02, .02, .04, .04 … 1: the median of 101 of them is half way.
    half = interventional_robustness(codes, factors, deviation_quantile=0.5)
    assert half.robustness[0, 0] == pytest.approx(1 - (0.5 + 1.5) / 2 / 3)


def test_codes_are_weighted_by_their_reach():
    factors = every_combination(2, 2)
    good, mixed = factors[:, 0].double(), factors.sum(dim=1).double()
    for scale in (1.0, 10.0):
        found = interventional_robustness(torch.stack([good, scale * mixed], dim=1), factors)
        # Reach .5 and 1·scale, scores 1 and 1/2.
        assert found.per_code.tolist() == pytest.approx([1, 0.5])
        assert found.score == pytest.approx((0.5 + scale / 2) / (0.5 + scale))


def test_constant_codes_weigh_nothing_and_alone_score_zero():
    factors = every_combination(3, 3)
    constant = torch.full((9, 1), 0.1, dtype=torch.float64)
    found = interventional_robustness(torch.cat([factors.double(), constant], dim=1), factors)
    assert found.score == pytest.approx(1, abs=1e-12)
    assert (found.per_code[2], found.factor_of_code[2], found.reach[2]) == (0, -1, 0)
    alone = interventional_robustness(constant, factors)
    assert (alone.score, alone.factor_of_code.tolist()) == (0, [-1])


def test_noise_is_not_at_zero_and_its_shape_says_where():
    factors = torch.randint(5, (10_000, 2), generator=generator(1))
    # Of Gaussian noise 99 % stay within 2.576 deviations and the farthest of 10,000 gets to about 3.9.
    gaussian = random(10_000, 1)
    expected = 1 - 2.576 / float(gaussian.abs().max())
    found = interventional_robustness(gaussian, factors)
    assert found.score == pytest.approx(expected, abs=0.02)
    assert expected == pytest.approx(1 / 3, abs=0.06)
    even = torch.rand(10_000, 1, generator=generator(2), dtype=torch.float64)
    assert interventional_robustness(even, factors).score == pytest.approx(0.01, abs=0.01)


def test_a_code_is_robust_above_its_floor_and_less_the_more_it_is_mixed():
    factors = every_combination(5, 5, times=40)
    scores = []
    for mixing in (0.0, 0.3, 1.0):
        codes = factors.double() + mixing * factors.flip(1)
        scores.append(interventional_robustness(codes, factors).score)
        assert scores[-1] > interventional_robustness(shuffled_codes(codes, generator()), factors).score + 0.2
    assert scores == sorted(scores, reverse=True)
    # The best of half: held at its own factor x + y moves by 2 of 4.
    assert (scores[0], scores[2]) == (pytest.approx(1, abs=1e-12), pytest.approx(1 / 2, abs=1e-12))


def test_a_factor_that_no_code_holds_costs_nothing():
    factors = every_combination(3, 4, 5)
    assert interventional_robustness(factors[:, :1].double(), factors).score == pytest.approx(1, abs=1e-12)


def test_order_sign_offset_and_a_common_scale_do_not_matter():
    factors = every_combination(4, 3, times=30)
    codes = factors + 0.3 * random(360, 2)
    expected = interventional_robustness(codes, factors)
    rows = torch.randperm(360, generator=generator(3))
    found = interventional_robustness((codes.flip(1) * -7 + 3)[rows], factors[rows])
    assert found.score == pytest.approx(expected.score, abs=1e-12)
    torch.testing.assert_close(found.robustness, expected.robustness.flip(0), rtol=0, atol=1e-12)


@pytest.mark.parametrize("quantile", [0.0, 1.1, math.nan])
def test_a_quantile_outside_its_range_is_refused(quantile: float):
    factors = every_combination(2, 2)
    with pytest.raises(UserError, match="deviation_quantile must lie above 0 and up to 1"):
        interventional_robustness(factors.double(), factors, deviation_quantile=quantile)
