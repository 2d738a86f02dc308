"""How well each number of the latent is read back."""

from __future__ import annotations

import torch
from torch import Tensor

from ganlens.explain.code.latent_recovery import Recovery
from ganlens.figures.charts import bar_chart
from ganlens.figures.figure import Plot
from ganlens.figures.parts import Series

BARS = 64
"""Latent numbers drawn one by one; of more, those that are seen best."""


def recovery_bars(ours: Recovery, theirs: Recovery, varying: Tensor) -> Plot:
    """R² of every latent number by the autoencoder's code and by PCA's; `varying` says which numbers those are."""
    r2 = torch.tensor([e.value for e in ours.each])
    shown = r2.argsort(descending=True, stable=True)[:BARS].sort().values.tolist()
    each = [ours.each[i] for i in shown]
    figure = bar_chart(
        [f"z{int(varying[i]) + 1}" for i in shown],
        [
            Series(
                "autoencoder's code", [e.value for e in each], [e.low for e in each], [e.high for e in each]
            ),
            Series("PCA's code", [theirs.each[i].value for i in shown]),
        ],
        x="number of the latent" + (f" (the {BARS} seen best of {len(r2)})" if len(r2) > BARS else ""),
        y="R², held-out",
        line=(ours.threshold, "best of shuffled pairings"),
    )
    return Plot(
        figure,
        "A bar above the dashed line is a latent number that shows in the samples. Bars near 0: the "
        "generator does not use the number, or not in a way the code sees.",
    )
