"""Figures of a dissection: the units in a table, what they fire on, and samples with and without them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.nn import functional

from ganlens.explain.dissection.claims import Claim
from ganlens.explain.dissection.harmful_units import Suspect
from ganlens.explain.dissection.interventions import ablation, writing
from ganlens.explain.dissection.layers import as_maps
from ganlens.explain.dissection.trial import LayerTrial, Workshop
from ganlens.explain.dissection.unit_sets import UnitSet
from ganlens.explain.untrained import Refits
from ganlens.figures.charts import bar_chart, line_chart
from ganlens.figures.figure import Figure, Plot, Table
from ganlens.figures.parts import Series
from ganlens.measures import Estimate
from ganlens.subject import SampleBank, Subject
from ganlens.subject.hooks import capture

ROWS_A_LAYER = 8
PICTURED = 6
COLUMNS = 8
STRIPS = 3
OUTLINE = (0.84, 0.37, 0.0)
"""Okabe and Ito's vermilion, 0…1: seen beside black and beside white."""
OUTLINED_SIDE = 96

Inserted = Mapping[tuple[str, int], tuple[Estimate, float]]
Ranked = Sequence[tuple[LayerTrial, Claim]]


def fires(agreement: float) -> str:
    """In a word, how a unit goes with its concept."""
    return "with" if agreement > 0 else "against"


def unit_table(trials: Sequence[LayerTrial], names: tuple[str, ...], inserted: Inserted) -> Table:
    """The best units of each layer, believable or not."""
    rows: list[tuple[str | float | int, ...]] = []
    for trial in trials:
        best = sorted(
            (claim for claim in trial.claims if claim.concept >= 0),
            key=lambda claim: (-claim.survives, -claim.self_score, claim.matched - claim.effect.low),
        )
        for claim in best[:ROWS_A_LAYER]:
            on = inserted.get((trial.layer.name, claim.unit))
            rows.append(
                (
                    trial.layer.name,
                    claim.unit,
                    f"{fires(claim.agreement)} {names[claim.concept]}",
                    round(claim.agreement, 2),
                    f"{claim.effect.value:.2f} ({claim.effect.low:.2f} to {claim.effect.high:.2f})",
                    round(claim.matched, 2),
                    ""
                    if on is None
                    else f"{on[0].value:.2f} ({on[0].low:.2f} to {on[0].high:.2f}); {on[1]:.2f}",
                    "yes"
                    if claim.survives
                    else "no: repeated in the network untrained"
                    if claim.repeated
                    else "no",
                )
            )
    agreement = "IoU" if any(trial.statistics.iou is not None for trial in trials) else "correlation"
    return Table(
        (
            "layer",
            "unit",
            "fires",
            agreement,
            "removed: concept falls by",
            "most among matched units",
            "inserted: rises by; matched",
            "believable",
        ),
        tuple(rows),
        "The best units of each layer. Effects are in standard deviations of the concept, in the direction that "
        "goes with how the unit fires. Believe a unit whose whole interval lies above every matched unit's effect.",
    )


def layer_plot(trials: Sequence[LayerTrial], controls: Refits[list[LayerTrial]]) -> Plot:
    """Share of believable units, layer by layer, beside those of the untrained twins."""

    def share(each: LayerTrial) -> float:
        return len(each.survivors) / max(len(each.claims), 1)

    series = [Series("this generator", [share(trial) for trial in trials])]
    for twin in controls.each:
        by_name = {trial.layer.name: share(trial) for trial in twin.gave}
        series.append(
            Series(f"the same, {twin.called}", [by_name.get(trial.layer.name, 0.0) for trial in trials])
        )
    figure = bar_chart(
        [trial.layer.name for trial in trials],
        series,
        x="layer, in the order in which they run",
        y="units with a believable concept",
        percent=True,
    )
    return Plot(
        figure,
        "How many units of each layer keep a claim. The same network untrained should have none.",
    )


def top_pictures(
    workshop: Workshop, subject: Subject, bank: SampleBank, ranked: Ranked, names: tuple[str, ...]
) -> list[Figure]:
    """For the best units, the samples in which each is most active, outlined where it fires."""
    if not ranked or not subject.modality.picture_like:
        return []
    rows = []
    for trial, claim in ranked[:PICTURED]:
        top = trial.statistics.top[claim.unit]
        conditions = bank.conditions(int(top.max()) + 1)
        latents = bank.latents(int(top.max()) + 1)[top]
        with capture(workshop.module, [trial.layer.name]) as outputs:
            samples = workshop.make(latents, None if conditions is None else conditions[top])
        maps = as_maps(outputs[trial.layer.name])[:, claim.unit].cpu()
        fired = maps > trial.statistics.threshold[claim.unit]
        row = outlined(samples, fired[:, None].float(), dense=trial.layer.dense)
        rows.append(row[torch.arange(COLUMNS) % len(row)])
    listed = "; ".join(
        f"unit {claim.unit} of {trial.layer.called} ({fires(claim.agreement)} {names[claim.concept]})"
        for trial, claim in ranked[:PICTURED]
    )
    outline = "" if all(trial.layer.dense for trial, _ in ranked[:PICTURED]) else ", outlined where it fires"
    return [
        subject.modality.shown(
            torch.cat(rows),
            f"A row for each unit: the samples in which it is most active{outline}: {listed}. Look for what a row "
            "has in common.",
            columns=COLUMNS,
        )
    ]


def outlined(samples: Tensor, fired: Tensor, *, dense: bool) -> Tensor:
    """Samples [n, c, h, w] in colour and enlarged, with a line around the places where `fired` [n, 1, p, q] is 1."""
    scale = max(1, OUTLINED_SIDE // max(samples.shape[2:]))
    size = (samples.shape[2] * scale, samples.shape[3] * scale)
    colour = samples[:, :3] if samples.shape[1] >= 3 else samples[:, :1].expand(-1, 3, -1, -1)
    large = functional.interpolate(colour.float().clamp(-1, 1), size=size, mode="nearest")
    if dense:
        return large
    inside = functional.interpolate(fired, size=size, mode="nearest")
    reach = max(1, scale // 3)
    shrunk = -functional.max_pool2d(-inside, 2 * reach + 1, stride=1, padding=reach)
    line = torch.tensor(OUTLINE).view(1, 3, 1, 1) * 2 - 1
    return torch.where(inside > shrunk, line, large)


def strips(
    workshop: Workshop,
    subject: Subject,
    bank: SampleBank,
    ranked: Ranked,
    names: tuple[str, ...],
) -> list[Figure]:
    """For the best units, samples in which they are most active, with and without them."""
    pictures: list[Figure] = []
    for trial, claim in ranked[:STRIPS]:
        top = trial.statistics.top[claim.unit]
        before, after = with_and_without(workshop, bank, trial, claim.unit, top)
        pictures.append(
            subject.modality.shown_pairs(
                before,
                after,
                f"Unit {claim.unit} of {trial.layer.called}, removed: above the samples in which it is most active, "
                "below them the same without it, then what changed (blue: darker, orange: brighter). Look for a "
                f"change in {names[claim.concept]}.",
                difference=True,
            )
        )
    return pictures


def with_and_without(
    workshop: Workshop, bank: SampleBank, trial: LayerTrial, unit: int, rows: Tensor
) -> tuple[Tensor, Tensor]:
    """The bank's samples of those rows, and the same with the unit at 0."""
    count = int(rows.max()) + 1
    conditions = bank.conditions(count)
    latents, labels = bank.latents(count)[rows], None if conditions is None else conditions[rows]
    editor = workshop.editor(trial.layer, latents, labels)
    with torch.no_grad():
        after = editor.samples(writing(trial.layer, torch.full((len(rows),), unit), ablation(trial.layer)))
    return editor.before, after.cpu()


def set_plots(sets: Sequence[UnitSet], names: tuple[str, ...]) -> list[Plot]:
    """How the concept falls as more units go, in three orders."""
    return [
        Plot(
            line_chart(
                each.sizes,
                [
                    Series(f"{each.how} set", [estimate.value for estimate in each.fall]),
                    Series("largest single effects", each.fall_of_single),
                    Series("best of five random sets", each.fall_of_random),
                ],
                x="units removed",
                y=f"fall of {names[each.concept]} (standard deviations)",
                logarithmic=True,
                line=(each.sizes[each.enough], "enough"),
            ),
            f"Removing sets of units of {each.layer.called}. A set means something where its line lies well above "
            "the random one; a learned set is worth learning where it lies above the single ones.",
        )
        for each in sets
    ]


def artefact_table(suspects: Sequence[Suspect]) -> list[Table]:
    """The suspects and what became of them."""
    if not suspects:
        return []
    rows = tuple(
        (
            suspect.layer.name,
            suspect.unit,
            f"{suspect.change.value:+.1%} ({suspect.change.low:+.1%} to {suspect.change.high:+.1%})",
            f"{suspect.matched:+.1%}",
            "yes" if suspect.is_artefact else "no",
        )
        for suspect in suspects
    )
    return [
        Table(
            (
                "layer",
                "unit",
                "change of the Fréchet distance",
                "lowest among matched units",
                "artefact unit",
            ),
            rows,
            "The units whose removal brought samples nearest to held-out real ones, tried again on fresh samples "
            f"({suspects[0].space}). An artefact unit lowers the distance surely, and more than units as active.",
        )
    ]
