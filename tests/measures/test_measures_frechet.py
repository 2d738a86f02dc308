from __future__ import annotations

import pytest
import torch
from torch import Tensor

from ganlens.errors import UserError
from ganlens.measures import Moments, frechet_distance, frechet_distance_of_moments, moments, products


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def with_moments(n: int, mean: Tensor, covariance: Tensor, seed: int = 0) -> Tensor:
    """n samples whose empirical mean and unbiased covariance are exactly those given."""
    centred = random(n, len(mean), seed=seed)
    centred = centred - centred.mean(dim=0)
    whiten = torch.linalg.inv(torch.linalg.cholesky(centred.T @ centred / (n - 1)))
    return centred @ whiten.T @ torch.linalg.cholesky(covariance).T + mean


def by_eigenvalues(a: Tensor, b: Tensor) -> float:
    """The textbook formula: the eigenvalues of a product of covariances."""
    product = a.T.cov() @ b.T.cov()
    root = torch.linalg.eigvals(product).real.clamp(min=0).sqrt().sum()
    spread = a.T.cov().trace() + b.T.cov().trace() - 2 * root
    return float((a.mean(dim=0) - b.mean(dim=0)).square().sum() + spread)


def test_two_gaussians_whose_covariances_commute_have_a_closed_form():
    variances_a, variances_b = torch.tensor([1.0, 4.0, 9.0]).double(), torch.tensor([4.0, 4.0, 1.0]).double()
    a = with_moments(50, torch.zeros(3).double(), variances_a.diag())
    b = with_moments(70, torch.tensor([1.0, 2.0, 0.0]).double(), variances_b.diag(), seed=1)
    # ‖(1, 2, 0)‖² + (1−2)² + (2−2)² + (3−1)²
    assert frechet_distance(a, b) == pytest.approx(5 + 1 + 0 + 4, rel=1e-12)


def test_rotated_gaussians_in_two_dimensions_by_hand():
    # Σa = diag(4, 1); Σb = [[2.5, 1.5], [1.5, 2.5]], the same turned by 45°. In two dimensions
    # tr √M = √(tr M + 2√det M) with M = ΣaΣb: tr M = 10 + 2.5, det M = 16.
    a = Moments(torch.zeros(2), torch.tensor([[4.0, 0.0], [0.0, 1.0]]))
    b = Moments(torch.zeros(2), torch.tensor([[2.5, 1.5], [1.5, 2.5]]))
    expected = 5 + 5 - 2 * (12.5 + 2 * 16**0.5) ** 0.5
    assert frechet_distance_of_moments(a, b) == pytest.approx(expected, rel=1e-12)


def test_agrees_with_the_eigenvalue_route_on_correlated_features():
    mix = random(24, 24, seed=3)
    a, b = random(400, 24) @ mix, 1.3 * random(300, 24, seed=1) @ mix + 0.1
    assert frechet_distance(a, b) == pytest.approx(by_eigenvalues(a, b), rel=1e-9)
    assert frechet_distance(a, b) == pytest.approx(frechet_distance(b, a), rel=1e-12)


def test_one_feature_is_the_difference_of_means_and_deviations():
    a, b = torch.tensor([[0.0], [2.0]]), torch.tensor([[5.0], [9.0]])  # deviations √2 and 2√2
    assert frechet_distance(a, b) == pytest.approx((7 - 1) ** 2 + 2, rel=1e-12)


@pytest.mark.parametrize("n", [10, 64, 500])
def test_identical_sets_are_at_distance_zero_even_with_fewer_rows_than_columns(n: int):
    a = (random(n, 64) * 3 + 100).float()
    scale = float(a.double().var(dim=0).sum())
    assert frechet_distance(a, a) <= 1e-12 * scale
    assert (
        frechet_distance(a, a[torch.randperm(n, generator=torch.Generator().manual_seed(5))]) <= 1e-12 * scale
    )


def test_fewer_rows_than_columns_agrees_with_the_covariance_route():
    a, b = random(20, 50), random(35, 50, seed=1) * 2 + 0.3
    by_covariances = frechet_distance_of_moments(moments(a), moments(b))
    assert frechet_distance(a, b) == pytest.approx(by_covariances, rel=1e-6)
    wide = random(200, 50, seed=2)  # one side by covariance, the other by its samples
    assert frechet_distance(a, wide) == pytest.approx(
        frechet_distance_of_moments(moments(a), moments(wide)), rel=1e-6
    )


def test_constant_and_repeated_features_add_nothing():
    a, b = random(100, 6), random(100, 6, seed=1)
    plain = frechet_distance(a, b)
    constant = torch.full((100, 1), 7.0, dtype=torch.float64)
    assert frechet_distance(torch.cat([a, constant], 1), torch.cat([b, constant], 1)) == pytest.approx(
        plain, rel=1e-9
    )
    assert frechet_distance(torch.cat([a, a], 1), torch.cat([b, b], 1)) == pytest.approx(2 * plain, rel=1e-9)


def test_features_on_very_different_scales_all_count():
    deviations = torch.tensor([1e-3, 1.0, 1e3], dtype=torch.float64)
    for alone in range(3):
        doubled = deviations.clone()
        doubled[alone] *= 2
        a = with_moments(200, torch.zeros(3).double(), deviations.square().diag())
        b = with_moments(200, torch.zeros(3).double(), doubled.square().diag(), seed=1)
        assert frechet_distance(a, b) == pytest.approx(float(deviations[alone]) ** 2, rel=1e-8, abs=1e-9)


def test_a_large_common_offset_does_not_matter():
    a, b = random(300, 16), random(300, 16, seed=1)
    assert frechet_distance(a + 1e6, b + 1e6) == pytest.approx(frechet_distance(a, b), rel=1e-6)


def test_row_order_and_chunk_size_do_not_matter(monkeypatch: pytest.MonkeyPatch):
    a, b = random(500, 20), random(400, 20, seed=1) + 0.2
    before = frechet_distance(a, b)
    monkeypatch.setattr("ganlens.measures.feature_matrix.VALUES_AT_ONCE", 737)
    monkeypatch.setattr(products, "BLOCK", 7)
    shuffled = a[torch.randperm(500, generator=torch.Generator().manual_seed(5))]
    assert frechet_distance(shuffled, b) == pytest.approx(before, rel=1e-12)


def test_moments_are_the_textbook_ones_and_the_input_is_left_alone():
    a = random(300, 7) + 5
    kept = a.clone()
    mean, covariance = moments(a)
    torch.testing.assert_close(mean, a.mean(dim=0))
    torch.testing.assert_close(covariance, a.T.cov())
    assert torch.equal(a, kept)


def test_the_estimate_falls_towards_zero_as_samples_grow():
    values = [frechet_distance(random(n, 32), random(n, 32, seed=1)) for n in (100, 400, 1600)]
    assert values[0] > 3 * values[1] > 9 * values[2] > 0


def test_a_generator_that_is_farther_off_scores_higher():
    real, fake = random(1000, 8), random(1000, 8, seed=1)
    distances = [frechet_distance(real, fake + shift) for shift in (0.0, 0.5, 1.0)]
    assert distances == sorted(distances)
    assert frechet_distance(real, fake * 0.1) > distances[0]  # collapsed towards one point


@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        (torch.zeros(4, 3), torch.zeros(4, 2), "a has 3 features a row and b has 2"),
        (torch.zeros(1, 3), torch.zeros(4, 3), "a: expected at least 2 rows, found 1"),
        (torch.zeros(4, 3), torch.zeros(4, 3, dtype=torch.int64), "b: expected floating-point features"),
        (torch.zeros(4, 3), torch.zeros(4, 3, 1), "b: expected a matrix"),
        (torch.zeros(4, 0), torch.zeros(4, 0), "the rows have no features"),
        ([[0.0]], torch.zeros(4, 3), "a: expected a torch tensor"),
    ],
)
def test_bad_features_are_refused_in_one_sentence(a: Tensor, b: Tensor, message: str):
    with pytest.raises(UserError, match=message):
        frechet_distance(a, b)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
def test_the_row_of_a_non_finite_feature_is_named(bad: float):
    features = torch.zeros(9000, 3)
    features[5000, 1] = bad
    features[7000, 1] = bad
    with pytest.raises(UserError, match="b: row 5000 holds NaN or an infinite value"):
        frechet_distance(torch.zeros(4, 3), features)


def test_bad_moments_are_refused():
    good = Moments(torch.zeros(2), torch.eye(2))
    for bad, message in (
        (Moments(torch.zeros(3), torch.eye(3)), "a has 2 features and b has 3"),
        (Moments(torch.zeros(3), torch.eye(2)), "b: expected a mean"),
        (Moments(torch.zeros(2), -torch.eye(2)), "negative variance"),
        (Moments(torch.tensor([0.0, float("nan")]), torch.eye(2)), "NaN"),
    ):
        with pytest.raises(UserError, match=message):
            frechet_distance_of_moments(good, bad)


def test_above_the_size_where_squares_are_taken_digits_remain(monkeypatch: pytest.MonkeyPatch):
    """Standard deviations over five orders of magnitude; the precise route is the reference."""
    from sys import modules

    rng = torch.Generator().manual_seed(0)
    scales = torch.logspace(0, -5, 600, dtype=torch.float64)
    a = torch.randn(1500, 600, generator=rng, dtype=torch.float64) * scales
    b = torch.randn(1400, 600, generator=rng, dtype=torch.float64) * scales * 1.1
    fast, same = frechet_distance(a, b), frechet_distance(a, a.flip(0))
    monkeypatch.setattr(modules["ganlens.measures.frechet"], "SMALL", 600)
    assert fast == pytest.approx(frechet_distance(a, b), rel=1e-8)
    assert 0 <= same < 1e-9 * float(scales.square().sum())
