from __future__ import annotations

import pytest
import torch
from torch import Tensor

from ganlens import UserError
from ganlens.measures import bootstrap_estimates, mean_estimate


def test_bootstrap_of_a_mean_has_the_standard_error_s_width():
    values = torch.linspace(0, 1, 400, dtype=torch.float64)
    rng = torch.Generator().manual_seed(0)
    (mean,) = bootstrap_estimates(
        lambda w: w @ values[:, None] / w.sum(dim=1, keepdim=True), 400, rng=rng, of="values"
    )
    assert mean.value == pytest.approx(0.5)
    assert mean.high - mean.low == pytest.approx(2 * 1.96 * float(values.std()) / 20, rel=0.1)


def test_a_mean_is_the_bootstrap_of_a_mean():
    values = torch.rand(50, generator=torch.Generator().manual_seed(1))
    found = mean_estimate(values, torch.Generator().manual_seed(0), "tries")
    (by_hand,) = bootstrap_estimates(
        lambda weights: weights @ values.double()[:, None] / 50,
        50,
        rng=torch.Generator().manual_seed(0),
        of="tries",
    )
    assert (found.value, found.low, found.high) == pytest.approx((by_hand.value, by_hand.low, by_hand.high))
    assert found.method == "95 %, percentile bootstrap over 50 tries"


def test_several_statistics_come_of_the_same_resamples():
    values = torch.rand(30, generator=torch.Generator().manual_seed(2), dtype=torch.float64)

    def both(weights: Tensor) -> Tensor:
        mean = weights @ values / 30
        return torch.stack([mean, 2 * mean + 1], dim=1)

    mean, doubled = bootstrap_estimates(both, 30, rng=torch.Generator().manual_seed(0), of="values")
    assert doubled.low == pytest.approx(2 * mean.low + 1)
    assert doubled.high == pytest.approx(2 * mean.high + 1)


def test_nothing_and_numbers_that_are_none_are_refused():
    with pytest.raises(UserError, match="expected at least 1 value in one row"):
        mean_estimate(torch.zeros(0), torch.Generator())
    with pytest.raises(UserError, match="value 1 is nan"):
        mean_estimate(torch.tensor([0.0, torch.nan]), torch.Generator())
