"""What moves a classifier's decisions, in numbers: each beside its baseline."""

from __future__ import annotations

from torch import Tensor

from ganlens.explain.decisions.aspects import AspectEffect
from ganlens.explain.decisions.patches import PatchEffects
from ganlens.measurement import Measurement
from ganlens.measures import Estimate
from ganlens.probes.explain.classifier.conclusion import Evidence

RANKED = 5
"""Attributes that have a measurement."""


def measurements(evidence: Evidence) -> list[Measurement]:
    """Every number beside its baseline."""
    lines = [
        entry.effect.measurement(
            f"change of the class probabilities by {entry.name}",
            better="neither",
            baseline=evidence.chance,
            what="the most effective of as many random directions",
            unit="total variation",
        )
        for entry in evidence.ranking[:RANKED]
    ]
    lines += [
        entry.gap.measurement(
            f"classifier moved more than any juror by {entry.name}",
            better="lower",
            baseline=0.0,
            what="a classifier that looks at what the jury looks at",
            unit="total variation",
        )
        for entry in evidence.shortcuts
        if entry.gap is not None
    ]
    lines += [_of_aspect(effect) for effect in evidence.aspects]
    lines += [*_of_patch(evidence), *_of_marks(evidence)]
    if evidence.mix is not None:
        lines.append(
            Estimate(
                evidence.mix.apart,
                "none: shares of all classes at once; the baseline says how far chance parts them",
            ).measurement(
                "labeller's class shares, generated against held-out real",
                better="lower",
                baseline=evidence.mix.reference,
                what="two halves of the held-out real samples",
                unit="total variation",
            )
        )
    return [*lines, *_of_tour(evidence)]


def _of_aspect(effect: AspectEffect) -> Measurement:
    jury = effect.moved.jury
    return effect.moved.classifier.measurement(
        f"decisions that follow {effect.name} to another sample's class",
        better="neither" if jury is None else "lower",
        baseline=0.0 if jury is None else jury.value,
        what="a classifier that does not look at it"
        if jury is None
        else "decisions of a juror that is right more often"
        if effect.overrules
        else "decisions of the most affected juror changed",
        unit="share of samples",
    )


def _of_patch(evidence: Evidence) -> list[Measurement]:
    patch, effects = evidence.patch, evidence.patches
    if patch is None or effects is None:
        return []
    jury = patch.moved.jury
    lines = [
        patch.moved.classifier.measurement(
            f"decisions changed by covering the foremost patch ({effects.where(patch.patch)}, with {patch.cover})",
            better="neither" if jury is None else "lower",
            baseline=evidence.typical if jury is None else jury.value,
            what="the median patch, same cover" if jury is None else "the most affected juror's decisions",
            unit="share of samples",
        )
    ]
    if patch.moved.gap is not None:
        lines.append(
            patch.moved.gap.measurement(
                "decisions changed by that patch above the jury's",
                better="lower",
                baseline=0.0,
                what="a classifier that looks at what the jury looks at",
                unit="share of samples",
            )
        )
    return lines


def _of_marks(evidence: Evidence) -> list[Measurement]:
    effects = evidence.patches
    if effects is None:
        return []
    return [
        mark.moved.classifier.measurement(
            f"decisions on {evidence.class_names[mark.about]} that go with the patch in {effects.where(mark.patch)}",
            better="lower",
            baseline=mark.moved.jury.value,
            what="decisions changed of a juror that is right more often",
            unit="share of samples",
        )
        for mark in evidence.marks
        if mark.moved.jury is not None
    ]


def _of_tour(evidence: Evidence) -> list[Measurement]:
    tour = evidence.tour
    if tour is None:
        return []
    lines = [
        tour.disagree.measurement(
            "generated samples on which it contradicts a sure labeller",
            better="lower",
            baseline=tour.real.value,
            what="held-out real samples",
            unit="share",
        )
    ]
    lines += [
        pair.generated.measurement(
            f"{evidence.class_names[pair.labelled]} called {evidence.class_names[pair.called]}",
            better="lower",
            baseline=pair.real,
            what="held-out real samples",
            unit="share",
        )
        for pair in tour.pairs
    ]
    return lines


def patch_arrays(effects: PatchEffects | None) -> dict[str, Tensor]:
    """The maps [h, w] of the patches' effects: beyond the jury's where there is one, and each alone."""
    if effects is None:
        return {}
    own = effects.map_of(effects.shift)
    if effects.jury_shift is None:
        return {"patch_effect": own}
    second = effects.map_of(effects.jury_shift)
    beyond = effects.map_of((effects.shift - effects.jury_shift).clamp(min=0))
    return {"patch_effect": beyond, "patch_effect_classifier": own, "patch_effect_jury": second}
