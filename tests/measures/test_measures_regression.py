from __future__ import annotations

import pytest
import torch
from sklearn.linear_model import Ridge
from torch import Tensor

from ganlens.errors import UserError
from ganlens.measures import correlation, fit_ridge, r_squared, ridge_r2


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_one_column_by_hand():
    # Centred x −1, 0, 1 and y −2, 0, 2: weight Σxy / (Σx² + α) = 4 / (2 + 2) = 1, through the means (2, 5).
    line = fit_ridge(torch.tensor([[1.0], [2.0], [3.0]]), torch.tensor([[3.0], [5.0], [7.0]]), alpha=2.0)
    assert line.weight.item() == pytest.approx(1.0)
    assert line.offset.item() == pytest.approx(3.0)
    assert line(torch.tensor([[10.0]])).item() == pytest.approx(13.0)


@pytest.mark.parametrize("alpha", [0.1, 10.0])
def test_agrees_with_scikit_learn(alpha: float):
    x, y = random(60, 7) + 4, random(60, 3, seed=1) - 2
    theirs = Ridge(alpha=alpha, solver="svd").fit(x.numpy(), y.numpy())
    ours = fit_ridge(x, y, alpha)
    torch.testing.assert_close(ours.weight.T, torch.from_numpy(theirs.coef_))
    torch.testing.assert_close(ours.offset, torch.from_numpy(theirs.intercept_))


def test_a_linear_relation_is_found_and_an_absent_one_is_not():
    x, weight = random(400, 5), random(5, 4, seed=1)
    assert ridge_r2(x[:300], x[:300] @ weight + 7, x[300:], x[300:] @ weight + 7, 1e-9) == pytest.approx(1.0)
    assert ridge_r2(x[:300], random(300, 4, seed=2), x[300:], random(100, 4, seed=3), 1.0) < 0.02
    noisy = x @ weight + random(400, 4, seed=4) * weight.norm(dim=0)  # half of each target's variance
    assert ridge_r2(x[:300], noisy[:300], x[300:], noisy[300:], 1.0) == pytest.approx(0.5, abs=0.08)


def test_fewer_samples_than_features_take_the_smallest_weights_without_a_penalty():
    x, y = random(5, 12), random(5, 1, seed=1)
    line = fit_ridge(x, y, alpha=0.0)
    torch.testing.assert_close(line(x), y)
    torch.testing.assert_close(line.weight, torch.linalg.pinv(x - x.mean(dim=0)) @ (y - y.mean(dim=0)))


def test_r_squared_is_measured_against_the_given_mean():
    target, reference = torch.tensor([[1.0], [3.0]]), torch.tensor([0.0])
    assert r_squared(target, target, reference) == 1.0
    assert r_squared(torch.tensor([[0.0], [0.0]]), target, reference) == 0.0
    assert r_squared(torch.tensor([[2.0], [2.0]]), target, reference) == pytest.approx(1 - 2 / 10)
    assert r_squared(torch.tensor([[-1.0], [-3.0]]), target, reference) == pytest.approx(1 - 40 / 10)
    assert r_squared(torch.zeros(2, 1), torch.zeros(2, 1), reference) == 0.0


def test_correlation_by_hand_and_its_sign():
    a = torch.tensor([1.0, 2.0, 3.0])
    assert correlation(a, 5 - 2 * a) == pytest.approx(-1.0)
    assert correlation(a, torch.tensor([1.0, 3.0, 2.0])) == pytest.approx(0.5)
    assert correlation(a, torch.tensor([1.0, -2.0, 1.0])) == pytest.approx(0.0, abs=1e-12)


def test_correlation_ignores_scale_offset_and_shape():
    a, b = random(6, 5), random(6, 5, seed=1)
    expected = float(torch.corrcoef(torch.stack([a.flatten(), b.flatten()]))[0, 1])
    assert correlation(a, b) == pytest.approx(expected, rel=1e-12)
    assert correlation(1e6 * a + 1e8, 1e-9 * b) == pytest.approx(expected, rel=1e-6)


def test_a_constant_shows_no_correlation():
    assert correlation(torch.full((10,), 0.1), random(10).float()) == 0.0
    assert correlation(random(10), torch.full((10,), 1e9, dtype=torch.float64) / 3) == 0.0


def test_bad_requests_are_refused():
    x, y = random(6, 2), random(6, 1)
    for call, message in (
        (lambda: fit_ridge(x, y[:5]), "x has 6 rows and y has 5"),
        (lambda: fit_ridge(x, y, alpha=-1.0), "alpha must be 0 or more, found -1.0"),
        (lambda: fit_ridge(x[:1], y[:1]), "x: expected at least 2 rows, found 1"),
        (lambda: ridge_r2(x, y, x[:, :1], y), "train_x has 2 features a row and test_x has 1"),
        (lambda: r_squared(y, y[:3], torch.zeros(1)), "predicted has 6 rows and target has 3"),
        (lambda: r_squared(y, y, torch.zeros(2)), "reference_mean: expected"),
        (lambda: correlation(x, y), "a has shape"),
        (lambda: correlation(x[:1, 0], y[:1, 0]), "a: expected at least 2 rows"),
        (lambda: correlation(x * float("nan"), x), "a: row 0 holds NaN"),
    ):
        with pytest.raises(UserError, match=message):
            call()


@pytest.mark.parametrize("widths", [(7, 2), (2, 7)])
def test_more_rows_than_are_held_at_once_change_nothing(monkeypatch, widths):
    """x and y of different widths must stay pairs, and the penalty must count once, not once a chunk."""
    x, y = random(50, widths[0]), random(50, widths[1], seed=1)
    whole = fit_ridge(x, y, alpha=3.0)
    monkeypatch.setattr("ganlens.measures.feature_matrix.VALUES_AT_ONCE", 40)
    in_chunks = fit_ridge(x, y, alpha=3.0)
    assert torch.allclose(in_chunks.weight, whole.weight, atol=1e-12)
    assert torch.allclose(in_chunks.offset, whole.offset, atol=1e-12)
    theirs = Ridge(alpha=3.0).fit(x.numpy(), y.numpy())
    assert torch.allclose(in_chunks.weight.T, torch.from_numpy(theirs.coef_), atol=1e-9)
