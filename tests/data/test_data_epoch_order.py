from __future__ import annotations

import numpy as np
import pytest

from ganlens.data.epoch_order import EpochOrder


def test_every_sample_comes_once_in_each_epoch() -> None:
    order = EpochOrder(10, seed=1)
    for epoch in range(3):
        assert sorted(order.indices(10 * epoch, 10 * epoch + 10)) == list(range(10))


def test_epochs_differ_and_seeds_differ() -> None:
    first, second = EpochOrder(50, 0).indices(0, 50), EpochOrder(50, 0).indices(50, 100)
    assert not np.array_equal(first, second)
    assert not np.array_equal(first, EpochOrder(50, 1).indices(0, 50))


def test_pieces_joined_are_the_whole_whatever_was_asked_before() -> None:
    whole = EpochOrder(7, 5).indices(3, 40)
    order = EpochOrder(7, 5)
    order.indices(100, 120)
    assert np.array_equal(
        np.concatenate([order.indices(a, b) for a, b in ((3, 4), (4, 15), (15, 40))]), whole
    )
    assert np.array_equal(np.concatenate([EpochOrder(7, 5).indices(p, p + 1) for p in range(3, 40)]), whole)


def test_a_batch_may_be_larger_than_the_data() -> None:
    assert np.bincount(EpochOrder(4, 0).indices(0, 12)).tolist() == [3, 3, 3, 3]


def test_nothing_asked_nothing_given() -> None:
    assert EpochOrder(4, 0).indices(9, 9).tolist() == []


@pytest.mark.parametrize(("start", "stop"), [(-1, 3), (5, 4)])
def test_positions_run_upwards(start: int, stop: int) -> None:
    with pytest.raises(ValueError, match="positions run upwards"):
        EpochOrder(4, 0).indices(start, stop)
    with pytest.raises(ValueError, match="no order of 0"):
        EpochOrder(0, 0)
