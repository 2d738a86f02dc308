"""What is tried for every sample: the searches, and beside them ways that explain nothing.

comparison = run_searches(bank, space, question, pool, Searches(methods=("latent",)), draws)
add_baselines(comparison, space, question, starts, real, draws("baselines"))
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Literal

import torch
from torch import Tensor

from ganlens.explain.counterfactuals.amortised import fit_amortised
from ganlens.explain.counterfactuals.attributes import (
    AttributeAnswers,
    Attributes,
    attribute_search,
    attribute_uses,
    both,
    code_attributes,
    coordinate_attributes,
)
from ganlens.explain.counterfactuals.baselines import (
    RealSamples,
    adversarial,
    nearest_real,
    random_ways,
    towards_the_mean,
)
from ganlens.explain.counterfactuals.channels import STRENGTH, ChannelSpace, layer_of_channels
from ganlens.explain.counterfactuals.evaluation import Attempt
from ganlens.explain.counterfactuals.latent_search import Effort, Pool, latent_search
from ganlens.explain.counterfactuals.naming import with_names
from ganlens.explain.counterfactuals.search_space import Answers, Question, SearchSpace
from ganlens.explain.counterfactuals.starts import Starts
from ganlens.explain.readings.panel import panel_of
from ganlens.progress import Progress
from ganlens.subject import SampleBank

METHODS = ("latent", "attributes", "amortised")
"""The searches there are. The latent search is always made: the baselines are as long as its ways."""

COORDINATES = 32
"""Coordinates of a space that is not z, those that vary most, that may be attributes."""

PANEL, NAMED_ON = 512, 32
"""Generated samples on which readings are measured, and on which attributes are named after them."""


@dataclass(frozen=True)
class Searches:
    """Which searches are made, and how.

    Attributes:
        effort: of the latent search; all of them share its margin and the weight of its distance.
        methods: of `METHODS`.
        attributes, most: how many attributes there are to choose from, and how many may be set in one sample.
        attribute_source: what an attribute is, an axis of the autoencoder's code or a channel of `layer`.
        strength: standard deviations by which a channel is lowered or raised.
        training: steps of the amortised map.
    """

    effort: Effort = field(default_factory=Effort)
    methods: tuple[str, ...] = METHODS
    attributes: int = 8
    most: int = 4
    attribute_source: Literal["code", "channels"] = "code"
    layer: str = "auto"
    strength: float = STRENGTH
    training: int = 150


@dataclass
class Comparison:
    """What was tried so far, in the order of the table.

    Attributes:
        attempts: the latent search first.
        training: seconds that the amortised map was trained for.
        attributes, set_attributes: of the attribute search; None where it was not made.
    """

    attempts: list[Attempt] = field(default_factory=list)
    training: float = 0.0
    attributes: Attributes | None = None
    set_attributes: AttributeAnswers | None = None

    @property
    def uses(self) -> dict[str, float]:
        """Share of the flips found by the attribute search that use each attribute; empty where it found none."""
        if self.attributes is None or self.set_attributes is None:
            return {}
        return attribute_uses(self.attributes, self.set_attributes)


def run_searches(
    bank: SampleBank,
    space: SearchSpace,
    question: Question,
    pool: Pool,
    searches: Searches,
    draws: Callable[[str], torch.Generator],
    progress: Progress | None = None,
) -> Comparison:
    """What each search finds.

    Args:
        draws: from a purpose to the generator of its random numbers.
    """
    comparison, effort = Comparison(), searches.effort
    answers = latent_search(space, question, pool, effort, rng=draws("search"), progress=progress)
    comparison.attempts.append(_attempt("latent", "latent search", space, question, answers))
    if "attributes" in searches.methods:
        _set_attributes(comparison, bank, space, question, pool, searches, progress)
    if "amortised" in searches.methods:
        fitted = fit_amortised(
            space,
            pool.rows,
            bank.conditions(len(pool.rows)),
            pool.classes,
            question.targets.unique(),
            steps=searches.training,
            distance=effort.distance,
            rng=draws("amortised"),
            progress=progress,
        )
        comparison.training = fitted.seconds
        comparison.attempts.append(
            _attempt("amortised", "amortised map", space, question, fitted.answers(space, question, 0.0))
        )
    return comparison


def add_baselines(
    comparison: Comparison,
    space: SearchSpace,
    question: Question,
    starts: Starts,
    real: RealSamples,
    rng: torch.Generator,
) -> None:
    """Four ways that explain nothing, for the samples that the latent search flipped or not alike."""
    search = comparison.attempts[0]
    assert search.answers is not None
    far = (search.answers.rows[:, 0] - question.starts).norm(dim=1).cpu()
    wide = (search.samples - starts.redrawn).flatten(1).norm(dim=1)
    clipped, every = space.subject.modality.clipped, torch.ones(len(question), dtype=torch.bool)

    def add(name: str, title: str, make: Callable[[], Tensor], exists: Tensor) -> None:
        began = time.perf_counter()
        samples = make()
        comparison.attempts.append(Attempt(name, title, samples, exists, None, time.perf_counter() - began))

    add("random", "random direction", lambda: random_ways(space, question, far, rng), every)
    add(
        "adversarial",
        "adversarial pixels" if space.classifier.has_gradients else "noise in the pixels",
        lambda: adversarial(space.classifier, starts.redrawn, question.targets, wide, clipped, rng),
        search.exists,
    )
    nearest, exists = nearest_real(starts.redrawn, question.targets, real)
    add("nearest_real", "nearest real sample", lambda: nearest, exists)
    add(
        "blend",
        "blend with the class's mean",
        lambda: towards_the_mean(space.classifier, starts.redrawn, question.targets, real),
        exists,
    )


def _set_attributes(
    comparison: Comparison,
    bank: SampleBank,
    space: SearchSpace,
    question: Question,
    pool: Pool,
    searches: Searches,
    progress: Progress | None,
) -> None:
    """The attribute search, over code axes or over channels."""
    some, labels = pool.rows[:NAMED_ON], bank.conditions(min(NAMED_ON, len(pool.rows)))
    if searches.attribute_source == "channels":
        layer = layer_of_channels(space.subject, searches.layer)
        measured_on = pool.rows[:PANEL]
        wider = ChannelSpace.of(space, layer, measured_on, bank.conditions(len(measured_on)))
        space, question, some = wider.space, wider.question(question), wider.rows(some)
        attributes = wider.attributes(question, searches.attributes, searches.strength)
    else:
        attributes = code_attributes(bank, pool.rows, searches.attributes)
        if space.space.name != "z":
            attributes = both(attributes, coordinate_attributes(space.space.name, pool.rows, COORDINATES))
    panel = panel_of(bank, bank.fakes(min(PANEL, bank.size)).tensor())
    attributes = with_names(space, attributes, panel, some, labels)
    attempted = attribute_search(
        space, question, attributes, most=searches.most, margin=searches.effort.margin, progress=progress
    )
    comparison.attributes, comparison.set_attributes = attributes, attempted
    attempt = _attempt("attributes", "attribute search", space, question, attempted.answers)
    comparison.attempts.append(replace(attempt, elsewhere=searches.attribute_source == "channels"))


def _attempt(name: str, title: str, space: SearchSpace, question: Question, answers: Answers) -> Attempt:
    samples = space.samples(answers.rows[:, 0], question.labels)
    return Attempt(name, title, samples, answers.exists[:, 0], answers, answers.seconds)
