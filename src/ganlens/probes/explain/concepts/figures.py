"""Figures of the concepts probe: concepts put in, scores beside random ones, a classifier's classes, every test."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from ganlens.explain.concepts.edits import ROWS, Edit
from ganlens.explain.concepts.vectors import Tested
from ganlens.figures.charts import bar_chart, heat_map
from ganlens.figures.figure import Figure, Plot, Table
from ganlens.figures.parts import Series
from ganlens.subject import Subject
from ganlens.subject.hooks import layer_in_words

LISTED = 40


def concept_figures(subject: Subject, tests: Sequence[Tested], edits: Sequence[Edit]) -> list[Figure]:
    """All figures of the finding."""
    figures: list[Figure] = []
    if edits:
        named = "; ".join(f"{e.test.concept}, {layer_in_words(e.test.layer)}" for e in edits)
        figures.append(
            subject.modality.shown_walks(
                torch.cat([e.strip for e in edits]),
                f"A concept put into the generator, {ROWS} samples each: {named}. From left to right "
                "0, ½, 1, 1½ and 2 times the mean difference between activations with it and without.",
            )
        )
    for network in dict.fromkeys(test.network for test in tests):
        own = [test for test in tests if test.network == network]
        figures.append(_classes_plot(own) if any(test.outcome for test in own) else _scores_plot(own))
    return [*figures, _table(tests)]


def _scores_plot(tests: Sequence[Tested]) -> Plot:
    """TCAV scores of a network with one number, layer by layer, with what random sets score."""
    layers = list(dict.fromkeys(test.layer for test in tests))
    scores = {(test.layer, test.concept): test.score for test in tests}
    names = [
        name
        for name in dict.fromkeys(test.concept for test in tests)
        if all((layer, name) in scores for layer in layers)
    ]
    series = []
    for layer in layers:
        own = [scores[layer, name] for name in names]
        series.append(
            Series(layer_in_words(layer), [e.value for e in own], [e.low for e in own], [e.high for e in own])
        )
    left_out = [test for test in tests if not test.counts]
    doubt = (
        f" Do not believe {', '.join(f'{t.concept} in {layer_in_words(t.layer)}' for t in left_out)}: random samples "
        "do as much."
        if left_out and len(left_out) <= 8
        else " The table says which differ from random samples."
    )
    return Plot(
        bar_chart(names, series, x="concept", y="TCAV score", line=(0.5, "no preference")),
        f"The {tests[0].network}: share of inputs whose number rises along the concept. Near 1 or 0 it pushes one "
        f"way.{doubt}",
    )


def _classes_plot(tests: Sequence[Tested]) -> Plot:
    """For a classifier, in its last layer: which concept speaks for which class."""
    layer = tests[-1].layer
    own = {(t.concept, t.outcome): t for t in tests if t.layer == layer}
    concepts, classes = (list(dict.fromkeys(key[side] for key in own)) for side in (0, 1))
    cells = [[own[c, k].score.value - 0.5 if own[c, k].counts else 0.0 for k in classes] for c in concepts]
    return Plot(
        heat_map(
            torch.tensor(cells),
            rows=concepts,
            columns=classes,
            x="class that it gives",
            y="concept",
            scale="TCAV − ½",
        ),
        f"The classifier, {layer_in_words(layer)}: TCAV score less ½ of each concept for each class. At ½ every input "
        "of the class gains by the concept, at −½ every one loses; 0 where random samples do as much.",
    )


def _table(tests: Sequence[Tested]) -> Table:
    ranked = sorted(tests, key=lambda t: (not t.counts, t.adjusted, t.network, t.layer))
    rows = tuple(
        (
            t.network,
            t.layer,
            t.named,
            round(t.score.value, 2),
            f"{float(t.random_scores.mean()):.2f} ± {float(t.random_scores.std()):.2f}",
            f"{t.pull:+.2f}",
            f"{float(t.random_pulls.mean()):+.2f} ± {float(t.random_pulls.std()):.2f}",
            round(t.accuracy, 2),
            f"{t.adjusted:.2g}",
            "yes" if t.counts else "no",
        )
        for t in ranked[:LISTED]
    )
    columns = (
        "network", "layer", "concept", "TCAV", "random sets", "gradients along it", "along random sets", "accuracy",
        "p (Holm)", "counts",
    )  # fmt: skip
    first = "Every test" if len(tests) <= LISTED else f"The first {LISTED} of {len(tests)} tests"
    return Table(
        columns,
        rows,
        f"{first}, the most certain first. It counts where the gradients point along the concept's vector farther than "
        "along random sets', and the vector tells held-out examples apart.",
    )
