"""What the inversion shows: the hardest samples beside what became of them, and the errors as curves and bars."""

from __future__ import annotations

import math

import torch

from ganlens.explain.inversion.from_places import FromPlace
from ganlens.explain.inversion.kind_errors import KindError
from ganlens.explain.inversion.redrawing import Redrawn
from ganlens.figures.charts import bars_with_reference, histogram_lines, line_chart
from ganlens.figures.figure import Figure, Plot, Table
from ganlens.figures.palette import GENERATED, GREY, REAL, TRAINING
from ganlens.figures.parts import Series
from ganlens.modality import Modality

SHOWN = 10
STRIPS = 8
BINS = 24
LEAST = 1e-5
"""Errors below this share of the variance are drawn as this much."""


def hardest(modality: Modality, held_out: Redrawn) -> list[Figure]:
    """The held-out samples redrawn worst, and those in the middle."""
    order = held_out.errors.argsort(descending=True, stable=True)
    middle = len(order) // 2
    shown = min(SHOWN, len(order))
    around = order[max(0, middle - shown // 2) :][:shown]

    def picture(rows: torch.Tensor, title: str) -> Figure:
        errors = held_out.errors[rows]
        return modality.shown_pairs(
            held_out.samples[rows],
            held_out.inversion.samples[rows],
            f"{title}: the original above, what the generator makes of it below, and where that departs "
            f"(orange: brighter than it should be, blue: darker). Errors {float(errors.max()):.1%} to "
            f"{float(errors.min()):.1%} of the data's variance.",
            difference=True,
        )

    return [
        picture(order[:shown], "What it cannot redraw, the worst unseen real samples first"),
        picture(around, "For comparison, unseen real samples in the middle of the list"),
    ]


def distributions(own: Redrawn, train: Redrawn, held_out: Redrawn) -> Plot:
    """How the errors of the three groups are spread, on a logarithmic axis."""

    def places(redrawn: Redrawn) -> list[float]:
        return redrawn.errors.clamp(min=1e-6).log10().tolist()

    plot = histogram_lines(
        [
            ("own samples", GENERATED, places(own)),
            ("training samples", TRAINING, places(train)),
            ("held-out samples", REAL, places(held_out)),
        ],
        bins=BINS,
        x_title="error, share of the data's variance",
        caption=(
            "The generator's own samples show how near the search can come at all. Real samples to the right "
            "of them hold something it can't make; held-out samples to the right of training ones mean that "
            "it learned the training samples rather than their kind."
        ),
    )
    axis = plot.figure["layout"]["xaxis"]
    axis |= {
        "tickvals": list(range(-6, 2)),
        "ticktext": [f"{10.0 ** (power + 2):g} %" for power in range(-6, 2)],
    }
    axis["tickvals"] += [power + math.log10(3) for power in range(-6, 2)]
    axis["ticktext"] += [f"{3 * 10.0 ** (power + 2):g} %" for power in range(-6, 2)]
    return plot


def by_kind(modality: Modality, held_out: Redrawn, kinds: list[KindError], own_error: float) -> list[Figure]:
    """The mean error of each kind of held-out sample, the worst first, and samples of those that are named."""
    if not kinds:
        return []
    figures: list[Figure] = [
        bars_with_reference(
            [f"{kind.name} ({len(kind.rows)})" for kind in kinds],
            [kind.mean for kind in kinds],
            [kind.interval.low for kind in kinds],
            [kind.interval.high for kind in kinds],
            [own_error] * len(kinds),
            value_name="held-out samples",
            reference_name="the generator's own samples",
            x_title="kind (samples)",
            y_title="error, share of the data's variance",
            caption=(
                "Which kinds it can't redraw: mean error of held-out samples, the worst kind first. Intervals "
                "hold for all kinds together; with a few samples a kind the order is chance where they overlap. "
                f"Surely worse than the rest: {', '.join(k.name for k in kinds if k.worse) or 'none'}."
            ),
        )
    ]
    for kind in [kind for kind in kinds if kind.worse][:2]:
        rows = kind.rows[held_out.errors[kind.rows].argsort(descending=True, stable=True)[:SHOWN]]
        figures.append(
            modality.shown_pairs(
                held_out.samples[rows],
                held_out.inversion.samples[rows],
                f"Redrawn worse than the rest: {kind.name}. The original above, what the generator makes of it "
                f"below, and the difference. {kind.beyond:.0%} of them can't be redrawn.",
                difference=True,
            )
        )
    return figures


def curve_figures(
    modality: Modality, held_out: Redrawn, places: list[FromPlace], worst: KindError | None, *, telling: float
) -> list[Figure]:
    """Errors along the generator as a curve and a table, and the worst samples made from each place.

    Args:
        worst: a kind whose own curve is drawn as well.
        telling: see `FromPlace.telling`.
    """
    if not places:
        return []
    count = len(places[0].held_out)
    rows: list[tuple[str | float | int, ...]] = []
    for place in places:
        shuffled = "not tried" if place.shuffled is None else _percent(place.shuffled)
        reading = "" if place.telling(telling) else "says nothing: it draws anything"
        rows.append(
            (place.title, place.numbers, _percent(place.held_out), _percent(place.own), shuffled, reading)
        )
    figures: list[Figure] = [
        *([_curve(places, worst)] if len(places) > 1 else []),
        Table(
            ("made from", "numbers", "held-out", "own samples", "shuffled pictures", "reading"),
            tuple(rows),
            f"Mean error in shares of the data's variance over {count} held-out samples. Where the error falls "
            "sharply, what the generator lacks can be drawn from there on and is lost before. A layer that "
            "redraws shuffled pictures as well would draw anything.",
        ),
    ]
    if not modality.as_dots and len(places) > 1:
        worst_rows = places[0].held_out.argsort(descending=True, stable=True)[:STRIPS]
        steps = [held_out.samples[:count], *(place.redrawn for place in places)]
        figures.append(
            modality.shown_walks(
                torch.stack([step[worst_rows] for step in steps], dim=1),
                f"Rows: the worst of {count} held-out samples. Columns: the original, then made from "
                f"{', '.join(place.title for place in places)}. Look for the column in which the missing part "
                "comes back.",
            )
        )
    return figures


def _curve(places: list[FromPlace], worst: KindError | None) -> Plot:
    """Mean errors over places, from the latent to the last layer."""
    members = [] if worst is None else [row for row in worst.rows.tolist() if row < len(places[0].held_out)]
    lines: list[tuple[str, str, str, list[torch.Tensor | None]]] = [
        ("held-out samples", REAL, "solid", [place.held_out for place in places]),
        ("own samples", GENERATED, "solid", [place.own for place in places]),
        ("shuffled pictures", GREY, "dot", [place.shuffled for place in places]),
    ]
    if worst is not None and members:
        lines.insert(
            1,
            (f"held-out samples, {worst.name}", REAL, "dash", [place.held_out[members] for place in places]),
        )
    figure = line_chart(
        [place.title for place in places],
        [
            Series(
                name,
                [None if e is None else max(float(e.mean()), LEAST) for e in errors],
                colour=colour,
                dash=dash,
            )
            for name, colour, dash, errors in lines
            if any(e is not None for e in errors)
        ],
        x="made from, in the order in which a sample passes",
        y="mean error, share of the data's variance",
        markers=True,
        orders_of_magnitude=True,
    )
    return Plot(
        figure,
        "How well samples can be made from each place of the generator. Where the line of held-out samples falls, "
        "what is missing can be drawn from there on. Where shuffled pictures are redrawn as well as real ones, "
        "what comes behind the place would draw anything, and the fall says nothing.",
    )


def _percent(errors: torch.Tensor) -> str:
    return f"{float(errors.mean()):.2%}"
