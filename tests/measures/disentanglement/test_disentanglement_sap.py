from __future__ import annotations

import pytest
import torch
from sklearn.svm import LinearSVC
from torch import Tensor

from ganlens.measures.disentanglement import sap_score, shuffled_codes
from ganlens.measures.disentanglement.known_factors import split_rows


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=generator(seed), dtype=torch.float64)


def test_continuous_factors_are_scored_by_the_squared_correlation():
    factors = random(800, 2)
    codes = torch.stack(
        [factors[:, 0] + 0.5 * random(800, seed=1), factors[:, 1] * -2, random(800, seed=2)], dim=1
    )
    found = sap_score(codes, factors, rng=generator())
    together = torch.corrcoef(torch.cat([codes, factors], dim=1).T)[:3, 3:].square()
    torch.testing.assert_close(found.scores, together, rtol=0, atol=1e-12)
    first, second = together.sort(dim=0, descending=True).values[:2]
    assert found.per_factor.tolist() == pytest.approx((first - second).tolist(), abs=1e-12)
    assert found.score == pytest.approx(float((first - second).mean()), abs=1e-12)
    assert found.continuous == [True, True]


def test_a_line_through_uniform_noise_has_the_closed_form():
    # code = factor + s·noise: R² = 1/(1 + s²); the second code is independent, so that the gap is that.
    factors = torch.rand(40_000, 1, generator=generator(9), dtype=torch.float64) * 12**0.5
    codes = torch.cat([factors + 2 * random(40_000, 1), random(40_000, 1, seed=3)], dim=1)
    assert sap_score(codes, factors, rng=generator()).score == pytest.approx(1 / 5, abs=0.012)


def test_two_values_are_told_apart_by_a_threshold():
    # Means −1 and 1, deviation 1: a threshold at 0 is right Φ(1) = .841 of the time; the other code half the time.
    factors = torch.arange(2).repeat(20_000)[:, None]
    codes = torch.cat([(2 * factors - 1) + random(40_000, 1), random(40_000, 1, seed=1)], dim=1)
    found = sap_score(codes, factors, rng=generator())
    assert found.continuous == [False]
    assert found.scores[:, 0].tolist() == pytest.approx([0.8413, 0.5], abs=0.013)
    assert found.score == pytest.approx(0.3413, abs=0.02)


def test_the_classes_are_balanced():
    # One value in ten. Without balance, a threshold that never says it is right nine times in ten.
    factors = (torch.arange(20_000) % 10 == 0).long()[:, None]
    codes = torch.cat([2 * factors + random(20_000, 1), random(20_000, 1, seed=1)], dim=1)
    # Half way, Φ(1) of both classes is right, and of pure noise about half.
    assert sap_score(codes, factors, rng=generator()).scores[0, 0] == pytest.approx(0.8413, abs=0.02)
    assert sap_score(codes, factors, rng=generator()).scores[1, 0] < 0.8


def test_codes_of_unit_variance_score_as_published():
    factors = torch.randint(4, (900, 2), generator=generator(1))
    codes = factors + 0.3 * random(900, 2)
    codes = (codes - codes.mean(dim=0)) / codes.std(dim=0)
    found = sap_score(codes, factors, rng=generator(5))
    fitted, judged = split_rows(900, 1 / 3, generator(5))
    for code in range(2):
        for factor in range(2):
            model = LinearSVC(C=0.01, class_weight="balanced", random_state=0)
            model.fit(codes[fitted, code : code + 1], factors[fitted, factor])
            expected = model.score(codes[judged, code : code + 1], factors[judged, factor])
            # Standardised over the fitted rows here, over all rows there: a row or two on a cut may change sides.
            assert found.scores[code, factor] == pytest.approx(expected, abs=0.011)


def test_a_copy_makes_the_gap_zero():
    factors = random(300, 2)
    found = sap_score(torch.cat([factors, factors[:, :1] * -3 + 1], dim=1), factors, rng=generator())
    assert found.per_factor[0] == pytest.approx(0, abs=1e-12)
    assert found.per_factor[1] > 0.95


def test_factors_turned_by_45_degrees_have_no_gap():
    factors = torch.cartesian_prod(*[torch.linspace(-1, 1, 30, dtype=torch.float64)] * 2)
    turned = torch.stack([factors[:, 0] + factors[:, 1], factors[:, 0] - factors[:, 1]], dim=1)
    found = sap_score(turned, factors, rng=generator())
    assert found.scores.flatten().tolist() == pytest.approx([0.5] * 4, abs=1e-12)
    assert found.score == pytest.approx(0, abs=1e-12)
    assert sap_score(factors, factors, rng=generator()).score == pytest.approx(1, abs=1e-12)


def test_what_a_line_can_not_follow_scores_below_what_it_tells():
    factors = torch.linspace(-1, 1, 999, dtype=torch.float64)[:, None]
    codes = torch.cat([factors.square(), random(999, 1)], dim=1)
    assert sap_score(codes, factors, rng=generator()).scores[0, 0] < 1e-12
    assert sap_score(codes, factors.abs(), rng=generator()).scores[0, 0] > 0.9


def test_columns_of_few_values_are_discrete_and_others_are_not():
    factors = torch.stack([torch.arange(90.0) % 3, torch.arange(90.0) % 30], dim=1)
    codes = factors + random(90, 2)
    assert sap_score(codes, factors, rng=generator()).continuous == [False, True]
    assert sap_score(codes, factors, rng=generator(), bins=30).continuous == [False, False]
    assert sap_score(codes, factors.long(), rng=generator()).continuous == [False, False]


def test_order_sign_and_scale_of_codes_do_not_matter():
    factors = torch.stack([torch.randint(3, (900,), generator=generator(1)).double(), random(900)], dim=1)
    codes = factors @ torch.tensor([[1.0, 0.5, 0.0], [0.3, 1.0, 0.0]], dtype=torch.float64) + 0.4 * random(
        900, 3
    )
    expected = sap_score(codes, factors, rng=generator())
    changed = (codes * torch.tensor([-1e-4, 1e3, 5.0]) + 7)[:, [2, 0, 1]]
    found = sap_score(changed, factors, rng=generator())
    torch.testing.assert_close(found.scores, expected.scores[[2, 0, 1]], rtol=0, atol=1e-9)


def test_shuffled_and_constant_codes_are_at_the_floor():
    factors = torch.stack([torch.randint(4, (1500,), generator=generator(1)).double(), random(1500)], dim=1)
    codes = torch.cat(
        [factors + 0.1 * random(1500, 2), torch.full((1500, 1), 0.1, dtype=torch.float64)], dim=1
    )
    found = sap_score(shuffled_codes(codes, generator(2)), factors, rng=generator())
    # Gaps are of accuracies over 500 rows, each with a deviation of .019, and of R² of about 1/1500.
    assert found.per_factor[0] < 0.08
    assert found.per_factor[1] < 0.01
    assert sap_score(codes, factors, rng=generator()).scores[2, 1] == pytest.approx(0, abs=1e-20)
    assert sap_score(codes, factors, rng=generator()).score > 0.5
