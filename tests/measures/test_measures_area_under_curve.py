from __future__ import annotations

import math

import pytest
import torch

from ganlens import UserError
from ganlens.measures import area_under_curve, exceedance_interval
from ganlens.measures.mann_whitney import mann_whitney_z


def test_area_under_curve_by_hand():
    found = area_under_curve(torch.tensor([1.0, 2.0, 3.0]), torch.tensor([0.0, 2.0]))
    # 1 of 2, 1½ of 2, 2 of 2
    assert found.value == pytest.approx(4.5 / 6)
    assert found.low < 0.5 < found.value < found.high
    apart = area_under_curve(torch.arange(10.0) + 20, torch.arange(10.0))
    assert (apart.value, apart.high) == (1.0, 1.0)
    assert apart.low == pytest.approx(0.025 ** (1 / 10))


def test_an_area_and_its_interval_are_mirrored_with_the_sets_and_unmoved_by_a_scale():
    rng = torch.Generator().manual_seed(0)
    first, second = torch.randn(40, generator=rng) + 1, torch.randn(25, generator=rng)
    found, mirrored = area_under_curve(first, second), area_under_curve(second, first)
    assert (mirrored.value, mirrored.low, mirrored.high) == pytest.approx(
        (1 - found.value, 1 - found.high, 1 - found.low)
    )
    assert area_under_curve(first.exp(), second.exp()) == found


def test_the_interval_of_an_exceedance_holds_it_as_often_as_it_says():
    rng = torch.Generator().manual_seed(0)
    for shift in (0.0, 1.0, 2.5):
        truth = 0.5 * (1 + math.erf(shift / 2))
        held = 0
        for _ in range(1000):
            small, large = torch.randn(30, generator=rng), torch.randn(30, generator=rng) + shift
            share = float((large[:, None] > small).double().mean())
            interval = exceedance_interval(share, 30, 30)
            held += interval.low <= truth <= interval.high
        assert 0.93 < held / 1000 < 0.985, (shift, held)


def test_the_interval_of_an_exceedance_is_the_rank_tests_at_one_half():
    # The ends lie where ½ is 1.96 standard deviations away; so ½ is an end where the rank test says 1.96.
    small, large = torch.arange(20.0), torch.arange(20.0) + 7.5
    share = float((large[:, None] > small).double().mean())
    z = mann_whitney_z(large, small)
    found = exceedance_interval(share, 20, 20)
    assert (found.low > 0.5) == (z > 1.959964)
    edge = 0.5 + 1.959964 * math.sqrt(41 / (12 * 400))
    assert exceedance_interval(edge, 20, 20).low == pytest.approx(0.5, abs=1e-9)
    assert exceedance_interval(1.0, 20, 20).high == 1 and exceedance_interval(1.0, 20, 20).low > 0.85
    mirrored = exceedance_interval(1 - share, 20, 20)
    assert (mirrored.low, mirrored.high) == pytest.approx((1 - found.high, 1 - found.low))


def test_what_is_no_row_of_numbers_is_refused():
    numbers = torch.arange(3.0)
    with pytest.raises(UserError, match="value 1 is nan"):
        area_under_curve(numbers, torch.tensor([0.0, torch.nan]))
    with pytest.raises(UserError, match="at least 1 value in one row"):
        area_under_curve(numbers[:0], numbers)
    with pytest.raises(UserError, match="a share of pairs between 0 and 1"):
        exceedance_interval(1.2, 3, 3)
