"""What is tried for every sample: the searches, and beside them ways that explain nothing."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from ganlens.explain.counterfactuals.amortised import fit_amortised
from ganlens.explain.counterfactuals.attributes import (
    AttributeAnswers,
    Attributes,
    attribute_search,
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
from ganlens.explain.counterfactuals.channels import ChannelSpace, layer_of_channels
from ganlens.explain.counterfactuals.evaluation import Attempt
from ganlens.explain.counterfactuals.latent_search import Effort, Pool, latent_search
from ganlens.explain.counterfactuals.naming import with_names
from ganlens.explain.counterfactuals.search_space import Answers, Question, SearchSpace
from ganlens.explain.counterfactuals.starts import Starts
from ganlens.explain.readings.panel import panel_of
from ganlens.probes.explain.counterfactuals import figures
from ganlens.probes.explain.counterfactuals.settings import CounterfactualSettings
from ganlens.randomness import torch_generator
from ganlens.subject import Context

COORDINATES = 32
PANEL, NAMED_ON = 512, 32
"""Generated samples on which readings are measured, and on which attributes are named after them."""


@dataclass
class Trial:
    """What was tried so far, in the order of the table."""

    attempts: list[Attempt] = field(default_factory=list)
    training: float = 0.0
    attributes: Attributes | None = None
    set_attributes: AttributeAnswers | None = None


def try_all(
    space: SearchSpace,
    question: Question,
    pool: Pool,
    settings: CounterfactualSettings,
    confidence: float,
    context: Context,
    probe: str,
) -> Trial:
    """The searches that the settings ask for; `probe` is whose draws are used."""
    bank = context.bank
    margin = float(torch.logit(torch.tensor(confidence)))
    effort = Effort(settings.answers, settings.steps, settings.learning_rate, settings.distance, margin)
    rng = torch_generator(context.seed, probe, "search")
    trial = Trial()
    found = latent_search(space, question, pool, effort, rng=rng, progress=context.progress)
    trial.attempts.append(_attempt("latent", "latent search", space, question, found))
    if "attributes" in settings.methods:
        _set_attributes(trial, space, question, pool, settings, margin, context)
    if "amortised" in settings.methods:
        fitted = fit_amortised(
            space,
            pool.rows,
            bank.conditions(len(pool.rows)),
            pool.classes,
            question.targets.unique(),
            steps=settings.training,
            distance=settings.distance,
            rng=torch_generator(context.seed, probe, "amortised"),
            progress=context.progress,
        )
        trial.training = fitted.seconds
        trial.attempts.append(
            _attempt("amortised", "amortised map", space, question, fitted.answers(space, question, 0.0))
        )
    return trial


def add_baselines(
    trial: Trial,
    space: SearchSpace,
    question: Question,
    starts: Starts,
    real: RealSamples,
    rng: torch.Generator,
) -> None:
    """Four ways that explain nothing, for the samples that the latent search flipped or not alike."""
    search = trial.attempts[0]
    assert search.answers is not None
    far = (search.answers.rows[:, 0] - question.starts).norm(dim=1).cpu()
    wide = (search.samples - starts.redrawn).flatten(1).norm(dim=1)
    clipped, every = space.subject.modality.clipped, torch.ones(len(question), dtype=torch.bool)

    def add(name: str, title: str, make: Callable[[], Tensor], exists: Tensor) -> None:
        began = time.perf_counter()
        made = make()
        trial.attempts.append(Attempt(name, title, made, exists, None, time.perf_counter() - began))

    add("random", "random direction", lambda: random_ways(space, question, far, rng), every)
    add(
        "adversarial",
        "adversarial pixels" if space.classifier.has_gradients else "noise in the pixels",
        lambda: adversarial(space.classifier, starts.redrawn, question.targets, wide, clipped, rng),
        search.found,
    )
    nearest, exists = nearest_real(starts.redrawn, question.targets, real)
    add("nearest_real", "nearest real sample", lambda: nearest, exists)
    add(
        "blend",
        "blend with the class's mean",
        lambda: towards_the_mean(space.classifier, starts.redrawn, question.targets, real),
        exists,
    )


def most_used(trial: Trial) -> tuple[str, float] | None:
    """The attribute that most of the flips of the attribute search use, and the share of them."""
    if trial.attributes is None or trial.set_attributes is None:
        return None
    if not bool(trial.set_attributes.answers.found.any()):
        return None
    uses = figures.uses(trial.attributes, trial.set_attributes)
    name = max(uses, key=uses.__getitem__)
    return name, uses[name]


def _set_attributes(
    trial: Trial,
    space: SearchSpace,
    question: Question,
    pool: Pool,
    settings: CounterfactualSettings,
    margin: float,
    context: Context,
) -> None:
    """The attribute search, over code axes or over channels."""
    bank = context.bank
    some, labels = pool.rows[:NAMED_ON], bank.conditions(min(NAMED_ON, len(pool.rows)))
    if settings.attribute_source == "channels":
        layer = layer_of_channels(space.subject, settings.layer)
        measured_on = pool.rows[:PANEL]
        wider = ChannelSpace.of(space, layer, measured_on, bank.conditions(len(measured_on)))
        space, question, some = wider.space, wider.question(question), wider.rows(some)
        attributes = wider.attributes(question, settings.attributes)
    else:
        attributes = code_attributes(bank, pool.rows, settings.attributes)
        if settings.space != "z":
            attributes = both(attributes, coordinate_attributes(settings.space, pool.rows, COORDINATES))
    panel = panel_of(bank, bank.fakes(min(PANEL, bank.size)).tensor())
    attributes = with_names(space, attributes, panel, some, labels)
    found = attribute_search(
        space, question, attributes, most=settings.most, margin=margin, progress=context.progress
    )
    trial.attributes, trial.set_attributes = attributes, found
    attempt = _attempt("attributes", "attribute search", space, question, found.answers)
    trial.attempts.append(replace(attempt, elsewhere=settings.attribute_source == "channels"))


def _attempt(name: str, title: str, space: SearchSpace, question: Question, answers: Answers) -> Attempt:
    made = space.samples(answers.rows[:, 0], question.labels)
    return Attempt(name, title, made, answers.found[:, 0], answers, answers.seconds)
