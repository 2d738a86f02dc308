"""The charts of all probes, as plain dictionaries for Plotly: bars, lines, distributions, dots, maps.

All have one palette and one look. Those that take a caption give a `Plot`; the others the figure, for a probe
that makes its caption of what the chart turned out to show.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import Any

from torch import Tensor

from ganlens.figures.figure import Plot
from ganlens.figures.palette import GENERATED, GREY, REAL, RISING, SERIES, SIGNED, faint
from ganlens.figures.parts import Numbers, Series, error_bars, layout, line_across, line_up, numbers

DASHES = ("solid", "dash", "dot", "dashdot")
BETWEEN_CELLS = "rgba(128,128,128,0.35)"
POWERS = [10.0**power for power in range(-6, 2)]
"""Where a logarithmic axis of shares is labelled."""


@dataclass(frozen=True)
class Dots:
    """One legend entry of `dot_chart`.

    Attributes:
        x: where each dot stands, from 0 for the first name of the axis.
        texts: what each is, shown under the pointer.
        hollow: rings instead of dots.
    """

    name: str
    x: Numbers
    values: Numbers
    low: Numbers
    high: Numbers
    texts: Sequence[str]
    colour: str
    hollow: bool = False


def histogram_lines(
    groups: Sequence[tuple[str, str, Sequence[float]]],
    *,
    bins: int,
    x_title: str,
    caption: str,
    y_title: str = "samples (%)",
) -> Plot:
    """Distributions over one axis as step lines: (name, colour, values) each, as shares of each group."""
    everything = [value for _, _, values in groups for value in values]
    low, high = min(everything), max(everything)
    width = (high - low) / bins or 1.0
    edges = [low + width * i for i in range(bins + 1)]
    data = []
    for name, colour, values in groups:
        counts = [0] * bins
        for value in values:
            counts[min(int((value - low) / width), bins - 1)] += 1
        shares = [100 * count / max(len(values), 1) for count in counts]
        data.append(
            {
                "type": "scatter",
                "mode": "lines",
                "name": name,
                "x": edges,
                "y": [*shares, shares[-1]],
                "line": {"shape": "hv", "color": colour, "width": 2},
                "fill": "tozeroy",
                "fillcolor": faint(colour),
            }
        )
    return Plot({"data": data, "layout": layout(x_title, y_title)}, caption)


def bars_with_reference(
    names: Sequence[str],
    values: Sequence[float],
    lows: Sequence[float],
    highs: Sequence[float],
    reference: Sequence[float | None],
    *,
    value_name: str,
    reference_name: str,
    x_title: str,
    y_title: str,
    caption: str,
) -> Plot:
    """One bar with its interval for each name, and on it a diamond where the reference lies, if it has one."""
    bars = {
        "type": "bar",
        "name": value_name,
        "x": list(names),
        "y": list(values),
        "marker": {"color": GENERATED},
        "error_y": {**error_bars(values, lows, highs), "color": GREY},
    }
    marks = {
        "type": "scatter",
        "mode": "markers",
        "name": reference_name,
        "x": list(names),
        "y": list(reference),
        "marker": {"symbol": "diamond", "size": 11, "color": REAL, "line": {"color": "#ffffff", "width": 1}},
    }
    return Plot({"data": [bars, marks], "layout": _from_zero(x_title, y_title, category=True)}, caption)


def curves(
    lines: Sequence[tuple[str, Sequence[float], Sequence[float], float | None]],
    *,
    x_title: str,
    y_title: str,
    reference_name: str,
    caption: str,
) -> Plot:
    """Lines, each over its own x: (name, x, y, reference); a reference is a dashed line of the same colour."""
    data: list[dict[str, Any]] = []
    for (name, x, y, reference), colour in zip(lines, cycle(SERIES), strict=False):
        common = {"type": "scatter", "x": list(x)}
        data.append(
            {
                **common,
                "mode": "lines+markers",
                "name": name,
                "y": list(y),
                "line": {"color": colour, "width": 2},
                "marker": {"size": 6},
            }
        )
        if reference is not None:
            data.append(
                {
                    **common,
                    "mode": "lines",
                    "name": f"{name}, {reference_name}",
                    "y": [reference] * len(x),
                    "line": {"color": colour, "width": 1.5, "dash": "dash"},
                    "hoverinfo": "name+y",
                }
            )
    return Plot({"data": data, "layout": _from_zero(x_title, y_title)}, caption)


def bar_chart(
    categories: Sequence[str],
    series: Sequence[Series],
    *,
    x: str,
    y: str,
    line: tuple[float, str] | None = None,
    percent: bool = False,
) -> dict[str, Any]:
    """Groups of bars with error bars.

    Args:
        x, y: axis titles.
        line: a horizontal reference and what it is.
    """
    traces: list[dict[str, Any]] = []
    for entry in series:
        values = numbers(entry.values)
        trace: dict[str, Any] = {"type": "bar", "name": entry.name, "x": list(categories), "y": values}
        if entry.colour:
            trace["marker"] = {"color": entry.colour}
        if entry.low is not None and entry.high is not None:
            trace["error_y"] = {**error_bars(entry.values, entry.low, entry.high), "color": GREY}
        traces.append(trace)
    look = {**layout(x, y, percent=percent), "barmode": "group"}
    look["xaxis"]["type"] = "category"
    return {"data": traces, "layout": look | (line_across(*line) if line is not None else {})}


def line_chart(
    along: Numbers | Sequence[str],
    series: Sequence[Series],
    *,
    x: str,
    y: str,
    steps: bool = False,
    markers: bool = False,
    logarithmic: bool = False,
    orders_of_magnitude: bool = False,
    line: tuple[float, str] | None = None,
    percent: bool = False,
) -> dict[str, Any]:
    """Curves over one shared x: numbers, or names in their order.

    Args:
        steps: draw as a histogram's outline.
        markers: draw a dot at each value; a line goes on over missing ones.
        logarithmic: of the x axis.
        orders_of_magnitude: of the y axis, which holds shares: logarithmic, labelled in percent.
        line: a vertical reference and what it is.
    """
    named = [place for place in along if isinstance(place, str)]
    traces = [
        {
            "type": "scatter",
            "mode": "lines+markers" if markers else "lines",
            "name": entry.name,
            "x": named or numbers(along),  # type: ignore[arg-type]
            "y": numbers(entry.values),
            "connectgaps": markers,
            "line": {
                "shape": "hvh" if steps else "linear",
                "dash": entry.dash or DASHES[number % len(DASHES)],
                "width": 2,
            }
            | ({"color": entry.colour} if entry.colour else {}),
        }
        for number, entry in enumerate(series)
    ]
    look = layout(x, y, percent=percent)
    if named:
        look["xaxis"] |= {"type": "category", "categoryorder": "array", "categoryarray": named}
    if logarithmic:
        look["xaxis"] |= {"type": "log", "dtick": "D2"}  # labels at 1, 2 and 5
    if orders_of_magnitude:
        labels = [f"{100 * tick:g} %" for tick in POWERS]
        look["yaxis"] |= {"type": "log", "tickvals": POWERS, "ticktext": labels}
    return {
        "data": traces,
        "layout": look | (line_up(*line, logarithmic=logarithmic) if line is not None else {}),
    }


def dot_chart(
    groups: Sequence[Dots], names: Sequence[str], *, x: str, y: str, line: tuple[float, str], top: float
) -> dict[str, Any]:
    """Many numbers as dots with intervals, side by side above the name of what they belong to.

    Args:
        names: of the places 0, 1, … on the x axis.
        x, y: axis titles.
        line: a horizontal reference and what it is.
        top: where the y axis ends; it begins at 0.
    """
    data = [
        {
            "type": "scatter",
            "mode": "markers",
            "name": dots.name,
            "x": numbers(dots.x),
            "y": numbers(dots.values),
            "text": list(dots.texts),
            "hovertemplate": "%{text}<br>%{y:.2f}<extra></extra>",
            "marker": {"color": dots.colour, "size": 8, "symbol": "circle-open" if dots.hollow else "circle"},
            "error_y": error_bars(dots.values, dots.low, dots.high),
        }
        for dots in groups
    ]
    look = layout(x, y) | line_across(*line)
    look["xaxis"] |= {
        "tickvals": list(range(len(names))),
        "ticktext": list(names),
        "range": [-0.6, len(names) - 0.4],
        "showgrid": False,
        "zeroline": False,
    }
    look["yaxis"]["range"] = [0, top]
    return {"data": data, "layout": look}


def heat_map(
    values: Tensor,
    *,
    rows: Sequence[str],
    columns: Sequence[str],
    x: str,
    y: str,
    scale: str,
    signed: bool = True,
    reach: float = 1e-12,
    percent: bool = False,
) -> dict[str, Any]:
    """Values [rows, columns] as colours.

    Args:
        x, y: axis titles.
        scale: the values' name.
        signed: blue below 0, white at 0 and orange above; or else white at 0 and darker above.
        reach: the least value that is drawn darkest.
        percent: whether values are shares.
    """
    reach = max(float(values.abs().max()), reach) if values.numel() else 1.0
    look = {**layout(x, y), "plot_bgcolor": BETWEEN_CELLS}
    for axis in ("xaxis", "yaxis"):
        look[axis] |= {"type": "category", "showgrid": False}
    look["yaxis"]["autorange"] = "reversed"
    bar: dict[str, Any] = {"title": {"text": scale}}
    trace = {
        "type": "heatmap",
        "z": [numbers(row) for row in values],
        "x": list(columns),
        "y": list(rows),
        "zmin": -reach if signed else 0.0,
        "zmax": reach,
        "colorscale": [list(stop) for stop in (SIGNED if signed else RISING)],
        "colorbar": {**bar, "tickformat": ".0%"} if percent else bar,
        "xgap": 1,
        "ygap": 1,
        "hovertemplate": f"%{{y}}, %{{x}}: %{{z:{'.1%' if percent else '.2f'}}} {scale}<extra></extra>",
    }
    return {"data": [trace], "layout": look}


def _from_zero(x: str, y: str, *, category: bool = False) -> dict[str, Any]:
    look = layout(x, y)
    look["yaxis"]["rangemode"] = "tozero"
    if category:
        look["xaxis"]["type"] = "category"
    return look
