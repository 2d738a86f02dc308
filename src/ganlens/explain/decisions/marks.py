"""Does one patch decide a class against all the rest of the picture? Exchanged with samples of and not of that class.

In data where a mark goes with a class, every classifier learns something of it. That a mark is no reason shows all the
same: one independent classifier that is right more often keeps its mind, so what defines the class is still there.
The patch is always what real or generated samples have in that place: what no sample has upsets many a sound one.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ganlens.explain.counterfactuals.baselines import logits_of
from ganlens.explain.decisions.patches import COVERS, PatchEffects, covered, lying_over
from ganlens.explain.decisions.shortcuts import USUAL, Dependence, ShortcutCriteria, dependence_beyond_one
from ganlens.instruments.jury import Jury
from ganlens.progress import Task
from ganlens.subject.adapted_classifier import AdaptedClassifier

OWN = COVERS.index("another sample's")
FEWEST = 10
"""Samples that have to do with a class, below which no patch is looked for that decides it."""


@dataclass(frozen=True)
class Mark:
    """What exchanging one patch between samples of a class and others does.

    Attributes:
        patch: which of the patches.
        about: the class.
        moved: share of samples that go with the patch (into the class where it comes from one of it, else out of it),
            and share of decisions changed of the juror that keeps its mind most, of those that are right more often.
        decides: whether it is a shortcut: it surely overrules the rest more often than not, and leaves that juror.
        before, after: [n] the classifier's decisions.
        giver: [n] which of the samples gave the patch.
    """

    patch: int
    about: int
    moved: Dependence
    decides: bool
    before: Tensor
    after: Tensor
    giver: Tensor


def candidate_marks(effects: PatchEffects, count: int) -> list[tuple[int, int]]:
    """Patches, none over another, each with the class whose samples go with it most, beyond the jury."""
    before, after = effects.before, effects.after[:, OWN]
    given = before[effects.giver]
    chosen: list[tuple[int, int]] = []
    classes = before.unique().tolist()
    ahead = torch.full((len(classes), len(effects.places)), -torch.inf, dtype=torch.float64)
    for row, about in enumerate(classes):
        involved = ((before == about) | (given == about)) & (before != given)
        if int(involved.sum()) < FEWEST:
            continue
        went = _went(before[involved], after[involved], about)
        ahead[row] = went.double().mean(dim=0)
        if effects.jury_changed is not None:
            ahead[row] -= effects.jury_changed[:, involved, OWN].double().mean(dim=1).amin(dim=0)
    while len(chosen) < count and bool(ahead.isfinite().any()):
        row, patch = divmod(int(ahead.argmax()), ahead.shape[1])
        chosen.append((patch, classes[row]))
        ahead[:, lying_over(effects.places, patch)] = -torch.inf
    return chosen


def measured_marks(
    classifier: AdaptedClassifier,
    jury: Jury,
    candidates: list[tuple[int, int]],
    places: Tensor,
    samples: Tensor,
    real: Tensor,
    rng: torch.Generator,
    task: Task,
    *,
    better: Tensor,
    level: float,
    criteria: ShortcutCriteria = USUAL,
) -> list[Mark]:
    """Exchange each patch in fresh samples [n, c, h, w], which may be `real` [n]; `task` advances to 1.

    Args:
        candidates: patches, among places [p, 4], with their classes.
        better: [jurors] which are surely right more often than the classifier; the others don't count.
        level: of the lower end that may raise an alarm.
    """
    before = logits_of(classifier, samples).argmax(dim=1)
    jury_before = jury.probabilities(samples).argmax(dim=2)
    marks = []
    for patch, about in candidates:
        giver = _givers(before == about, real, rng)
        mixed = covered(samples, samples[giver], places[patch], OWN, (0.0, 0.0))
        after = logits_of(classifier, mixed).argmax(dim=1)
        went = _went(before, after[:, None], about)[:, 0]
        changed = (jury.probabilities(mixed).argmax(dim=2) != jury_before)[better]
        moved = dependence_beyond_one(went, changed, rng, level=level, criteria=criteria)
        alike = moved.shortcut
        for kind in (real, ~real):
            if alike and bool(kind.any()):
                of_kind = dependence_beyond_one(
                    went[kind], changed[:, kind], rng, level=level, criteria=criteria
                )
                alike = of_kind.gap is not None and of_kind.gap.low > criteria.beyond
        marks.append(Mark(patch, about, moved, alike, before, after, giver))
        task.advance(1 / len(candidates))
    return marks


def _went(before: Tensor, after: Tensor, about: int) -> Tensor:
    """Whether decisions [n, p] went out of a class where they were in it [n], and else into it."""
    inside = (before == about)[:, None]
    return torch.where(inside, after != about, after == about)


def _givers(inside: Tensor, kinds: Tensor, rng: torch.Generator) -> Tensor:
    """For each of n samples one of its own kind on the other side; itself where there is none."""
    rows = torch.arange(len(inside))
    chosen = rows.clone()
    for kind in kinds.unique():
        for side in (True, False):
            own = (kinds == kind) & (inside == side)
            others = rows[(kinds == kind) & (inside != side)]
            if len(others):
                chosen[own] = others[torch.randint(len(others), (int(own.sum()),), generator=rng)]
    return chosen
