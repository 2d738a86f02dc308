"""Does a classifier go by an aspect that is no place? Each is swapped with samples of other classes, before a jury.

An aspect (colour, brightness, fine detail, position…) is taken from a sample that the classifier gives another class.
If the decision becomes that sample's, the classifier goes by the aspect. If jurors of the same task change their minds
too, the aspect is a reason, and if none does it is a shortcut. It is one as well where it overrules all the rest and
does not bring one juror that is right more often to that class: to that one the rest tells the class. Ours, after
Geirhos et al. 2019 (arXiv 1811.12231).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import median

import torch
from torch import Tensor

from ganlens.explain.counterfactuals.baselines import logits_of
from ganlens.explain.decisions.donors import donors
from ganlens.explain.decisions.shortcuts import (
    USUAL,
    Dependence,
    ShortcutCriteria,
    dependence,
    dependence_beyond_one,
)
from ganlens.instruments.jury import Jury
from ganlens.measures import binomial_interval
from ganlens.modality import Aspect
from ganlens.progress import Task
from ganlens.subject.adapted_classifier import AdaptedClassifier


@dataclass(frozen=True)
class AspectEffect:
    """What swapping one aspect with samples of other classes does.

    Attributes:
        name, family: the aspect's.
        moved: share of samples whose decision becomes that of the sample which the aspect was taken from; of jurors,
            the share whose decision changes at all. Where it overrules the rest: of the juror that follows least, the
            share of its decisions that become that class as well.
        before, after, given: [n] the classifier's decisions, and those on the samples that gave the aspect.
        giver: [n] which of the samples gave it.
        surely_followed: the lower end of the classifier's share at the level of an alarm.
        shortcut: whether it is one by the criteria, and its decisions surely follow it more than the median aspect.
        overrules: whether it is one only because it overrules all the rest.
    """

    name: str
    family: str
    moved: Dependence
    before: Tensor
    after: Tensor
    given: Tensor
    giver: Tensor
    surely_followed: float
    shortcut: bool
    overrules: bool = False


def aspect_effects(
    classifier: AdaptedClassifier,
    jury: Jury | None,
    samples: Tensor,
    aspects: Sequence[Aspect],
    rng: torch.Generator,
    task: Task,
    *,
    level: float,
    better: Tensor | None = None,
    criteria: ShortcutCriteria = USUAL,
) -> list[AspectEffect]:
    """Swap each aspect of samples [n, …] and ask again, in the aspects' order; `task` advances to 1.

    Args:
        level: of the lower end that may raise an alarm.
        better: [jurors] which are surely right more often than the classifier; none by default.
    """
    before = logits_of(classifier, samples).argmax(dim=1)
    jury_before = None if jury is None else jury.probabilities(samples).argmax(dim=2)
    giver = donors(before, torch.zeros_like(before), rng)
    given = before[giver]
    effects = []
    for aspect in aspects:
        mixed = aspect.swapped(samples, samples[giver])
        after = logits_of(classifier, mixed).argmax(dim=1)
        moved = (after != before) & (after == given)
        jurors = peers = None
        if jury is not None and jury_before is not None:
            jury_after = jury.probabilities(mixed).argmax(dim=2)
            jurors = jury_after != jury_before
            peers = None if better is None else (jurors & (jury_after == given))[better]
        depends = dependence(moved, jurors, rng, level=level, criteria=criteria)
        overrules = False
        if not depends.shortcut:
            against_the_rest = dependence_beyond_one(moved, peers, rng, level=level, criteria=criteria)
            overrules = against_the_rest.shortcut
            depends = against_the_rest if overrules else depends
        surely = binomial_interval(int(moved.sum()), len(moved), level).low
        effects.append(
            AspectEffect(
                *(aspect.name, aspect.family, depends, before, after, given, giver, surely),
                shortcut=depends.shortcut,
                overrules=overrules,
            )
        )
        task.advance(1 / len(aspects))
    # A classifier that anything upsets goes by no aspect.
    typical = median_followed(effects)
    return [
        replace(effect, shortcut=effect.shortcut and effect.surely_followed > typical) for effect in effects
    ]


def median_followed(effects: Sequence[AspectEffect]) -> float:
    """Share of decisions that follow the median aspect: what changes of any kind bring about; 0 without aspects."""
    return median(effect.moved.classifier.value for effect in effects) if effects else 0.0


def foremost_aspect(effects: Sequence[AspectEffect], near: float) -> AspectEffect | None:
    """The shortcut among aspects that decides most; the earlier in order of those within `near` of it; None of none."""
    shortcuts = [effect for effect in effects if effect.shortcut]
    if not shortcuts:
        return None
    most = max(_beyond(effect) for effect in shortcuts)
    return next(effect for effect in shortcuts if _beyond(effect) >= most - near)


def simplest_followed(effects: Sequence[AspectEffect], near: float) -> AspectEffect | None:
    """The aspect that decisions follow most, for whatever reason; the earlier in order of those within `near` of it."""
    most = max((effect.moved.classifier.value for effect in effects), default=0.0)
    return next((effect for effect in effects if effect.moved.classifier.value >= most - near), None)


def _beyond(effect: AspectEffect) -> float:
    return 0.0 if effect.moved.gap is None else effect.moved.gap.value
