from __future__ import annotations

import pytest
import torch
from scipy import stats
from torch import Tensor

from ganlens.errors import UserError
from ganlens.measures.disentanglement import draw_from_table
from ganlens.measures.disentanglement.shared_factor import _distinct_positions, drawn_groups


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def table(n: int = 600) -> tuple[Tensor, Tensor]:
    """Codes whose first column is the row number and whose others are the factors."""
    factors = torch.stack(
        [torch.randint(4, (n,), generator=generator(1)), torch.randint(3, (n,), generator=generator(2))],
        dim=1,
    )
    return torch.cat([torch.arange(n)[:, None], factors], dim=1).double(), factors


def test_groups_from_a_table_share_the_factor_and_hold_different_rows():
    codes, factors = table()
    groups = draw_from_table(codes, factors)(1, 50, 20, generator())
    assert groups.shape == (50, 20, 3)
    assert (groups[:, :, 2] == groups[:, :1, 2]).all()
    assert all(len(group[:, 0].unique()) == 20 for group in groups)
    rows = groups[:, :, 0].long()
    assert torch.equal(groups, codes[rows])
    # The other factor is free: its share of each value is that of the table.
    found = torch.bincount(groups[:, :, 1].flatten().long()) / 1000
    expected = torch.bincount(factors[:, 0]) / 600
    assert found.tolist() == pytest.approx(expected.tolist(), abs=0.06)


def test_values_come_as_often_as_they_do_in_the_table():
    factors = torch.tensor([0] * 10 + [1] * 30 + [2] * 60)[:, None]
    groups = draw_from_table(factors.double(), factors)(0, 4000, 2, generator())
    found = torch.bincount(groups[:, 0, 0].long())
    assert stats.chisquare(found, [400, 1200, 2400]).pvalue > 0.01


def test_values_with_too_few_rows_are_left_out_and_none_left_is_refused():
    factors = torch.tensor([0] * 5 + [1] * 30 + [2] * 65)[:, None]
    draw = draw_from_table(factors.double(), factors)
    assert draw(0, 300, 6, generator())[:, :, 0].unique().tolist() == [1, 2]
    with pytest.raises(UserError, match="no value of column 0 has 66 rows, the most have 65"):
        draw(0, 1, 66, generator())
    with pytest.raises(UserError, match="the table has factors 0 to 0, and factor 1 is drawn"):
        draw(1, 1, 2, generator())


def test_a_continuous_factor_is_shared_to_within_a_bin():
    factors = torch.rand(2000, 2, generator=generator(), dtype=torch.float64)
    groups = draw_from_table(factors, factors)(0, 100, 30, generator())
    spread = groups.amax(dim=1) - groups.amin(dim=1)
    assert spread[:, 0].max() <= 1 / 20 + 1e-9
    assert spread[:, 1].min() > 0.5


def test_every_subset_is_as_likely():
    # 2 of 4: six subsets.
    chosen = _distinct_positions(torch.full((6000,), 4), 2, generator()).sort(dim=1).values
    counts = torch.bincount(chosen[:, 0] * 4 + chosen[:, 1])
    assert stats.chisquare(counts[counts > 0]).pvalue > 0.01
    assert len(counts[counts > 0]) == 6
    whole = _distinct_positions(torch.tensor([3, 5]), 3, generator())
    assert whole[0].sort().values.tolist() == [0, 1, 2]
    assert len(whole[1].unique()) == 3


def test_the_same_generator_gives_the_same_groups():
    draw = draw_from_table(*table())
    assert torch.equal(draw(0, 5, 4, generator(3)), draw(0, 5, 4, generator(3)))
    assert not torch.equal(draw(0, 5, 4, generator(3)), draw(0, 5, 4, generator(4)))


def test_answers_of_a_draw_are_checked():
    rng = generator()

    def broken(kind: str):
        def draw(factor: int, groups: int, size: int, rng: torch.Generator) -> Tensor:
            codes = torch.zeros(groups, size, 3)
            if kind == "nan":
                codes[2, 1, 0] = torch.nan
            answers = {
                "flat": codes.flatten(0, 1),
                "list": codes.tolist(),
                "integers": codes.long(),
                "nan": codes,
            }
            return answers[kind]

        return draw

    for kind, message in (
        ("flat", r"draw: expected codes \[4, 5, k\] for 4 groups of 5 samples, found \(20, 3\)"),
        ("list", "found list"),
        ("integers", "draw: expected floating-point codes, found torch.int64"),
        ("nan", "draw: group 2 of factor 1 holds NaN"),
    ):
        with pytest.raises(UserError, match=message):
            list(drawn_groups(broken(kind), 1, 4, 5, 100, rng))


def test_groups_are_asked_for_a_few_at_a_time():
    asked = []

    def draw(factor: int, groups: int, size: int, rng: torch.Generator) -> Tensor:
        asked.append((factor, groups, size))
        return torch.zeros(groups, size, 1)

    found = list(drawn_groups(draw, 2, 7, 5, 3, generator()))
    assert asked == [(2, 3, 5), (2, 3, 5), (2, 1, 5)]
    assert [len(groups) for groups in found] == [3, 3, 1]
