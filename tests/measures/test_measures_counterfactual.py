from __future__ import annotations

import math

import pytest
import torch

from ganlens.errors import UserError
from ganlens.measures.counterfactual import (
    counterfactual_diversity,
    counterfactual_proximity,
    counterfactual_realism,
    counterfactual_sparsity,
    counterfactual_transition,
    counterfactual_validity,
    swapped_in_order,
)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_validity_counts_the_rows_whose_largest_score_is_the_target_s():
    logits = torch.tensor([[2.0, 1.0], [0.0, 1.0], [3.0, 4.0], [1.0, 0.0]])
    assert counterfactual_validity(logits, torch.tensor([1, 1, 1, 1])) == 0.5
    assert counterfactual_validity(logits, torch.tensor([0, 1, 1, 0])) == 1.0


def test_proximity_by_hand():
    originals = torch.zeros(2, 1, 2, 2)
    changed = torch.tensor([[[[3.0, 0.0], [0.0, -4.0]]], [[[1.0, 1.0], [1.0, 1.0]]]])
    proximity = counterfactual_proximity(originals, changed)
    assert proximity.l1.tolist() == [7 / 4, 1.0]
    assert proximity.l2.tolist() == [5.0, 2.0]


def test_sparsity_counts_changes_beyond_the_tolerance_alone():
    originals = torch.zeros(2, 4)
    changed = torch.tensor([[0.5, 0.0, 0.25, -1.0], [0.0, 0.0, 0.0, 0.0]])
    assert counterfactual_sparsity(originals, changed, tolerance=0.25).tolist() == [0.5, 0.0]
    assert counterfactual_sparsity(originals, changed, tolerance=0.0).tolist() == [0.75, 0.0]


def test_real_samples_of_the_class_are_as_realistic_as_the_reference_and_shifted_ones_are_not():
    rng = generator()
    real = torch.randn(4000, 2, generator=rng)
    same = counterfactual_realism(torch.randn(1000, 2, generator=rng), real, rng=generator(1))
    apart = counterfactual_realism(
        torch.randn(1000, 2, generator=rng) + torch.tensor([3.0, 0.0]), real, rng=generator(1)
    )
    assert same.count == apart.count == 1000
    assert same.distance < 0.03 and same.reference < 0.03
    assert apart.distance == pytest.approx(9, rel=0.05)  # the squared shift, the covariances being equal
    assert apart.reference == same.reference


def test_realism_compares_equal_numbers_of_rows():
    rng = generator()
    real = torch.randn(20, 3, generator=rng)
    assert counterfactual_realism(torch.randn(50, 3, generator=rng), real, rng=rng).count == 10
    assert counterfactual_realism(torch.randn(6, 3, generator=rng), real, rng=rng).count == 6
    with pytest.raises(UserError, match="at least 4 counterfactuals and 8 real samples, found 3 and 20"):
        counterfactual_realism(torch.randn(3, 3, generator=rng), real, rng=rng)


def test_cout_by_hand():
    """The target's probability goes 0, 1, 1 and the source's 1, 0, 0: means of neighbours 0.5, 1 less 0.5, 0."""
    source = torch.tensor([[1.0, 0.0, 0.0], [1.0, 1.0, 1.0], [1.0, 0.5, 0.0]])
    target = torch.tensor([[0.0, 1.0, 1.0], [0.0, 0.0, 0.0], [0.0, 0.5, 1.0]])
    assert counterfactual_transition(source, target).tolist() == [0.5, -1.0, 0.0]


def test_cout_takes_probabilities_alone():
    with pytest.raises(UserError, match="outside 0…1"):
        counterfactual_transition(torch.tensor([[3.0, 0.0]]), torch.tensor([[0.0, 1.0]]))
    with pytest.raises(UserError, match="at least two steps"):
        counterfactual_transition(torch.ones(3, 1), torch.ones(3, 1))


def test_the_largest_change_is_swapped_in_first_and_channels_go_together():
    original = torch.zeros(1, 2, 1, 2)
    changed = torch.tensor(
        [[[[1.0, 0.5]], [[0.0, 2.0]]]]
    )  # the right pixel changes by 2.5 in all, the left by 1
    way = swapped_in_order(original, changed, 2, lambda samples: samples.clone())
    assert way.shape == (1, 3, 2, 1, 2)
    assert way[0, 0].flatten().tolist() == [0, 0, 0, 0]
    assert way[0, 1].flatten().tolist() == [0, 0.5, 0, 2]
    assert way[0, 2].flatten().tolist() == [1, 0.5, 0, 2]


def test_points_are_swapped_number_by_number():
    way = swapped_in_order(torch.zeros(1, 3), torch.tensor([[1.0, -3.0, 2.0]]), 3, lambda x: x.clone())
    assert way[0].tolist() == [[0, 0, 0], [0, -3, 0], [0, -3, 2], [1, -3, 2]]


def test_diversity_is_the_mean_distance_of_the_answers_that_exist():
    answers = torch.tensor([[[0.0, 0.0], [3.0, 4.0], [9.0, 9.0]], [[0.0, 0.0], [0.0, 0.0], [6.0, 8.0]]])
    found = torch.tensor([[True, True, False], [True, True, True]])
    assert counterfactual_diversity(answers, found).tolist() == pytest.approx([5.0, 20 / 3])
    assert counterfactual_diversity(answers, torch.eye(3)[:2].bool()).tolist() == []


def test_shapes_that_do_not_belong_together_are_refused():
    for measure in (counterfactual_proximity, counterfactual_sparsity):
        with pytest.raises(UserError, match=r"of one shape .* found \(2, 3\) and \(2, 4\)"):
            measure(torch.zeros(2, 3), torch.zeros(2, 4))
    with pytest.raises(UserError, match="sample 1 or its counterfactual holds NaN"):
        counterfactual_proximity(torch.zeros(2, 1), torch.tensor([[0.0], [math.nan]]))
    with pytest.raises(UserError, match="targets"):
        counterfactual_validity(torch.zeros(2, 3), torch.zeros(3))
