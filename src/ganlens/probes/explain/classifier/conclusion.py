"""What moves a classifier's decisions: the numbers with their baselines, and the rules that say what they amount to."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from ganlens.explain.counterfactuals.naming import in_words
from ganlens.explain.decisions.attributes import RankedAttribute
from ganlens.explain.decisions.confusions import ClassMix, Tour
from ganlens.explain.decisions.patches import PatchEffects, Shortcut
from ganlens.measurement import Measurement
from ganlens.measures import Estimate
from ganlens.probes.class_names import quoted
from ganlens.probes.explain.classifier.settings import ClassifierSettings
from ganlens.rules import Rule, Rules, Verdict, always

RANKED = 5
"""Attributes that have a measurement."""

MOST_MOVING = 2
"""Attributes that a remark names."""


@dataclass(frozen=True)
class Evidence:
    """All that the conclusion rests on.

    Attributes:
        settings: the probe's.
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

    settings: ClassifierSettings
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
    def of_other_classes(self) -> bool:
        """Whether generated samples are none that a classifier of the data could judge."""
        return self.mix is not None and self.mix.apart > self.settings.classes_apart

    @property
    def mostly_generated(self) -> str:
        """The class that the labeller gives generated samples most too often."""
        return "" if self.mix is None else quoted(self.class_names[self.mix.foremost])

    @property
    def shortcuts(self) -> list[RankedAttribute]:
        """Attributes that move the classifier and hardly the labeller."""
        return [attribute for attribute in self.ranking if attribute.shortcut]

    @property
    def shortcut(self) -> RankedAttribute:
        """The foremost of them."""
        return self.shortcuts[0]

    @property
    def patch(self) -> Shortcut | None:
        """The foremost of those that are shortcuts, or else of all."""
        proven = [patch for patch in self.foremost if patch.proven]
        return next(iter(proven or self.foremost), None)

    @property
    def patch_is_shortcut(self) -> bool:
        return self.patch is not None and self.patch.proven

    @property
    def patch_decides(self) -> str:
        """What the foremost patch decides: "decides triangle", or "often decides" where it is no one class."""
        if self.patch is None:
            return ""
        about, concerned = self.patch.about
        return f"decides {quoted(self.class_names[about])}" if concerned >= 0.5 else "often decides"

    @property
    def patch_place(self) -> str:
        """Where the foremost patch lies."""
        return "" if self.patch is None or self.patches is None else self.patches.where(self.patch.patch)

    @property
    def explained(self) -> bool:
        """Whether anything is said that beats chance."""
        return self.patch_is_shortcut or any(attribute.beats_random for attribute in self.ranking)

    @property
    def strongest(self) -> RankedAttribute:
        """The attribute that moves the classifier most."""
        return self.ranking[0]

    @property
    def strongest_in_words(self) -> str:
        return in_words(self.strongest.name)

    @property
    def shortcut_in_words(self) -> str:
        return in_words(self.shortcut.name)

    @property
    def errs_more(self) -> bool:
        """Whether it surely contradicts the labeller more on generated than on real samples."""
        return self.tour is not None and self.tour.more.low > 0

    @property
    def contradicted_of_real(self) -> float:
        """Share of the held-out real samples, of which the labeller is sure, that it calls otherwise."""
        return 0.0 if self.tour is None else self.tour.real.value

    @property
    def more_samples(self) -> int:
        """What to ask for where intervals are too wide."""
        return 4 * self.settings.count


RULES = Rules(
    Evidence,
    Rule(
        "other-classes",
        lambda e: e.of_other_classes,
        Verdict.NOT_BELIEVABLE,
        claim="Its samples are not what this classifier was made to judge.",
        detail="An independent labeller takes {mix.generated:.0%} of generated samples for {mostly_generated} and "
        "{mix.real:.0%} of real ones, so what moves the classifier there says nothing about it.",
        advice="Explain it with a generator that makes all classes of the data; which this one makes: "
        "`ganlens probe modes SUBJECT`",
    ),
    Rule(
        "no-better-than-chance",
        lambda e: not e.explained,
        Verdict.NOT_BELIEVABLE,
        claim="No attribute moves the classifier's decisions more than random directions do.",
        detail="The best attribute changes its probabilities by {strongest.effect.value:.0%}, surely by "
        "{strongest.effect.low:.0%}, and the best of as many random directions by {chance:.0%}.",
        advice="Ask again with more samples, which narrow the interval: "
        "`ganlens probe classifier SUBJECT --count {more_samples}`",
    ),
    Rule(
        "decided-by-a-patch",
        lambda e: e.patch_is_shortcut,
        Verdict.BAD,
        claim="The classifier {patch_decides} by {patch_place}.",
        detail="Covering a patch there with {patch.cover} changes {patch.classifier.value:.0%} of its decisions, and "
        "{patch.labeller.value:.0%} of those of a labeller trained on the same data.",
        advice="Look at the pairs of samples; then train the classifier on pictures in which that patch is covered "
        "or varies, and ask again: `ganlens probe classifier SUBJECT`",
    ),
    Rule(
        "hangs-on-an-attribute",
        lambda e: bool(e.shortcuts),
        Verdict.BAD,
        claim="The classifier uses a shortcut: {shortcut_in_words}.",
        detail="That changes {shortcut.changed:.0%} of its decisions, and moves its probabilities by "
        "{shortcut.effect.value:.0%} where those of a labeller trained on the same data move by "
        "{shortcut.labeller.value:.0%}.",
        advice="Look at the strips of samples; then train the classifier on samples in which this varies within each "
        "class, and ask again: `ganlens probe classifier SUBJECT`",
    ),
    Rule(
        "without-a-labeller",
        lambda e: bool(e.no_judge),
        Verdict.CAUTION,
        claim="What moves the classifier is shown; whether rightly, nobody could check.",
        detail="Foremost is “{strongest_in_words}”, which changes its probabilities by "
        "{strongest.effect.value:.0%} (the best random direction by {chance:.0%}); there is no independent labeller, "
        "because {no_judge}.",
        advice="Give data with labels of the classifier's own classes, on which an independent labeller can be "
        "trained: `ganlens probe classifier SUBJECT --data DATA`",
    ),
    Rule(
        "errs-on-generated-samples",
        lambda e: e.errs_more,
        Verdict.CAUTION,
        claim="The classifier contradicts a labeller more on generated than on real samples.",
        detail="It does on {tour.disagree.value:.1%} of the generated samples of which the labeller is "
        "{settings.sure:.0%} sure, and on {contradicted_of_real:.1%} of such held-out real ones.",
        advice="Look at the samples that they call differently; where the labeller is right, add such samples to "
        "the classifier's training data.",
    ),
    Rule(
        "no-shortcut",
        always,
        Verdict.GOOD,
        claim="What moves the classifier moves a labeller too: no shortcut found.",
        detail="Foremost is “{strongest_in_words}”, which changes its probabilities by "
        "{strongest.effect.value:.0%}; the best random direction does by {chance:.0%}.",
    ),
)


def remarks(evidence: Evidence) -> list[str]:
    """What a careful reader should know besides; nothing where the self-check failed."""
    if evidence.of_other_classes or not evidence.explained:
        return []
    return [
        _further_patches(evidence),
        _further_shortcut(evidence),
        _most_moving(evidence),
        _contradictions(evidence),
    ]


def _further_patches(evidence: Evidence) -> str:
    """The other patches that are shortcuts."""
    effects = evidence.patches
    if effects is None or not evidence.patch_is_shortcut:
        return ""
    named = [
        f"{evidence.class_names[patch.about[0]]} by one in {effects.where(patch.patch)} "
        f"({patch.classifier.value:.0%} of decisions changed, {patch.labeller.value:.0%} of the labeller's)"
        for patch in evidence.foremost
        if patch.proven and patch is not evidence.patch and patch.labeller is not None
    ]
    return f"Other patches decide likewise: {', '.join(named)}." if named else ""


def _further_shortcut(evidence: Evidence) -> str:
    """The attribute that is a shortcut, where the claim is about a patch."""
    if not (evidence.patch_is_shortcut and evidence.shortcuts):
        return ""
    attribute = evidence.shortcut
    assert attribute.labeller is not None
    return (
        f"It hangs on {attribute.name} as well, which changes {attribute.changed:.0%} of its decisions and hardly "
        f"moves the labeller (mean change of the probabilities {attribute.effect.value:.0%} against "
        f"{attribute.labeller.value:.0%})."
    )


def _most_moving(evidence: Evidence) -> str:
    """The attributes that move it most, and where to."""
    strong = [attribute for attribute in evidence.ranking if attribute.beats_random][:MOST_MOVING]
    named = [
        f"{attribute.name} ({attribute.changed:.0%} of decisions differ between its ends, "
        f"{'more' if attribute.towards[1] > 0 else 'less'} {evidence.class_names[attribute.towards[0]]})"
        for attribute in strong
    ]
    return f"What moves its decisions most is {' and '.join(named)}." if named else ""


def _contradictions(evidence: Evidence) -> str:
    """How often it contradicts the labeller, and how."""
    tour = evidence.tour
    if tour is None:
        return ""
    foremost = ""
    if tour.pairs:
        pair = tour.pairs[0]
        foremost = (
            f", most often calling {evidence.class_names[pair.labelled]} {evidence.class_names[pair.called]}"
        )
    return (
        f"On {tour.disagree.value:.1%} of generated samples it contradicts a labeller that is sure{foremost} "
        f"({tour.real.value:.1%} on held-out real ones)."
    )


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
            f"classifier moved more than the labeller by {entry.name}",
            better="lower",
            baseline=0.0,
            what="a classifier that looks at what the labeller looks at",
            unit="total variation",
        )
        for entry in evidence.shortcuts
        if entry.gap is not None
    ]
    patch, effects = evidence.patch, evidence.patches
    if patch is not None and effects is not None:
        where = effects.where(patch.patch)
        labeller = patch.labeller
        lines.append(
            patch.classifier.measurement(
                f"decisions changed by covering the foremost patch ({where}, with {patch.cover})",
                better="lower" if labeller is not None else "neither",
                baseline=labeller.value if labeller is not None else evidence.typical,
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
    """The maps [h, w] of the patches' effects: beyond the labeller's where there is one, and each alone."""
    if effects is None:
        return {}
    own = effects.map_of(effects.shift)
    if effects.judge_shift is None:
        return {"patch_effect": own}
    second = effects.map_of(effects.judge_shift)
    beyond = effects.map_of((effects.shift - effects.judge_shift).clamp(min=0))
    return {"patch_effect": beyond, "patch_effect_classifier": own, "patch_effect_labeller": second}
