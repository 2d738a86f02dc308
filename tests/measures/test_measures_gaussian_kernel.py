from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist
from torch import Tensor

from ganlens.errors import UserError
from ganlens.measures import gaussian_kernel
from ganlens.measures.gaussian_kernel import clip_style_mmd


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def unit(features: Tensor) -> Tensor:
    return features / features.norm(dim=1, keepdim=True)


def all_pairs(a: Tensor, b: Tensor, sigma: float = 10.0, scale: float = 1000.0) -> float:
    """The biased estimate as it is printed, from three full matrices of exact differences."""

    def k(x: Tensor, y: Tensor) -> float:
        return float(
            np.exp(-cdist(x.double().numpy(), y.double().numpy(), "sqeuclidean") / (2 * sigma**2)).mean()
        )

    return scale * (k(a, a) + k(b, b) - 2 * k(a, b))


def between_gaussians(shift: Tensor, variance_a: float, variance_b: float, sigma: float) -> float:
    """E exp(−‖x−y‖²/2σ²) for x ~ N(0, variance_a·I) and y ~ N(shift, variance_b·I)."""
    together = sigma**2 + variance_a + variance_b
    return (sigma**2 / together) ** (len(shift) / 2) * math.exp(-float(shift @ shift) / (2 * together))


def test_two_points_each_by_hand():
    a, b = torch.tensor([[0.0], [10.0]]).double(), torch.tensor([[0.0], [20.0]]).double()
    # σ = 10: exp(−½) at distance 10, exp(−2) at 20; each row with itself counts as 1.
    within_a, within_b = (1 + math.exp(-0.5)) / 2, (1 + math.exp(-2)) / 2
    across = (1 + math.exp(-2) + 2 * math.exp(-0.5)) / 4
    assert clip_style_mmd(a, b) == pytest.approx(1000 * (within_a + within_b - 2 * across), rel=1e-12)


@pytest.mark.parametrize(("sigma", "scale"), [(10.0, 1000.0), (0.7, 1.0)])
def test_equals_the_mean_over_all_pairs_for_sets_of_different_sizes(sigma: float, scale: float):
    a, b = unit(random(130, 24)), unit(random(90, 24, seed=1) + 0.2)
    expected = all_pairs(a, b, sigma, scale)
    assert clip_style_mmd(a, b, sigma=sigma, scale=scale) == pytest.approx(expected, rel=1e-9)
    assert clip_style_mmd(b, a, sigma=sigma, scale=scale) == pytest.approx(expected, rel=1e-9)
    assert clip_style_mmd(a.float(), b.float(), sigma=sigma, scale=scale) == pytest.approx(expected, rel=1e-5)


def test_gaussians_have_a_closed_form_and_the_bias_that_is_stated():
    n, m, sigma, shift = 40, 60, 2.0, torch.full((5,), 0.4, dtype=torch.float64)
    within_a, within_b = (between_gaussians(0 * shift, v, v, sigma) for v in (1.0, 2.25))
    truth = within_a + within_b - 2 * between_gaussians(shift, 1.0, 2.25, sigma)
    bias = (1 - within_a) / n + (1 - within_b) / m
    values = torch.tensor(
        [
            clip_style_mmd(
                random(n, 5, seed=2 * s), 1.5 * random(m, 5, seed=2 * s + 1) + shift, sigma=sigma, scale=1
            )
            for s in range(300)
        ]
    )
    error = float(values.std()) / 300**0.5
    assert abs(float(values.mean()) - (truth + bias)) < 3 * error
    assert bias > 10 * error  # so that an unbiased estimate would not pass


def test_on_features_of_length_one_it_is_the_distance_of_the_means_and_blind_to_collapse_about_one():
    a, b = unit(random(400, 32) + 0.3), unit(random(300, 32, seed=1))
    shift = float((a.mean(dim=0) - b.mean(dim=0)).square().sum())
    assert clip_style_mmd(a, b) == pytest.approx(1000 / 10**2 * shift, rel=0.015)
    even = torch.cat([b, -b])
    corners = torch.eye(32, dtype=torch.float64)[:2].repeat(150, 1)
    collapsed = torch.cat([corners, -corners])  # four different samples, with the mean where it was
    assert clip_style_mmd(even, collapsed) < 0.05 * clip_style_mmd(even, unit(even + 0.05))


@pytest.mark.parametrize("n", [10, 300])
def test_identical_sets_are_at_zero_even_with_fewer_rows_than_columns(n: int):
    a = (random(n, 64) * 2 + 50).float()
    shuffled = a[torch.randperm(n, generator=torch.Generator().manual_seed(1))]
    assert clip_style_mmd(a, a) <= 1e-9
    assert clip_style_mmd(a, shuffled) <= 1e-9
    assert clip_style_mmd(unit(a).float(), unit(shuffled).float()) <= 1e-6
    constant = torch.full((n, 3), 7.0)
    assert clip_style_mmd(constant, constant) == 0
    # Two points: 2 − 2k between them.
    assert clip_style_mmd(constant, constant + 1) == pytest.approx(2000 * (1 - math.exp(-3 / 200)), rel=1e-6)


def test_features_far_from_each_other_keep_the_digits_of_those_near():
    # Within a cluster squared distances are 1e-8 of the squared norms: float32 products would be noise.
    a = torch.cat([random(40, 8), random(40, 8, seed=1) + 1e4]).float()
    b = torch.cat([random(50, 8, seed=2) * 1.5, random(50, 8, seed=3) + 1e4]).float()
    assert clip_style_mmd(a, b, sigma=1.0) == pytest.approx(all_pairs(a, b, sigma=1.0), rel=1e-6)


def test_tile_and_chunk_sizes_and_row_order_do_not_matter(monkeypatch: pytest.MonkeyPatch):
    a, b = unit(random(100, 6)), unit(random(80, 6, seed=1) + 0.1)
    before = clip_style_mmd(a, b)
    monkeypatch.setattr(gaussian_kernel, "TILE", 13)
    monkeypatch.setattr("ganlens.measures.feature_matrix.VALUES_AT_ONCE", 41)
    shuffled = a[torch.randperm(100, generator=torch.Generator().manual_seed(3))]
    assert clip_style_mmd(shuffled, b) == pytest.approx(before, rel=1e-10)


def test_shortened_float32_products_are_not_used():
    a, b = unit(random(100, 64)).float(), unit(random(100, 64, seed=1) + 0.1).float()
    exact = clip_style_mmd(a.double(), b.double())
    previous = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    try:
        assert clip_style_mmd(a, b) == pytest.approx(exact, rel=1e-9)
    finally:
        torch.set_float32_matmul_precision(previous)


def test_shifted_collapsed_and_noisy_sets_score_higher():
    real, fake = random(500, 16) * 3, random(500, 16, seed=1) * 3
    close = clip_style_mmd(real, fake)
    shifted = [clip_style_mmd(real, fake + shift) for shift in (0.5, 1.0, 2.0)]
    assert [close, *shifted] == sorted([close, *shifted])
    assert clip_style_mmd(real, fake * 0.1) > 5 * close
    assert clip_style_mmd(real, fake * 2) > 5 * close


def test_bad_input_is_refused_in_one_sentence():
    a = random(10, 3)
    holed = a.clone()
    holed[4, 1] = torch.inf
    for call, message in (
        (lambda: clip_style_mmd(a, a, sigma=0), "sigma must be positive and finite, found 0"),
        (lambda: clip_style_mmd(a, a, sigma=math.inf), "sigma must be positive and finite, found inf"),
        (lambda: clip_style_mmd(a, a, scale=-1), "scale must be positive and finite, found -1"),
        (lambda: clip_style_mmd(a, a[:, :2]), "a has 3 features a row and b has 2"),
        (lambda: clip_style_mmd(a, a[:1]), "b: expected at least 2 rows, found 1"),
        (lambda: clip_style_mmd(holed, a), "a: row 4 holds NaN or an infinite value"),
        (lambda: clip_style_mmd(a, a.int()), "b: expected floating-point features"),
    ):
        with pytest.raises(UserError, match=message):
            call()
