import numpy as np
import pytest

from ganlens.errors import UserError
from ganlens.measures.corrected_share import Count, corrected_share


def test_a_perfect_test_gives_the_share_that_was_counted():
    estimate = corrected_share(Count(300, 1000), Count(0, 10**6), Count(10**6, 10**6))
    assert estimate.value == pytest.approx(0.3)
    assert (estimate.low, estimate.high) == pytest.approx((0.2724, 0.3291), abs=1e-3)  # Agresti & Coull's


def test_false_alarms_and_misses_are_set_right():
    """p = s·b + (1 − s)·a with a = .1, b = .8, s = .4: .38."""
    estimate = corrected_share(Count(380, 1000), Count(10, 100), Count(80, 100))
    assert estimate.value == pytest.approx(0.4)
    wide, narrow = estimate, corrected_share(Count(380, 1000), Count(1000, 10_000), Count(8000, 10_000))
    assert wide.high - wide.low > 1.5 * (narrow.high - narrow.low)


def test_a_test_that_sees_nothing_says_nothing():
    estimate = corrected_share(Count(300, 1000), Count(30, 100), Count(31, 100))
    assert (estimate.low, estimate.high) == (0.0, 1.0)


def test_more_alarms_than_trials_are_refused():
    with pytest.raises(UserError, match="found 5 of 4"):
        Count(5, 4)


def coverage(share, *, seen, usual, planted, wrong, right, rounds, seed):
    rng = np.random.default_rng(seed)
    copies = rng.binomial(seen, share, rounds)
    alarms = rng.binomial(copies, right) + rng.binomial(seen - copies, wrong)
    others, found = rng.binomial(usual, wrong, rounds), rng.binomial(planted, right, rounds)
    held = 0
    for counts in zip(alarms.tolist(), others.tolist(), found.tolist(), strict=True):
        estimate = corrected_share(*map(Count, counts, (seen, usual, planted)))
        held += estimate.low <= share <= estimate.high
    return held / rounds


@pytest.mark.parametrize("share", [0.01, 0.05, 0.3])
def test_the_interval_holds_the_share_in_about_95_of_100_simulations(share):
    sizes = {"seen": 2000, "usual": 375, "planted": 300}
    held = coverage(share, **sizes, wrong=0.01, right=0.9, rounds=1000, seed=1)
    assert 0.93 <= held <= 0.985


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.01, 0.05, 0.3])
@pytest.mark.parametrize(("wrong", "right"), [(0.01, 0.9), (0.03, 0.7)])
@pytest.mark.parametrize("usual", [375, 1500])
def test_the_interval_holds_the_share_in_many_simulations(share, wrong, right, usual):
    held = coverage(share, seen=2000, usual=usual, planted=300, wrong=wrong, right=right, rounds=4000, seed=2)
    assert 0.93 <= held <= 0.975
