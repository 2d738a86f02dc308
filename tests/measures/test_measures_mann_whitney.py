from __future__ import annotations

import math

import pytest
import torch
from scipy import stats
from torch import Tensor

from ganlens.errors import UserError
from ganlens.measures.mann_whitney import mann_whitney_z


def random(rows: int, seed: int = 0) -> Tensor:
    return torch.randn(rows, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_ranks_by_hand():
    # 3 and 5 exceed 1, 2 and 1, 2, 4: U = 5 of 6 pairs. Mean 3, variance 2·3·6/12 = 3.
    first, second = torch.tensor([3.0, 5.0]), torch.tensor([1.0, 2.0, 4.0])
    assert mann_whitney_z(first, second) == pytest.approx(2 / math.sqrt(3))
    assert mann_whitney_z(second, first) == pytest.approx(-2 / math.sqrt(3))


def test_ties_by_hand():
    # Pairs (1, 1), (1, 2), (2, 1), (2, 2): U = ½ + 0 + 1 + ½ = 2, its mean. With one more 2 in front, U is
    # 3½ of 6: variance 2·3/12 · (6 − ((2³ − 2) + (3³ − 3)) / (5·4)) = ½ · 4½.
    assert mann_whitney_z(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 2.0])) == 0.0
    found = mann_whitney_z(torch.tensor([1.0, 2.0, 2.0]), torch.tensor([1.0, 2.0]))
    assert found == pytest.approx(0.5 / math.sqrt(2.25))


@pytest.mark.parametrize("sizes", [(40, 60), (7, 5), (1, 9)])
@pytest.mark.parametrize("ties", [False, True])
def test_agrees_with_scipy(sizes: tuple[int, int], ties: bool):
    first, second = random(sizes[0]) + 0.3, random(sizes[1], seed=1)
    if ties:
        first, second = (2 * first).round(), (2 * second).round()
    theirs = stats.mannwhitneyu(first.numpy(), second.numpy(), method="asymptotic", use_continuity=False)
    found = mann_whitney_z(first, second)
    assert 2 * stats.norm.sf(abs(found)) == pytest.approx(theirs.pvalue, rel=1e-9)
    assert (found > 0) == (theirs.statistic > sizes[0] * sizes[1] / 2)


def test_only_the_order_counts():
    first, second = random(30), random(20, seed=1)
    before = mann_whitney_z(first, second)
    assert mann_whitney_z(first.flip(0).exp(), second.exp()) == before
    assert mann_whitney_z(first.float(), second.float()) == before
    assert mann_whitney_z(first.float(), second) == pytest.approx(before)


def test_equal_numbers_are_no_evidence():
    assert mann_whitney_z(torch.ones(5), torch.ones(3)) == 0.0
    assert mann_whitney_z(torch.ones(1), torch.ones(1)) == 0.0


def test_bad_requests_are_refused():
    numbers = random(4)
    for first, second, message in (
        (numbers[:0], numbers, "first: expected at least 1 row"),
        (numbers, numbers[:, None], r"second: expected a row of numbers \[n\], found shape \(4, 1\)"),
        (numbers, [1.0], "second: expected a row of numbers .* found list"),
        (numbers, torch.tensor([0.0, float("nan")]), "second: row 1 holds NaN"),
        (numbers.long(), numbers, "first: expected floating-point"),
    ):
        with pytest.raises(UserError, match=message):
            mann_whitney_z(first, second)
