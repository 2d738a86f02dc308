"""The most suspicious samples beside their training samples and the change that links them, and all quotients."""

from __future__ import annotations

import torch
from torch import Tensor

from ganlens.explain.copying.copies import CopiesInSpace
from ganlens.explain.copying.linked import linked_pairs
from ganlens.explain.copying.unseen import Unseen
from ganlens.figures.charts import histogram_lines
from ganlens.figures.figure import Figure, Table
from ganlens.figures.palette import GENERATED, REAL
from ganlens.subject import SampleBank
from ganlens.subject.draws import Of


def figures_of(
    bank: SampleBank, unseen: Unseen, spaces: tuple[CopiesInSpace, ...], main: CopiesInSpace, shown: int
) -> list[Figure]:
    """In the order they should be read: the most suspicious pairs, how near real ones get, and all quotients."""
    real = _real_rows(unseen, main)
    figures: list[Figure] = [
        *_pairs(bank, main, "fake", torch.arange(len(main.generated.ratio)), shown),
        *_pairs(bank, main, "held_out", real, shown),
        histogram_lines(
            [
                ("generated", GENERATED, main.generated.ratio.clamp_max(3).tolist()),
                ("real, never seen", REAL, main.real.ratio.clamp_max(3).tolist()),
            ],
            bins=40,
            x_title=f"distance to training over distance to unseen, {main.title} (3 and more at the right end)",
            caption=(
                "Copies would stand near 0, at the left. Curves that lie over each other mean no sign of "
                "copying."
            ),
        ),
    ]
    columns = ("Feature space", "Suspicious up to", "Generated", "Real, never seen", "Planted copies")
    rows = tuple(
        (
            space.title,
            f"{space.threshold:.3f}",
            f"{space.suspicious.share:.2%}",
            f"{space.usual.share:.2%}",
            f"{space.noticed.share:.1%}",
        )
        for space in spaces
    )
    silent = (
        "as they are" if bank.modality.measured else "after every kind of small change, under slight noise"
    )
    planted = "with the changes and the noise of the most suspicious samples" if main.matched else silent
    figures.append(Table(columns, rows, f"Shares of suspicious samples. Copies were planted {planted}."))
    return figures


def _real_rows(unseen: Unseen, main: CopiesInSpace) -> Tensor:
    """Which held-out samples the quotients of real ones are of: so many of each half."""
    kept = len(main.real.ratio) // 2
    return torch.cat([unseen.rows[:kept], unseen.rows[main.second_half : main.second_half + kept]])


def _pairs(bank: SampleBank, main: CopiesInSpace, of: Of, rows: Tensor, shown: int) -> list[Figure]:
    """Those with the smallest quotients, and what links them with training samples; `rows` says which they are."""
    quotients = main.generated if of == "fake" else main.real
    worst = quotients.ratio.argsort(stable=True)[:shown]
    edits = quotients.edit[worst]
    links = linked_pairs(bank, of, rows[worst], edits, quotients.train_row[worst])
    generated = of == "fake"
    caption = (
        f"The {len(worst)} most suspicious samples, by {main.title}: the sample, the same after the change that "
        "brings it nearest to a training sample, and that training sample. Copies would be alike in every detail."
        if generated
        else "For comparison: the most suspicious of the real samples it never saw, in the same way. This is how near "
        "pairs get without any copying."
    )
    changes = [main.changes[edit][0] for edit in edits.tolist()]
    by_row = "; ".join(f"{number}: {change}" for number, change in enumerate(changes, start=1))
    return [bank.modality.shown_walks(links, f"{caption} From above: {by_row}.")]
