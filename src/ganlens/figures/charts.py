"""Plotly figures as plain dictionaries, in colours that every eye tells apart. The report adds fonts and
theme."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle
from typing import Any

from ganlens.figures.figure import Plot

GENERATED = "#0072B2"
REAL = "#D55E00"
"""Okabe and Ito's blue and vermilion: generated and real samples look the same way in every figure."""
SERIES = ("#0072B2", "#D55E00", "#009E73", "#CC79A7")
"""Okabe and Ito again, where lines stand for other things than real and generated."""


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
                "fillcolor": _faint(colour),
            }
        )
    return _plot(
        data, {"xaxis": {"title": {"text": x_title}}, "yaxis": {"title": {"text": y_title}}}, caption
    )


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
        "error_y": {
            "type": "data",
            "symmetric": False,
            "array": [high - value for high, value in zip(highs, values, strict=True)],
            "arrayminus": [value - low for low, value in zip(lows, values, strict=True)],
            "color": "#808080",
        },
    }
    marks = {
        "type": "scatter",
        "mode": "markers",
        "name": reference_name,
        "x": list(names),
        "y": list(reference),
        "marker": {"symbol": "diamond", "size": 11, "color": REAL, "line": {"color": "#ffffff", "width": 1}},
    }
    layout = {
        "xaxis": {"title": {"text": x_title}, "type": "category"},
        "yaxis": {"title": {"text": y_title}, "rangemode": "tozero"},
    }
    return _plot([bars, marks], layout, caption)


def curves(
    lines: Sequence[tuple[str, Sequence[float], Sequence[float], float | None]],
    *,
    x_title: str,
    y_title: str,
    reference_name: str,
    caption: str,
) -> Plot:
    """Lines over a common axis: (name, x, y, reference) each; a reference is a dashed line of the same colour."""
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
    layout = {
        "xaxis": {"title": {"text": x_title}},
        "yaxis": {"title": {"text": y_title}, "rangemode": "tozero"},
    }
    return _plot(data, layout, caption)


def _plot(data: list[dict[str, Any]], layout: dict[str, Any], caption: str) -> Plot:
    transparent = {"paper_bgcolor": "rgba(0,0,0,0)", "plot_bgcolor": "rgba(0,0,0,0)"}
    legend = {"legend": {"orientation": "h", "y": 1.12}}
    return Plot({"data": data, "layout": {**transparent, **legend, **layout}}, caption)


def _faint(colour: str) -> str:
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},0.15)"
