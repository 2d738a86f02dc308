"""The steepest ways, the tears, and how evenly the ways go."""

from __future__ import annotations

import torch
from torch import Tensor

from ganlens.explain.paths.latent_paths import Ways
from ganlens.explain.paths.tears import FINEST, STEPS, Steepest
from ganlens.explain.paths.walks import FADED, GENERATED, LOOKED_UP
from ganlens.figures import palette
from ganlens.figures.charts import histogram_lines
from ganlens.figures.figure import Figure

SHOWN_STEPS = 13


def path_figures(ways: Ways, walks: dict[str, Steepest], torn: Tensor, shown: int) -> list[Figure]:
    generated, modality = walks[GENERATED], ways.bank.modality
    worst = generated.jump.argsort(descending=True, stable=True)[:shown]
    places = torch.linspace(0, 1, SHOWN_STEPS, dtype=torch.float64)
    strips = ways.samples(worst.repeat_interleave(SHOWN_STEPS), places.repeat(len(worst)))
    where = ", ".join(f"{place:.0%}" for place in generated.place[worst].tolist())
    figures: list[Figure] = [
        modality.shown_walks(
            strips.unflatten(0, (len(worst), SHOWN_STEPS)),
            f"The {len(worst)} steepest of {len(torn)} ways, each from one sample to another. They change most at "
            f"{where} of the way. A tear shows as one sample that turns into quite another in a single step.",
        )
    ]
    if torn.any():
        worst = worst[: int(torn.sum())]
        before, after = (
            ways.samples(worst, generated.place[worst] + step).clone() for step in (0.0, 1 / FINEST)
        )
        figures.append(
            modality.shown_pairs(
                before,
                after,
                difference=True,
                caption=f"The tears: the sample just before (above, or “first”) and just after (below, or “second”), "
                f"1/{FINEST:,} of the way apart, and where they differ.",
            )
        )
    groups = [
        ("generated", palette.GENERATED, (100 * generated.largest).tolist()),
        (FADED, palette.SERIES[2], (100 * walks[FADED].largest).tolist()),
        (LOOKED_UP, palette.SERIES[3], (100 * walks[LOOKED_UP].largest).tolist()),
    ]
    figures.append(
        histogram_lines(
            groups,
            bins=30,
            x_title=f"largest of {STEPS} steps (% of the way)",
            y_title="ways (%)",
            caption=(
                f"How evenly it goes: {100 / STEPS:.1f} % is an even pace, 100 % a way that is one jump."
            ),
        )
    )
    return figures
