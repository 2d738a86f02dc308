from __future__ import annotations

import ast
from pathlib import Path

import pytest

from ganlens.measurement import Baseline
from ganlens.measures import Estimate, Interval

SOURCE = Path(__file__).parents[2] / "src" / "ganlens"
DOOR = SOURCE / "measures" / "estimate.py"


def test_an_estimate_with_an_interval_becomes_a_line_that_says_both():
    interval = Interval(0.2, 0.4, "95 %, made up")
    line = Estimate(0.3, interval).measurement(
        "share of crooked lines",
        better="lower",
        baseline=0.1,
        what="real samples",
        unit="share",
        controls={"a copier": 0.05, "noise": 1},
    )
    assert (line.name, line.value, line.low, line.high) == ("share of crooked lines", 0.3, 0.2, 0.4)
    assert (line.interval, line.unit, line.better) == ("95 %, made up", "share", "lower")
    assert line.baseline == Baseline(value=0.1, what="real samples")
    assert line.controls == (Baseline(value=0.05, what="a copier"), Baseline(value=1.0, what="noise"))


def test_an_estimate_without_an_interval_becomes_a_line_that_says_why():
    estimate = Estimate(3, "none: each was tried once")
    assert (estimate.low, estimate.high, estimate.method) == (3, 3, "none: each was tried once")
    line = estimate.measurement("kinds", better="higher", baseline=4, what="all there are")
    assert (line.value, line.low, line.high, line.interval) == (3, None, None, "none: each was tried once")


def test_a_value_that_rounding_put_outside_its_interval_is_held_by_it():
    line = Estimate(1 + 1e-12, Interval(0.9, 1.0, "made up")).measurement(
        "share", better="higher", baseline=0, what="none"
    )
    assert (line.low, line.high) == (0.9, 1 + 1e-12)


@pytest.mark.parametrize(
    ("limits", "ends"), [((0, 1), (0, 1)), ((0,), (0, 1.2)), ((), (-0.1, 1.2)), ((-1, 2), (-0.1, 1.2))]
)
def test_an_interval_is_cut_to_where_the_measure_can_lie(
    limits: tuple[float, ...], ends: tuple[float, float]
):
    assert Interval(-0.1, 1.2, "made up").within(*limits) == Interval(*ends, "made up")


def test_nothing_but_an_estimate_makes_a_measurement():
    makers = {
        path
        for path in SOURCE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] == "Measurement"
    }
    assert makers == {DOOR}
