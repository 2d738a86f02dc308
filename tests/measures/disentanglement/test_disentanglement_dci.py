from __future__ import annotations

import math

import pytest
import torch
from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier
from torch import Tensor

from ganlens.errors import UserError
from ganlens.measures.disentanglement import dci, dci_from_importances, shuffled_codes
from ganlens.measures.disentanglement.dci import _importances
from ganlens.measures.disentanglement.known_factors import split_rows


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=generator(seed), dtype=torch.float64)


def independent(n: int, *values: int, seed: int = 1) -> Tensor:
    rng = generator(seed)
    return torch.stack([torch.randint(v, (n,), generator=rng) for v in values], dim=1)


def entropy(*shares: float) -> float:
    return -sum(p * math.log(p) for p in shares if p > 0)


def test_scores_from_importances_by_hand():
    found = dci_from_importances(torch.tensor([[0.6, 0.2], [0.3, 0.0], [0.1, 0.8]]))
    rows = [1 - entropy(3 / 4, 1 / 4) / math.log(2), 1.0, 1 - entropy(1 / 9, 8 / 9) / math.log(2)]
    columns = [1 - entropy(0.6, 0.3, 0.1) / math.log(3), 1 - entropy(0.2, 0.8) / math.log(3)]
    assert found.per_code.tolist() == pytest.approx(rows, abs=1e-7)
    assert found.per_factor.tolist() == pytest.approx(columns, abs=1e-7)
    assert found.disentanglement == pytest.approx(
        (0.8 * rows[0] + 0.3 * rows[1] + 0.9 * rows[2]) / 2, abs=1e-7
    )
    assert found.completeness == pytest.approx((columns[0] + columns[1]) / 2, abs=1e-7)


def test_a_factor_in_two_codes_and_a_code_of_two_factors_from_importances():
    spread = dci_from_importances(torch.tensor([[0.5, 0.0], [0.5, 0.0], [0.0, 1.0]]))
    assert spread.disentanglement == 1
    assert spread.per_factor.tolist() == pytest.approx([1 - math.log(2) / math.log(3), 1])
    holding = dci_from_importances(torch.tensor([[1.0, 1.0, 0.0], [0.0, 0.0, 1.0]]))
    assert holding.completeness == 1
    assert holding.per_code.tolist() == pytest.approx([1 - math.log(2) / math.log(3), 1])
    assert holding.disentanglement == pytest.approx((2 * holding.per_code[0] + 1) / 3)


def test_codes_and_factors_without_importance_weigh_nothing():
    matrix = torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 0.0]])
    found = dci_from_importances(matrix)
    assert (found.disentanglement, found.completeness) == (1, 1)
    assert found.per_code.tolist() == [1, 1, 0]
    assert found.per_factor.tolist() == [1, 1, 0]
    nothing = dci_from_importances(torch.zeros(3, 2))
    assert (nothing.disentanglement, nothing.completeness) == (0, 0)
    equal = dci_from_importances(torch.full((3, 2), 0.3))
    assert (equal.disentanglement, equal.completeness) == (pytest.approx(0, abs=1e-12),) * 2


def test_codes_that_are_the_factors_are_perfect():
    factors = independent(900, 3, 4)
    codes = torch.cat([factors.double(), random(900, 1), torch.full((900, 1), 0.1)], dim=1)
    found = dci(codes, factors, rng=generator(), rounds=20)
    assert (found.disentanglement, found.completeness) == pytest.approx((1, 1), abs=1e-12)
    assert found.informativeness == 1
    torch.testing.assert_close(found.importances, torch.eye(4, 2, dtype=torch.float64))
    assert found.per_code.tolist() == [1, 1, 0, 0]
    assert found.held_out_rows == 300
    held_out = torch.randperm(900, generator=generator())
    frequent = [int(factors[held_out[300:], j].mode().values) for j in range(2)]
    expected = [float((factors[held_out[:300], j] == frequent[j]).double().mean()) for j in range(2)]
    assert found.majority.tolist() == pytest.approx(expected, abs=1e-12)


def test_gains_are_the_squared_residual_that_a_split_takes_away():
    # In the first round the curvature is the same everywhere, so that both kinds of trees split alike.
    factors = independent(1200, 2)[:, 0]
    codes = torch.stack([factors + 0.9 * random(1200), factors + 1.1 * random(1200, seed=1)], dim=1)
    x, y = codes.numpy().round(1), factors.numpy()  # few values: both kinds of trees then know the same cuts
    classic = GradientBoostingClassifier(n_estimators=1).fit(x, y).feature_importances_
    trees = HistGradientBoostingClassifier(
        max_iter=1, max_depth=3, max_leaf_nodes=None, min_samples_leaf=1, early_stopping=False
    ).fit(x, y)
    found = _importances(trees, x, y)
    assert 0.2 < classic[0] < 0.8
    assert found.tolist() == pytest.approx(classic.tolist(), abs=1e-6)


@pytest.mark.parametrize("mixing", [0.0, 0.5])
def test_it_agrees_with_the_classic_trees(mixing: float):
    factors = independent(1200, 2, 3, 5)
    standard = (factors - factors.double().mean(dim=0)) / factors.double().std(dim=0)
    weights = torch.eye(3, 5, dtype=torch.float64) + mixing * random(3, 5, seed=8)
    codes = standard @ weights + 0.15 * random(1200, 5)
    found = dci(codes, factors, rng=generator(3))

    fitted, judged = split_rows(1200, 1 / 3, generator(3))
    importances, accuracy = torch.empty(5, 3, dtype=torch.float64), []
    for j in range(3):
        classic = GradientBoostingClassifier(random_state=0).fit(codes[fitted], factors[fitted, j])
        importances[:, j] = torch.from_numpy(classic.feature_importances_).abs()
        accuracy.append(classic.score(codes[judged], factors[judged, j]))
    expected = dci_from_importances(importances)
    assert found.disentanglement == pytest.approx(expected.disentanglement, abs=0.03)
    assert found.completeness == pytest.approx(expected.completeness, abs=0.03)
    assert found.accuracy.tolist() == pytest.approx(accuracy, abs=0.03)
    assert (found.disentanglement < 0.75) == (mixing > 0)


def test_a_factor_in_two_codes_costs_completeness_alone():
    factors = independent(1500, 4, 3)
    halves = torch.stack([factors[:, 0] // 2, factors[:, 0] % 2], dim=1)
    codes = torch.cat([halves, factors[:, 1:]], dim=1).double()
    found = dci(codes, factors, rng=generator(), rounds=30)
    assert found.disentanglement == pytest.approx(1, abs=0.01)
    assert found.per_factor.tolist() == pytest.approx([1 - math.log(2) / math.log(3), 1], abs=0.02)
    assert found.informativeness == 1


def test_a_code_of_two_factors_costs_disentanglement_alone():
    factors = independent(1500, 4, 3, 2)
    codes = torch.stack([factors[:, 0] * 3 + factors[:, 1], factors[:, 2]], dim=1).double()
    found = dci(codes, factors, rng=generator(), rounds=30)
    assert found.completeness == pytest.approx(1, abs=0.01)
    assert found.per_code.tolist() == pytest.approx([1 - math.log(2) / math.log(3), 1], abs=0.02)
    assert found.informativeness > 0.99


def test_copies_share_their_importance_also_upside_down_and_bent():
    factors = independent(900, 3, 3)
    first = factors[:, :1].double()
    codes = torch.cat([first, -first, first.exp(), factors[:, 1:].double()], dim=1)
    found = dci(codes, factors, rng=generator(), rounds=20)
    assert found.importances[:, 0].tolist() == pytest.approx([1 / 3, 1 / 3, 1 / 3, 0], abs=1e-12)
    assert found.disentanglement == pytest.approx(1, abs=1e-12)
    assert found.completeness == pytest.approx(1 - 0.5 * math.log(3) / math.log(4), abs=1e-12)


def test_noise_is_at_the_floor_and_accuracy_says_so():
    factors = independent(1800, 3, 3)
    codes = factors + 0.2 * random(1800, 2)
    floor = dci(shuffled_codes(codes, generator(1)), factors, rng=generator(), rounds=30)
    assert floor.disentanglement < 0.05
    assert floor.completeness < 0.05
    # 600 held-out rows: a share of a third has a standard deviation of .019.
    assert floor.accuracy.tolist() == pytest.approx(floor.majority.tolist(), abs=3 * 0.02)
    assert dci(codes, factors, rng=generator(), rounds=30).disentanglement > 0.9


def test_codes_that_are_all_constant_score_zero():
    factors = independent(300, 3, 2)
    found = dci(torch.full((300, 3), 0.7), factors, rng=generator(), rounds=5)
    assert (found.disentanglement, found.completeness) == (0, 0)
    assert found.accuracy.tolist() == found.majority.tolist()
    assert found.importances.abs().max() == 0


def test_order_sign_and_monotone_scales_of_codes_do_not_matter():
    factors = independent(900, 3, 4)
    codes = torch.cat([factors + 0.4 * random(900, 2), random(900, 1, seed=2)], dim=1)
    expected = dci(codes, factors, rng=generator(), rounds=20)
    changed = torch.stack([codes[:, 2] * -5, codes[:, 0].exp(), codes[:, 1] ** 3], dim=1)
    found = dci(changed, factors, rng=generator(), rounds=20)
    # Bins are cut half way between two values, which a bent scale moves for values that were not fitted.
    assert found.disentanglement == pytest.approx(expected.disentanglement, abs=0.02)
    assert found.completeness == pytest.approx(expected.completeness, abs=0.02)
    assert found.informativeness == pytest.approx(expected.informativeness, abs=0.02)
    torch.testing.assert_close(found.importances, expected.importances[[2, 0, 1]], rtol=0, atol=0.02)


def test_the_same_generator_gives_the_same_and_another_other_rows():
    factors = independent(300, 3, 2)
    codes = factors + 0.5 * random(300, 2)
    first = dci(codes, factors, rng=generator(), rounds=5)
    again = dci(codes, factors, rng=generator(), rounds=5)
    other = dci(codes, factors, rng=generator(1), rounds=5)
    assert torch.equal(first.importances, again.importances)
    assert not torch.equal(first.importances, other.importances)


def test_bad_importances_and_settings_are_refused():
    factors = independent(60, 3, 2)
    codes = factors.double()
    rare = factors.clone()
    rare[:, 1] = torch.arange(60) == 7
    seed = next(s for s in range(60) if 7 in split_rows(60, 0.5, generator(s))[1])
    for call, message in (
        (lambda: dci_from_importances(torch.ones(1, 3)), "at least 2 codes and 2 factors"),
        (lambda: dci_from_importances(torch.ones(2, 3).long()), "found torch.int64"),
        (lambda: dci_from_importances(torch.tensor([[1.0, -1.0], [0.0, 1.0]])), "not negative"),
        (lambda: dci_from_importances(torch.full((2, 2), torch.nan)), "finite"),
        (lambda: dci(codes[:, :1], factors, rng=generator()), "codes: .* at least 2 columns, found 1"),
        (lambda: dci(codes, factors[:, :1], rng=generator()), "factors: .* at least 2 columns, found 1"),
        (lambda: dci(codes, factors, rng=generator(), rounds=0), "rounds must be at least 1"),
        (lambda: dci(codes, factors, rng=generator(), held_out=1.0), "held_out: a share of 1 of 60 rows"),
        (
            lambda: dci(codes, factors, rng=generator(), held_out=0.001),
            "leaves none to fit to or none to judge",
        ),
        (
            lambda: dci(codes, rare, rng=generator(seed), held_out=0.5),
            "column 1 has one value in all 30 rows that are fitted to",
        ),
    ):
        with pytest.raises(UserError, match=message):
            call()
