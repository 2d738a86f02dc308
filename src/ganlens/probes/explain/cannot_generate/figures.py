"""What is missing and what is made too often, as bars, a table and pictures."""

from __future__ import annotations

from ganlens.explain.gaps.kinds import Counted, StatisticsTable
from ganlens.explain.gaps.redrawn_kinds import Attempt, typical
from ganlens.figures.charts import bar_chart
from ganlens.figures.figure import Figure, Plot, Table
from ganlens.figures.palette import GREY, REAL
from ganlens.figures.parts import Series
from ganlens.modality import Modality
from ganlens.probes.explain.cannot_generate.conclusion import attempt_in_words
from ganlens.subject import SampleBank

BARS = 24
SHOWN = 10
OVER_SHOWN = 4
TOP = 3.0
"""Bars are cut here: four times too often."""
FAULTY, FINE = REAL, GREY


def bars(counted: list[Counted]) -> Plot:
    """(generated − real) / real for the kinds that differ most, those found at fault in colour."""
    faulty = [c for c in counted if c.fault]
    rest = sorted((c for c in counted if not c.fault), key=lambda c: -abs(c.relative.value))
    shown = sorted([*faulty, *rest[: max(0, BARS - len(faulty))]], key=lambda c: c.relative.value)

    def series(name: str, colour: str, chosen: bool) -> Series:
        rows = [c.relative if bool(c.fault) == chosen else None for c in shown]
        return Series(
            name,
            [min(r.value, TOP) if r else float("nan") for r in rows],
            [min(r.low, TOP) if r else float("nan") for r in rows],
            [min(r.high, TOP) if r else float("nan") for r in rows],
            colour,
        )

    figure = bar_chart(
        [c.kind.name for c in shown],
        [series("surely different", FAULTY, True), series("as in the data, or not sure", FINE, False)],
        x="kind of sample, from the most lacking to the most over-made",
        y="(generated − real) / real",
        percent=True,
    )
    for trace in figure["data"]:
        keep = [i for i, value in enumerate(trace["y"]) if value == value]
        for axis in ("x", "y"):
            trace[axis] = [trace[axis][i] for i in keep]
        for end in ("array", "arrayminus"):
            trace["error_y"][end] = [trace["error_y"][end][i] for i in keep]
    figure["layout"]["barmode"] = "overlay"
    figure["layout"]["xaxis"] |= {
        "categoryorder": "array",
        "categoryarray": [c.kind.name for c in shown],
    }
    cut = ", bars above +300 % are cut" if any(c.relative.value > TOP for c in shown) else ""
    return Plot(
        figure,
        "−100 % is never made, 0 as often as in the data, +100 % twice as often"
        f"{cut}. Each bar has its own 95 % interval (Newcombe); coloured ones differ surely after Holm's "
        "correction over all kinds, and by the factor that counts as a fault.",
    )


def fault_table(counted: list[Counted], control: list[Counted], tried: list[Attempt]) -> Table:
    """Every kind that is at fault, with what held-out samples score and what inversion says."""
    by_kind = {attempt.counted.kind.name: attempt for attempt in tried}
    rows: list[tuple[str | float | int, ...]] = []
    for c, real in zip(counted, control, strict=True):
        if c.fault:
            attempt = by_kind.get(c.kind.name)
            rows.append(
                (
                    c.kind.name,
                    f"{c.real_share:.2%}",
                    f"{c.other_share:.2%}",
                    f"{c.ratio:.2f}",
                    f"{real.other_share:.2%}",
                    c.fault,
                    f"{c.p_value:.1g}",
                    f"{attempt_in_words(attempt)} (error {attempt.error:.1%}, ordinary {attempt.ordinary:.1%})"
                    if attempt
                    else "not tried",
                )
            )
    rows.sort(key=lambda row: float(str(row[3])))
    columns = (
        "kind",
        "real",
        "generated",
        "ratio",
        "held-out real",
        "finding",
        "p (Holm)",
        "inverted real samples",
    )
    if not rows:
        rows = [("none", "", "", "", "", "", "", "")]
    return Table(columns, tuple(rows), f"Kinds at fault, of {len(counted)} looked at.")


def pictures(
    bank: SampleBank,
    modality: Modality,
    table: StatisticsTable,
    counted: list[Counted],
    tried: list[Attempt],
) -> list[Figure]:
    """Typical real samples of what is lacking with what became of them, and of what is made too often."""
    figures: list[Figure] = []
    for attempt in tried:
        c = attempt.counted
        figures.append(
            modality.shown_pairs(
                attempt.redrawn.samples,
                attempt.redrawn.inversion.samples,
                f"{_shares(c)} Typical real samples above, the nearest the generator comes to them below, and the "
                f"difference. {_redrawn_in_words(attempt)} (median error {attempt.error:.1%} of the data's variance, "
                f"ordinary real samples {attempt.ordinary:.1%}).",
                difference=True,
            )
        )
    shown = {attempt.counted.kind.name for attempt in tried}
    for c in [c for c in counted if c.fault in ("never made", "under-made") and c.kind.name not in shown][
        :OVER_SHOWN
    ]:
        rows = typical(table, c, "train", SHOWN)
        figures.append(
            modality.shown(bank.reals("train")[rows], f"{_shares(c)} Typical real samples.", columns=SHOWN)
        )
    over = sorted((c for c in counted if c.fault == "over-made"), key=lambda c: c.real_share - c.other_share)
    for c in over[:OVER_SHOWN]:
        rows = typical(table, c, "fake", SHOWN)
        figures.append(
            modality.shown(bank.fakes()[rows], f"{_shares(c)} Typical generated samples.", columns=SHOWN)
        )
    return figures


def _shares(c: Counted) -> str:
    return (
        f"{c.kind.name.capitalize()}, {c.fault}: {c.real_share:.1%} of real samples, {c.other_share:.1%} of "
        "generated ones."
    )


def _redrawn_in_words(attempt: Attempt) -> str:
    if attempt.beyond is None:
        return "The search can't tell whether they could be made"
    return "They can't be redrawn" if attempt.beyond else "They can be redrawn"
