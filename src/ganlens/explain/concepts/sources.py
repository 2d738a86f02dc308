"""Where concepts come from: classes of the data, known factors, a user's function, or a folder of examples."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ganlens.data import open_dataset
from ganlens.errors import UserError
from ganlens.explain.dissection.concepts import users_concepts
from ganlens.subject import SampleBank
from ganlens.subject.programs import loading
from ganlens.subject.reference_data import reopened_in_shape

FEWEST = 12
"""Examples below which a concept is left out."""


@dataclass(frozen=True)
class Concept:
    """Something a person can name.

    Attributes:
        name: in words.
        examples: samples [k, …] that have it.
        rest: rows [m] of the pool of samples that lack it, or need not have it.
        score: how much of it samples [n, …] show, [n]; None where only examples are known.
        threshold: of the score, above which a sample has it.
    """

    name: str
    examples: Tensor
    rest: Tensor
    score: Callable[[Tensor], Tensor] | None = None
    threshold: float = 0.0


def find_concepts(bank: SampleBank, spec: str | None, pool: Tensor, most: int) -> list[Concept]:
    """The concepts to test, with at most so many examples each.

    Args:
        spec: "python:…" for a function of samples; "folder:DIR" for examples, a concept for each sub-folder; or
            None for the data's classes, else its factors.
        pool: samples [m, …] among which examples are looked for; see `pool_of`.

    Raises:
        UserError: the function or folder can't be used.
    """
    if spec is not None and spec.startswith("python:"):
        return _of_function(spec, pool, most)
    if spec is not None:
        return _of_examples(bank, spec, len(pool), most)
    data = bank.subject.data
    if data is not None and data.num_classes >= 2 and bank.labeller is not None:
        return _of_classes(bank, pool, most)
    if data is not None and data.train.factors is not None:
        return _of_factors(bank, pool, most)
    return []


def pool_of(bank: SampleBank, most: int) -> Tensor:
    """The first training samples, or without data the first generated ones."""
    if bank.subject.data is None:
        return bank.fakes(most).tensor()
    return bank.reals("train", most).tensor()


def _of_classes(bank: SampleBank, pool: Tensor, most: int) -> list[Concept]:
    labels, data, labeller = bank.real_labels("train", len(pool)), bank.subject.data, bank.labeller
    assert labels is not None
    assert data is not None
    assert labeller is not None

    def margin(number: int) -> Callable[[Tensor], Tensor]:
        def score(samples: Tensor) -> Tensor:
            logits: Tensor = labeller(samples)
            rest = torch.cat([logits[:, :number], logits[:, number + 1 :]], dim=1)
            return logits[:, number] - rest.logsumexp(dim=1)

        return score

    return _with_enough(
        [
            Concept(f"class {name}", pool[labels == number][:most], _rows(labels != number), margin(number))
            for number, name in enumerate(data.class_names)
        ]
    )


def _of_factors(bank: SampleBank, pool: Tensor, most: int) -> list[Concept]:
    data = bank.subject.data
    assert data is not None
    assert data.train.factors is not None
    factors = data.train.factors[bank.real_rows("train", len(pool))]
    concepts = []
    for column, name in enumerate(data.factor_names):
        high = factors[:, column] > factors[:, column].median()
        concepts.append(Concept(f"{name} high", pool[high][:most], _rows(~high)))
    return _with_enough(concepts)


def _of_examples(bank: SampleBank, spec: str, pool: int, most: int) -> list[Concept]:
    """Examples that the user has: one concept for each of their classes, or one of them all."""
    opened = open_dataset(spec)
    given = reopened_in_shape(opened, bank.sample_shape, spec)
    if given is None:
        raise UserError(
            f"the concept {spec} has samples of shape {opened.sample_shape}, the generator makes "
            f"{bank.sample_shape}; give examples of the generator's shape"
        )
    samples, labels = given.train.samples, given.train.labels
    kinds = {given.name.rpartition(":")[2]: torch.arange(len(samples))}
    if labels is not None and len(given.class_names) > 1:
        kinds = {name: _rows(labels == number) for number, name in enumerate(given.class_names)}
    few = {name: len(rows) for name, rows in kinds.items() if len(rows) < FEWEST}
    if few:
        counts = ", ".join(f"{count} of {name}" for name, count in few.items())
        raise UserError(
            f"the concept {spec} has too few examples to learn from ({counts}, those held out left aside); give "
            f"{FEWEST} or more"
        )
    return [
        Concept(name, samples.take(rows[:most].numpy()).tensor(), torch.arange(pool))
        for name, rows in kinds.items()
    ]


def _of_function(spec: str, pool: Tensor, most: int) -> list[Concept]:
    function, name = loading.resolve(spec)
    known = users_concepts(function, name, pool[:4])
    with torch.no_grad():
        shown = torch.cat([known.scores(part) for part in pool.split(512)])
    concepts = []
    for column, called in enumerate(known.names):
        values = shown[:, column]
        chance = not known.masks and bool(((values >= 0) & (values <= 1)).all())
        threshold = 0.5 if chance else float(values.median())
        has = values > threshold

        def one(samples: Tensor, column: int = column) -> Tensor:
            return known.scores(samples)[:, column]

        concepts.append(Concept(called, pool[has][:most], _rows(~has), one, threshold))
    return _with_enough(concepts)


def _with_enough(concepts: list[Concept]) -> list[Concept]:
    return [c for c in concepts if len(c.examples) >= FEWEST and len(c.rest) >= FEWEST]


def _rows(mask: Tensor) -> Tensor:
    return mask.nonzero().flatten()
