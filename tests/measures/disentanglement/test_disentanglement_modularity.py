from __future__ import annotations

import math

import pytest
import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor

from ganlens.measures.disentanglement import explicitness, modularity, shuffled_codes


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=generator(seed), dtype=torch.float64)


def every_combination(*values: int, times: int = 1) -> Tensor:
    return torch.cartesian_prod(*(torch.arange(v) for v in values)).repeat(times, 1)


def test_codes_of_one_factor_each_score_one_however_many_there_are():
    factors = every_combination(3, 4, 5)
    found = modularity(torch.cat([factors, -factors], dim=1).double(), factors)
    assert found.per_code.tolist() == pytest.approx([1] * 6, abs=1e-12)
    assert found.score == pytest.approx(1, abs=1e-12)


def test_codes_of_several_factors_by_hand():
    factors = every_combination(4, 4, 2)
    both = factors[:, 0] * 4 + factors[:, 1]  # tells ln 4 of two factors: 1 − 1/(3 − 1)
    unequal = factors[:, 1] * 2 + factors[:, 2]  # ln 4 and ln 2: 1 − (1/2)²/(3 − 1)
    found = modularity(torch.stack([both, unequal], dim=1).double(), factors)
    assert found.per_code.tolist() == pytest.approx([1 / 2, 7 / 8], abs=1e-12)
    assert found.score == pytest.approx(11 / 16, abs=1e-12)
    assert found.information[1].tolist() == pytest.approx([0, math.log(4), math.log(2)], abs=1e-12)


def test_a_code_of_all_factors_equally_and_a_constant_one_score_zero():
    factors = every_combination(2, 2, 2)
    everything = factors @ torch.tensor([4, 2, 1])
    codes = torch.stack([everything.double(), torch.full((8,), 0.3, dtype=torch.float64)], dim=1)
    assert modularity(codes, factors).per_code.tolist() == pytest.approx([0, 0], abs=1e-12)


def test_a_code_that_is_exactly_independent_scores_zero_and_not_the_rounding_of_entropies():
    everything = every_combination(3, 5, 7, 11)
    found = modularity(everything[:, 2:].double(), everything[:, :2])
    assert found.information.tolist() == [[0, 0], [0, 0]]
    assert found.per_code.tolist() == [0, 0]


def test_noise_scores_high_where_one_factor_has_most_values():
    # The information of noise is (b − 1)(v − 1)/2n on average: 19:1 here, so that it seems to keep to one factor.
    codes = random(4000, 40)
    equal = torch.randint(10, (4000, 2), generator=generator(1))
    unequal = torch.stack([torch.randint(20, (4000,), generator=generator(2)), equal[:, 0] % 2], dim=1)
    assert modularity(codes, equal).score < 0.35
    assert modularity(codes, unequal).score > 0.98


def test_modularity_ignores_order_sign_and_scale():
    factors = every_combination(5, 4, times=50)
    codes = (factors @ torch.tensor([[1, 1], [0, 2]])).double() + 0.3 * random(1000, 2)
    rows = torch.randperm(1000, generator=generator(3))
    changed = (codes * torch.tensor([-4.0, 0.5])).flip(1)
    expected = modularity(codes, factors)
    found = modularity(changed[rows], factors[rows])
    assert found.per_code.tolist() == pytest.approx(expected.per_code.flip(0).tolist(), abs=1e-12)
    assert expected.score < 0.95


def test_what_planes_set_apart_is_explicit_and_what_they_do_not_is_not():
    factors = every_combination(2, 3, times=200)
    found = explicitness(factors.double(), factors, rng=generator())
    assert found.per_factor.tolist() == [1, 1]
    # Whether two codes have the same sign is settled by them, and no plane knows it.
    codes = random(1200, 2)
    same = (codes.prod(dim=1, keepdim=True) > 0).long()
    # 400 held-out rows: the area has a standard deviation of .029.
    assert explicitness(codes, same, rng=generator()).score == pytest.approx(0.5, abs=3 * 0.029)
    assert explicitness(codes.prod(dim=1, keepdim=True), same, rng=generator()).score == 1


def test_explicitness_is_the_area_under_the_curve_of_a_single_code():
    # With one code and two values the classifier's likelihood rises with the code: the area is that of the code.
    factor = torch.randint(2, (3000, 1), generator=generator(1))
    codes = factor + random(3000, 1)
    found = explicitness(codes, factor, rng=generator(5))
    held_out = torch.randperm(3000, generator=generator(5))[:1000]
    expected = roc_auc_score(factor[held_out, 0], codes[held_out, 0])
    assert found.score == pytest.approx(expected, abs=1e-12)
    # Two normals one deviation apart: Φ(1/√2) = .760.
    assert found.score == pytest.approx(0.7602, abs=3 * 0.015)


def test_explicitness_survives_a_rotation_and_not_a_shuffle():
    factors = torch.randint(2, (1500, 4), generator=generator(1))
    codes = factors + 0.1 * random(1500, 4)
    turn = torch.linalg.qr(random(4, 4, seed=2)).Q
    assert explicitness(codes, factors, rng=generator()).score > 0.999
    assert explicitness(codes @ turn * 100, factors, rng=generator()).score > 0.999
    floor = explicitness(shuffled_codes(codes, generator(4)), factors, rng=generator()).score
    # 500 held-out rows: the area of a value has a standard deviation of about .026, the mean of four half that.
    assert floor == pytest.approx(0.5, abs=3 * 0.013)


def test_explicitness_of_a_lost_factor_is_a_half_and_of_the_others_one():
    factors = torch.randint(3, (1200, 2), generator=generator(1))
    one_hot = torch.nn.functional.one_hot(factors[:, 0]).double()
    dead = torch.full((1200, 1), 0.1, dtype=torch.float64)
    found = explicitness(torch.cat([one_hot, dead], dim=1), factors, rng=generator())
    assert found.per_factor[0] == 1
    assert found.per_factor[1] == pytest.approx(0.5, abs=0.05)
