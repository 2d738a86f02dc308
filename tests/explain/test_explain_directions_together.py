"""What directions come to as a set: closed forms, and the order of methods whose directions are known."""

from __future__ import annotations

import pytest
import torch

from ganlens.explain.directions.independence import together

ONES = torch.ones(4, dtype=torch.float64)
CAUSES = torch.eye(4, 8, dtype=torch.float64)


def test_as_many_causes_as_were_asked_for_are_all_of_it_and_scores_count_as_they_are() -> None:
    assert together(CAUSES, ONES, 4) == pytest.approx(1)
    assert together(CAUSES, 0.3 * ONES, 4) == pytest.approx(0.3)
    assert together(CAUSES, torch.tensor([1.0, 0.5, 0.0, 0.1]), 4) == pytest.approx(1.6 / 4)


def test_one_cause_given_again_and_again_is_one_cause() -> None:
    assert together(CAUSES[:1].expand(4, 8), ONES, 4) == pytest.approx(1 / 4)
    assert together(-CAUSES[[0, 0, 1, 1]], ONES, 4) == pytest.approx(2 / 4)


def test_a_direction_counts_for_what_no_better_one_has() -> None:
    """A mixture of the first cause and the second in equal parts, which scores 0.4, is half of it the first's."""
    mixture = (CAUSES[:1] + CAUSES[1:2]) / 2**0.5
    both = torch.cat([mixture, CAUSES[:1]])
    assert together(both, torch.tensor([0.4, 0.9]), 2) == pytest.approx((0.9 + 0.4 / 2) / 2)
    assert together(both.flip(0), torch.tensor([0.9, 0.4]), 2) == pytest.approx((0.9 + 0.4 / 2) / 2)


def test_fewer_than_were_asked_for_know_less_and_more_are_no_gain() -> None:
    assert together(CAUSES[:2], ONES[:2], 4) == pytest.approx(2 / 4)
    assert together(CAUSES, ONES, 2) == pytest.approx(1)
    assert together(CAUSES[[0, 0, 1]], ONES[:3], 2) == pytest.approx(2 / 3)


def test_a_method_that_knows_all_causes_fairly_is_above_one_that_knows_few_well() -> None:
    """Of eight causes the first gives each with a score of .68, the second four, twice each, with .88."""
    causes = torch.eye(8, dtype=torch.float64)
    all_of_them = together(causes, torch.full((8,), 0.68), 8)
    few = together(causes[[0, 0, 1, 1, 2, 2, 3, 3]], torch.full((8,), 0.88), 8)
    assert all_of_them == pytest.approx(0.68) and few == pytest.approx(0.44)


def test_turning_the_space_changes_nothing() -> None:
    rng = torch.Generator().manual_seed(0)
    units = torch.nn.functional.normalize(torch.randn(5, 8, generator=rng, dtype=torch.float64), dim=1)
    turn = torch.linalg.qr(torch.randn(8, 8, generator=rng, dtype=torch.float64)).Q
    scores = torch.rand(5, generator=rng)
    assert together(units, scores, 8) == pytest.approx(together(units @ turn, scores, 8))
