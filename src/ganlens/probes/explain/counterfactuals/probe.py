"""What would have to change for a classifier to decide otherwise?"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from ganlens.errors import UserError
from ganlens.finding import Figure, Finding
from ganlens.probes.explain.counterfactuals import figures
from ganlens.probes.explain.counterfactuals.amortised import fit_amortised
from ganlens.probes.explain.counterfactuals.attributes import (
    AttributeAnswers,
    Attributes,
    attribute_search,
    both,
    code_attributes,
    coordinate_attributes,
)
from ganlens.probes.explain.counterfactuals.baselines import (
    RealSamples,
    adversarial,
    nearest_real,
    random_ways,
    towards_the_mean,
)
from ganlens.probes.explain.counterfactuals.channels import (
    RANKED_ON,
    STRENGTH,
    ChannelSpace,
    layer_of_channels,
)
from ganlens.probes.explain.counterfactuals.conclusion import (
    ENOUGH_FOUND,
    ENOUGH_REPRODUCED,
    FEWEST,
    Evidence,
    headline,
    measurements,
    verdict,
)
from ganlens.probes.explain.counterfactuals.evaluation import Attempt, Scores, score
from ganlens.probes.explain.counterfactuals.judge import Judge
from ganlens.probes.explain.counterfactuals.latent_search import Effort, Pool, latent_search
from ganlens.probes.explain.counterfactuals.naming import with_names
from ganlens.probes.explain.counterfactuals.search_space import Answers, Question, SearchSpace, second_choice
from ganlens.probes.explain.counterfactuals.starts import (
    Starts,
    generated_starts,
    population_rows,
    real_starts,
)
from ganlens.probes.explain.preconditions import too_few_samples
from ganlens.probes.explain.readings import panel_of
from ganlens.probes.probe import Context, Need, Probe, ProbeSettings, probes
from ganlens.randomness import torch_generator
from ganlens.registry import nearest_names
from ganlens.subject import SampleBank, Subject

METHODS = ("latent", "attributes", "amortised")
POPULATION = 2000
"""Generated samples whose latents are the population of attributes, of the amortised map and of the pool."""

REALS = 2000
"""Real samples among which those of a class are found."""

COORDINATES = 32
PANEL, NAMED_ON = 512, 32
"""Generated samples on which readings are measured, and on which attributes are named after them."""

SUREST = 0.99
"""Confidence asked for at most: more is a matter of rounding in a saturated classifier."""


class CounterfactualSettings(ProbeSettings):
    target: str = Field(
        "auto", description="Class to reach, by name or number; auto: each sample's second choice"
    )
    count: int = Field(64, ge=8, le=1024, description="Samples to explain")
    of: Literal["real", "generated"] = Field(
        "real", description="Explain held-out real samples, redrawn by inversion, or generated ones"
    )
    answers: int = Field(2, ge=1, le=8, description="Different answers for each sample, at most")
    methods: list[str] = Field(list(METHODS), description="Searches to use: latent, attributes, amortised")
    space: str = Field("z", description="Latent space to search in")
    gradients: bool = Field(True, description="Use gradients where they pass; off: search by trying alone")
    confidence: float | None = Field(
        None,
        ge=0.5,
        lt=1,
        description="How sure the classifier has to be of the new class, against the next one; default: as sure as "
        "it is of its median real sample",
    )
    steps: int = Field(100, ge=1, description="Steps of Adam in the latent search, at most")
    learning_rate: float = Field(
        0.02,
        gt=0,
        description="Of the latent search's first step, in standard deviations; later ones are longer",
    )
    distance: float = Field(
        0.3, ge=0, description="Weight of the squared latent distance, fading by the step"
    )
    attributes: int = Field(8, ge=1, description="Attributes that the attribute search may choose from")
    attribute_source: Literal["code", "channels"] = Field(
        "code",
        description="What an attribute is: an axis of the autoencoder's code, or a channel of a layer of the generator",
    )
    layer: str = Field(
        "auto", description="Layer of the channels; auto: the middle one of those with weights"
    )
    most: int = Field(4, ge=1, description="Attributes that it may set in one sample")
    training: int = Field(150, ge=1, description="Training steps of the amortised map")


@dataclass
class _Trial:
    """What was tried so far, in the order of the table."""

    attempts: list[Attempt] = field(default_factory=list)
    training: float = 0.0
    attributes: Attributes | None = None
    set_attributes: AttributeAnswers | None = None


@probes.register("counterfactuals")
class Counterfactuals(Probe):
    """What would have to change for the classifier to decide otherwise?"""

    name: ClassVar[str] = "counterfactuals"
    question: ClassVar[str] = (
        "What would have to change in a sample for the classifier to decide otherwise, and is that believable?"
    )
    section: ClassVar[str] = "explain"
    order: ClassVar[int] = 62
    needs: ClassVar[frozenset[Need]] = frozenset({Need.CLASSIFIER, Need.DATA})
    Settings: ClassVar[type[ProbeSettings]] = CounterfactualSettings
    method: ClassVar[str] = (
        "Held-out real samples are redrawn by inversion; those whose redrawn version the classifier puts into"
        " another class are left out and counted, since there the inversion would have made the flip. From "
        "each of the others three searches look for the nearest point of the latent space whose sample the "
        "classifier puts into the wanted class as surely as its median real sample, 99 % at most (setting "
        "confidence). Latent search: Adam on cross-entropy + 0.3·squared distance with lengthening steps, then back "
        "to the border and turning towards its normal until it is the nearest point; further answers must lead in "
        "orthogonal directions. Without gradients it begins at generated samples of the class and estimates "
        "the normal by trying. Attribute search (AttFind): code axes, and the coordinates of a space that is "
        "not z, are set to the 1 % or 99 % quantile of the population, each time the one that helps most, "
        "until the sample flips; with attribute_source=channels the channels of a layer are changed by "
        f"{STRENGTH:g} standard deviations instead, of which those that help the targets of {RANKED_ON} "
        "samples most are kept. Amortised map: a small network learned on the bank's latents with the same "
        "objective, or mean class shifts without gradients. All are measured against the redrawn sample. "
        "Baselines: a random direction of the latent search's length, the nearest real sample of the class, "
        "blending with the mean real sample of the class, and an adversarial change of pixels of the latent "
        "search's size. Self-check: an independent judge, the labeller trained on the data, must give the "
        "latent search's answers the new class more often than the adversarial samples of equal size (the "
        "bootstrap interval of the paired difference above 0), or surely in more than two thirds of cases "
        "(exact interval); otherwise, or where fewer than "
        f"{ENOUGH_REPRODUCED:.0%} of the samples can be redrawn with their class or fewer than {FEWEST} "
        f"remain, the finding is not believable. Good: that, an answer for at least {ENOUGH_FOUND:.0%} of the "
        "samples, and the judge agrees with two thirds. Otherwise, and without a judge, caution."
    )
    self_check: ClassVar[str] = (
        "Not believable where an independent judge sees the new class no more often than in adversarial samples "
        "changed by as much, or where the inversion itself flips most samples."
    )
    cost: ClassVar[str] = (
        "About 64 inversions, 64 searches of some 40 gradients for each answer, a network of 150 small steps, an "
        "autoencoder and a labeller; half a minute."
    )
    source: ClassVar[str] = (
        "Wachter et al. 2017 (arXiv 1711.00399); Lang et al. 2021 (arXiv 2104.13369); Khorram & Fuxin 2022 "
        "(arXiv 2203.15064)"
    )

    def examine(self, subject: Subject, settings: CounterfactualSettings, context: Context) -> Finding:
        bank = context.bank
        methods = _checked(settings.methods)
        if because := too_few_samples(bank):
            return Finding.not_applicable(self.name, self.question, because, section=self.section)
        if settings.attribute_source == "channels" and "attributes" in methods:
            layer_of_channels(subject, settings.layer)  # what can't be is said before anything is spent
        count = min(POPULATION, bank.size)
        space = SearchSpace.fit(
            subject,
            settings.space,
            bank.latents(count),
            bank.conditions(count),
            black_box=not settings.gradients,
        )
        if settings.target != "auto":
            space.classifier.class_index(settings.target)  # a wrong name is said before anything is spent
        population = population_rows(bank, space, count)
        classes = space.classified(population, bank.conditions(count)).argmax(dim=1)
        real = RealSamples.of(space.classifier, bank.reals("train", REALS))
        if len(classes.unique()) < 2 and len(real.classes.unique()) < 2:
            only = space.classifier.class_names[int(classes[0])]
            because = f"the classifier gives every sample, real or generated, the class {only}"
            return Finding.not_applicable(self.name, self.question, because, section=self.section)
        starts, question, asked = self._asked(bank, space, settings, context)
        if len(question) < FEWEST:
            return _nothing_to_explain(self, starts, len(question), asked)
        confidence = settings.confidence or min(SUREST, real.confidence)
        judge = Judge.of(bank, space.classifier)
        pool = Pool(population, classes)
        trial = self._tried(bank, space, question, pool, methods, settings, confidence, context)
        self._baselines(trial, space, question, starts.those(asked), real, context)
        redrawn = starts.redrawn[asked]
        scores = {
            attempt.name: score(
                attempt,
                bank,
                space,
                question,
                redrawn,
                real,
                judge if isinstance(judge, Judge) else None,
                torch_generator(context.seed, self.name, "halves"),
            )
            for attempt in trial.attempts
        }
        evidence = Evidence(
            trial.attempts,
            scores,
            starts,
            question,
            redrawn,
            judge,
            space,
            torch_generator(context.seed, self.name, "bootstrap"),
            _most_used(trial),
        )
        return Finding(
            probe=self.name,
            question=self.question,
            headline=headline(evidence),
            verdict=verdict(evidence),
            measurements=measurements(evidence),
            method=f"{self.method} {_told(space, judge, trial, confidence)} {bank.describe(bank.spaces[0])}",
            figures=_figures(subject, space, trial, question, starts.those(asked), scores, judge),
            arrays=_arrays(trial, scores, question),
        )

    def _asked(
        self, bank: SampleBank, space: SearchSpace, settings: CounterfactualSettings, context: Context
    ) -> tuple[Starts, Question, Tensor]:
        """All starts, the question about those that can be asked, and which these are."""
        if settings.of == "generated":
            starts = generated_starts(bank, space, min(settings.count, bank.size))
        else:
            with context.progress.task("Redrawing real samples", 1) as task:
                starts = real_starts(bank, space, settings.count, context.seed, self.name)
                task.advance()
        logits = space.classified(starts.rows, starts.labels)
        if settings.target == "auto":
            targets = second_choice(logits)
        else:
            targets = torch.full_like(starts.classes, space.classifier.class_index(settings.target))
        different = targets != logits.argmax(dim=1)
        if not bool(different.any()):
            raise UserError(
                f"all {len(targets)} samples are given the class {settings.target} already; ask for another of "
                f"{', '.join(space.classifier.class_names)}"
            )
        asked = (starts.kept & different).nonzero().flatten()
        labels = None if starts.labels is None else starts.labels[asked]
        if not len(asked):
            return starts, Question(starts.rows[asked], labels, targets[asked], targets[asked]), asked
        return starts, Question.asked(space, starts.rows[asked], labels, targets[asked]), asked

    def _tried(
        self,
        bank: SampleBank,
        space: SearchSpace,
        question: Question,
        pool: Pool,
        methods: list[str],
        settings: CounterfactualSettings,
        confidence: float,
        context: Context,
    ) -> _Trial:
        margin = float(torch.logit(torch.tensor(confidence)))
        effort = Effort(settings.answers, settings.steps, settings.learning_rate, settings.distance, margin)
        rng = torch_generator(context.seed, self.name, "search")
        trial = _Trial()
        found = latent_search(space, question, pool, effort, rng=rng, progress=context.progress)
        trial.attempts.append(_attempt("latent", "latent search", space, question, found))
        if "attributes" in methods:
            self._set_attributes(trial, bank, space, question, pool, settings, margin, context)
        if "amortised" in methods:
            fitted = fit_amortised(
                space,
                pool.rows,
                bank.conditions(len(pool.rows)),
                pool.classes,
                question.targets.unique(),
                steps=settings.training,
                distance=settings.distance,
                rng=torch_generator(context.seed, self.name, "amortised"),
                progress=context.progress,
            )
            trial.training = fitted.seconds
            trial.attempts.append(
                _attempt("amortised", "amortised map", space, question, fitted.answers(space, question, 0.0))
            )
        return trial

    def _set_attributes(
        self,
        trial: _Trial,
        bank: SampleBank,
        space: SearchSpace,
        question: Question,
        pool: Pool,
        settings: CounterfactualSettings,
        margin: float,
        context: Context,
    ) -> None:
        """The attribute search, over code axes or over channels."""
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

    def _baselines(
        self,
        trial: _Trial,
        space: SearchSpace,
        question: Question,
        starts: Starts,
        real: RealSamples,
        context: Context,
    ) -> None:
        """Four ways that explain nothing, for the samples that the latent search flipped or not alike."""
        search = trial.attempts[0]
        assert search.answers is not None
        far = (search.answers.rows[:, 0] - question.starts).norm(dim=1).cpu()
        wide = (search.samples - starts.redrawn).flatten(1).norm(dim=1)
        rng = torch_generator(context.seed, self.name, "baselines")
        limits, every = space.subject.modality.range, torch.ones(len(question), dtype=torch.bool)

        def add(name: str, title: str, make: Callable[[], Tensor], exists: Tensor) -> None:
            began = time.perf_counter()
            made = make()
            trial.attempts.append(Attempt(name, title, made, exists, None, time.perf_counter() - began))

        add("random", "random direction", lambda: random_ways(space, question, far, rng), every)
        add(
            "adversarial",
            "adversarial pixels" if space.classifier.has_gradients else "noise in the pixels",
            lambda: adversarial(space.classifier, starts.redrawn, question.targets, wide, limits, rng),
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


def _attempt(name: str, title: str, space: SearchSpace, question: Question, answers: Answers) -> Attempt:
    made = space.samples(answers.rows[:, 0], question.labels)
    return Attempt(name, title, made, answers.found[:, 0], answers, answers.seconds)


def _most_used(trial: _Trial) -> tuple[str, float] | None:
    """The attribute that most of the flips of the attribute search use, and the share of them."""
    if trial.attributes is None or trial.set_attributes is None:
        return None
    if not bool(trial.set_attributes.answers.found.any()):
        return None
    uses = figures.uses(trial.attributes, trial.set_attributes)
    name = max(uses, key=uses.__getitem__)
    return name, uses[name]


def _checked(methods: list[str]) -> list[str]:
    for name in methods:
        if name not in METHODS:
            raise UserError(f"there is no method {name!r}. {nearest_names(name, list(METHODS))}")
    return methods


def _nothing_to_explain(probe: Counterfactuals, starts: Starts, left: int, asked: Tensor) -> Finding:
    lost = int((~starts.kept).sum())
    return Finding.not_applicable(
        probe.name,
        probe.question,
        f"only {left} of {len(starts.kept)} samples can be asked about (at least {FEWEST} are needed): "
        f"{lost} are given another class once the generator has redrawn them, the others have the wanted class",
        section=probe.section,
    )


def _told(space: SearchSpace, judge: Judge | str, trial: _Trial, confidence: float) -> str:
    how = (
        "Gradients were used."
        if space.by_gradients
        else "No gradients were used (they do not pass, or were not wanted): the searches went by trying."
    )
    who = (
        f"The judge is right on {judge.accuracy:.1%} of held-out samples."
        if isinstance(judge, Judge)
        else f"There is no independent judge, because {judge}."
    )
    sure = f"Asked for: a confidence of {confidence:.1%} against the next class."
    return f"{how} {sure} {who} Training the amortised map took {trial.training:.1f} s."


def _figures(
    subject: Subject,
    space: SearchSpace,
    trial: _Trial,
    question: Question,
    starts: Starts,
    scores: dict[str, Scores],
    judge: Judge | str,
) -> list[Figure]:
    search, modality = trial.attempts[0], subject.modality
    shown = search.found.nonzero().flatten()[: figures.SHOWN]
    made: list[Figure] = []
    if len(shown):
        made.append(figures.changes(modality, space.classifier, search, question, starts.redrawn, shown))
        compared = [a for a in trial.attempts if a.name in (*METHODS, "adversarial", "nearest_real")]
        made.append(figures.side_by_side(modality, starts.originals, starts.redrawn, compared, shown[:6]))
    assert search.answers is not None
    if search.answers.rows.shape[1] > 1 and bool(search.answers.found[:, 1].any()):
        several = search.answers.found[:, 1].nonzero().flatten()[:4]
        each = [
            space.samples(search.answers.rows[:, a], question.labels)
            for a in range(search.answers.rows.shape[1])
        ]
        made.append(
            figures.several_answers(
                modality, starts.redrawn, torch.stack(each, dim=1), search.answers.found, several
            )
        )
    made.append(figures.methods_table(trial.attempts, scores, isinstance(judge, Judge)))
    if trial.attributes is not None and trial.set_attributes is not None:
        effect = figures.uses(trial.attributes, trial.set_attributes)
        made.extend(figures.ranking(trial.attributes, trial.set_attributes.changes, effect))
    return made


def _arrays(trial: _Trial, scores: dict[str, Scores], question: Question) -> dict[str, Tensor]:
    search = trial.attempts[0]
    assert search.answers is not None
    arrays = {
        "starts": question.starts.cpu(),
        "counterfactuals": search.answers.rows.cpu(),
        "found": search.answers.found,
        "sources": question.sources,
        "targets": question.targets,
        "samples": search.samples,
    }
    arrays |= {
        f"self_score_{attempt.name}": torch.tensor(scores[attempt.name].self_score)
        for attempt in trial.attempts
        if attempt.answers is not None
    }
    if trial.attributes is not None and trial.set_attributes is not None:
        arrays["attribute_directions"] = trial.attributes.directions.cpu()
        arrays["axis_effects"] = trial.set_attributes.changes
    return arrays
