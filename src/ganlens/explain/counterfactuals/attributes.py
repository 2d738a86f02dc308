"""AttFind: which few attributes of a sample, each set to an end of its population, change a classifier's mind?

An attribute is a direction of a latent space and the two ends of the population along it. Source: Lang et al. 2021
(arXiv 2104.13369), who set style coordinates; here also the directions of the autoencoder's code axes
(for channels of a layer see `channels`).
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ganlens.explain.code.code_space import code_spaces, codes_of
from ganlens.explain.code.interventions import axis_directions, random_directions
from ganlens.explain.counterfactuals.boundary import shortened, valid
from ganlens.explain.counterfactuals.search_space import Answers, Question, SearchSpace, margins
from ganlens.progress import Progress, Silent
from ganlens.subject import SampleBank

ENDS = (0.01, 0.99)
"""Quantiles of the population that stand for its minimum and maximum: single outliers make no attribute."""


@dataclass(frozen=True)
class Attributes:
    """Directions of a latent space and the ends of the population along each.

    Attributes:
        names: one for each.
        directions: [m, d] unit directions of standardised rows.
        ends: [m, 2] where the population ends along them.
    """

    names: tuple[str, ...]
    directions: Tensor
    ends: Tensor

    def __len__(self) -> int:
        return len(self.names)

    @classmethod
    def along(cls, names: tuple[str, ...], directions: Tensor, population: Tensor) -> Attributes:
        """Directions [m, d] with the ends of the rows [n, d] of a population."""
        directions = directions.to(population)
        places = population @ directions.T
        ends = places.quantile(torch.tensor(ENDS).to(places), dim=0).T
        return cls(names, directions, ends)

    def take(self, places: Sequence[int]) -> Attributes:
        """Some of them, in that order."""
        chosen = list(places)
        return Attributes(tuple(self.names[p] for p in chosen), self.directions[chosen], self.ends[chosen])

    def set_to(self, rows: Tensor, attribute: int, end: int) -> Tensor:
        """Rows [n, d] moved along an attribute to its lower (0) or upper (1) end."""
        direction = self.directions[attribute]
        missing = self.ends[attribute, end] - rows @ direction
        return rows + missing[:, None] * direction


def code_attributes(bank: SampleBank, population: Tensor, count: int) -> Attributes:
    """The latent directions that move the foremost axes of the autoencoder's code.

    Args:
        population: [n, d] rows of the bank's first n generated samples.
    """
    codes = codes_of(bank, code_spaces(bank).autoencoder, "fake", len(population))
    unit = axis_directions(population.cpu().double(), codes).unit[:count]
    names = tuple(f"axis {place + 1}" for place in range(len(unit)))
    return Attributes.along(names, unit.float(), population)


def coordinate_attributes(space: str, population: Tensor, count: int) -> Attributes:
    """The coordinates of a space that vary most: style coordinates, where the space is one of styles.

    Args:
        population: [n, d] rows, standardised, so that those which never vary are 0 everywhere.
    """
    alive = (population.std(dim=0) > 0).nonzero().flatten()[:count].cpu()
    names = tuple(f"{space}[{place}]" for place in alive.tolist())
    return Attributes.along(names, torch.eye(population.shape[1])[alive], population)


def random_attributes(population: Tensor, count: int, rng: torch.Generator) -> Attributes:
    """As many random directions: what an attribute has to beat."""
    names = tuple(f"random {place + 1}" for place in range(count))
    return Attributes.along(names, random_directions(count, population.shape[1], rng).float(), population)


def both(first: Attributes, second: Attributes) -> Attributes:
    """All attributes of the two."""
    return Attributes(
        first.names + second.names,
        torch.cat([first.directions, second.directions]),
        torch.cat([first.ends, second.ends]),
    )


def margin_changes(space: SearchSpace, question: Question, attributes: Attributes, at: Tensor) -> Tensor:
    """What setting each attribute to each end does to the target's margin at rows [n, d]: [n, m, 2]."""
    before = margins(space.classified(at, question.labels), question.targets)
    changes = torch.zeros(len(at), len(attributes), 2)
    for attribute in range(len(attributes)):
        for end in (0, 1):
            moved = attributes.set_to(at, attribute, end)
            changes[:, attribute, end] = (
                margins(space.classified(moved, question.labels), question.targets) - before
            )
    return changes


@dataclass(frozen=True)
class AttributeAnswers:
    """What the attribute search found.

    Attributes:
        answers: one for each sample.
        steps: for each sample the attributes set, in order, each as (attribute, end).
        changes: [n, m, 2] of the target's margin, each attribute alone.
    """

    answers: Answers
    steps: tuple[tuple[tuple[int, int], ...], ...]
    changes: Tensor


def attribute_uses(attributes: Attributes, attempted: AttributeAnswers) -> dict[str, float]:
    """Share of the flips found that use each attribute."""
    exists = attempted.answers.exists[:, 0].tolist()
    flips = [steps for steps, flipped in zip(attempted.steps, exists, strict=True) if flipped]
    counts = dict.fromkeys(attributes.names, 0)
    for steps in flips:
        for attribute, _ in steps:
            counts[attributes.names[attribute]] += 1
    return {name: count / max(1, len(flips)) for name, count in counts.items()}


def attribute_search(
    space: SearchSpace,
    question: Question,
    attributes: Attributes,
    *,
    most: int,
    margin: float,
    progress: Progress | None = None,
) -> AttributeAnswers:
    """Set attributes one by one, each time the one that helps the sample's target most, until it flips.

    Args:
        most: attributes to set in one sample.
        margin: logits by which the target must win.
    """
    began = time.perf_counter()
    rows = question.starts.clone()
    exists = torch.zeros(len(question), dtype=torch.bool)
    used = torch.zeros(len(question), len(attributes), dtype=torch.bool)
    steps: list[list[tuple[int, int]]] = [[] for _ in range(len(question))]
    alone = torch.zeros(len(question), len(attributes), 2)
    with (progress or Silent()).task("Setting attributes", most) as task:
        for turn in range(min(most, len(attributes))):
            left = (~exists).nonzero().flatten()
            if not len(left):
                break
            some = question.take(left)
            changes = margin_changes(space, some, attributes, rows[left])
            if turn == 0:
                alone = changes
            gain, best = changes.masked_fill(used[left][..., None], -torch.inf).flatten(1).max(dim=1)
            for sample, choice, better in zip(left.tolist(), best.tolist(), (gain > 0).tolist(), strict=True):
                if better:
                    attribute, end = divmod(choice, 2)
                    rows[sample] = attributes.set_to(rows[[sample]], attribute, end)[0]
                    used[sample, attribute] = True
                    steps[sample].append((attribute, end))
            exists[left] = valid(space, some, rows[left], margin)
            task.advance()
    there = exists.nonzero().flatten()
    if len(there):
        rows[there] = shortened(space, question.take(there), rows[there], margin)
    rows = torch.where(exists.to(rows.device)[:, None], rows, question.starts)
    answers = Answers.of(rows[:, None], exists[:, None], time.perf_counter() - began)
    return AttributeAnswers(answers, tuple(map(tuple, steps)), alone)
