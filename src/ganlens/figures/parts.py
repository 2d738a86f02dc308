"""What charts are made of: numbers with intervals, axes, reference lines. The report adds fonts and theme."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from ganlens.figures.palette import GREY, SERIES

Numbers = Sequence[float] | Tensor
TRANSPARENT = "rgba(0,0,0,0)"


@dataclass(frozen=True)
class Series:
    """One legend entry: values, and where they are known the ends of their intervals.

    Attributes:
        colour: of its own; without one it gets the next of the palette's.
        dash: of a line: solid, dash, dot or dashdot; without one the next of these.
    """

    name: str
    values: Numbers | Sequence[float | None]
    low: Numbers | None = None
    high: Numbers | None = None
    colour: str | None = None
    dash: str | None = None


def numbers(values: Numbers | Sequence[float | None]) -> list[float | None]:
    """As a list, with None where there is no value."""
    return [None if value is None else float(value) for value in values]


def error_bars(values: Numbers | Sequence[float | None], low: Numbers, high: Numbers) -> dict[str, Any]:
    """Intervals round the values of a trace; an end on the wrong side of its value has no length."""
    ends = [
        (0.0, 0.0) if value is None else (max(0.0, float(top) - value), max(0.0, value - float(bottom)))
        for value, bottom, top in zip(numbers(values), low, high, strict=True)
    ]
    return {
        "type": "data",
        "symmetric": False,
        "array": [above for above, _ in ends],
        "arrayminus": [below for _, below in ends],
        "thickness": 1.2,
        "width": 3,
    }


def layout(x: str, y: str, *, percent: bool = False) -> dict[str, Any]:
    """Axes with these titles, the palette, a legend above the chart."""
    vertical: dict[str, Any] = {"title": {"text": y}, "automargin": True}
    if percent:
        vertical["tickformat"] = ".0%"
    return {
        "template": {"layout": {"colorway": list(SERIES)}},
        "paper_bgcolor": TRANSPARENT,
        "plot_bgcolor": TRANSPARENT,
        "xaxis": {"title": {"text": x}, "automargin": True},
        "yaxis": vertical,
        "legend": {"orientation": "h", "x": 0, "y": 1.02, "xanchor": "left", "yanchor": "bottom"},
    }


def line_across(at: float, what: str) -> dict[str, Any]:
    """A horizontal reference and what it is, as parts of a layout."""
    ends = {"xref": "paper", "x0": 0, "x1": 1, "y0": at, "y1": at}
    words = {"xref": "paper", "x": 1, "y": at, "xanchor": "right"}
    return _reference(ends, words, what)


def line_up(at: float, what: str, *, logarithmic: bool = False) -> dict[str, Any]:
    """A vertical reference and what it is, as parts of a layout; `logarithmic` says so of the x axis."""
    ends = {"yref": "paper", "y0": 0, "y1": 1, "x0": at, "x1": at}
    # Plotly takes annotations of a logarithmic axis in powers of ten, shapes in plain values.
    words = {"yref": "paper", "y": 1, "x": math.log10(at) if logarithmic else at, "xanchor": "left"}
    return _reference(ends, words, what)


def _reference(ends: dict[str, Any], words: dict[str, Any], what: str) -> dict[str, Any]:
    return {
        "shapes": [{"type": "line", **ends, "line": {"dash": "dash", "width": 1.2, "color": GREY}}],
        "annotations": [{**words, "text": what, "showarrow": False, "yanchor": "bottom"}],
    }
