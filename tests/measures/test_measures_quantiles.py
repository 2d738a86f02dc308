from __future__ import annotations

import pytest
import torch

from ganlens import UserError
from ganlens.measures import area_under_curve, median_interval, share_above_quantile
from ganlens.measures.quantiles import weighted_quantile


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


def test_a_weight_of_two_counts_as_two_values():
    values = torch.tensor([3.0, 1.0, 4.0, 1.5, 9.0, 2.6])
    assert weighted_quantile(values, 0.7) == pytest.approx(float(torch.quantile(values, 0.7)))
    rng = torch.Generator().manual_seed(0)
    real, fake = torch.randn(400, generator=rng), torch.randn(300, generator=rng) + 0.5
    repeats = torch.randint(1, 4, (400,), generator=rng)
    twice, weighted = real.repeat_interleave(repeats), repeats.double()
    assert weighted_quantile(real, 0.9, weighted) == pytest.approx(
        float(torch.quantile(twice.double(), 0.9)), abs=0.02
    )
    assert area_under_curve(fake, real, weights=weighted).value == pytest.approx(
        area_under_curve(fake, twice).value, abs=1e-12
    )
    zero = torch.cat([torch.ones(400), torch.zeros(50)])
    more = torch.cat([real, torch.full((50,), 9.0)])
    assert (
        share_above_quantile(fake, more, 0.1, weights=zero).interval
        == share_above_quantile(fake, real, 0.1).interval
    )


def test_two_kinds_in_another_mix_are_no_difference_once_real_ones_are_weighed_to_it():
    """Kinds at 0 and at 2: half and half of the real ones, one to four of the others."""
    rng = torch.Generator().manual_seed(1)
    held, unweighted = [0, 0], 0
    for _ in range(300):
        real_kinds, fake_kinds = (torch.rand(300, generator=rng) < share for share in (0.5, 0.8))
        real, fake = (2.0 * kinds + torch.randn(300, generator=rng) for kinds in (real_kinds, fake_kinds))
        weights = torch.where(real_kinds, 0.8 / real_kinds.sum(), 0.2 / (~real_kinds).sum())
        found = (
            share_above_quantile(fake, real, 0.05, weights=weights),
            area_under_curve(fake, real, weights=weights),
        )
        held = [n + (e.low <= true <= e.high) for n, e, true in zip(held, found, (0.05, 0.5), strict=True)]
        unweighted += area_under_curve(fake, real).low > 0.5
    assert min(held) >= 0.93 * 300 and unweighted > 250


def test_weights_that_fit_no_values_are_refused():
    numbers = torch.arange(3.0)
    for weights in (torch.ones(2), torch.tensor([1.0, -1.0, 1.0]), torch.zeros(3)):
        with pytest.raises(UserError, match="expected 3 weights"):
            share_above_quantile(numbers, numbers, 0.5, weights=weights)
