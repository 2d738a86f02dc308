"""The strip of an axis's values, real above generated, its histogram, and all axes as bars and a table."""

from __future__ import annotations

import torch
from torch import Tensor

from ganlens.explain.spread.axes import AxisTable
from ganlens.explain.spread.comparison import Comparison
from ganlens.explain.spread.faults import Fault
from ganlens.explain.spread.search import Search
from ganlens.figures.charts import bars_with_reference, histogram_lines
from ganlens.figures.figure import Figure, Table
from ganlens.figures.palette import GENERATED, REAL
from ganlens.subject import SampleBank
from ganlens.subject.draws import Of

BINS = 40
DRAWN = 3
"""Faults that are drawn."""
LISTED = 24
"""Axes in the table and the bars."""
ENDS = 0.01
"""A strip goes from this share of the samples to all but this share."""


def spread_figures(
    bank: SampleBank, table: AxisTable, search: Search, control: Comparison, shown: int
) -> list[Figure]:
    """What is off, drawn, and then everything that was looked at."""
    figures: list[Figure] = []
    for entry in search.report.explained[:DRAWN]:
        figures += _drawn(bank, table, entry.leading, shown)
    for of_class in search.in_classes[: DRAWN - len(search.report.explained)]:
        labels = {of: bank.predictions(of, table.count(of))[0] for of in _SIDES}
        rows = {of: (labels[of] == of_class.class_number).nonzero().flatten() for of in _SIDES}
        figures += _drawn(bank, table, of_class.fault, shown, of_class.class_name, rows)
    return [*figures, _bars(table, search, control), _list(table, search, control)]


_SIDES: tuple[Of, Of] = ("train", "fake")


def _drawn(
    bank: SampleBank,
    table: AxisTable,
    fault: Fault,
    shown: int,
    class_name: str = "",
    rows: dict[Of, Tensor] | None = None,
) -> list[Figure]:
    """One axis: its values on both sides, and samples along it."""
    name = fault.axis.name + (f", samples of “{class_name}”" if class_name else "")
    values, places = {}, {}
    for of in _SIDES:
        first = table.from_row if of == "fake" else 0
        chosen = rows[of][rows[of] >= first] if rows is not None else torch.arange(first, table.count(of))
        values[of], places[of] = table.columns(of)[chosen - first, fault.number], chosen
    unit = f" ({fault.axis.unit})" if fault.axis.unit else ""
    histogram = histogram_lines(
        [
            ("generated", GENERATED, values["fake"].tolist()),
            ("real training samples", REAL, values["train"].tolist()),
        ],
        bins=BINS,
        x_title=f"{fault.axis.name}{unit}",
        caption=f"How {name} falls: {fault.axis.name} {fault.kind}.",
    )
    ordered = {of: places[of][values[of].argsort(stable=True)] for of in _SIDES}
    return [*_strip(bank, table, ordered, name, shown), histogram]


def _strip(
    bank: SampleBank, table: AxisTable, ordered: dict[Of, Tensor], name: str, shown: int
) -> list[Figure]:
    """Samples in the order of an axis, real above generated, at the same shares of both."""
    count = min(shown, *(len(rows) for rows in ordered.values()))
    samples = {of: bank.samples(of, table.count(of)) for of in _SIDES}
    if bank.modality.as_dots:
        return [
            bank.modality.shown(samples[of][: table.count(of)], f"{title} samples; by {name} they differ.")
            for of, title in zip(_SIDES, ("Real", "Generated"), strict=True)
        ]
    rows = []
    for of in _SIDES:
        at = torch.linspace(ENDS, 1 - ENDS, count) * (len(ordered[of]) - 1)
        chosen = ordered[of][at.round().long()]
        rows.append(torch.cat([samples[of][place : place + 1] for place in chosen.tolist()]))
    return [
        bank.modality.shown_walks(
            torch.stack(rows),
            f"Samples from low to high by {name}: real ones above, generated ones below, at the same shares of both.",
        )
    ]


def _bars(table: AxisTable, search: Search, control: Comparison) -> Figure:
    comparison = search.report.comparison
    order = _order(table, search)
    ratio, error = comparison.ratio, comparison.error
    return bars_with_reference(
        [table.axes[i].name for i in order],
        [100 * float(ratio[i]) for i in order],
        [100 * float(ratio[i] * (-1.96 * error[i]).exp()) for i in order],
        [100 * float(ratio[i] * (1.96 * error[i]).exp()) for i in order],
        [100 * float(control.ratio[i]) for i in order],
        value_name="generated samples",
        reference_name="held-out real samples",
        x_title="what is read off a sample",
        y_title="spread (% of the training samples')",
        caption="How much each varies among generated samples, as a share of how much it does among training samples.",
    )


def _list(table: AxisTable, search: Search, control: Comparison) -> Table:
    comparison = search.report.comparison
    kinds = {fault.number: fault.kind for fault in search.report.at_fault}
    rows = tuple(
        (
            table.axes[i].name,
            f"{float(comparison.ratio[i]):.0%}",
            f"{float(control.ratio[i]):.0%}",
            f"{float(comparison.lost_below[i]):.1%}",
            f"{float(comparison.lost_above[i]):.1%}",
            f"{float(comparison.excess[i]):.1%}",
            f"{float(control.excess[i]):.1%}",
            kinds.get(i, ""),
        )
        for i in _order(table, search)
    )
    columns = (
        "What is read",
        "Spread",
        "Held-out",
        "Lost below",
        "Lost above",
        "Elsewhere",
        "Held-out",
        "",
    )
    return Table(
        columns,
        rows,
        "What was looked at: spread as a share of the training samples', training samples beyond what generated ones "
        "reach at either end, and generated samples that would have to lie elsewhere.",
    )


def _order(table: AxisTable, search: Search) -> list[int]:
    """Axes at fault, the furthest off first, then the others in their order."""
    at_fault = [fault.number for fault in search.report.at_fault]
    others = [number for number in range(len(table.axes)) if number not in at_fault]
    return [*at_fault, *others][:LISTED]
