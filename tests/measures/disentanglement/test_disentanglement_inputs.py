"""What every measure of a table refuses, and in which words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from ganlens.errors import UserError
from ganlens.measures.disentanglement import (
    dci,
    draw_from_table,
    explicitness,
    interventional_robustness,
    modularity,
    mutual_information_gap,
    sap_score,
    shuffled_codes,
)

Measure = Callable[[Tensor, Tensor], Any]

MEASURES: dict[str, Measure] = {
    "mutual_information_gap": mutual_information_gap,
    "dci": lambda codes, factors: dci(codes, factors, rng=generator(), rounds=2),
    "sap_score": lambda codes, factors: sap_score(codes, factors, rng=generator()),
    "modularity": modularity,
    "explicitness": lambda codes, factors: explicitness(codes, factors, rng=generator()),
    "interventional_robustness": interventional_robustness,
    "draw_from_table": draw_from_table,
}


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


CODES = torch.randn(60, 3, generator=generator())
FACTORS = torch.stack([torch.arange(60) % 3, torch.arange(60) % 4], dim=1)


def changed(matrix: Tensor, row: int, column: int, value: float) -> Tensor:
    matrix = matrix.clone()
    matrix[row, column] = value
    return matrix


REFUSED: list[tuple[Any, Any, str]] = [
    (CODES.long(), FACTORS, "codes: expected floating-point features, found torch.int64"),
    (changed(CODES, 17, 1, torch.nan), FACTORS, "codes: row 17 holds NaN or an infinite value"),
    (changed(CODES, 3, 0, -torch.inf), FACTORS, "codes: row 3 holds NaN or an infinite value"),
    (CODES, changed(FACTORS.double(), 9, 1, torch.nan), "factors: row 9 holds NaN or an infinite value"),
    (CODES[:59], FACTORS, "codes has 59 rows and factors has 60; expected one of each per sample"),
    (CODES, FACTORS * torch.tensor([1, 0]), r"factors: column 1 has one value \(0\) in all 60 rows"),
    (CODES, FACTORS.double() * 0 + 2.5, r"factors: column 0 has one value \(2.5\)"),
    (CODES[:1], FACTORS[:1], "codes: expected at least . rows, found 1"),
    (CODES[:0], FACTORS[:0], "codes: expected at least . rows, found 0"),
    (CODES[:, :0], FACTORS, "codes: the rows have no features"),
    (CODES, FACTORS[:, :0], r"factors: expected a matrix \[samples, factors\], found shape \(60, 0\)"),
    (CODES, FACTORS[:, 0], r"factors: expected a matrix .* found shape \(60,\); give one column per factor"),
    (CODES, FACTORS.tolist(), "factors: expected a torch tensor .* found list"),
    (CODES, FACTORS + 0j, "factors: expected integers or real numbers, found torch.complex64"),
    (CODES[0], FACTORS, r"codes: expected a matrix .* found shape \(3,\)"),
]


@pytest.mark.parametrize("name", MEASURES)
@pytest.mark.parametrize(("codes", "factors", "message"), REFUSED, ids=[m[:40] for *_, m in REFUSED])
def test_bad_tables_are_refused_in_one_sentence(name: str, codes: Any, factors: Any, message: str):
    with pytest.raises(UserError, match=message) as caught:
        MEASURES[name](codes, factors)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["mutual_information_gap", "dci", "sap_score"])
def test_measures_of_a_gap_between_codes_need_two(name: str):
    with pytest.raises(UserError, match="codes: this measure compares at least 2 columns, found 1"):
        MEASURES[name](CODES[:, :1], FACTORS)


@pytest.mark.parametrize("name", ["dci", "modularity", "interventional_robustness"])
def test_measures_of_a_gap_between_factors_need_two(name: str):
    with pytest.raises(UserError, match="factors: this measure compares at least 2 columns, found 1"):
        MEASURES[name](CODES, FACTORS[:, :1])


@pytest.mark.parametrize("name", ["mutual_information_gap", "dci", "sap_score", "modularity", "explicitness"])
def test_tensors_are_only_read_whatever_their_type(name: str):
    """Gradients, float32 and narrow integers change nothing; float16 codes are the same numbers here."""
    codes = (CODES * 64).round() / 64
    kept = codes.clone()
    expected = MEASURES[name](codes.double(), FACTORS)
    found = MEASURES[name](codes.half().requires_grad_(), FACTORS.to(torch.uint8))
    score = "completeness" if name == "dci" else "score"
    assert getattr(found, score) == getattr(expected, score)
    assert torch.equal(codes, kept)


def test_shuffling_checks_its_codes():
    with pytest.raises(UserError, match="codes: row 17 holds NaN"):
        shuffled_codes(changed(CODES, 17, 1, torch.nan), generator())
