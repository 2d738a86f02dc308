from __future__ import annotations

import pytest
import torch

from ganlens import UserError
from ganlens.measures import neighbour_coverage


def corners(shares: list[float], n: int, seed: int) -> torch.Tensor:
    """Points round four far corners, in those shares."""
    rng = torch.Generator().manual_seed(seed)
    where = torch.multinomial(torch.tensor(shares), n, replacement=True, generator=rng)
    places = torch.tensor([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0], [10.0, 10.0]])
    return places[where] + 0.5 * torch.randn(n, 2, generator=rng)


def test_coverage_of_a_missing_group_is_the_mass_of_the_others_and_no_chance():
    real, held_out = corners([0.25] * 4, 800, 0), corners([0.25] * 4, 400, 1)
    rng = torch.Generator().manual_seed(0)
    found = neighbour_coverage(real, corners([1 / 3, 1 / 3, 1 / 3, 0], 800, 2), held_out, k=5, rng=rng)
    gone = (held_out > 5).all(dim=1)
    assert not found.by_generated[gone].any() and found.by_real[gone].double().mean() > 0.9
    assert found.by_generated[~gone].double().mean() > 0.9
    assert (found.ratio[gone] > 3).all() and found.p_value < 0.005


def test_coverage_by_the_same_distribution_is_one_minus_a_power_of_two():
    """The nearest rival lies beyond the k nearest of as many others with probability 2^−k."""
    rates, p_values = [], []
    for seed in range(20):
        rng = torch.Generator().manual_seed(seed)
        real, fake, held_out = (torch.randn(n, 3, generator=rng) for n in (400, 200, 200))
        found = neighbour_coverage(real, fake, held_out, k=2, rng=rng)
        rates.append(float(found.by_generated.double().mean()))
        p_values.append(found.p_value)
    assert sum(rates) / 20 == pytest.approx(1 - 2**-2, abs=0.03)
    assert sum(p <= 0.1 for p in p_values) <= 5


def test_too_few_rows_are_refused():
    rows = torch.zeros(1, 2)
    with pytest.raises(UserError, match=r"expected two training rows, one generated, .* found 1, 1, 1 and 1"):
        neighbour_coverage(rows, rows, rows, k=1, rng=torch.Generator())
