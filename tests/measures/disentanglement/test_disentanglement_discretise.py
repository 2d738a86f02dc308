from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from ganlens.errors import UserError
from ganlens.measures.disentanglement import discretise


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_bins_of_equal_width_by_hand():
    # 0 to 10 in five bins: cuts at 2, 4, 6, 8. 2 lies on a cut and belongs above it; 10 belongs to the last bin.
    # None of the seven values lies in 6…8, so that the labels have no gap there.
    values = torch.tensor([[0.0], [1.9], [2.0], [3.9], [5.0], [9.0], [10.0]])
    assert discretise(values, 5).flatten().tolist() == [0, 0, 1, 1, 2, 3, 3]


def test_bins_of_equal_counts_by_hand():
    values = torch.tensor([[1.0], [2.0], [3.0], [4.0], [100.0], [1000.0]])
    assert discretise(values, 3, equal_counts=True).flatten().tolist() == [0, 0, 1, 1, 2, 2]


def test_equal_width_are_numpys_histogram_bins():
    values = random(500, 3)
    for column, found in zip(values.T, discretise(values, 20).T, strict=True):
        edges = np.histogram(column.numpy(), 20)[1]
        expected = np.unique(np.digitize(column.numpy(), edges[:-1]), return_inverse=True)[1]
        assert found.tolist() == expected.tolist()


def test_integers_and_few_values_keep_them_whatever_their_distances():
    integers = torch.tensor([[7, 1000], [-3, 1001], [7, 0]])
    assert discretise(integers, 2).tolist() == [[1, 1], [0, 2], [1, 0]]
    few = torch.tensor([[0.0], [1e-9], [1e9]])
    assert discretise(few, 3).flatten().tolist() == [0, 1, 2]
    assert discretise(few, 2).flatten().tolist() == [0, 0, 1]
    assert discretise(few.bool(), 2).flatten().tolist() == [0, 1, 1]


def test_an_outlier_moves_bins_of_equal_width_and_not_those_of_equal_counts():
    values = random(1000, 1)
    values[0] = 1e6
    assert len(discretise(values, 20).unique()) == 2
    assert torch.bincount(discretise(values, 20, equal_counts=True)[:, 0]).tolist() == [50] * 20


def test_equal_counts_do_not_change_with_a_monotone_rescaling():
    values = random(999, 2)
    expected = discretise(values, 20, equal_counts=True)
    assert torch.equal(discretise(values.exp(), 20, equal_counts=True), expected)
    assert torch.equal(discretise(values**3 * 7 - 2, 20, equal_counts=True), expected)


@pytest.mark.parametrize("common", [0.0, 50.0])
def test_one_value_in_nearly_all_rows_is_still_told_from_the_others(common: float):
    values = torch.full((1000, 1), common)
    values[:30, 0] = torch.arange(1.0, 31.0)
    labels = discretise(values, 20, equal_counts=True)[:, 0]
    assert len(labels[30:].unique()) == 1
    assert not (labels[:30] == labels[30]).any()


def test_fewer_than_two_bins_are_refused():
    with pytest.raises(UserError, match="bins must be at least 2, found 1"):
        discretise(random(5, 1), 1)
