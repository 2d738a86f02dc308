"""The most suspicious samples beside their training samples, and the quotients of all."""

from __future__ import annotations

import torch
from torch import Tensor

from ganlens.explain.copying.pairs import beside_training
from ganlens.explain.copying.quotients import Quotients, QuotientsInSpace
from ganlens.explain.copying.unseen import Unseen
from ganlens.figures.charts import histogram_lines
from ganlens.figures.figure import Figure, Table
from ganlens.figures.palette import GENERATED, REAL
from ganlens.subject import SampleBank
from ganlens.subject.draws import Of


def figures_of(bank: SampleBank, unseen: Unseen, spaces: list[QuotientsInSpace], shown: int) -> list[Figure]:
    """In the order they should be read: the most suspicious pairs, how near real ones get, and all quotients."""
    main = spaces[0]
    half = len(main.first.ratio)
    title = main.title
    figures: list[Figure] = [
        bank.modality.shown_pairs(
            *_pairs(bank, main.generated, "fake", torch.arange(len(main.generated.ratio)), shown),
            f"The {shown} most suspicious samples (above, or “first”) and the nearest training sample of "
            f"each (below, or “second”), by {title}. Copies would be alike in every detail.",
        ),
        bank.modality.shown_pairs(
            *_pairs(bank, main.first, "held_out", unseen.rows, shown),
            "For comparison: the most suspicious of the real samples it never saw, and their nearest "
            "training samples. This is how near pairs get without any copying.",
        ),
        histogram_lines(
            [
                ("generated", GENERATED, main.generated.ratio.clamp_max(3).tolist()),
                (
                    "real, never seen",
                    REAL,
                    main.real.clamp_max(3).tolist(),
                ),
            ],
            bins=40,
            x_title=f"distance to training over distance to unseen, {title} (3 and more at the right end)",
            caption=(
                "Copies would stand near 0, at the left. Curves that lie over each other mean no sign of "
                "copying."
            ),
        ),
    ]
    columns = ("Feature space", "Suspicious below", "Generated", "Real, never seen", "Expected")
    rows = tuple(
        (s.title, f"{s.threshold:.3f}", f"{s.share:.2%}", f"{s.real_share:.2%}", f"{s.rarity:.2%}")
        for s in spaces
    )
    figures.append(Table(columns, rows, f"Shares of suspicious samples; held-out halves of {half:,}."))
    return figures


def _pairs(bank: SampleBank, closeness: Quotients, of: Of, rows: Tensor, shown: int) -> tuple[Tensor, Tensor]:
    """The samples with the smallest quotients beside their nearest training samples; `rows` says which they are."""
    worst = closeness.ratio.argsort()[:shown]
    return beside_training(bank, of, rows[worst], closeness.train_row[worst])
