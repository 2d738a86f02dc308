"""Plotly figures of the explanations, as plain dictionaries.

Where a series has no colour of its own it takes the next of whoever draws the figure; the template names
Okabe and Ito's for those who have none.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000"]
"""Okabe and Ito's colours: told apart by every eye."""

Numbers = Sequence[float] | Tensor


@dataclass(frozen=True)
class Series:
    """One legend entry: values, and where they are known the ends of their intervals. Without a colour it
    gets the next of the page's."""

    name: str
    values: Numbers
    low: Numbers | None = None
    high: Numbers | None = None
    colour: str | None = None


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
    names = list(categories)
    traces: list[dict[str, Any]] = []
    for entry in series:
        values = _numbers(entry.values)
        trace: dict[str, Any] = {"type": "bar", "name": entry.name, "x": names, "y": values}
        if entry.colour:
            trace["marker"] = {"color": entry.colour}
        if entry.low is not None and entry.high is not None:
            trace["error_y"] = {
                "type": "data",
                "symmetric": False,
                "array": [max(0.0, h - v) for v, h in zip(values, _numbers(entry.high), strict=True)],
                "arrayminus": [max(0.0, v - w) for v, w in zip(values, _numbers(entry.low), strict=True)],
                "thickness": 1.2,
                "width": 3,
            }
        traces.append(trace)
    layout = _layout(x, y, percent)
    layout["barmode"] = "group"
    layout["xaxis"]["type"] = "category"
    if line is not None:
        layout["shapes"] = [
            {
                "type": "line",
                "xref": "paper",
                "x0": 0,
                "x1": 1,
                "y0": line[0],
                "y1": line[0],
                "line": {"dash": "dash", "width": 1.2, "color": "#7f7f7f"},
            }
        ]
        layout["annotations"] = [
            {
                "xref": "paper",
                "x": 1,
                "y": line[0],
                "text": line[1],
                "showarrow": False,
                "xanchor": "right",
                "yanchor": "bottom",
            }
        ]
    return {"data": traces, "layout": layout}


def line_chart(
    along: Numbers,
    series: Sequence[Series],
    *,
    x: str,
    y: str,
    steps: bool = False,
    logarithmic: bool = False,
    line: tuple[float, str] | None = None,
    percent: bool = False,
) -> dict[str, Any]:
    """Curves over one shared x.

    Args:
        steps: draw as a histogram's outline.
        logarithmic: of the x axis.
        line: a vertical reference and what it is.
    """
    dashes = ["solid", "dash", "dot", "dashdot"]
    traces = [
        {
            "type": "scatter",
            "mode": "lines",
            "name": entry.name,
            "x": _numbers(along),
            "y": _numbers(entry.values),
            "line": {"shape": "hvh" if steps else "linear", "dash": dashes[number % len(dashes)], "width": 2}
            | ({"color": entry.colour} if entry.colour else {}),
        }
        for number, entry in enumerate(series)
    ]
    layout = _layout(x, y, percent)
    if logarithmic:
        layout["xaxis"] |= {"type": "log", "dtick": "D2"}  # labels at 1, 2 and 5
    if line is not None:
        layout["shapes"] = [
            {
                "type": "line",
                "yref": "paper",
                "y0": 0,
                "y1": 1,
                "x0": line[0],
                "x1": line[0],
                "line": {"dash": "dash", "width": 1.2, "color": "#7f7f7f"},
            }
        ]
        layout["annotations"] = [
            {
                "yref": "paper",
                "y": 1,
                # Plotly takes annotations of a logarithmic axis in powers of ten, shapes in plain values.
                "x": math.log10(line[0]) if logarithmic else line[0],
                "text": line[1],
                "showarrow": False,
                "xanchor": "left",
                "yanchor": "bottom",
            }
        ]
    return {"data": traces, "layout": layout}


def heat_map(
    values: Tensor, *, rows: Sequence[str], columns: Sequence[str], x: str, y: str, scale: str
) -> dict[str, Any]:
    """Values [rows, columns] as colours, blue below 0, white at 0 and orange above; `scale` is their name."""
    reach = max(float(values.abs().max()), 1e-12) if values.numel() else 1.0
    layout = _layout(x, y, False)
    layout["xaxis"]["type"] = layout["yaxis"]["type"] = "category"
    layout["yaxis"]["autorange"] = "reversed"
    trace = {
        "type": "heatmap",
        "z": [_numbers(row) for row in values],
        "x": list(columns),
        "y": list(rows),
        "zmin": -reach,
        "zmax": reach,
        "colorscale": [[0.0, "#2166ac"], [0.5, "#f7f7f7"], [1.0, "#b35806"]],
        "colorbar": {"title": {"text": scale}},
        "hovertemplate": f"%{{y}}, %{{x}}: %{{z:.2f}} {scale}<extra></extra>",
    }
    return {"data": [trace], "layout": layout}


def _layout(x: str, y: str, percent: bool) -> dict[str, Any]:
    vertical: dict[str, Any] = {"title": {"text": y}, "automargin": True}
    if percent:
        vertical["tickformat"] = ".0%"
    return {
        "template": {"layout": {"colorway": COLOURS}},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "xaxis": {"title": {"text": x}, "automargin": True},
        "yaxis": vertical,
        "legend": {"orientation": "h", "x": 0, "y": 1.02, "xanchor": "left", "yanchor": "bottom"},
    }


def _numbers(values: Numbers) -> list[float]:
    return [float(value) for value in values]
