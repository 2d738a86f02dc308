"""What moves a classifier's decisions: the numbers with their baselines, and the rules that say what they amount to."""

from __future__ import annotations

from dataclasses import dataclass

from ganlens.explain.counterfactuals.naming import in_words
from ganlens.explain.decisions.aspects import (
    AspectEffect,
    foremost_aspect,
    median_followed,
    simplest_followed,
)
from ganlens.explain.decisions.attributes import RankedAttribute
from ganlens.explain.decisions.confusions import ClassMix, Tour
from ganlens.explain.decisions.marks import Mark
from ganlens.explain.decisions.patches import PatchEffects, Shortcut
from ganlens.explain.decisions.shortcuts import Dependence
from ganlens.probes.class_names import quoted
from ganlens.probes.explain.classifier.settings import ClassifierSettings
from ganlens.rules import Rule, Rules, Verdict, always

MOST_MOVING = 2
"""Attributes that a remark names."""

AS_MUCH = 0.05
"""Aspects that decide within this share of each other decide as much: the first, which is the simplest, is named."""


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
        no_jury: why there is no jury of its task; empty where there is one.
        mix: what the labeller takes generated samples for; None without one.
        aspects: what swapping each aspect that is no place does; empty where samples have none.
        jurors: how many sit on the jury.
        marks: what exchanging patches between a class and the others does.
    """

    settings: ClassifierSettings
    class_names: tuple[str, ...]
    ranking: list[RankedAttribute]
    chance: float
    patches: PatchEffects | None
    foremost: list[Shortcut]
    typical: float
    tour: Tour | None
    no_jury: str
    mix: ClassMix | None = None
    aspects: tuple[AspectEffect, ...] = ()
    jurors: int = 0
    marks: tuple[Mark, ...] = ()

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
        """Attributes that move the classifier and hardly any juror."""
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
    def deciding_marks(self) -> list[Mark]:
        """Patches that overrule all the rest about a class, the foremost first."""
        return sorted(
            (mark for mark in self.marks if mark.decides), key=lambda mark: -mark.moved.surely_beyond
        )

    @property
    def mark(self) -> Mark:
        """The foremost of them."""
        return self.deciding_marks[0]

    @property
    def mark_decides(self) -> bool:
        """Whether a patch overrules all the rest, and no aspect decides surely more and touches less."""
        if not self.deciding_marks:
            return False
        return self.aspect is None or _beyond(self.aspect.moved) <= _beyond(self.mark.moved)

    @property
    def mark_class(self) -> str:
        return quoted(self.class_names[self.mark.about])

    @property
    def mark_place(self) -> str:
        """Where the foremost mark lies."""
        return "" if self.patches is None else self.patches.where(self.mark.patch)

    @property
    def aspect(self) -> AspectEffect | None:
        """The foremost aspect among those that are shortcuts; None where none is."""
        return foremost_aspect(self.aspects, AS_MUCH)

    @property
    def aspect_decides(self) -> bool:
        """Whether an aspect is a shortcut, and no patch of real samples decides about as much and touches less.

        Black and white patches don't count for that: what no sample has moves many a number that is no place.
        """
        if self.aspect is None or self.patch is None or not self.patch_is_shortcut:
            return self.aspect is not None
        return _beyond(self.aspect.moved) > _beyond(self.patch.exchanged) + self.settings.beyond_jury

    @property
    def most_followed(self) -> AspectEffect | None:
        """The aspect that its decisions follow most, for whatever reason."""
        return simplest_followed(self.aspects, AS_MUCH)

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
        if (
            self.deciding_marks
            or self.patch_is_shortcut
            or self.aspect is not None
            or self.follows_one_aspect
        ):
            return True
        return any(attribute.beats_random for attribute in self.ranking)

    @property
    def median_followed(self) -> float:
        """Share of its decisions that follow the median aspect."""
        return median_followed(self.aspects)

    @property
    def follows_one_aspect(self) -> bool:
        """Whether its decisions surely follow an aspect more than the median one."""
        most = self.most_followed
        if most is None:
            return False
        return most.surely_followed > self.median_followed + self.settings.beyond_jury

    @property
    def what_moves_it(self) -> str:
        """The foremost of what beats chance, and the chance that it beats."""
        most = self.most_followed
        if self.strongest.beats_random or most is None:
            return (
                f"“{self.strongest_in_words}”, which changes its probabilities by {self.strongest.effect.value:.0%} "
                f"(the best random direction by {self.chance:.0%})"
            )
        return (
            f"{most.name}: taken from a sample of another class, it brings {most.moved.classifier.value:.0%} of "
            f"decisions to that class (the median aspect {self.median_followed:.0%})"
        )

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
        "overruled-by-a-patch",
        lambda e: e.mark_decides,
        Verdict.BAD,
        claim="The classifier decides {mark_class} by {mark_place} alone.",
        detail="Exchanged between that class and others, the patch there takes {mark.moved.classifier.value:.0%} of "
        "decisions along, against all the rest, and changes {mark.moved.jury.value:.0%} of those of an independent "
        "classifier that is right more often.",
        advice="Look at the pairs of samples; then train the classifier on pictures in which that patch is covered "
        "or exchanged between classes, and ask again: `ganlens probe classifier SUBJECT`",
    ),
    Rule(
        "overruled-by-an-aspect",
        lambda e: e.aspect_decides and e.aspect is not None and e.aspect.overrules,
        Verdict.BAD,
        claim="The classifier decides by {aspect.name} alone, a shortcut.",
        detail="Given that of a sample of another class, it decides as for that sample in "
        "{aspect.moved.classifier.value:.0%} of cases, against all the rest; an independent classifier that is right "
        "more often does in {aspect.moved.jury.value:.0%}.",
        advice="Look at the pairs of samples; then train the classifier on samples in which this varies within each "
        "class, and ask again: `ganlens probe classifier SUBJECT`",
    ),
    Rule(
        "decided-by-an-aspect",
        lambda e: e.aspect_decides,
        Verdict.BAD,
        claim="The classifier decides by {aspect.name}, a shortcut.",
        detail="Given that of a sample of another class, it decides as for that sample in "
        "{aspect.moved.classifier.value:.0%} of cases; of {jurors} independent classifiers of the same classes the "
        "most affected changes {aspect.moved.jury.value:.0%} of its decisions.",
        advice="Look at the pairs of samples; then train the classifier on samples in which this varies within each "
        "class, and ask again: `ganlens probe classifier SUBJECT`",
    ),
    Rule(
        "decided-by-a-patch",
        lambda e: e.patch_is_shortcut,
        Verdict.BAD,
        claim="The classifier {patch_decides} by {patch_place}.",
        detail="Covering a patch there with {patch.cover} changes {patch.moved.classifier.value:.0%} of its "
        "decisions, and {patch.moved.jury.value:.0%} of those of the most affected of {jurors} independent "
        "classifiers of the same classes.",
        advice="Look at the pairs of samples; then train the classifier on pictures in which that patch is covered "
        "or varies, and ask again: `ganlens probe classifier SUBJECT`",
    ),
    Rule(
        "hangs-on-an-attribute",
        lambda e: bool(e.shortcuts),
        Verdict.BAD,
        claim="The classifier uses a shortcut: {shortcut_in_words}.",
        detail="That changes {shortcut.changed:.0%} of its decisions, and moves its probabilities by "
        "{shortcut.effect.value:.0%} where those of the most affected independent classifier of the same classes move "
        "by {shortcut.jury.value:.0%}.",
        advice="Look at the strips of samples; then train the classifier on samples in which this varies within each "
        "class, and ask again: `ganlens probe classifier SUBJECT`",
    ),
    Rule(
        "without-a-jury",
        lambda e: bool(e.no_jury),
        Verdict.CAUTION,
        claim="What moves the classifier is shown; reason or shortcut can't be told.",
        detail="Foremost is {what_moves_it}; no independent classifiers can judge it, because {no_jury}.",
        advice="Give data with labels of the classifier's own classes, on which independent classifiers can be "
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
        claim="What moves the classifier moves independent ones too: no shortcut found.",
        detail="Foremost is {what_moves_it}.",
    ),
)


def remarks(evidence: Evidence) -> list[str]:
    """What a careful reader should know besides; nothing where the self-check failed."""
    if evidence.of_other_classes or not evidence.explained:
        return []
    return [
        _further_marks(evidence),
        _further_patches(evidence),
        _further_aspect(evidence),
        _further_shortcut(evidence),
        _most_moving(evidence),
        _followed(evidence),
        _contradictions(evidence),
    ]


def _further_marks(evidence: Evidence) -> str:
    """The patches that overrule the rest and are not in the claim."""
    effects = evidence.patches
    if effects is None:
        return ""
    named = [
        f"{evidence.class_names[mark.about]} by one in {effects.where(mark.patch)} "
        f"({mark.moved.classifier.value:.0%} of decisions go with it)"
        for mark in evidence.deciding_marks[evidence.mark_decides :]
    ]
    return f"Patches overrule all the rest as well: {', '.join(named)}." if named else ""


def _further_patches(evidence: Evidence) -> str:
    """The patches that are shortcuts and are not in the claim."""
    effects = evidence.patches
    if effects is None or not evidence.patch_is_shortcut:
        return ""
    by_other = evidence.mark_decides or evidence.aspect_decides
    named = [
        f"{evidence.class_names[patch.about[0]]} by one in {effects.where(patch.patch)} "
        f"({patch.moved.classifier.value:.0%} of decisions changed, {patch.moved.jury.value:.0%} of the most affected "
        "juror's)"
        for patch in evidence.foremost
        if patch.proven and patch.moved.jury is not None and (by_other or patch is not evidence.patch)
    ]
    if not named:
        return ""
    subject = "Patches decide as well" if by_other else "Other patches decide likewise"
    return f"{subject}: {', '.join(named)}."


def _further_aspect(evidence: Evidence) -> str:
    """The aspects that are shortcuts and are not in the claim."""
    in_claim = evidence.aspect if evidence.aspect_decides and not evidence.mark_decides else None
    named = [
        f"{effect.name} ({effect.moved.classifier.value:.0%} of decisions, {effect.moved.jury.value:.0%} of "
        f"{'one' if effect.overrules else 'the most affected'} juror's)"
        for effect in evidence.aspects
        if effect.shortcut and effect is not in_claim and effect.moved.jury is not None
    ]
    return f"It follows these as well, more than jurors do: {', '.join(named)}." if named else ""


def _followed(evidence: Evidence) -> str:
    """The aspect that its decisions follow most, where no aspect is a shortcut."""
    effect = evidence.most_followed
    if effect is None or evidence.aspect is not None or effect.moved.classifier.low <= 0:
        return ""
    follows = (
        f"Of what is no place its decisions follow {effect.name} most: taken from a sample of another class, it brings "
        f"{effect.moved.classifier.value:.0%} of decisions to that class"
    )
    if effect.moved.jury is None:
        return f"{follows}; whether that is a reason or a shortcut can't be told."
    return f"{follows}, and changes {effect.moved.jury.value:.0%} of the most affected juror's."


def _further_shortcut(evidence: Evidence) -> str:
    """The attribute that is a shortcut, where the claim is about something else."""
    by_other = evidence.mark_decides or evidence.patch_is_shortcut or evidence.aspect_decides
    if not (by_other and evidence.shortcuts):
        return ""
    attribute = evidence.shortcut
    assert attribute.jury is not None
    return (
        f"It hangs on {attribute.name} as well, which changes {attribute.changed:.0%} of its decisions and hardly "
        f"moves any juror (mean change of the probabilities {attribute.effect.value:.0%} against at most "
        f"{attribute.jury.value:.0%})."
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


def _beyond(moved: Dependence) -> float:
    """By how much the classifier depends on something more than the most affected juror."""
    return moved.classifier.value if moved.gap is None else moved.gap.value
