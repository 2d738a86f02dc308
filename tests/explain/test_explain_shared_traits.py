"""What members share: the right end of the right reading, judged on rows that did not choose it, or nothing."""

from __future__ import annotations

import torch
from torch import Tensor

from ganlens.explain.gaps.shared_traits import FEWEST, shared_trait
from ganlens.modality import Reading

ROWS = 2000
READINGS = tuple(
    Reading(name, lambda samples: samples, column, high=high, low=low)
    for column, (name, high, low) in enumerate(
        [
            ("light", "very bright samples", "very dark samples"),
            ("size", "large samples", ""),
            ("area", "", ""),
        ]
    )
)


def drawn(seed: int) -> Tensor:
    return torch.randn(ROWS, 3, generator=torch.Generator().manual_seed(seed)).double()


def test_the_end_at_which_all_members_lie_is_named() -> None:
    values = drawn(1)
    trait = shared_trait(READINGS, values, values[:, 0] < -1)
    assert trait is not None and trait.name == "very dark samples"
    assert trait.separation.value == 1.0
    assert shared_trait(READINGS, values, values[:, 0] > 1).name == "very bright samples"  # type: ignore[union-attr]


def test_an_end_without_words_names_nothing() -> None:
    values = drawn(2)
    assert shared_trait(READINGS, values, values[:, 1] < -1) is None
    assert shared_trait(READINGS, values, values[:, 2] > 1) is None


def test_members_of_nothing_in_particular_share_nothing_at_any_seed() -> None:
    for seed in range(20):
        values = drawn(seed)
        members = torch.arange(ROWS) % 7 == seed % 7
        assert shared_trait(READINGS, values, members) is None


def test_few_members_are_not_judged() -> None:
    values = drawn(3)
    lowest = values[:, 0].argsort()
    assert shared_trait(READINGS, values, torch.isin(torch.arange(ROWS), lowest[: FEWEST - 1])) is None
    assert shared_trait(READINGS, values, torch.isin(torch.arange(ROWS), lowest[: 4 * FEWEST])) is not None


def test_half_of_the_members_choose_and_the_other_half_judge() -> None:
    values = torch.zeros(ROWS, 3).double()
    members = torch.arange(ROWS) < ROWS // 2
    values[members & (torch.arange(ROWS) % 2 == 0), 0] = 1.0  # only rows that choose have it
    assert shared_trait(READINGS, values, members) is None
