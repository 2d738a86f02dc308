"""Examples taken apart axis by axis, and the curves that put the order of the axes to the test."""

from __future__ import annotations

import torch

from ganlens.explain.code.code_space import code_spaces
from ganlens.explain.code.sample_explanations import FOREMOST, Example, OrderTest
from ganlens.figures.charts import heat_map, line_chart
from ganlens.figures.figure import Figure, Plot, Table
from ganlens.figures.parts import Series
from ganlens.subject import SampleBank


def taken_apart(bank: SampleBank, examples: list[Example]) -> Figure:
    """Each example, its reconstruction, and what is left of that without its foremost axes."""
    space = code_spaces(bank).autoencoder
    rows = []
    for example in examples:
        states = [example.code]
        for axis in example.order[:FOREMOST]:
            states.append(states[-1].clone())
            states[-1][axis] = 0
        redrawn = space.decode(torch.stack([*states, torch.zeros_like(example.code)]))
        rows.append(torch.cat([bank.fakes()[[example.row]], redrawn]))
    order = "; ".join(f"{e.chosen_as} ({_names(e)})" for e in examples)
    return bank.modality.shown_walks(
        torch.stack(rows),
        "A row for each example: the generated sample, its reconstruction, the reconstruction as its "
        f"{len(states) - 1} foremost axes are set to the data's mean one by one, and the mean code. From the "
        f"second picture on you see what each axis does: {order}. Where the first two pictures differ, the "
        "code does not explain the sample.",
    )


def _names(example: Example) -> str:
    return ", ".join(
        f"axis {axis + 1} at {float(example.code[axis]):+.1f}" for axis in example.order[:FOREMOST]
    )


def coordinates(examples: list[Example]) -> Plot:
    """Where the examples lie on every axis."""
    codes = torch.stack([e.code for e in examples])
    figure = heat_map(
        codes,
        rows=[f"{number}: {e.chosen_as}" for number, e in enumerate(examples, start=1)],
        columns=[str(axis + 1) for axis in range(codes.shape[1])],
        x="axis of the code, those that change samples most first",
        y="example",
        scale="z-score",
    )
    return Plot(
        figure,
        "Strong colours are coordinates that are unusual for the data: beyond ±3 real samples hardly ever "
        "go.",
    )


def order_curves(test: OrderTest) -> Plot:
    """Errors as axes are taken in or neutralised, by contribution, at random and by PCA."""
    steps = list(range(test.deletion.shape[1]))
    figure = line_chart(
        steps,
        [
            Series("taken in by contribution", test.insertion.mean(dim=0)),
            Series("taken in at random", test.random_insertion.mean(dim=0)),
            Series("PCA's, by contribution", test.pca_insertion.mean(dim=0)),
            Series("neutralised by contribution", test.deletion.mean(dim=0)),
            Series("neutralised at random", test.random_deletion.mean(dim=0)),
        ],
        x="axes taken in, or neutralised",
        y="mean error, in units of the data's variance",
    )
    return Plot(
        figure,
        "Falling curves take axes in: the lower, the fewer axes it takes to make the sample; PCA's has to "
        "lie above. Rising curves neutralise axes: by contribution has to lie above random.",
    )


def example_table(examples: list[Example]) -> Table:
    """The foremost axes of each example."""
    rows = []
    for number, example in enumerate(examples, start=1):
        total = float(example.contribution.sum()) or 1.0
        shares = ", ".join(
            f"axis {axis + 1}: {float(example.contribution[axis]) / total:.0%} (z "
            f"{float(example.code[axis]):+.1f})"
            for axis in example.order[:FOREMOST]
        )
        rows.append((number, example.chosen_as, f"{example.explained:.0%}", shares))
    return Table(
        (
            "example",
            "chosen as",
            "explained by the code",
            "foremost axes: share of all contributions (z-score)",
        ),
        tuple(rows),
        "Where the code explains less than half of a sample's departure from the average, its axes say "
        "little of the sample.",
    )
