"""What would have to change for a classifier to decide otherwise?"""

from __future__ import annotations

from functools import partial
from typing import Any, ClassVar

import torch
from torch import Tensor

from ganlens.errors import UserError
from ganlens.explain.counterfactuals.baselines import RealSamples
from ganlens.explain.counterfactuals.channels import layer_of_channels
from ganlens.explain.counterfactuals.comparison import METHODS, Comparison, add_baselines, run_searches
from ganlens.explain.counterfactuals.evaluation import Scores, agreement_above, score
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
from ganlens.probes.explain.counterfactuals.conclusion import RULES, Results, measurements, remarks
from ganlens.probes.explain.counterfactuals.settings import CounterfactualSettings
from ganlens.probes.probe import Need, Probe, ProbeSettings, probes
from ganlens.probes.repetition import without_steady_classifier
from ganlens.randomness import torch_generator
from ganlens.registry import nearest_names
from ganlens.rules import Rules
from ganlens.subject import Context, SampleBank, Subject

POPULATION = 2000
"""Generated samples whose latents are the population of attributes, of the amortised map and of the pool."""

REALS = 2000
"""Real samples among which those of a class are found."""


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
    rules: ClassVar[Rules[Any] | None] = RULES
    method: ClassVar[str] = (
        "Held-out real samples are redrawn by inversion; those whose redrawn version the classifier puts into "
        "another class are left out and counted, since there the inversion would have made the flip. From each of "
        "the others three searches look for the nearest point of the latent space whose sample the classifier "
        "puts into the wanted class as surely as its median real sample, {surest:.0%} at most (setting "
        "confidence). Latent search: Adam on cross-entropy + {distance:g}·squared distance with lengthening "
        "steps, then back to the border and turning towards its normal until it is the nearest point; further "
        "answers must lead in orthogonal directions. Without gradients it begins at generated samples of the "
        "class and estimates the normal by trying. Attribute search (AttFind): code axes, and the coordinates of "
        "a space that is not z, are set to an end of the population, but for single outliers, each time the one "
        "that helps most, until the sample flips; with attribute_source=channels the channels of a layer are "
        "changed by {strength:g} standard deviations instead, of which those that help the targets of some "
        "samples most are kept. Amortised map: a small network learned on the bank's latents with the same "
        "objective, or mean class shifts without gradients. All are measured against the redrawn sample. "
        "Baselines: a random direction of the latent search's length, the nearest real sample of the class, "
        "blending with the mean real sample of the class, and an adversarial change of pixels of the latent "
        "search's size. Self-check: an independent judge, the labeller trained on the data, must give the latent "
        "search's answers the new class more often than the adversarial samples of equal size (the bootstrap "
        "interval of the paired difference above zero), or surely in more than {enough_agreed:.0%} of cases (exact "
        "interval); otherwise, or where fewer than {enough_redrawn:.0%} of the samples can be redrawn with their "
        "class, the finding is not believable; where fewer than {fewest} remain, it is not applicable. Good: "
        "that, an answer for at least {enough_flipped:.0%} of the samples, and the judge agrees with "
        "{enough_agreed:.0%}. Otherwise, and without a judge, caution."
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
            return Finding.not_applicable(because)
        bank = context.bank
        methods = _checked(settings.methods)
        if because := unsuited(bank):
            return Finding.not_applicable(because)
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
            return Finding.not_applicable(because)
        starts, question, asked = self._asked(bank, space, settings, context)
        if len(question) < settings.fewest:
            return _nothing_to_explain(starts, len(question), settings.fewest)
        confidence = settings.confidence or min(settings.surest, real.confidence)
        judge = Judge.of(bank, space.classifier)
        pool = Pool(population, classes)
        draws = partial(torch_generator, context.seed, self.name)
        searches = settings.searches(confidence)
        comparison = run_searches(bank, space, question, pool, searches, draws, context.progress)
        add_baselines(comparison, space, question, starts.those(asked), real, draws("baselines"))
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
                draws("halves"),
            )
            for attempt in comparison.attempts
        }
        results = Results(comparison, scores, starts, question, redrawn, judge, space)
        advantage = agreement_above(
            scores["latent"], scores["adversarial"], settings.fewest, draws("bootstrap")
        )
        evidence = results.evidence(settings, advantage)
        return Finding.concluded(
            RULES.conclude(evidence),
            remarks=remarks(results, evidence),
            measurements=measurements(results, evidence),
            method=f"{self.described(settings)} {_as_asked(space, judge, comparison, confidence)} "
            f"{bank.describe(bank.spaces[0])}",
            figures=_figures(subject, space, comparison, question, starts.those(asked), scores, judge),
            arrays=_arrays(comparison, scores, question),
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


def _nothing_to_explain(starts: Starts, left: int, fewest: int) -> Finding:
    lost = int((~starts.kept).sum())
    return Finding.not_applicable(
        f"only {left} of {len(starts.kept)} samples can be asked about (at least {fewest} are needed): "
        f"{lost} are given another class once the generator has redrawn them, the others have the wanted class",
    )


def _as_asked(space: SearchSpace, judge: Judge | str, comparison: Comparison, confidence: float) -> str:
    gradients = (
        "Gradients were used."
        if space.by_gradients
        else "No gradients were used (they do not pass, or were not wanted): the searches went by trying."
    )
    judged_by = (
        f"The judge is right on {judge.accuracy:.1%} of held-out samples."
        if isinstance(judge, Judge)
        else f"There is no independent judge, because {judge}."
    )
    sure = f"Asked for: a confidence of {confidence:.1%} against the next class."
    return f"{gradients} {sure} {judged_by} Training the amortised map took {comparison.training:.1f} s."


def _figures(
    subject: Subject,
    space: SearchSpace,
    comparison: Comparison,
    question: Question,
    starts: Starts,
    scores: dict[str, Scores],
    judge: Judge | str,
) -> list[Figure]:
    search, modality = comparison.attempts[0], subject.modality
    shown = search.exists.nonzero().flatten()[: figures.SHOWN]
    chosen: list[Figure] = []
    if len(shown):
        chosen.append(figures.changes(modality, space.classifier, search, question, starts.redrawn, shown))
        compared = [a for a in comparison.attempts if a.name in (*METHODS, "adversarial", "nearest_real")]
        chosen.append(figures.side_by_side(modality, starts.originals, starts.redrawn, compared, shown[:6]))
    assert search.answers is not None
    if search.answers.rows.shape[1] > 1 and bool(search.answers.exists[:, 1].any()):
        several = search.answers.exists[:, 1].nonzero().flatten()[:4]
        each = [
            space.samples(search.answers.rows[:, a], question.labels)
            for a in range(search.answers.rows.shape[1])
        ]
        chosen.append(
            figures.several_answers(
                modality, starts.redrawn, torch.stack(each, dim=1), search.answers.exists, several
            )
        )
    chosen.append(figures.methods_table(comparison.attempts, scores, isinstance(judge, Judge)))
    if comparison.attributes is not None and comparison.set_attributes is not None:
        chosen.extend(
            figures.ranking(comparison.attributes, comparison.set_attributes.changes, comparison.uses)
        )
    return chosen


def _arrays(comparison: Comparison, scores: dict[str, Scores], question: Question) -> dict[str, Tensor]:
    search = comparison.attempts[0]
    assert search.answers is not None
    arrays = {
        "starts": question.starts.cpu(),
        "counterfactuals": search.answers.rows.cpu(),
        "found": search.answers.exists,
        "sources": question.sources,
        "targets": question.targets,
        "samples": search.samples,
    }
    arrays |= {
        f"self_score_{attempt.name}": torch.tensor(scores[attempt.name].self_score)
        for attempt in comparison.attempts
        if attempt.answers is not None
    }
    if comparison.attributes is not None and comparison.set_attributes is not None:
        arrays["attribute_directions"] = comparison.attributes.directions.cpu()
        arrays["axis_effects"] = comparison.set_attributes.changes
    return arrays
