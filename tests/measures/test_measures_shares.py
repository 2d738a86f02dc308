from __future__ import annotations

import pytest

from ganlens import UserError
from ganlens.measures import binomial_interval, difference_of_shares, ratio_of_shares, share_estimate


def test_a_share_has_the_exact_binomial_interval():
    found = share_estimate(3, 40)
    assert found.value == 3 / 40
    assert found.interval == binomial_interval(3, 40)


@pytest.mark.parametrize(
    ("counts", "low", "high"),
    [((56, 70, 48, 80), 0.0524, 0.3339), ((9, 10, 3, 10), 0.1705, 0.8090), ((10, 10, 0, 10), 0.6075, 1.0)],
)
def test_difference_of_shares_gives_newcombe_s_published_intervals(counts, low, high):
    estimate = difference_of_shares(*counts)
    assert (estimate.low, estimate.high) == pytest.approx((low, high), abs=5e-5)


def test_a_difference_changes_its_sign_with_the_sets():
    found, mirrored = difference_of_shares(9, 10, 3, 10), difference_of_shares(3, 10, 9, 10)
    assert mirrored.value == pytest.approx(-found.value)
    assert (mirrored.low, mirrored.high) == pytest.approx((-found.high, -found.low))


@pytest.mark.parametrize("counts", [(1, 0, 1, 2), (1, 2, 3, 2), (-1, 2, 1, 2)])
def test_counts_that_are_none_are_refused(counts: tuple[int, int, int, int]):
    with pytest.raises(
        UserError, match="expected successes between 0 and the trials, at least 1 trial; found"
    ):
        difference_of_shares(*counts)


def test_a_ratio_of_shares_has_katz_s_interval():
    """20 of 100 against 10 of 100: the logarithm of 2 has a variance of 0.8/20 + 0.9/10."""
    times = ratio_of_shares(20, 100, 10, 100)
    assert times.value == pytest.approx(2)
    assert (times.low, times.high) == pytest.approx((0.9866, 4.0545), abs=2e-3)
    assert ratio_of_shares(0, 100, 10, 100).value == 0
    assert ratio_of_shares(50, 100, 0, 100).low > 1
    with pytest.raises(UserError, match="expected shares"):
        ratio_of_shares(1, 0, 1, 2)
