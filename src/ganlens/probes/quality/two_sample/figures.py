"""The samples that give it away, the classes that do, and the features that the classifier goes by."""

from __future__ import annotations

import torch
from torch import Tensor

from ganlens.figures.charts import bars_with_reference
from ganlens.figures.figure import Figure, Plot, Table
from ganlens.probes.quality.two_sample.conclusion import ClassTest, SpaceTests
from ganlens.subject import SampleBank
from ganlens.subject.draws import Of

LISTED = 10
"""Features in the table of what the classifier goes by."""


def two_sample_figures(
    bank: SampleBank, spaces: list[SpaceTests], classes: list[ClassTest], n: int, shown: int
) -> list[Figure]:
    figures: list[Figure] = [*_sample_pictures(bank, spaces[0], n, shown)]
    if classes:
        figures.append(_class_plot(classes, spaces[0].title))
    for space in spaces:
        if space.fake.weights is None or space.name == "labeller":  # whose features have no names
            continue
        if space.name == "raw" and bank.modality.picture_like:
            figures.append(_weights_picture(bank, space, space.fake.weights, n))
        else:
            figures.append(_weights_table(bank, space, space.fake.weights, n))
    return figures


def _sample_pictures(bank: SampleBank, space: SpaceTests, n: int, shown: int) -> list[Figure]:
    surest = space.fake.scores_b.argsort(descending=True, stable=True)
    taken = space.fake.scores_a.argsort(descending=True, stable=True)
    fakes, reals = bank.fakes(n), bank.reals("held_out", n)
    if bank.modality.as_dots:  # enough of them for their places to show
        tenth = max(n // 10, 1)
        return [
            bank.modality.shown(
                fakes[surest[:tenth]],
                f"The tenth of its samples most surely recognised as generated ({space.title}).",
            ),
            bank.modality.shown(
                reals[taken[:tenth]],
                "The tenth of the held-out real samples most surely taken for generated.",
            ),
        ]
    rows = [fakes[surest[:shown]], fakes[surest.flip(0)[:shown]], reals[taken[:shown]]]
    return [
        bank.modality.shown_walks(
            torch.stack(rows),
            f"Above: the generated samples most surely recognised, the surest first ({space.title}). In the middle: "
            "the generated ones most surely taken for real. Below: the held-out real ones most surely taken for "
            "generated. What do the first and the last row have that the middle one lacks?",
        )
    ]


def _class_plot(classes: list[ClassTest], title: str) -> Plot:
    return bars_with_reference(
        [c.name for c in classes],
        [100 * c.fake for c in classes],
        [100 * c.fake_interval.low for c in classes],
        [100 * c.fake_interval.high for c in classes],
        [None if c.real is None else 100 * c.real for c in classes],
        value_name="generated samples, recognised",
        reference_name="held-out real samples, taken for generated",
        x_title="class, as the labeller names it",
        y_title="taken for generated (%)",
        caption=(
            f"How often samples of each class are taken for generated ({title}). Bar and diamond at one height: "
            "that class doesn't give it away. The lines are intervals that hold for all classes together."
        ),
    )


def _weights_picture(bank: SampleBank, space: SpaceTests, weights: Tensor, n: int) -> Figure:
    """The weights laid back over a sample, beside the mean real and the mean generated one."""
    place = torch.zeros(1, *bank.sample_shape, requires_grad=True)
    with torch.enable_grad():
        seen = bank.modality.raw_features(place)
        (laid,) = torch.autograd.grad((seen * weights.to(seen)).sum(), place)
    map_ = laid[0] * (2 / laid.abs().max().clamp_min(1e-12)) - 1
    means = [_mean(bank, of, n) for of in ("held_out", "fake")]
    return bank.modality.shown_walks(
        torch.stack([*means, map_])[None],
        f"By what, in {space.title}: the mean real sample, the mean generated one, and how much the classifier goes "
        "by each place, from black (not at all) to white (most).",
    )


def _mean(bank: SampleBank, of: Of, n: int) -> Tensor:
    total = torch.zeros(bank.sample_shape)
    for start in range(0, n, 256):
        total += bank.samples(of, n)[start : start + 256].sum(dim=0)
    return total / n


def _weights_table(bank: SampleBank, space: SpaceTests, weights: Tensor, n: int) -> Table:
    fake, real = (bank.features(space.name, of, n).double() for of in ("fake", "held_out"))
    order = weights.argsort(descending=True, stable=True)[:LISTED].tolist()
    names = bank.modality.value_names(bank.sample_shape) if space.name == "raw" else ()
    named = len(names) == len(weights)
    rows = tuple(
        (
            names[i] if named else i,
            f"{float(weights[i]):.2f}",
            *(f"{float(side[:, i].mean()):.3g} ± {float(side[:, i].std()):.3g}" for side in (fake, real)),
        )
        for i in order
    )
    columns = ("Feature", "Weight", "Generated (mean ± spread)", "Real")
    return Table(
        columns,
        rows,
        f"By what: the {space.title} that the classifier goes by most"
        + ("." if named else ", counted from 0."),
    )
