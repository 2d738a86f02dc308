"""Errors of generated and real samples as curves, and residuals as pictures."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ganlens.explain.code.code_space import CodeSpace, code_spaces
from ganlens.explain.code.manifold_errors import ManifoldErrors
from ganlens.figures.charts import line_chart
from ganlens.figures.figure import Figure, Plot
from ganlens.figures.palette import GENERATED, REAL
from ganlens.figures.parts import Series
from ganlens.measures.quantiles import weighted_quantile
from ganlens.subject import SampleBank


def histogram(errors: ManifoldErrors, share: float) -> Plot:
    """Errors of generated and of real samples; a line where `share` of the real ones begin."""
    both = torch.cat([errors.fake, errors.held_out]).double()
    smallest = float(both[both > 0].min()) if (both > 0).any() else 1e-9
    largest = max(float(both.max()), smallest * 2)
    edges = torch.logspace(math.log10(smallest), math.log10(largest), 41, dtype=torch.float64)

    def density(values: Tensor, weights: Tensor) -> Tensor:
        bins = torch.bucketize(values.double(), edges[1:-1])
        return torch.bincount(bins, weights.double(), minlength=40)

    evenly = torch.full((len(errors.fake),), 1 / len(errors.fake), dtype=torch.float64)
    threshold = weighted_quantile(errors.held_out, 1 - share, errors.weights)
    figure = line_chart(
        (edges[1:] * edges[:-1]).sqrt(),
        [
            Series(
                "held-out real, in the same mix of kinds",
                density(errors.held_out, errors.weights),
                colour=REAL,
            ),
            Series("generated", density(errors.fake, evenly), colour=GENERATED),
        ],
        x="reconstruction error, in units of the data's variance (logarithmic)",
        y="share of samples",
        steps=True,
        logarithmic=True,
        percent=True,
        line=(max(threshold, smallest), f"{1 - share:.0%} of real"),
    )
    return Plot(
        figure,
        "Look at how far the generated curve reaches beyond the dashed line: that part lies off the "
        "manifold. "
        "A curve left of the real one means samples that are easier to redraw than real ones.",
    )


def residuals(bank: SampleBank, errors: Tensor, count: int) -> list[Figure]:
    """Samples beside what is redrawn of them: the farthest off, the middle and the nearest by errors [n]."""
    autoencoder, pca = code_spaces(bank)
    order = errors.argsort(descending=True, stable=True)
    count = min(count, len(order))
    middle = max(0, (len(order) - count) // 2)
    fakes = bank.fakes()
    figures: list[Figure] = []

    def add(rows: Tensor, space: CodeSpace, title: str) -> None:
        samples = fakes[rows]
        redrawn = space.reconstruct(samples)
        error = space.distance(samples, redrawn)
        figures.append(
            bank.modality.shown_pairs(
                samples,
                redrawn,
                f"{title} (error {float(error.min()):.2g} to {float(error.max()):.2g} of the data's variance).",
                difference=True,
            )
        )

    add(
        order[:count],
        autoencoder,
        f"The {count} farthest off the manifold: each generated sample, what the autoencoder makes of it and "
        "the difference. Where that is strong and has a shape, the sample has something the data have not",
    )
    add(order[middle : middle + count], autoencoder, f"The {count} in the middle, in the same way")
    add(order[-count:], autoencoder, f"The {count} nearest to the manifold")
    add(
        order[:count],
        pca,
        "For comparison, the first picture's samples with what PCA of the same width makes of them",
    )
    return figures
