from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import stats

from ganlens.errors import UserError
from ganlens.measures import binomial_interval, mode_coverage, reverse_kl, share_intervals
from ganlens.measures.modes import chance_divergence


def test_equal_shares_are_at_distance_zero():
    found = mode_coverage(torch.arange(10).repeat(7), 10)
    assert (found.modes, found.kl) == (10, 0.0)
    assert found.shares.tolist() == pytest.approx([0.1] * 10)
    assert found.counts.tolist() == [7] * 10


def test_half_of_the_modes_are_log_two_away():
    found = mode_coverage(torch.tensor([0, 1, 2, 0, 1, 2]), 6)
    assert found.modes == 3
    assert found.kl == pytest.approx(math.log(2), rel=1e-12)


def test_a_single_mode_is_log_of_the_number_away():
    found = mode_coverage(torch.full((26,), 417), 1000)
    assert found.modes == 1
    assert found.kl == pytest.approx(math.log(1000), rel=1e-12)


def test_shares_by_hand_and_against_a_reference():
    labels = torch.tensor([0, 0, 0, 1], dtype=torch.uint8)
    assert mode_coverage(labels, 2).kl == pytest.approx(0.75 * math.log(1.5) + 0.25 * math.log(0.5))
    skewed = mode_coverage(labels, 2, reference_shares=torch.tensor([0.75, 0.25]))
    assert skewed.kl == pytest.approx(0.0, abs=1e-15)


def test_reverse_means_that_the_generated_shares_come_first():
    even, skewed = torch.tensor([0.5, 0.5]), torch.tensor([0.9, 0.1])
    assert reverse_kl(skewed, even) == pytest.approx(0.9 * math.log(1.8) + 0.1 * math.log(0.2))
    assert reverse_kl(even, skewed) == pytest.approx(0.5 * math.log(0.5 / 0.9) + 0.5 * math.log(5))
    missing = torch.tensor([1.0, 0.0])
    assert reverse_kl(missing, even) == pytest.approx(math.log(2))
    assert reverse_kl(even, missing) == math.inf


def test_share_intervals_are_exact_and_wider_when_they_must_hold_together():
    labels = torch.tensor([0] * 12 + [1] * 8)
    alone = share_intervals(labels, 3)
    assert alone == [binomial_interval(12, 20), binomial_interval(8, 20), binomial_interval(0, 20)]
    together = share_intervals(labels, 3, simultaneous=True)
    assert together[2].high == pytest.approx(1 - (0.05 / 6) ** (1 / 20), rel=1e-12)
    assert "all 3 classes together" in together[0].method


def test_bad_labels_and_shares_are_refused():
    for call, message in (
        (lambda: mode_coverage(torch.tensor([0, 3]), 3), "row 1 is 3, expected 0 to 2"),
        (lambda: mode_coverage(torch.tensor([-1]), 3), "row 0 is -1"),
        (lambda: mode_coverage(torch.zeros(0, dtype=torch.int64), 3), "at least one"),
        (lambda: mode_coverage(torch.zeros(4), 3), "expected integers, found torch.float32"),
        (lambda: mode_coverage(torch.zeros(4, dtype=torch.int64), 0), "num_modes must be at least 1"),
        (lambda: reverse_kl(torch.tensor([0.5, 0.5]), torch.tensor([1.0])), "has 2 classes"),
        (lambda: reverse_kl(torch.tensor([3.0, 5.0]), torch.tensor([0.5, 0.5])), "must sum to 1, found 8"),
        (lambda: reverse_kl(torch.tensor([1.5, -0.5]), torch.tensor([0.5, 0.5])), "not negative"),
        (lambda: share_intervals(torch.tensor([0]), 1, level=0.0), "level must lie between 0 and 1"),
    ):
        with pytest.raises(UserError, match=message):
            call()


def test_fresh_draws_of_the_right_shares_diverge_by_chance_alone() -> None:
    """2n times the divergence is about χ² with one degree less than there are classes."""
    shares = torch.full((10,), 0.1, dtype=torch.float64)
    by_chance = chance_divergence(shares, shares, 400, rng=np.random.default_rng(0), draws=4000)
    assert float(by_chance.mean()) == pytest.approx(9 / 800, rel=0.03)
    assert float(by_chance.quantile(0.95)) == pytest.approx(stats.chi2.isf(0.05, 9) / 800, rel=0.03)


def test_a_class_that_is_never_drawn_costs_nothing() -> None:
    shares = torch.tensor([0.5, 0.5, 0.0], dtype=torch.float64)
    by_chance = chance_divergence(shares, shares, 10, rng=np.random.default_rng(0), draws=5)
    assert bool(by_chance.isfinite().all())
