"""Figures of latent attribution: shares with their reference, maps over the picture, walks along coordinates."""

from __future__ import annotations

import torch
from torch import Tensor

from ganlens.explain.latent_attribution.indices import LatentIndices
from ganlens.figures.charts import bar_chart
from ganlens.figures.figure import Figure, Plot, Table
from ganlens.figures.parts import Series
from ganlens.subject import SampleBank, Subject

BARS = 24
ROWS = 24
STEPS = (-2.5, -1.5, -0.5, 0.5, 1.5, 2.5)
"""Values, in standard deviations about its mean, that a coordinate takes along a walk."""
STRIPS = 3


def share_plot(result: LatentIndices) -> Plot:
    """The coordinates with the largest share of the whole sample's variance, beside random directions."""
    total = result.own.indices.total[:, 0]
    first = result.own.indices.first[:, 0].clamp(min=0)
    order = total.argsort(descending=True, stable=True)[:BARS].tolist()
    each = [result.total(block, 0) for block in order]
    reference = float(result.reference[0])
    figure = bar_chart(
        [result.named(block).removeprefix("coordinate ").removeprefix("coordinates ") for block in order],
        [
            Series("total", [e.value for e in each], [e.low for e in each], [e.high for e in each]),
            Series("alone", first[order]),
        ],
        x="latent coordinate, the largest share first",
        y="share of the variance of the whole sample",
        line=(reference, "reference"),
        percent=True,
    )
    return Plot(
        figure,
        f"A coordinate is special where its interval lies above the line ({result.what_random}). If all bars are "
        "about as high as the line, the axes of the latent mean nothing.",
    )


def leading(result: LatentIndices, count: int) -> list[int]:
    """The blocks to show: those of the claims, then those with the largest share."""
    ranked = result.own.indices.total[:, 0].argsort(descending=True, stable=True).tolist()
    return list(dict.fromkeys([*(block for block, _ in result.claims), *ranked]))[:count]


def map_pictures(result: LatentIndices, subject: Subject, count: int) -> list[Figure]:
    """For pictures, where each of the leading coordinates matters."""
    shape = subject.sample_shape
    if not subject.modality.picture_like:
        return []
    shown = leading(result, count)
    maps = result.own.maps[shown].unflatten(1, shape).sum(dim=1, keepdim=True)
    maps = maps / maps.flatten(1).amax(dim=1).clamp(min=1e-30)[:, None, None, None]
    everything = result.variance.unflatten(0, shape).sum(dim=0)[None, None]
    everything = everything / everything.max().clamp(min=1e-30)
    picture = torch.cat([everything, maps]) * 2 - 1
    named = ", ".join(result.named(block) for block in shown)
    return [
        subject.modality.shown(
            picture,
            "Where samples vary (first), and where each coordinate takes part in that, each to its own brightest "
            f"pixel: {named}. A map like the first says that the coordinate does a little of everything.",
            columns=min(len(picture), 7),
        )
    ]


def walks(result: LatentIndices, subject: Subject, bank: SampleBank, count: int) -> list[Figure]:
    """Samples along the leading coordinates, one strip each, all from the same latent."""
    latents = bank.latents()
    rows = latents.flatten(1)
    mean, deviation = rows.mean(dim=0), rows.std(dim=0)
    shown = leading(result, min(count, STRIPS))
    labels = bank.conditions(1)
    strips = []
    for block in shown:
        columns = result.blocks[block]
        along: Tensor = rows[:1].repeat(len(STEPS), 1)
        along[:, columns] = mean[columns] + torch.tensor(STEPS)[:, None] * deviation[columns]
        points = along.unflatten(1, subject.latent_shape)
        strips.append(bank.synthesize(points, None if labels is None else labels.expand(len(STEPS))))
    named = ", ".join(result.named(block) for block in shown)
    return [
        subject.modality.shown_walks(
            torch.stack(strips),
            f"From one latent, a strip for each of {named}: the value goes from −2.5 to 2.5 standard deviations. Look "
            "for strips in which one thing changes.",
        )
    ]


def claim_table(result: LatentIndices) -> Table:
    """The pairs that hold, or, where none does, the largest."""
    total = result.own.indices.total
    pairs = result.claims[:ROWS]
    if not pairs:
        flat = total.flatten().argsort(descending=True, stable=True)[:8].tolist()
        pairs = [(i // total.shape[1], i % total.shape[1]) for i in flat]
    believed = set(result.claims)
    rows = []
    for block, target in pairs:
        share = result.total(block, target)
        rows.append(
            (
                result.named(block),
                result.targets[target],
                f"{share.value:.1%} ({share.low:.1%} to {share.high:.1%})",
                f"{float(result.own.indices.first[block, target]):.1%}",
                f"{float(result.reference[target]):.1%}",
                "yes" if (block, target) in believed else "no",
            )
        )
    return Table(
        ("latent", "part of the sample", "total index", "alone", "reference", "believable"),
        tuple(rows),
        "Which coordinate explains which part: shares of that part's variance. Total counts what it does together "
        f"with others. The reference is {result.what_random}.",
    )
