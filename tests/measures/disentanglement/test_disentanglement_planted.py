"""The table at the head of the package: what each fault costs each measure, on codes whose faults are known."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache

import pytest
import torch
from torch import Tensor

from ganlens.measures import disentanglement
from ganlens.measures.disentanglement import (
    DCI,
    beta_vae_score,
    dci,
    draw_from_table,
    explicitness,
    factor_vae_score,
    interventional_robustness,
    modularity,
    mutual_information_gap,
    sap_score,
)

FACTORS = torch.cartesian_prod(*[torch.arange(4)] * 4).repeat(10, 1)
STANDARD = (FACTORS.double() - 1.5) / 1.25**0.5


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def turned(degrees: float) -> Tensor:
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    first, second = STANDARD[:, 0], STANDARD[:, 1]
    plane = torch.stack([cosine * first - sine * second, sine * first + cosine * second], dim=1)
    return torch.cat([plane, STANDARD[:, 2:]], dim=1)


CODES: dict[str, Tensor] = {
    "one to one": STANDARD,
    "spread": torch.cat([(FACTORS[:, :1] // 2) * 2.0, (FACTORS[:, :1] % 2) * 2.0, STANDARD[:, 1:]], dim=1),
    "together": torch.cat([(FACTORS[:, :1] * 4 + FACTORS[:, 1:2]) / 4.6, STANDARD[:, 2:]], dim=1),
    "copied": torch.cat([STANDARD, -STANDARD[:, :1]], dim=1),
    "lost": STANDARD[:, 1:],
    "turned by 45°": turned(45),
    "turned by 15°": turned(15),
    "noise": torch.randn(len(FACTORS), 4, generator=generator(1), dtype=torch.float64),
}


@cache
def trees(codes: str) -> DCI:
    return dci(CODES[codes], FACTORS, rng=generator(), rounds=20)


def votes(codes: Tensor) -> float:
    draw = draw_from_table(codes, FACTORS)
    return factor_vae_score(codes, draw, 4, rng=generator(), train_votes=3000, test_votes=3000).score


def pairs(codes: Tensor) -> float:
    draw = draw_from_table(codes, FACTORS)
    return beta_vae_score(draw, 4, rng=generator(), train_points=2000, test_points=2000).score


MEASURES: dict[str, Callable[[str], float]] = {
    "mutual_information_gap": lambda name: mutual_information_gap(CODES[name], FACTORS).score,
    "dci disentanglement": lambda name: trees(name).disentanglement,
    "dci completeness": lambda name: trees(name).completeness,
    "dci informativeness": lambda name: trees(name).informativeness,
    "factor_vae_score": lambda name: votes(CODES[name]),
    "beta_vae_score": lambda name: pairs(CODES[name]),
    "sap_score": lambda name: sap_score(CODES[name], FACTORS, rng=generator()).score,
    "modularity": lambda name: modularity(CODES[name], FACTORS).score,
    "explicitness": lambda name: explicitness(CODES[name], FACTORS, rng=generator()).score,
    "interventional_robustness": lambda name: interventional_robustness(CODES[name], FACTORS).score,
}


def printed() -> dict[str, dict[str, float]]:
    """The table in the package's docstring: measure → codes → score."""
    rows = [
        [cell.strip(" `") for cell in line.strip("|").split("|")]
        for line in (disentanglement.__doc__ or "").splitlines()
        if line.startswith("|")
    ]
    names = rows[0][1:]
    return {row[0]: dict(zip(names, map(float, row[1:]), strict=True)) for row in rows[2:]}


def test_the_table_has_every_measure_and_every_fault():
    table = printed()
    assert list(table) == list(MEASURES)
    assert all(list(row) == list(CODES) for row in table.values())


@pytest.mark.parametrize("name", MEASURES)
def test_the_table_is_what_is_measured(name: str):
    for codes, expected in printed()[name].items():
        # 3,000 votes have a deviation of .008, 850 held-out rows one of .015; the rest has two decimals.
        tolerance = 0.03 if any(word in name for word in ("vae", "informativeness")) else 0.015
        assert MEASURES[name](codes) == pytest.approx(expected, abs=tolerance), codes


def test_the_table_agrees_with_what_can_be_worked_out():
    # Of four factors, one or two are touched; D and C of a half-and-half code are 1 − ln 2/ln(number of others).
    table = printed()
    half_of_five = 1 - math.log(2) / math.log(5)
    for name, codes, expected in (
        ("mutual_information_gap", "spread", 3 / 4),
        ("mutual_information_gap", "copied", 3 / 4),
        ("mutual_information_gap", "lost", 3 / 4),
        ("mutual_information_gap", "turned by 45°", 2 / 4),
        ("dci completeness", "spread", (3 + half_of_five) / 4),
        ("dci completeness", "copied", (3 + half_of_five) / 4),
        ("dci disentanglement", "together", (2 + 2 / 2) / 4),
        ("dci disentanglement", "turned by 45°", (2 + 2 / 2) / 4),
        ("factor_vae_score", "together", 3 / 4),
        ("factor_vae_score", "lost", 3 / 4),
        ("factor_vae_score", "noise", 1 / 4),
        ("modularity", "together", (2 + 2 / 3) / 3),
        ("modularity", "turned by 45°", (2 + 2 * 2 / 3) / 4),
    ):
        assert table[name][codes] == pytest.approx(expected, abs=0.03), (name, codes)
