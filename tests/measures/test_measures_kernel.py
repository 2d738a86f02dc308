from __future__ import annotations

import pytest
import torch
from torch import Tensor

from ganlens.errors import UserError
from ganlens.measures import kernel, kernel_distance


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=generator(seed))


def pair_by_pair(a: Tensor, b: Tensor) -> float:
    def k(x: Tensor, y: Tensor) -> float:
        return float(x.double() @ y.double() / len(x) + 1) ** 3

    n, m = len(a), len(b)
    within_a = sum(k(a[i], a[j]) for i in range(n) for j in range(n) if i != j) / (n * (n - 1))
    within_b = sum(k(b[i], b[j]) for i in range(m) for j in range(m) if i != j) / (m * (m - 1))
    return within_a + within_b - 2 * sum(k(x, y) for x in a for y in b) / (n * m)


def test_two_points_each_by_hand():
    # k(1, 3) = 4³, k(0, 2) = 1, across: k(1, 0) = 1, k(1, 2) = 3³, k(3, 0) = 1, k(3, 2) = 7³
    a, b = torch.tensor([[1.0], [3.0]]), torch.tensor([[0.0], [2.0]])
    expected = 64 + 1 - 2 * (1 + 27 + 1 + 343) / 4
    assert kernel_distance(a, b, rng=generator()) == pytest.approx(expected, rel=1e-6)


def test_equals_the_sum_over_pairs_for_sets_of_different_sizes():
    a, b = random(23, 5), random(17, 5, seed=1) + 0.5
    assert kernel_distance(a, b, rng=generator()) == pytest.approx(pair_by_pair(a, b), rel=1e-5)


def test_is_the_average_over_subsets_drawn_without_replacement():
    a, b = random(12, 4), random(9, 4, seed=1)
    found = kernel_distance(a, b, rng=generator(7), subsets=3, subset_size=5)
    rng, values = generator(7), []
    for _ in range(3):
        rows_a, rows_b = torch.randperm(12, generator=rng)[:5], torch.randperm(9, generator=rng)[:5]
        values.append(pair_by_pair(a[rows_a], b[rows_b]))
    assert found == pytest.approx(sum(values) / 3, abs=1e-5)


def test_subsets_estimate_the_value_of_the_whole_sets():
    a, b = random(400, 6), random(400, 6, seed=1) + 1
    whole = kernel_distance(a, b, rng=generator(), subset_size=400)
    found = kernel_distance(a, b, rng=generator(), subsets=90, subset_size=40)
    assert found == pytest.approx(whole, rel=0.05)
    assert found != whole


def test_all_rows_are_used_where_they_cost_no_more_pairs_than_the_subsets():
    a, b = random(60, 6), random(40, 6, seed=1) + 0.5
    whole = kernel_distance(a, b, rng=generator(), subset_size=60)
    # 25 subsets of 10 + 10 rows make 25 · 20² pairs, as many as 100² of all rows; 24 make fewer.
    assert kernel_distance(a, b, rng=generator(1), subsets=25, subset_size=10) == whole
    assert kernel_distance(a, b, rng=generator(1), subsets=24, subset_size=10) != whole


def test_is_unbiased_and_therefore_negative_about_half_the_time_for_equal_distributions():
    values = torch.tensor(
        [
            kernel_distance(random(60, 8, seed=2 * s), random(60, 8, seed=2 * s + 1), rng=generator())
            for s in range(200)
        ]
    )
    assert 0.35 < float((values < 0).double().mean()) < 0.75
    assert abs(float(values.mean())) < 3 * float(values.std()) / 200**0.5


def test_a_large_mean_costs_no_digits_that_matter():
    a, b = random(300, 64) + 3, random(300, 64, seed=1) + 3
    exact = kernel_distance(a.double(), b.double(), rng=generator())
    assert kernel_distance(a, b, rng=generator()) == pytest.approx(exact, abs=1e-6 * 10**3)


def test_shifted_and_collapsed_sets_score_higher():
    real, fake = random(500, 8), random(500, 8, seed=1)
    close = kernel_distance(real, fake, rng=generator())
    assert kernel_distance(real, fake + 1, rng=generator()) > close + 0.1
    assert kernel_distance(real, fake * 0.1, rng=generator()) > close + 0.1


def test_chunk_size_and_row_order_do_not_matter(monkeypatch: pytest.MonkeyPatch):
    a, b = random(100, 6), random(80, 6, seed=1)
    before = kernel_distance(a, b, rng=generator())
    monkeypatch.setattr(kernel, "ROWS_AT_ONCE", 13)
    monkeypatch.setattr(kernel, "COLUMNS_AT_ONCE", 31)
    shuffled = a[torch.randperm(100, generator=generator(3))]
    assert kernel_distance(shuffled, b, rng=generator()) == pytest.approx(before, abs=1e-6)


def test_shortened_float32_products_are_not_used():
    a, b = random(100, 64) + 2, random(100, 64, seed=1) + 2
    exact = kernel_distance(a.double(), b.double(), rng=generator())
    previous = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    try:
        assert kernel_distance(a, b, rng=generator()) == pytest.approx(exact, rel=1e-9)
    finally:
        torch.set_float32_matmul_precision(previous)


def test_bad_settings_are_refused():
    a = random(10, 3)
    with pytest.raises(UserError, match="at least 1 subset of at least 2 rows, found 0 of 1000"):
        kernel_distance(a, a, rng=generator(), subsets=0)
    with pytest.raises(UserError, match="found 100 of 1"):
        kernel_distance(a, a, rng=generator(), subset_size=1)
    with pytest.raises(UserError, match="a has 3 features a row and b has 2"):
        kernel_distance(a, a[:, :2], rng=generator())


def test_features_so_large_that_cubes_leave_float32_are_measured_all_the_same() -> None:
    rng = torch.Generator().manual_seed(0)
    a, b = torch.tensor([[1e12], [1e12]]), torch.tensor([[0.0], [0.0]])
    assert kernel_distance(a, b, rng=rng) == pytest.approx(1e72 - 2 + 1, rel=1e-6)
