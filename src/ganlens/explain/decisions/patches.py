"""Does a classifier hang on one patch of the picture? Every patch covered in turn, and a second opinion on each.

A patch is covered with black, with white, and with what another sample has in that place: a shortcut that is in no
sample shows only when it is put in, and one that is in many only when it is taken out. Source: Zeiler & Fergus 2014
(arXiv 1311.2901) for covering; ours for the comparison with a labeller.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from ganlens.explain.attribution.places import place_of
from ganlens.explain.counterfactuals.baselines import logits_of
from ganlens.explain.counterfactuals.judge import Judge
from ganlens.explain.decisions.shortcuts import USUAL, ShortcutCriteria
from ganlens.measures import Estimate, bootstrap_estimates, share_estimate
from ganlens.progress import Task
from ganlens.subject.adapted_classifier import AdaptedClassifier

SCALES = ((4, 2), (8, 1))
"""Patches are a quarter of the picture's shorter side across, the next one half a patch on; and an eighth, side by
side."""

COVERS = ("black", "white", "another sample's")

TIE = 1e-3
"""Weight of the change of probabilities beside the share of decisions changed, where patches are chosen."""


@dataclass(frozen=True)
class PatchEffects:
    """What covering every patch does to the decisions on n samples.

    Attributes:
        places: [p, 4] top, bottom, left, right of each patch.
        size: height and width of the picture.
        shift, judge_shift: [n, c, p] change of the class probabilities (total variation), 0…1, for c covers; the
            judge's is None without one.
        changed, judge_changed: [n, c, p] whether the decision changed.
        before, after: [n] and [n, c, p] the classifier's decisions.
    """

    places: Tensor
    size: tuple[int, int]
    shift: Tensor
    changed: Tensor
    judge_shift: Tensor | None
    judge_changed: Tensor | None
    before: Tensor
    after: Tensor

    def map_of(self, shift: Tensor) -> Tensor:
        """A [h, w] map: the mean effect of the patches over each pixel, the strongest cover of each."""
        effect = shift.mean(dim=0).amax(dim=0)
        total, count = torch.zeros(self.size), torch.zeros(self.size)
        for (top, bottom, left, right), value in zip(self.places.tolist(), effect.tolist(), strict=True):
            total[top:bottom, left:right] += value
            count[top:bottom, left:right] += 1
        side = min(bottom - top for top, bottom, _, _ in self.places.tolist())
        # Averaged over the finest patch, so that the peak lies inside what several patches share.
        return functional.avg_pool2d(
            (total / count.clamp(min=1))[None, None],
            side | 1,
            stride=1,
            padding=side // 2,
        )[0, 0]

    def where(self, patch: int) -> str:
        """The patch's place in words."""
        top, bottom, left, right = self.places[patch].tolist()
        mask = torch.zeros(self.size)
        mask[top:bottom, left:right] = 1
        place = place_of(mask)
        return place.where if place is not None else "the picture"


@dataclass(frozen=True)
class Shortcut:
    """The patch on which the classifier depends most beyond the labeller.

    Attributes:
        patch, cover: which, and what covers it.
        classifier, labeller: share of decisions that change; the labeller's is None without one.
        gap: their difference, paired by sample; or the classifier's share without a labeller.
        about: the class that decisions go to or come from most often, and for what share of those changed.
        proven: whether it is a shortcut by the criteria, and surely changes more decisions than the median patch.
    """

    patch: int
    cover: str
    classifier: Estimate
    labeller: Estimate | None
    gap: Estimate
    about: tuple[int, float]
    proven: bool


def patch_places(height: int, width: int) -> Tensor:
    """Where the patches lie: [p, 4] top, bottom, left, right; together they cover the picture."""
    places: dict[tuple[int, int, int, int], None] = {}
    for across, overlap in SCALES:
        side = max(1, min(height, width) // across)
        step = max(1, side // overlap)
        tops, lefts = (
            sorted({*range(0, length - side + 1, step), length - side}) for length in (height, width)
        )
        places |= dict.fromkeys((top, top + side, left, left + side) for top in tops for left in lefts)
    return torch.tensor(list(places))


def patch_effects(
    classifier: AdaptedClassifier,
    judge: Judge | None,
    samples: Tensor,
    limits: tuple[float, float],
    task: Task,
) -> PatchEffects:
    """Cover every patch of samples [n, c, h, w] and ask again; `task` advances to 1."""
    count, height, width = len(samples), *samples.shape[2:]
    places = patch_places(int(height), int(width))
    ask: list[Callable[[Tensor], Tensor]] = [lambda x: logits_of(classifier, x).softmax(dim=1)]
    if judge is not None:
        ask.append(judge.probabilities)
    before = [probabilities(samples) for probabilities in ask]
    shape = (count, len(COVERS), len(places))
    shifts = [torch.zeros(shape) for _ in ask]
    changed = [torch.zeros(shape, dtype=torch.bool) for _ in ask]
    after = torch.zeros(shape, dtype=torch.int64)
    others = samples.roll(1, dims=0)
    for place, (top, bottom, left, right) in enumerate(places.tolist()):
        window = (slice(None), slice(None), slice(top, bottom), slice(left, right))
        for cover in range(len(COVERS)):
            covered = samples.clone()
            covered[window] = others[window] if cover == 2 else limits[cover]
            for number, probabilities in enumerate(ask):
                chances = probabilities(covered)
                decision = chances.argmax(dim=1)
                shifts[number][:, cover, place] = (chances - before[number]).abs().sum(dim=1) / 2
                changed[number][:, cover, place] = decision != before[number].argmax(dim=1)
                if number == 0:
                    after[:, cover, place] = decision
        task.advance(1 / len(places))
    second = judge is not None
    return PatchEffects(
        places,
        (int(height), int(width)),
        shifts[0],
        changed[0],
        shifts[1] if second else None,
        changed[1] if second else None,
        before[0].argmax(dim=1),
        after,
    )


def strongest(
    effects: PatchEffects,
    rng: torch.Generator,
    count: int = 1,
    criteria: ShortcutCriteria = USUAL,
) -> list[Shortcut]:
    """The patches, none over another, that decide for or against one class most beyond the labeller.

    Chosen on every other sample and measured on the rest: what was chosen for its size is not believed for it.
    """
    ahead = _of_one_class(effects, slice(0, None, 2))
    if effects.judge_changed is not None:
        ahead = ahead - effects.judge_changed[0::2].double().mean(dim=0)
    # Among patches that change as many decisions, the one that moves the probabilities farthest.
    ahead = ahead + TIE * effects.shift[0::2].double().mean(dim=0)
    foremost: list[Shortcut] = []
    while len(foremost) < count and bool(ahead.isfinite().any()):
        cover, patch = divmod(int(ahead.argmax()), ahead.shape[1])
        foremost.append(_measured(effects, cover, patch, rng, criteria))
        ahead[:, _over(effects.places, patch)] = -torch.inf
    return foremost


def _measured(
    effects: PatchEffects, cover: int, patch: int, rng: torch.Generator, criteria: ShortcutCriteria
) -> Shortcut:
    """What covering one patch does to the samples that did not choose it."""
    rest = slice(1, None, 2)
    of_all_patches = effects.changed[rest, cover].double()
    own, theirs = of_all_patches[:, patch], None
    if effects.judge_changed is not None:
        theirs = effects.judge_changed[rest, cover, patch].double()
    gap = _mean(own if theirs is None else own - theirs, rng)
    classifier = share_estimate(int(own.sum()), len(own))
    labeller = None if theirs is None else share_estimate(int(theirs.sum()), len(theirs))
    # A classifier that anything upsets hangs on no patch.
    above_the_median = classifier.low > float(of_all_patches.mean(dim=0).median())
    proven = above_the_median and criteria.met_by(classifier, labeller, gap)
    return Shortcut(patch, COVERS[cover], classifier, labeller, gap, _about(effects, cover, patch), proven)


def _over(places: Tensor, patch: int) -> Tensor:
    """Which patches [p] share a pixel with one of them."""
    top, bottom, left, right = places[patch].tolist()
    shared: Tensor = (
        (places[:, 0] < bottom) & (places[:, 1] > top) & (places[:, 2] < right) & (places[:, 3] > left)
    )
    return shared


def _of_one_class(effects: PatchEffects, rows: slice) -> Tensor:
    """Share [c, p] of the samples whose decision changes to or from one class, the class of which that is most."""
    before, after, changed = effects.before[rows], effects.after[rows], effects.changed[rows]
    most = torch.zeros(after.shape[1:], dtype=torch.float64)
    for one in torch.cat([before, after.flatten()]).unique().tolist():
        involved = changed & ((after == one) | (before == one)[:, None, None])
        most = torch.maximum(most, involved.double().mean(dim=0))
    return most


def _about(effects: PatchEffects, cover: int, patch: int) -> tuple[int, float]:
    changed = effects.changed[:, cover, patch]
    if not bool(changed.any()):
        return 0, 0.0
    classes = 1 + int(max(effects.before.max(), effects.after.max()))
    involved = torch.zeros(classes)
    for decisions in (effects.before[changed], effects.after[changed, cover, patch]):
        involved += torch.bincount(decisions, minlength=classes)
    return int(involved.argmax()), float(involved.max() / changed.sum())


def _mean(values: Tensor, rng: torch.Generator) -> Estimate:
    def statistic(weights: Tensor) -> Tensor:
        return (weights @ values.double() / weights.sum(dim=1))[:, None]

    return bootstrap_estimates(statistic, len(values), rng=rng, of="samples")[0]
