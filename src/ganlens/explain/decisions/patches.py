"""Does a classifier hang on one patch of the picture? Every patch covered in turn, before a jury.

A patch is covered with black, with white, and with what another sample has in that place: a shortcut that is in no
sample shows only when it is put in, and one that is in many only when it is taken out. A jury of the same task says
which patches hold what defines the class. Source: Zeiler & Fergus 2014 (arXiv 1311.2901) for covering; else ours.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from ganlens.explain.attribution.places import place_of
from ganlens.explain.counterfactuals.baselines import logits_of
from ganlens.explain.decisions.donors import donors
from ganlens.explain.decisions.shortcuts import USUAL, Dependence, ShortcutCriteria, alarm_level, dependence
from ganlens.instruments.jury import Jury
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
        shift: [n, c, p] change of the class probabilities (total variation), 0…1, for c covers.
        changed: [n, c, p] whether the decision changed.
        jury_shift: [n, c, p] the jurors' mean change, and the classifier's own where they were not asked; None without
            a jury.
        jury_changed: [j, n, c, p] whether each juror's decision changed, likewise; None without a jury.
        before, after: [n] and [n, c, p] the classifier's decisions.
        real: [n] which samples are real; the rest are generated.
        giver: [n] which of the samples "another sample's" patch is taken from.
    """

    places: Tensor
    size: tuple[int, int]
    shift: Tensor
    changed: Tensor
    jury_shift: Tensor | None
    jury_changed: Tensor | None
    before: Tensor
    after: Tensor
    real: Tensor
    giver: Tensor

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
    """The patch on which the classifier depends most beyond the jury.

    Attributes:
        patch, cover: which, and what covers it.
        moved: share of decisions that change, the classifier's and the jury's.
        exchanged: the same where the patch is what a sample of another class has there, whatever covers it.
        about: the class that decisions go to or come from most often, and for what share of those changed.
        proven: whether it is a shortcut by the criteria, on real and on generated samples alike, and surely changes
            more decisions than the median patch.
    """

    patch: int
    cover: str
    moved: Dependence
    exchanged: Dependence
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
    jury: Jury | None,
    samples: Tensor,
    real: Tensor,
    limits: tuple[float, float],
    rng: torch.Generator,
    task: Task,
    least: float = USUAL.beyond,
) -> PatchEffects:
    """Cover every patch of samples [n, c, h, w], which may be `real` [n], and ask again; `task` advances to 1.

    Args:
        least: where no larger share of its decisions changes, the jury is not asked: that can be no shortcut.
    """
    count, height, width = len(samples), *samples.shape[2:]
    places = patch_places(int(height), int(width))
    before = logits_of(classifier, samples).softmax(dim=1)
    jury_before = None if jury is None else jury.probabilities(samples)
    shape = (count, len(COVERS), len(places))
    shift, after = torch.zeros(shape), torch.zeros(shape, dtype=torch.int64)
    jury_shift = jury_changed = None
    if jury is not None:
        jury_shift, jury_changed = torch.zeros(shape), torch.zeros((len(jury), *shape), dtype=torch.bool)
    decided = before.argmax(dim=1)
    giver = donors(decided, real, rng)
    for place in range(len(places)):
        for cover in range(len(COVERS)):
            mixed = covered(samples, samples[giver], places[place], cover, limits)
            chances = logits_of(classifier, mixed).softmax(dim=1)
            shift[:, cover, place] = (chances - before).abs().sum(dim=1) / 2
            after[:, cover, place] = chances.argmax(dim=1)
            if jury is None or jury_before is None or jury_shift is None or jury_changed is None:
                continue
            jury_shift[:, cover, place] = shift[:, cover, place]
            jury_changed[:, :, cover, place] = changed = after[:, cover, place] != decided
            if float(changed.double().mean()) > least:
                opinions = jury.probabilities(mixed)
                jury_shift[:, cover, place] = ((opinions - jury_before).abs().sum(dim=2) / 2).mean(dim=0)
                jury_changed[:, :, cover, place] = opinions.argmax(dim=2) != jury_before.argmax(dim=2)
        task.advance(1 / len(places))
    return PatchEffects(
        places,
        (int(height), int(width)),
        shift,
        after != decided[:, None, None],
        jury_shift,
        jury_changed,
        decided,
        after,
        real,
        giver,
    )


def covered(
    samples: Tensor, others: Tensor, place: Tensor, cover: int, limits: tuple[float, float]
) -> Tensor:
    """Samples [n, c, h, w] with one patch black, white, or what others [n, c, h, w] have there."""
    top, bottom, left, right = place.tolist()
    window = (slice(None), slice(None), slice(top, bottom), slice(left, right))
    mixed = samples.clone()
    mixed[window] = others[window] if cover == 2 else limits[cover]
    return mixed


def strongest(
    effects: PatchEffects,
    rng: torch.Generator,
    count: int = 1,
    criteria: ShortcutCriteria = USUAL,
    level: float | None = None,
) -> list[Shortcut]:
    """The patches, none over another, that decide for or against one class most beyond the jury.

    Chosen on every other sample and measured on the rest: what was chosen for its size is not believed for it.

    Args:
        level: of the lower end that may raise an alarm; as many tests as there are patches to measure by default.
    """
    ahead = _of_one_class(effects, slice(0, None, 2))
    if effects.jury_changed is not None:
        ahead = ahead - effects.jury_changed[:, 0::2].double().mean(dim=1).amax(dim=0)
    # Among patches that change as many decisions, the one that moves the probabilities farthest.
    ahead = ahead + TIE * effects.shift[0::2].double().mean(dim=0)
    judged_at = alarm_level(count) if level is None else level
    foremost: list[Shortcut] = []
    while len(foremost) < count and bool(ahead.isfinite().any()):
        cover, patch = divmod(int(ahead.argmax()), ahead.shape[1])
        foremost.append(_measured(effects, cover, patch, rng, criteria, judged_at))
        ahead[:, lying_over(effects.places, patch)] = -torch.inf
    return foremost


def _measured(
    effects: PatchEffects,
    cover: int,
    patch: int,
    rng: torch.Generator,
    criteria: ShortcutCriteria,
    level: float,
) -> Shortcut:
    """What covering one patch does to the samples that did not choose it."""
    rest = torch.zeros(len(effects.before), dtype=torch.bool)
    rest[1::2] = True

    def over(rows: Tensor, by: int = cover) -> Dependence:
        jurors = None if effects.jury_changed is None else effects.jury_changed[:, rows, by, patch]
        return dependence(effects.changed[rows, by, patch], jurors, rng, level=level, criteria=criteria)

    moved = over(rest)
    # A classifier that anything upsets hangs on no patch.
    above_the_median = moved.classifier.low > float(
        effects.changed[rest, cover].double().mean(dim=0).median()
    )
    proven = moved.shortcut and above_the_median
    for kind in (effects.real, ~effects.real):
        if proven and bool((rest & kind).any()):
            alike = over(rest & kind).gap
            proven = alike is not None and alike.value > criteria.beyond and alike.low > 0
    exchanged = over(rest, len(COVERS) - 1)
    return Shortcut(patch, COVERS[cover], moved, exchanged, _about(effects, cover, patch), proven)


def lying_over(places: Tensor, patch: int) -> Tensor:
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
