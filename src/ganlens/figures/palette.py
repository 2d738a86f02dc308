"""The colours of every chart, told apart by every eye: Okabe and Ito's, and scales that rise in darkness alone.

Source: Okabe & Ito 2008 (Color Universal Design).
"""

from __future__ import annotations

GENERATED = "#0072B2"
REAL = "#D55E00"
TRAINING = "#009E73"
"""Generated, real (held-out) and training samples look the same way in every figure."""
GREY = "#808080"
"""What is there to compare with, seen on white and on black: reference lines, chance, what was not believed."""
SERIES = (GENERATED, REAL, TRAINING, "#CC79A7", "#E69F00", "#56B4E9", GREY)
"""In this order where lines and bars stand for other things. Grey stands for Okabe and Ito's black, which the dark
theme would hide."""

SIGNED = ((0.0, "#2166ac"), (0.5, "#f7f7f7"), (1.0, "#b35806"))
"""Of numbers below and above 0: blue, white, orange."""
RISING = ((0.0, "#ffffff"), (0.25, "#c6dbef"), (0.5, "#6baed6"), (0.75, "#2171b5"), (1.0, "#08306b"))
"""Of numbers from 0 up: white to dark blue, read alike by every eye and in grey."""


def faint(colour: str) -> str:
    """A colour "#rrggbb" for areas, through which others are seen."""
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},0.15)"
