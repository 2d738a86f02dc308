from __future__ import annotations

import pytest
import torch

from ganlens import UserError
from ganlens.measures import median_interval, share_above_quantile


def test_the_interval_of_a_median_holds_it_as_often_as_it_says():
    rng = torch.Generator().manual_seed(0)
    held = 0
    for _ in range(2000):
        interval = median_interval(torch.rand(41, generator=rng).square())
        held += interval.low <= 0.25 <= interval.high
    assert 0.945 < held / 2000 < 0.985


def test_share_above_has_an_interval_that_allows_for_the_threshold():
    real = torch.arange(1, 101).double()
    fake = torch.cat([torch.zeros(900), torch.full((100,), 95.5)])
    estimate = share_above_quantile(fake, real, 0.05)
    assert estimate.value == pytest.approx(0.1)  # the quantile is 95.05
    assert estimate.low == 0  # but it may well be above 95.5, and then no generated sample is
    assert estimate.high == pytest.approx(0.1235, abs=2e-3)
    assert (
        share_above_quantile(torch.full((1000,), 1e9), real[:10], 0.05).low == 0
    )  # ten samples bound no such quantile


def test_the_ends_of_a_median_are_known_order_statistics():
    """Of 10 values 2 to 9 hold it with 97.9 %, since P(fewer than 2 of 10 below) = 11/1024."""
    found = median_interval(torch.arange(10.0).flip(0))
    assert (found.low, found.high) == (1.0, 8.0)


def test_what_can_have_no_quantile_is_refused():
    numbers = torch.arange(5.0)
    with pytest.raises(UserError, match="share must lie between 0 and 1"):
        share_above_quantile(numbers, numbers, 1.0)
    with pytest.raises(UserError, match="value 0 is nan"):
        median_interval(torch.tensor([torch.nan, 1.0]))
