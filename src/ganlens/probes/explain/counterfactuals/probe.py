"""What would have to change for a classifier to decide otherwise?"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from ganlens.errors import UserError
from ganlens.explain.counterfactuals.baselines import (
    RealSamples,
)
from ganlens.explain.counterfactuals.channels import (
    RANKED_ON,
    STRENGTH,
    layer_of_channels,
)
from ganlens.explain.counterfactuals.evaluation import Scores, score
from ganlens.explain.counterfactuals.judge import Judge
from ganlens.explain.counterfactuals.latent_search import Pool
from ganlens.explain.counterfactuals.search_space import Question, SearchSpace, second_choice
from ganlens.explain.counterfactuals.starts import (
    Starts,
    generated_starts,
    population_rows,
    real_starts,
)
from ganlens.explain.preconditions import unsuited
from ganlens.figures.figure import Figure
from ganlens.finding import Finding
from ganlens.probes.explain.counterfactuals import figures
from ganlens.probes.explain.counterfactuals.conclusion import (
    ENOUGH_FOUND,
    ENOUGH_REPRODUCED,
    FEWEST,
    Evidence,
    headline,
    measurements,
    verdict,
)
from ganlens.probes.explain.counterfactuals.settings import METHODS, CounterfactualSettings
from ganlens.probes.explain.counterfactuals.trial import Trial, add_baselines, most_used, try_all
from ganlens.probes.probe import Need, Probe, ProbeSettings, probes
from ganlens.probes.repetition import without_steady_classifier
from ganlens.randomness import torch_generator
from ganlens.registry import nearest_names
from ganlens.subject import Context, SampleBank, Subject

POPULATION = 2000
"""Generated samples whose latents are the population of attributes, of the amortised map and of the pool."""

REALS = 2000
"""Real samples among which those of a class are found."""

SUREST = 0.99
"""Confidence asked for at most: more is a matter of rounding in a saturated classifier."""


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
        if because := without_steady_classifier(subject):
            return Finding.not_applicable(self.name, self.question, because, section=self.section)
        bank = context.bank
        methods = _checked(settings.methods)
        if because := unsuited(bank):
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
        trial = try_all(space, question, pool, settings, confidence, context, self.name)
        draws = torch_generator(context.seed, self.name, "baselines")
        add_baselines(trial, space, question, starts.those(asked), real, draws)
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
            most_used(trial),
        )
        return Finding(
            probe=self.name,
            question=self.question,
            headline=headline(evidence),
            verdict=verdict(evidence),
            measurements=measurements(evidence),
            method=f"{self.described(settings)} {_told(space, judge, trial, confidence)} "
            f"{bank.describe(bank.spaces[0])}",
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
        return starts, Question.asked(space, starts.rows[asked], labels, targets[asked], logits[asked]), asked


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


def _told(space: SearchSpace, judge: Judge | str, trial: Trial, confidence: float) -> str:
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
    trial: Trial,
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


def _arrays(trial: Trial, scores: dict[str, Scores], question: Question) -> dict[str, Tensor]:
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
