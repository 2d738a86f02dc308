"""Sobol indices against functions whose indices are known."""

from __future__ import annotations

import math

import pytest
import torch

from ganlens.errors import UserError
from ganlens.measures.sobol import sobol_indices


def evaluations(function, inputs, n, draw):
    a, b = draw(n, inputs), draw(n, inputs)
    mixed = []
    for i in range(inputs):
        x = a.clone()
        x[:, i] = b[:, i]
        mixed.append(function(x))
    return function(a), function(b), torch.stack(mixed)


def uniform(low, high):
    rng = torch.Generator().manual_seed(0)
    return lambda n, d: torch.rand(n, d, generator=rng, dtype=torch.float64) * (high - low) + low


def ishigami(x):
    return x[:, 0].sin() + 7 * x[:, 1].sin() ** 2 + 0.1 * x[:, 2] ** 4 * x[:, 0].sin()


def test_the_ishigami_function_s_indices():
    found = sobol_indices(*evaluations(ishigami, 3, 100_000, uniform(-math.pi, math.pi)))
    variance = 49 / 8 + 0.1 * math.pi**4 / 5 + 0.01 * math.pi**8 / 18 + 0.5
    first = [(1 + 0.1 * math.pi**4 / 5) ** 2 / 2 / variance, 49 / 8 / variance, 0.0]
    both = 8 * 0.01 * math.pi**8 / 225 / variance
    assert found.first[:, 0].tolist() == pytest.approx(first, abs=0.015)
    assert found.total[:, 0].tolist() == pytest.approx([first[0] + both, first[1], both], abs=0.015)


def test_a_sum_with_a_product_and_an_input_without_effect():
    def function(x):
        return 2 * x[:, 0] + x[:, 1] + x[:, 1] * x[:, 2]

    rng = torch.Generator().manual_seed(0)
    a, b, mixed = evaluations(
        function, 4, 50_000, lambda n, d: torch.randn(n, d, generator=rng, dtype=torch.float64)
    )
    found = sobol_indices(a, b, mixed)  # variance 4 + 1 + 1
    assert found.first[:, 0].tolist() == pytest.approx([4 / 6, 1 / 6, 0, 0], abs=0.02)
    assert found.total[:, 0].tolist() == pytest.approx([4 / 6, 2 / 6, 1 / 6, 0], abs=0.02)
    assert found.first[3] == found.total[3] == 0  # exactly


def test_several_outputs_are_judged_each_and_pooled_by_their_variance():
    def function(x):
        return torch.stack([x[:, 0], 3 * x[:, 1], torch.full_like(x[:, 0], 5.0)], dim=1)

    rng = torch.Generator().manual_seed(0)
    parts = evaluations(function, 2, 20_000, lambda n, d: torch.randn(n, d, generator=rng))
    each, pooled = sobol_indices(*parts), sobol_indices(*parts, pooled=True)
    assert each.total.shape == (2, 3) and pooled.total.shape == (2, 1)
    assert each.total.flatten().tolist() == pytest.approx([1, 0, 0, 0, 1, 0], abs=0.03)
    assert pooled.total.flatten().tolist() == pytest.approx([0.1, 0.9], abs=0.02)


def test_a_large_offset_and_scale_change_nothing():
    parts = evaluations(ishigami, 3, 500, uniform(-math.pi, math.pi))
    plain, moved = sobol_indices(*parts), sobol_indices(*(1e-3 * part + 1e4 for part in parts))
    assert torch.allclose(plain.total, moved.total, atol=1e-5)
    assert torch.allclose(plain.first, moved.first, atol=1e-5)


def test_intervals_contain_the_truth_as_often_as_they_say():
    def function(x):
        return 2 * x[:, 0] + x[:, 1]

    rng = torch.Generator().manual_seed(0)
    inside = torch.zeros(2)
    for _ in range(100):
        parts = evaluations(function, 2, 150, lambda n, d: torch.randn(n, d, generator=rng))
        found = sobol_indices(*parts, resamples=200, rng=rng)
        inside[0] += bool(found.total_low[0] <= 0.8 <= found.total_high[0])
        inside[1] += bool(found.first_low[1] <= 0.2 <= found.first_high[1])
    assert (inside >= 88).all()  # of 100; 95 are meant


def test_what_does_not_fit_is_refused():
    ones = torch.ones(4, 2)
    with pytest.raises(UserError, match=r"outputs of shapes \(4, 2\), \(4, 2\) and \(3, 5, 2\)"):
        sobol_indices(ones, ones, torch.ones(3, 5, 2))
    with pytest.raises(UserError, match="at least two base samples, found 1"):
        sobol_indices(ones[:1], ones[:1], torch.ones(3, 1, 2))
    with pytest.raises(UserError, match="NaN"):
        sobol_indices(ones, ones, torch.full((3, 4, 2), torch.nan))
