from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
import torch

from ganlens.figures.charts import Dots, bar_chart, dot_chart, heat_map, histogram_lines, line_chart
from ganlens.figures.palette import GENERATED, GREY, REAL, RISING, SERIES, SIGNED
from ganlens.figures.parts import Series, error_bars

SOURCE = Path(__file__).parents[2] / "src" / "ganlens"
COLOUR = re.compile(r"#[0-9a-fA-F]{6}")


@pytest.mark.parametrize("room", ["probes", "explain"])
def test_no_probe_has_a_colour_or_a_trace_of_its_own(room: str):
    for path in (SOURCE / room).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                assert not COLOUR.fullmatch(node.value), f"{path}:{node.lineno}"
                assert node.value not in ("heatmap", "scatter", "colorscale"), f"{path}:{node.lineno}"


def brightness(colour: str) -> float:
    """Relative luminance of "#rrggbb", 0 to 1 (WCAG 2.1)."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def test_scales_rise_in_darkness_alone_and_signs_are_as_dark_as_each_other():
    steps = [brightness(colour) for _, colour in RISING]
    assert steps == sorted(steps, reverse=True) and steps[0] == pytest.approx(1)
    low, middle, high = (brightness(colour) for _, colour in SIGNED)
    assert middle > 0.9 and abs(low - high) < 0.05


def test_every_colour_of_a_series_is_another_and_is_seen_on_white_and_on_black():
    assert len({*SERIES}) == len(SERIES)
    assert all(0.1 < brightness(colour) < 0.5 for colour in SERIES)


def test_intervals_are_lengths_on_either_side_of_their_value():
    bars = error_bars([1.0, None, 3.0], [0.5, 0.0, 3.5], [1.25, 0.0, 4.0])
    assert bars["array"] == [0.25, 0.0, 1.0]
    assert bars["arrayminus"] == [0.5, 0.0, 0.0]  # an end on the wrong side has no length


def test_a_histogram_shows_shares_of_each_group():
    plot = histogram_lines(
        [("few", REAL, [0.0, 1.0]), ("many", GENERATED, [0.0] * 30 + [1.0] * 10)],
        bins=2,
        x_title="",
        caption="what to see",
    )
    few, many = plot.figure["data"]
    assert (few["y"], many["y"]) == ([50, 50, 50], [75, 25, 25])
    assert few["x"] == [0, 0.5, 1]
    assert (few["line"]["color"], many["fillcolor"]) == (REAL, "rgba(0,114,178,0.15)")


def test_a_line_goes_on_over_names_that_have_no_value():
    figure = line_chart(
        ["z", "first", "last"],
        [Series("made", [0.1, None, 0.001], colour=GREY, dash="dot"), Series("found", [1, 2, 3])],
        x="place",
        y="error",
        markers=True,
        orders_of_magnitude=True,
    )
    made, found = figure["data"]
    assert made["x"] == ["z", "first", "last"] and made["y"] == [0.1, None, 0.001] and made["connectgaps"]
    assert (made["line"]["dash"], found["line"]["dash"]) == ("dot", "dash")
    axes = figure["layout"]
    assert axes["xaxis"]["categoryarray"] == ["z", "first", "last"]
    assert dict(zip(axes["yaxis"]["tickvals"], axes["yaxis"]["ticktext"], strict=True))[0.01] == "1 %"


def test_a_reference_on_a_logarithmic_axis_stands_where_it_should():
    figure = line_chart(
        [1, 10, 100], [Series("a", [1, 2, 3])], x="", y="", logarithmic=True, line=(10, "here")
    )
    assert figure["layout"]["shapes"][0]["x0"] == 10  # Plotly: shapes in values, words in powers of ten
    assert figure["layout"]["annotations"][0]["x"] == 1


def test_a_map_of_signs_is_white_at_zero_and_one_of_shares_dark_from_its_reach():
    signs = heat_map(torch.tensor([[-2.0, 1.0]]), rows=["a"], columns=["b", "c"], x="", y="", scale="s")
    shares = heat_map(
        torch.tensor([[0.0, 0.1]]),
        rows=["a"],
        columns=["b", "c"],
        x="",
        y="",
        scale="s",
        signed=False,
        reach=0.25,
    )
    assert [(f["data"][0]["zmin"], f["data"][0]["zmax"]) for f in (signs, shares)] == [(-2, 2), (0, 0.25)]
    assert signs["data"][0]["z"] == [[-2, 1]]


def test_dots_stand_above_their_names_and_bars_beside_each_other():
    dots = Dots("all", [0.1, 1.0], [0.5, 0.7], [0.4, 0.7], [0.6, 0.8], ["one", "two"], GREY, hollow=True)
    figure = dot_chart([dots], ["first", "second"], x="", y="", line=(0.3, "chance"), top=1)
    assert figure["data"][0]["x"] == [0.1, 1.0] and figure["data"][0]["text"] == ["one", "two"]
    assert figure["layout"]["xaxis"]["ticktext"] == ["first", "second"]
    assert figure["layout"]["shapes"][0]["y0"] == 0.3
    bars = bar_chart(["k"], [Series("a", [1], [0], [2]), Series("b", [2])], x="", y="", line=(1, "even"))
    assert [trace["y"] for trace in bars["data"]] == [[1], [2]]
    assert bars["layout"]["barmode"] == "group" and "error_y" not in bars["data"][1]
