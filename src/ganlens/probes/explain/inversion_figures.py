"""What the inversion shows: the hardest samples beside what became of them, and the errors as curves and bars."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch

from ganlens.finding import Figure, Picture, Plot, Table
from ganlens.measures import bootstrap_interval
from ganlens.modality import Modality
from ganlens.probes.charts import GENERATED, REAL, bars_with_reference, histogram_lines
from ganlens.probes.explain.inversion_layers import FromLayer
from ganlens.probes.explain.redrawing import Redrawn
from ganlens.randomness import torch_generator

SHOWN = 10
STRIPS = 8
TRAINING = "#009E73"
BINS = 24
FEWEST_OF_A_CLASS = 3


def hardest(modality: Modality, held_out: Redrawn) -> list[Figure]:
    """The held-out samples redrawn worst, and those in the middle."""
    order = held_out.errors.argsort(descending=True, stable=True)
    middle = len(order) // 2
    shown = min(SHOWN, len(order))
    around = order[max(0, middle - shown // 2) :][:shown]

    def picture(rows: torch.Tensor, what: str) -> Picture:
        errors = held_out.errors[rows]
        return Picture(
            modality.pairs(held_out.samples[rows], held_out.inversion.samples[rows], difference=True),
            f"{what}: the original above, what the generator makes of it below, and where that departs "
            f"(orange: brighter than it should be, blue: darker). Errors {float(errors.max()):.1%} to "
            f"{float(errors.min()):.1%} of the data's variance.",
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


def by_class(held_out: Redrawn, own_error: float, names: Sequence[str], seed: int) -> list[Figure]:
    """The mean error of each class's held-out samples, the worst class first."""
    if held_out.labels is None or len(names) < 2:
        return []
    rows = []
    for label, name in enumerate(names):
        errors = held_out.errors[held_out.labels == label]
        if len(errors) >= FEWEST_OF_A_CLASS:
            interval = bootstrap_interval(errors, rng=torch_generator(seed, "inversion", "class", label))
            rows.append((float(errors.mean()), interval.low, interval.high, f"{name} ({len(errors)})"))
    if len(rows) < 2:
        return []
    rows.sort(reverse=True)
    return [
        bars_with_reference(
            [row[3] for row in rows],
            [row[0] for row in rows],
            [min(row[1], row[0]) for row in rows],
            [max(row[2], row[0]) for row in rows],
            [own_error] * len(rows),
            value_name="held-out samples",
            reference_name="the generator's own samples",
            x_title="class (samples)",
            y_title="error, share of the data's variance",
            caption=(
                "Which classes it can't redraw: mean error of held-out samples with 95 % bootstrap intervals, "
                "the worst class first. A few samples a class: the order is chance where intervals overlap."
            ),
        )
    ]


def layer_figures(
    modality: Modality, held_out: Redrawn, own: Redrawn, layers: list[FromLayer], space: str
) -> list[Figure]:
    """Errors along the generator as a table, and the worst samples made from each place."""
    if not layers:
        return []
    count = len(layers[0].held_out)
    rows: list[tuple[str | float | int, ...]] = [
        (
            f"latent space {space}",
            held_out.inversion.points[0].numel(),
            _percent(held_out.errors[:count]),
            _percent(own.errors[:count]),
            "not tried",
            "",
        )
    ]
    for layer in layers:
        verdict = "" if layer.telling else "says nothing: it draws anything"
        shuffled = "not tried" if layer.shuffled is None else _percent(layer.shuffled)
        rows.append(
            (layer.layer, layer.numbers, _percent(layer.held_out), _percent(layer.own), shuffled, verdict)
        )
    figures: list[Figure] = [
        Table(
            ("made from", "numbers", "held-out", "own samples", "shuffled pictures", "reading"),
            tuple(rows),
            f"Mean error in shares of the data's variance over {count} samples of each kind. Where the error "
            "falls sharply, what the generator lacks can be drawn from there on and is lost before. A layer "
            "that redraws shuffled pictures as well would draw anything.",
        )
    ]
    if modality.range is not None:
        worst = held_out.errors[:count].argsort(descending=True, stable=True)[:STRIPS]
        steps = [held_out.samples[:count], held_out.inversion.samples[:count], *(x.redrawn for x in layers)]
        figures.append(
            Picture(
                modality.strips(torch.stack([step[worst] for step in steps], dim=1)),
                f"Rows: the worst of {count} held-out samples. Columns: the original, made from {space}, "
                f"then from the output of {', '.join(layer.layer for layer in layers)}. Look for the column "
                "in which the missing part comes back.",
            )
        )
    return figures


def _percent(errors: torch.Tensor) -> str:
    return f"{float(errors.mean()):.2%}"
