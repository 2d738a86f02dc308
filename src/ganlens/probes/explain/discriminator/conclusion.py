"""What a discriminator's explanation amounts to: the evidence, the rules that judge it, and what else to know."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from ganlens.explain.attribution import GradientAlarm, Method
from ganlens.explain.attribution.alarms import AT_THE_PICTURE
from ganlens.explain.attribution.checks import Fault, MethodCheck
from ganlens.explain.attribution.places import HOLDS, Place
from ganlens.measures import Estimate
from ganlens.probes.explain.discriminator.settings import DiscriminatorSettings
from ganlens.rules import Rule, Rules, Verdict, always
from ganlens.subject.evaluation_mode import in_percent

ALARMS = 2
"""Places where gradients end that a remark names."""


@dataclass(frozen=True)
class Evidence:
    """What the verdict rests on.

    Attributes:
        settings: the probe's.
        neighbours: share of the numbers' spread by which a sample's number changes with its neighbours in the batch.
        repeatable: whether it gives the same samples the same numbers twice.
        scored, unusable: samples that it was shown, and those whose number is NaN, infinite or too large.
        largest: its largest number, leaving the sign aside; NaN or infinite where one is.
        constant: the one number that it gives to every sample; None where there are several.
        ranked: the methods that give maps, from the most to the least believable.
        left_out: why the others give none.
        alarms: where gradients end.
        place, shuffled_place: where the best believed method says that it looks, with its own and with shuffled
            weights; None where nobody can say.
        explained, different: generated samples that were explained, and how many of them differ.
        unchecked: why there is no copy with shuffled weights; empty where there is one.
        told_apart, learned: how often real samples rank above generated ones, and training samples above held-out
            ones; None where that can't be said.
        label: the class that all this holds of, where it judges samples together with labels.
    """

    settings: DiscriminatorSettings
    neighbours: float = 0.0
    repeatable: bool = True
    scored: int = 0
    unusable: int = 0
    largest: float = 0.0
    constant: float | None = None
    ranked: list[MethodCheck] = field(default_factory=list)
    left_out: Mapping[Method, str] = field(default_factory=dict)
    alarms: list[GradientAlarm] = field(default_factory=list)
    place: Place | None = None
    shuffled_place: Place | None = None
    explained: int = 0
    different: int = 0
    unchecked: str = ""
    told_apart: Estimate | None = None
    learned: Estimate | None = None
    label: int | None = None

    @property
    def neighbours_in_percent(self) -> str:
        return in_percent(self.neighbours)

    @property
    def unusable_as(self) -> str:
        return "numbers too large to be squared" if math.isfinite(self.largest) else "NaN or infinity"

    @property
    def believed(self) -> list[MethodCheck]:
        return [check for check in self.ranked if check.believed]

    @property
    def methods(self) -> int:
        return len(self.ranked)

    @property
    def best(self) -> MethodCheck:
        """The method with the highest self-score among those that are believed, or among all."""
        return self.ranked[0]

    @property
    def best_fault(self) -> str:
        return fault_in_words(self.best, self.best.faults[0])

    @property
    def first_left_out(self) -> str:
        """Why one of the methods gives no map."""
        return next(iter(self.left_out.values()), "none was tried")

    @property
    def different_samples(self) -> str:
        return "1 sample is" if self.different == 1 else f"{self.different} different samples are"

    @property
    def where(self) -> str:
        return "no one part of the picture" if self.place is None else self.place.where

    @property
    def looks_at(self) -> str:
        return f"{'at' if self.where.startswith('no one') else 'mostly at'} {self.where}"

    @property
    def share(self) -> float:
        """Of the attribution that lies in that place."""
        return 0.0 if self.place is None else self.place.share

    @property
    def area(self) -> float:
        """Share of the picture that holds it."""
        return 1.0 if self.place is None else self.place.area

    @property
    def area_otherwise(self) -> str:
        """What the area is held against."""
        if self.shuffled_place is None:
            return f"an even map would need {HOLDS:.0%}"
        return f"with shuffled weights it lies in {self.shuffled_place.area:.0%}"

    @property
    def of_the_samples(self) -> bool:
        """Whether the place is that where the samples differ, with any weights."""
        other = self.shuffled_place
        return (
            self.place is not None
            and other is not None
            and self.where == other.where
            and self.area > self.settings.as_wide_as_shuffled * other.area
        )

    @property
    def foretells_enough(self) -> bool:
        return self.best.self_score >= self.settings.least_self_score


RULES = Rules(
    Evidence,
    Rule(
        "judges-by-neighbours",
        lambda e: e.neighbours > e.settings.neighbours,
        Verdict.NOT_BELIEVABLE,
        claim="The discriminator judges a sample by its neighbours; no map explains that.",
        detail="A sample's number changes with the others in its batch by {neighbours_in_percent} of the numbers' "
        "spread; up to {settings.neighbours:.0%} a map of one sample says something.",
        advice="Give a discriminator that judges each sample alone, without minibatch statistics or batch "
        "normalisation in training mode.",
    ),
    Rule(
        "answers-otherwise",
        lambda e: not e.repeatable,
        Verdict.NOT_BELIEVABLE,
        claim="The discriminator answers otherwise each time, so nothing can be explained.",
        detail="It gives the same samples other numbers at every call, so no map of one sample explains it.",
        advice="Take out what draws random numbers, such as dropout or noise that is on in evaluation mode.",
    ),
    Rule(
        "unusable-numbers",
        lambda e: e.unusable > 0,
        Verdict.NOT_BELIEVABLE,
        claim="The discriminator returns {unusable_as}; nothing is explained.",
        detail="It does so for {unusable:,} of {scored:,} samples, so there is nothing to explain.",
        advice="Its training has diverged, or it expects other values than it is given: take an earlier checkpoint, or "
        "check `--discriminator-range`",
    ),
    Rule(
        "one-number",
        lambda e: e.constant is not None,
        Verdict.NOT_BELIEVABLE,
        claim="The discriminator gives every sample one number: nothing to explain.",
        detail="Each of {scored:,} samples, real or generated, is given {constant:.4g}.",
        advice="Check that its trained weights were loaded, and that it gets the values it was trained on: "
        "`--discriminator-range`",
    ),
    Rule(
        "no-map",
        lambda e: not e.ranked,
        Verdict.NOT_BELIEVABLE,
        claim="No method gives a map of this discriminator.",
        detail="The first reason is this: {first_left_out}.",
    ),
    Rule(
        "no-method-believed",
        lambda e: not e.believed,
        Verdict.NOT_BELIEVABLE,
        claim="No map of the discriminator passes its checks: believe none.",
        detail="The best of {methods} methods is {best.title}, but {best_fault}.",
        advice="Show none of the maps as a reason; why each method fails stands in the table.",
    ),
    Rule(
        "few-different-samples",
        lambda e: e.different < e.settings.fewest_different,
        Verdict.CAUTION,
        claim="Only {different_samples} explained: this holds of no others.",
        detail="Of the {explained} generated samples that it finds most fake only {different} differ, and "
        "{settings.fewest_different} are needed to speak of a kind of samples.",
        advice="See how few samples the generator makes: `ganlens probe diversity SUBJECT`",
    ),
    Rule(
        "not-checked-with-shuffled-weights",
        lambda e: bool(e.unchecked),
        Verdict.CAUTION,
        claim="Where the discriminator looks is shown, but not checked with shuffled weights.",
        detail="It looks {looks_at}, where {share:.0%} of the attribution lies in {area:.0%} of the picture; the check "
        "is missing, because {unchecked}.",
        advice="Give the discriminator as a module that can be copied with its weights: "
        "`--discriminator python:MODULE:CALLABLE`",
    ),
    Rule(
        "looks-at-the-batch",
        lambda e: e.neighbours > 0,
        Verdict.CAUTION,
        claim="The discriminator looks at the whole batch beside the sample.",
        detail="A sample's number changes with its neighbours by {neighbours_in_percent} of the numbers' spread, so "
        "what it can tell or has by heart is not said.",
        advice="Take the maps for a hint, or give a discriminator without minibatch statistics or batch "
        "normalisation in training mode.",
    ),
    Rule(
        "learned-by-heart",
        lambda e: e.learned is not None and e.learned.low > 0.5,
        Verdict.CAUTION,
        claim="The discriminator has learned some training samples by heart.",
        detail="It ranks training samples above held-out ones in {learned.value:.0%} of pairs, where half would be "
        "chance.",
        advice="Train with augmentation or on more samples, and see whether the generator copies: "
        "`ganlens probe memorisation SUBJECT`",
    ),
    Rule(
        "ranks-generated-higher",
        lambda e: e.told_apart is not None and e.told_apart.high < 0.5,
        Verdict.CAUTION,
        claim="The discriminator finds generated samples more real than real ones.",
        detail="A real sample wins {told_apart.value:.0%} of pairs, where half would be chance: either the generator "
        "fools it, or its number means “fake”.",
        advice="If its number means “fake”, give it with the sign turned; if not, its maps show what no longer tells "
        "samples apart: take the discriminator of an earlier checkpoint.",
    ),
    Rule(
        "cannot-tell",
        lambda e: e.told_apart is not None and e.told_apart.low <= 0.5,
        Verdict.CAUTION,
        claim="The discriminator can't tell generated from real samples.",
        detail="A real sample wins {told_apart.value:.0%} of pairs, with an interval from {told_apart.low:.0%} to "
        "{told_apart.high:.0%} that holds chance, a half.",
        advice="Its maps show what no longer tells samples apart: take the discriminator of an earlier checkpoint.",
    ),
    Rule(
        "foretells-little",
        lambda e: not e.foretells_enough,
        Verdict.CAUTION,
        claim="Even the best map foretells little of what the discriminator does.",
        detail="The best method, {best.title}, does away with {best.self_score:.0%} of the error of a map that knows "
        "nothing; {settings.least_self_score:.0%} would be most of it.",
        advice="Cover the places in question and ask the discriminator again before acting on a map.",
    ),
    Rule(
        "looks-at-little",
        lambda e: e.area < e.settings.narrow,
        Verdict.CAUTION,
        claim="The discriminator looks at little: {where}.",
        detail="{share:.0%} of the attribution lies in {area:.0%} of the picture; {area_otherwise}.",
        advice="See whether real and generated samples differ there in something trivial, such as a border or a "
        "mark; if so, crop it and train again.",
    ),
    Rule(
        "looks-where-samples-differ",
        lambda e: e.of_the_samples,
        Verdict.GOOD,
        claim="The discriminator looks where its samples differ, whatever it learned.",
        detail="At the same place, {where}, {share:.0%} of the attribution lies in {area:.0%} of the picture; "
        "{area_otherwise}.",
    ),
    Rule(
        "looks-at",
        always,
        Verdict.GOOD,
        claim="The discriminator looks {looks_at}.",
        detail="There {share:.0%} of the attribution, what makes it call samples fake, lies in {area:.0%} of the "
        "picture; {area_otherwise}.",
    ),
)


def remarks(evidence: Evidence) -> list[str]:
    """What a careful reader should know besides the claim; nothing of the maps where none is believed."""
    conclusion = RULES.conclude(evidence)
    if conclusion.verdict is Verdict.NOT_BELIEVABLE:
        # How it ranks samples is measured without any map.
        ranks = [_tells_apart(evidence), _by_heart(evidence)]
        return [_alarms(evidence.alarms), *ranks, _of_one_class(evidence.label)]
    sentences_and_rules_that_say_them = [
        (_looks(evidence), ("not-checked-with-shuffled-weights", "looks-at-little", "looks-at")),
        (_which_to_believe(evidence), ()),
        (_missing_check(evidence), ("not-checked-with-shuffled-weights",)),
        (_of_neighbours(evidence), ("looks-at-the-batch",)),
        (_tells_apart(evidence), ("ranks-generated-higher", "cannot-tell")),
        (_by_heart(evidence), ("learned-by-heart",)),
        (_alarms(evidence.alarms), ()),
        (_of_one_class(evidence.label), ()),
    ]
    return [sentence for sentence, rules in sentences_and_rules_that_say_them if conclusion.rule not in rules]


def fault_in_words(check: MethodCheck, fault: Fault) -> str:
    """Why a method is not to be believed, as the end of "…, but …"."""
    agreement = 0.0 if check.agreement_with_shuffled is None else check.agreement_with_shuffled.value
    return {
        Fault.EMPTY: f"{check.empty:.0%} of its maps are zero everywhere",
        Fault.AS_RANDOM_ORDER: "pixels in its order move the score no faster than in random order",
        Fault.AS_BLIND_MAPS: f"what swaps of patches do it foretells no better than {check.foretold.reference}",
        Fault.AS_SHUFFLED: f"a model with shuffled weights gets about the same maps (agreement {agreement:.2f})",
        Fault.UNSTABLE: f"noise that no one sees changes its maps (agreement {check.stability:.2f})",
        Fault.INCOMPLETE: f"its maps leave {check.gap or 0.0:.0%} of the score unexplained",
    }[fault]


def alarm_in_words(alarm: GradientAlarm) -> str:
    """Where gradients end."""
    if alarm.where == AT_THE_PICTURE:
        end = "is zero" if alarm.kind == "dead" else "is not finite"
        return f"the gradient at the picture {end} for {alarm.share:.0%} of the samples"
    end = {
        "dead": "passes no gradient on",
        "saturated": "is saturated (it passes less than a thousandth of the gradient on)",
        "not finite": "turns the gradient into NaN or infinity",
    }[alarm.kind]
    return f"{alarm.where} ({alarm.module_type}) {end} for {alarm.share:.0%} of the samples"


def _alarms(alarms: list[GradientAlarm]) -> str:
    if not alarms:
        return ""
    ends = "; ".join(alarm_in_words(alarm) for alarm in alarms[:ALARMS])
    return f"Alarm: {ends}, so maps made of gradients show rounding or nothing."


def _looks(evidence: Evidence) -> str:
    if evidence.place is None:
        return ""
    return (
        f"To call samples fake the discriminator looks {evidence.looks_at}: {evidence.share:.0%} of the attribution "
        f"lies in {evidence.area:.0%} of the picture; {evidence.area_otherwise}."
    )


def _which_to_believe(evidence: Evidence) -> str:
    doubted = [check.title for check in evidence.ranked if not check.believed]
    believed = f"Believe {_listed([check.title for check in evidence.believed])}"
    return f"{believed}, not {_listed(doubted)}." if doubted else f"{believed}."


def _missing_check(evidence: Evidence) -> str:
    because = evidence.unchecked
    return f"The check on shuffled weights is missing, because {because}." if because else ""


def _of_neighbours(evidence: Evidence) -> str:
    if not evidence.neighbours:
        return ""
    return (
        "It looks at the whole batch: a sample's number changes with its neighbours by "
        f"{evidence.neighbours_in_percent} of the numbers' spread, so what it can tell or has by heart is not said."
    )


def _tells_apart(evidence: Evidence) -> str:
    told_apart = evidence.told_apart
    if told_apart is None:
        return ""
    if told_apart.low > 0.5:
        return f"It ranks a real sample above a generated one in {told_apart.value:.0%} of pairs."
    if told_apart.high < 0.5:
        return f"It ranks generated samples above real ones: real wins {told_apart.value:.0%} of pairs."
    return f"It can't tell generated from real samples: real wins {told_apart.value:.0%} of pairs."


def _by_heart(evidence: Evidence) -> str:
    learned = evidence.learned
    if learned is None or learned.low <= 0.5:
        return ""
    return (
        f"It ranks training samples above held-out ones in {learned.value:.0%} of pairs: it has learned some by "
        "heart."
    )


def _of_one_class(label: int | None) -> str:
    """Of which samples all this holds, where the discriminator judges them together with labels."""
    if label is None:
        return ""
    return f"It judges samples together with labels: all of this is of the class {label}, the one asked for most often."


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
