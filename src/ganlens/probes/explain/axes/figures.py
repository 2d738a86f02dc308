"""What each axis looks like when it is moved, and how well it follows."""

from __future__ import annotations

import torch

from ganlens.explain.code.axis_trials import AxisTrial, AxisTrials
from ganlens.explain.code.code_space import CodeSpace, code_spaces
from ganlens.figures.charts import bar_chart
from ganlens.figures.figure import Figure, Plot, Table
from ganlens.figures.parts import Series
from ganlens.subject import SampleBank

STRIP_LATENTS = 2


def agreement_plot(ours: AxisTrial, theirs: AxisTrial) -> Plot:
    """Agreement of every axis beside random directions' and PCA's."""

    def series(name: str, trial: AxisTrial) -> Series:
        each = trial.agreements[:-1]
        return Series(name, [e.value for e in each], [e.low for e in each], [e.high for e in each])

    figure = bar_chart(
        [f"axis {j + 1}" for j in range(max(ours.count, theirs.count))],
        [series("autoencoder", ours), Series("random directions", ours.on_random), series("PCA", theirs)],
        x="axis, those that change samples most first",
        y="intervention agreement (1: as predicted)",
    )
    return Plot(
        figure,
        "An axis is believable where the interval of its first bar lies above the second. PCA's axes are "
        "others than the autoencoder's: "
        "compare the heights, not axis by axis.",
    )


def traversals(
    bank: SampleBank, trials: AxisTrials, survivors: list[int], *, steps: int, reach: float
) -> list[Figure]:
    """Samples along each axis's direction, and what the decoder makes of the predicted shifts.

    Args:
        survivors: axes that are believable.
        steps: pictures along each way; reach: how far it goes to both sides, in standard deviations.
    """
    space, trial, scale, latents = (
        code_spaces(bank).autoencoder,
        trials.autoencoder,
        trials.scale,
        trials.latents,
    )
    start = latents[:STRIP_LATENTS]
    labels = bank.conditions(STRIP_LATENTS)
    code = space.encode(bank.synthesize(start, labels))
    along = torch.linspace(-reach, reach, steps).tolist()
    pictures: list[Figure] = []
    for j in range(trial.count):
        slope = float(trial.directions.slope[j])
        walked = [bank.synthesize(scale.moved(start, trial.directions.unit[j], a), labels) for a in along]
        step = slope * torch.eye(space.width)[j]
        decoded = [space.decode(code + a * step) for a in along]
        rows = [
            torch.stack([frame[i] for frame in strip])
            for i in range(len(start))
            for strip in (walked, decoded)
        ]
        believable = j in survivors
        pictures.append(
            bank.modality.shown_walks(
                torch.stack(rows),
                f"Axis {j + 1}, {'believable' if believable else 'not believable'} (agreement "
                f"{trial.agreements[j].value:.2f}, "
                f"random {trial.on_random[j]:.2f}; {trial.leaks[j]:.0%} of the change falls on other axes): "
                f"{len(start)} samples, each twice. "
                f"The upper strip is the generator's, moved by −{reach:g} to {reach:g} "
                "standard deviations along the latent direction; "
                "the lower is the decoder's, moved by the predicted amount along the axis. Both should "
                "change in the same way.",
            )
        )
    return pictures


def axis_table(trial: AxisTrial, space: CodeSpace, survivors: list[int]) -> Table:
    """Everything about an axis, a line each."""
    rows = tuple(
        (
            f"axis {j + 1}",
            round(float(space.effect[j]) ** 2, 4),
            round(float(trial.directions.slope[j]), 3),
            round(trial.agreements[j].value, 3),
            round(trial.on_random[j], 3),
            round(trial.described[j].value, 3),
            round(trial.correlations[j], 3),
            round(trial.leaks[j], 3),
            round(trial.random_leaks[j], 3),
            "believable" if j in survivors else "not believable",
        )
        for j in range(trial.count)
    )
    return Table(
        (
            "axis",
            "effect",
            "slope",
            "agreement",
            "random",
            "described",
            "correlation",
            "leakage",
            "random leakage",
            "",
        ),
        rows,
        "Effect: change of the decoded sample for a step of one standard deviation, as a share of the data's "
        "variance. Slope: predicted shift of the axis, "
        "in standard deviations of the data, for one standard deviation of the latent. Described: how much of what "
        "changes in the sample is the axis's own change, at the data's size. Correlation is "
        "Pearson's, which forgives a wrong size of the shift.",
    )
