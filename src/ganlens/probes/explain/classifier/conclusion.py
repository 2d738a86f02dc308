"""What moves a classifier's decisions, in numbers with their baselines, a verdict and two sentences."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from ganlens.explain.decisions.attributes import RankedAttribute
from ganlens.explain.decisions.confusions import ClassMix, Tour
from ganlens.explain.decisions.patches import PatchEffects, Shortcut
from ganlens.measurement import Measurement
from ganlens.measures import Estimate
from ganlens.rules import Verdict

RANKED = 5
"""Attributes whose numbers are told."""


@dataclass(frozen=True)
class Answer:
    """All that was found.

    Attributes:
        class_names: the classifier's.
        ranking: attributes, the most effective first.
        chance: effect of the most effective random direction.
        patches: effects of all patches; None where samples are no pictures.
        foremost: the patches that decide most, none over another.
        typical: share of the classifier's decisions that the median patch changes.
        tour: where it disagrees with the labeller; None where that can't be said.
        no_judge: why there is no labeller to compare with; empty where there is one.
        mix: what the labeller takes generated samples for; None without one.
    """

    class_names: tuple[str, ...]
    ranking: list[RankedAttribute]
    chance: float
    patches: PatchEffects | None
    foremost: list[Shortcut]
    typical: float
    tour: Tour | None
    no_judge: str
    mix: ClassMix | None = None

    @property
    def shortcuts(self) -> list[RankedAttribute]:
        """Attributes that move the classifier and hardly the labeller."""
        return [entry for entry in self.ranking if entry.shortcut]

    @property
    def patch(self) -> Shortcut | None:
        """The foremost of those that are shortcuts, or else of all."""
        proven = [patch for patch in self.foremost if patch.proven]
        return next(iter(proven or self.foremost), None)

    @property
    def patch_is_shortcut(self) -> bool:
        return self.patch is not None and self.patch.proven

    @property
    def explained(self) -> bool:
        """Whether anything is said that beats chance."""
        return self.patch_is_shortcut or any(entry.beats_random for entry in self.ranking)


def verdict(answer: Answer) -> Verdict:
    """See the probe's method."""
    if not answer.explained or _foreign(answer):
        return Verdict.NOT_BELIEVABLE
    if answer.patch_is_shortcut or answer.shortcuts:
        return Verdict.BAD
    more_wrong = answer.tour is not None and answer.tour.more.low > 0
    return Verdict.CAUTION if answer.no_judge or more_wrong else Verdict.GOOD


def headline(answer: Answer) -> str:
    """Two or three plain sentences: the shortcut first, where there is one."""
    if because := _foreign(answer):
        return f"{because} {_wrong(answer)}".strip()
    parts = []
    if not answer.explained:
        best = answer.ranking[0].effect
        parts.append(
            "Not believable: no attribute moves the classifier's decisions surely more than the best of as many "
            f"random directions does (mean change of its probabilities {best.value:.0%}, {best.low:.0%} to "
            f"{best.high:.0%}; random {answer.chance:.0%})."
        )
    parts.append(_patch(answer))
    parts += [
        f"It hangs on {entry.name}, which changes {entry.changed:.0%} of its decisions and hardly moves the labeller "
        f"(mean change of the probabilities {entry.effect.value:.0%} against {entry.labeller.value:.0%})."
        for entry in answer.shortcuts[:1]
        if entry.labeller is not None
    ]
    parts.append(_moves(answer))
    parts.append(_wrong(answer))
    return " ".join(part for part in parts if part)


def _foreign(answer: Answer) -> str:
    """The sentence that stands alone where generated samples are none that a classifier of the data could judge."""
    mix = answer.mix
    if mix is None or not mix.foreign:
        return ""
    return (
        f"Not believable: the labeller takes {mix.generated:.0%} of generated samples for "
        f"{answer.class_names[mix.foremost]} and {mix.real:.0%} of real ones, so what this generator makes is not what "
        "a classifier of these data was made to judge, and what moves it there says nothing about it."
    )


def _patch(answer: Answer) -> str:
    patch, effects = answer.patch, answer.patches
    if patch is None or effects is None or not patch.proven or patch.labeller is None:
        return ""
    about, concerned = patch.about
    decides = f"It decides {answer.class_names[about]}" if concerned >= 0.5 else "It often decides"
    return (
        f"{decides} by a patch in {effects.where(patch.patch)}: covering it with {patch.cover} changes "
        f"{patch.classifier.value:.0%} of its decisions and {patch.labeller.value:.0%} of the labeller's."
        f"{_further(answer, effects, patch)}"
    )


def _further(answer: Answer, effects: PatchEffects, told: Shortcut) -> str:
    """The other patches that are shortcuts, as a sentence."""
    others = [patch for patch in answer.foremost if patch.proven and patch is not told]
    named = [
        f"{answer.class_names[patch.about[0]]} by one in {effects.where(patch.patch)} "
        f"({patch.classifier.value:.0%} and {patch.labeller.value:.0%})"
        for patch in others
        if patch.labeller is not None
    ]
    return f" Likewise {', '.join(named)}." if named else ""


def _moves(answer: Answer) -> str:
    strong = [entry for entry in answer.ranking if entry.beats_random][:2]
    if not strong:
        return ""
    told = [
        f"{entry.name} ({entry.changed:.0%} of decisions differ between its ends, "
        f"{'more' if entry.towards[1] > 0 else 'less'} {answer.class_names[entry.towards[0]]})"
        for entry in strong
    ]
    none = (
        ""
        if answer.patch_is_shortcut or answer.shortcuts or answer.no_judge
        else "; the labeller is moved by them too, so no shortcut was found"
    )
    return f"What moves its decisions most is {' and '.join(told)}{none}."


def _wrong(answer: Answer) -> str:
    if answer.no_judge:
        return f"Nobody independent can say where it is wrong, because {answer.no_judge}."
    tour = answer.tour
    if tour is None:
        return ""
    foremost = ""
    if tour.pairs:
        pair = tour.pairs[0]
        foremost = (
            f", most often calling {answer.class_names[pair.labelled]} {answer.class_names[pair.called]}"
        )
    return (
        f"On {tour.disagree.value:.1%} of generated samples it contradicts a labeller that is sure{foremost} "
        f"({tour.real.value:.1%} on held-out real ones)."
    )


def measurements(answer: Answer) -> list[Measurement]:
    """Every number beside its baseline."""
    lines = [
        entry.effect.measurement(
            f"change of the class probabilities by {entry.name}",
            better="neither",
            baseline=answer.chance,
            what="the most effective of as many random directions",
            unit="total variation",
        )
        for entry in answer.ranking[:RANKED]
    ]
    lines += [
        entry.gap.measurement(
            f"classifier moved more than the labeller by {entry.name}",
            better="lower",
            baseline=0.0,
            what="a classifier that looks at what the labeller looks at",
            unit="total variation",
        )
        for entry in answer.shortcuts
        if entry.gap is not None
    ]
    patch, effects = answer.patch, answer.patches
    if patch is not None and effects is not None:
        where = effects.where(patch.patch)
        labeller = patch.labeller
        lines.append(
            patch.classifier.measurement(
                f"decisions changed by covering the foremost patch ({where}, with {patch.cover})",
                better="lower" if labeller is not None else "neither",
                baseline=labeller.value if labeller is not None else answer.typical,
                what="the labeller's decisions" if labeller is not None else "the median patch, same cover",
                unit="share of samples",
            )
        )
        if labeller is not None:
            lines.append(
                patch.gap.measurement(
                    "decisions changed by that patch above the labeller's",
                    better="lower",
                    baseline=0.0,
                    what="a classifier that looks at what the labeller looks at",
                    unit="share of samples",
                )
            )
    if answer.mix is not None:
        lines.append(
            Estimate(
                answer.mix.apart,
                "none: shares of all classes at once; the baseline says how far chance parts them",
            ).measurement(
                "labeller's class shares, generated against held-out real",
                better="lower",
                baseline=answer.mix.reference,
                what="two halves of the held-out real samples",
                unit="total variation",
            )
        )
    return [*lines, *_of_tour(answer)]


def _of_tour(answer: Answer) -> list[Measurement]:
    tour = answer.tour
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
            f"{answer.class_names[pair.labelled]} called {answer.class_names[pair.called]}",
            better="lower",
            baseline=pair.real,
            what="held-out real samples",
            unit="share",
        )
        for pair in tour.pairs
    ]
    return lines


def patch_arrays(effects: PatchEffects | None) -> dict[str, Tensor]:
    """The maps [h, w] of the patches' effects: beyond the labeller's where there is one, and each alone."""
    if effects is None:
        return {}
    own = effects.map_of(effects.shift)
    if effects.judge_shift is None:
        return {"patch_effect": own}
    second = effects.map_of(effects.judge_shift)
    beyond = effects.map_of((effects.shift - effects.judge_shift).clamp(min=0))
    return {"patch_effect": beyond, "patch_effect_classifier": own, "patch_effect_labeller": second}
