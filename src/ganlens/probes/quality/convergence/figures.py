"""The run's curves, and its evaluations as a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ganlens.figures.charts import curves
from ganlens.figures.figure import Figure, Table

SHOWN = {
    "frechet_distance": "Fréchet distance",
    "precision": "Precision",
    "recall": "Recall",
    "density": "Density",
    "coverage": "Coverage",
}
"""What training evaluates, by its name in metrics.jsonl."""


def run_figures(looks: list[dict[str, Any]], floor: dict[str, float], space: str) -> list[Figure]:
    """What training evaluated on the way, beside what real samples score.

    Args:
        looks: the run's scheduled evaluations.
        floor: what real training samples scored, by the names in `SHOWN`.
        space: the feature space in words.
    """
    images = [look["images"] for look in looks]

    def curve(names: Sequence[str], y_title: str, caption: str) -> Figure:
        return curves(
            [(SHOWN[name], images, [look[name] for look in looks], floor.get(name)) for name in names],
            x_title="images seen",
            y_title=y_title,
            reference_name="real samples",
            caption=caption,
        )

    return [
        curve(
            ["frechet_distance"],
            f"Fréchet distance, {space}",
            "Lower is better; the dashed line is what real training samples score. A curve that still "
            "falls at the right end has not converged.",
        ),
        curve(
            ["precision", "recall", "coverage"],
            f"share, {space}",
            "Higher is better; dashed lines are what real training samples score. Recall or coverage that "
            "falls while precision rises is a generator that gives up variety.",
        ),
        Table(
            ("Images", *(SHOWN[name] for name in SHOWN)),
            tuple(
                (f"{look['images']:,}", *(float(look[name]) for name in SHOWN)) for look in _some(looks, 12)
            ),
            "The run's scheduled evaluations (of many, twelve that are evenly spaced).",
        ),
    ]


def _some(rows: list[dict[str, Any]], most: int) -> list[dict[str, Any]]:
    if len(rows) <= most:
        return rows
    return [rows[round(i * (len(rows) - 1) / (most - 1))] for i in range(most)]
