"""What is said of the regions, the planted gaps and the coverage."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from ganlens.explain.gaps.classes import Classes
from ganlens.explain.gaps.planted_gaps import ClassGaps, PlantedGap
from ganlens.explain.gaps.regions import KINDS, Comparison, Kind
from ganlens.instruments.autoencoder import FittedAutoencoder
from ganlens.measures import ALARM_LEVEL, Estimate, Interval, NeighbourCoverage, share_estimate
from ganlens.probes.class_names import quoted
from ganlens.probes.explain.missed.settings import MissedSettings
from ganlens.probes.shared_rules import autoencoder_no_better_than_pca
from ganlens.rules import Rule, Rules, Verdict, always


@dataclass(frozen=True)
class InCode:
    """What one code says of the generator, and of held-out real samples in its place, which miss nothing."""

    generator: Comparison
    nothing_missing: Comparison


@dataclass(frozen=True)
class Gaps:
    """What is missed and invented, and what silence about it is worth.

    Attributes:
        class_names: of the data.
        classes: of the samples in the regions.
        region_names: by number.
        traits: what the samples that are missed, or invented, have in common, where a reading tells it.
        planted: the smallest gap that was noticed when it was cut into real samples.
        class_gaps: which classes were noticed when cut out; None without labels.
    """

    autoencoder: FittedAutoencoder
    in_code: InCode
    class_names: Sequence[str]
    classes: Classes
    region_names: dict[int, str]
    planted: PlantedGap
    class_gaps: ClassGaps | None
    coverage: NeighbourCoverage
    settings: MissedSettings
    traits: Mapping[Kind, str] = field(default_factory=dict)

    @property
    def confirmed(self) -> int:
        """Regions that are confirmed, missed and invented."""
        return confirmed_in(self.in_code.generator)

    @property
    def falsely_confirmed(self) -> int:
        """The same where nothing is missing."""
        return confirmed_in(self.in_code.nothing_missing)

    @property
    def false_regions(self) -> str:
        """That number in words."""
        return f"{self.falsely_confirmed} region{'s' * (self.falsely_confirmed != 1)}"

    @property
    def names_nothing_as_often(self) -> bool:
        """Whether the procedure names about as many regions where nothing is missing."""
        false = self.falsely_confirmed
        return false > 0 and false >= self.settings.nothing_named * self.confirmed

    @property
    def foremost(self) -> Kind:
        """What is missed, or what is invented: whichever fewer classes tell, else what there is surely most of.

        One class made too often is two made too rarely where there are three: the shorter list is the fault.
        """
        comparison = self.in_code.generator
        kinds = [kind for kind in KINDS if comparison.confirmed(kind)] or list(KINDS)

        def order(kind: Kind) -> tuple[float, float]:
            named = len(self.classes.mostly(comparison, kind))
            return (named or math.inf, -comparison.mass(kind).low)

        return min(kinds, key=order)

    @property
    def much(self) -> bool:
        """Whether surely so much is missed or invented, beyond what nothing missing comes out with, that it is bad."""
        most = max(
            self.in_code.generator.mass(kind, ALARM_LEVEL).low
            - max(self.in_code.nothing_missing.mass(kind).value, 0.0)
            for kind in KINDS
        )
        return self.confirmed > 0 and most >= self.settings.bad_mass

    @property
    def mass(self) -> Estimate:
        """Of the foremost."""
        return self.mass_of(self.foremost)

    def mass_of(self, kind: Kind) -> Estimate:
        """The mass that is missed or invented; its interval reaches up to what may have been overlooked.

        Of classes cut out of the data the procedure finds so much of their mass and not all; of what the generator
        misses it may find no more.
        """
        mass = self.in_code.generator.mass(kind)
        least = min(self.class_gaps.recovered, default=1.0) if self.class_gaps is not None else 1.0
        if not isinstance(mass.interval, Interval) or least >= 1:
            return mass
        high = min(1.0, mass.high / max(least, 1e-6)) if mass.high > 0 else mass.high
        method = (
            f"{mass.method}, its upper end over {least:.0%}: as much of a class cut out is found at least"
        )
        return Estimate(mass.value, Interval(mass.low, high, method))

    @property
    def surely(self) -> float:
        """The low end of its interval."""
        return max(self.mass.low, 0.0)

    @property
    def nothing_missing(self) -> float:
        """The same mass where nothing is missing."""
        return max(self.in_code.nothing_missing.mass(self.foremost).value, 0.0)

    @property
    def whole(self) -> str:
        """What the mass is a share of."""
        return "the data" if self.foremost == "missed" else "all it makes"

    @property
    def classes_at_fault(self) -> list[str]:
        """The classes that the foremost consists of, the commonest first; empty if none stand out."""
        return self.classes.mostly(self.in_code.generator, self.foremost)

    @property
    def class_at_fault(self) -> str:
        """The one class that it is; empty where there is none, or several, of which one would be half the truth."""
        return f"class {quoted(self.classes_at_fault[0])}" if len(self.classes_at_fault) == 1 else ""

    @property
    def trait_at_fault(self) -> str:
        """What the samples of the foremost have in common; empty where no reading tells, or a class or more do."""
        return "" if self.classes_at_fault else self.traits.get(self.foremost, "")

    @property
    def gone(self) -> bool:
        """Whether the foremost is missed or invented altogether, not only too rare or too frequent."""
        return self.is_gone(self.foremost)

    def is_gone(self, kind: Kind) -> bool:
        """The same of one kind."""
        regions = self.in_code.generator.confirmed(kind)
        shares = (sum(r.real_share for r in regions), sum(r.other_share for r in regions))
        few, many = shares[::-1] if kind == "missed" else shares
        return few <= self.settings.never * many

    @property
    def makes_of(self) -> str:
        """What it does to the kinds of the foremost."""
        if self.gone:
            return "misses" if self.foremost == "missed" else "invents"
        return f"makes too {'few' if self.foremost == 'missed' else 'many'} of"

    @property
    def makes(self) -> str:
        """The same before "samples"."""
        return self.makes_of.removesuffix(" of")

    @property
    def covered(self) -> Estimate:
        """Share of held-out samples with a generated neighbour."""
        return share_estimate(int(self.coverage.by_generated.sum()), len(self.coverage.by_generated))

    @property
    def covered_by_real(self) -> float:
        """Share of held-out samples with a real neighbour at the same distance."""
        return float(self.coverage.by_real.double().mean())

    @property
    def thin(self) -> bool:
        """Whether fewer held-out samples have a generated neighbour than chance would have it."""
        return self.coverage.p_value <= self.settings.coverage_level

    @property
    def very_thin(self) -> bool:
        """Whether far fewer do."""
        reference = self.settings.poor_coverage * self.coverage.by_real.sum()
        return self.thin and bool(self.coverage.by_generated.sum() < reference)

    @property
    def classes_tried(self) -> int:
        """Classes cut out of real samples, one at a time."""
        return len(self.class_gaps.tried) if self.class_gaps is not None else 0

    @property
    def classes_noticed(self) -> int:
        """Those of them whose absence was noticed."""
        return len(self.class_gaps.noticed) if self.class_gaps is not None else 0

    @property
    def classes_overlooked(self) -> bool:
        """Whether too few of them were."""
        return self.classes_noticed < self.settings.classes_noticed * self.classes_tried

    @property
    def and_classes(self) -> str:
        """What else would have been noticed, as the end of a sentence."""
        if not self.classes_tried:
            return ""
        overlooked = self.classes_tried - self.classes_noticed
        but = "" if not overlooked else " but one" if overlooked == 1 else f" but {overlooked}"
        return f", and each of {self.classes_tried} classes{but}"

    @property
    def of_classes(self) -> str:
        """How many classes would have been, where the planted gap was not: the end of a sentence."""
        if not self.classes_tried:
            return ""
        return f"; of {self.classes_tried} classes, cut out one at a time, {self.classes_noticed} were"


_MASS = (
    "It is surely {surely:.0%} of {whole} or more; held-out real samples, put to the same test, come out with "
    "{nothing_missing:.0%}."
)
_LOOK = (
    "Look at the samples of these regions, and count its nameable kinds: `ganlens probe cannot-generate SUBJECT`; "
    "train longer or on more samples of what it lacks."
)


def _faults(name: str, holds: Callable[[Gaps], bool], verdict: Verdict) -> tuple[Rule[Gaps], ...]:
    """What is at fault, called after a class where it is one alone, else after what its samples have in common."""
    return (
        Rule(
            f"{name}-of-a-class",
            lambda gaps: holds(gaps) and bool(gaps.class_at_fault),
            verdict,
            claim="It {makes} samples that are mostly {class_at_fault}.",
            detail=_MASS,
            advice=_LOOK,
        ),
        Rule(
            f"{name}-with-a-trait",
            lambda gaps: holds(gaps) and bool(gaps.trait_at_fault),
            verdict,
            claim="It {makes} {trait_at_fault}.",
            detail=_MASS,
            advice=_LOOK,
        ),
        Rule(
            name,
            holds,
            verdict,
            claim="It {makes_of} some kinds: {mass.value:.0%} of {whole}.",
            detail=_MASS,
            advice=_LOOK,
        ),
    )


RULES = Rules(
    Gaps,
    autoencoder_no_better_than_pca(),
    Rule(
        "nothing-named-as-often",
        lambda gaps: gaps.names_nothing_as_often,
        Verdict.NOT_BELIEVABLE,
        claim="The same search finds gaps where nothing is missing.",
        detail=(
            "With held-out real samples in the generator's place it names {false_regions}, where it should name none, "
            "and {confirmed} for the generator."
        ),
        advice="Ask again of more samples: `ganlens probe missed SUBJECT --samples 20000`.",
    ),
    Rule(
        "misses-nearly-all",
        lambda gaps: gaps.much and gaps.foremost == "missed" and gaps.surely >= gaps.settings.nearly_all,
        Verdict.BAD,
        claim="It misses nearly all kinds of real sample.",
        detail=_MASS,
        advice="Look at its samples beside real ones, then train longer: `ganlens probe gallery SUBJECT`.",
    ),
    *_faults("much", lambda gaps: gaps.much, Verdict.BAD),
    Rule(
        "poorly-covered",
        lambda gaps: gaps.very_thin,
        Verdict.BAD,
        claim="Only {covered.value:.0%} of unseen real samples have a generated neighbour.",
        detail="{covered.value:.0%} have one, {covered_by_real:.0%} have a real one at the same distance.",
        advice="See what the others share, and how varied it is: `ganlens probe diversity SUBJECT`.",
    ),
    *_faults("some", lambda gaps: gaps.confirmed > 0, Verdict.CAUTION),
    Rule(
        "thinly-covered",
        lambda gaps: gaps.thin,
        Verdict.CAUTION,
        claim="Too few unseen real samples have a generated neighbour.",
        detail="{covered.value:.0%} have one, {covered_by_real:.0%} have a real one at the same distance.",
        advice="See what the others share, and how varied it is: `ganlens probe diversity SUBJECT`.",
    ),
    Rule(
        "any-gap-overlooked",
        lambda gaps: not gaps.planted.noticed,
        Verdict.GOOD,
        claim="No gap shows; one of {planted.mass:.0%} would have gone unnoticed.",
        detail="A gap of {planted.mass:.0%}, cut into real samples, was not noticed{of_classes}.",
        advice="Ask again of more samples, with more real data: `ganlens probe missed SUBJECT --samples 20000`.",
    ),
    Rule(
        "classes-overlooked",
        lambda gaps: gaps.classes_overlooked,
        Verdict.GOOD,
        claim="No gap shows; most single classes would go unnoticed.",
        detail="Of {classes_tried} classes, cut out of real samples one at a time, {classes_noticed} were noticed; so "
        "was a gap of {planted.mass:.0%}.",
    ),
    Rule(
        "nothing-missed",
        always,
        Verdict.GOOD,
        claim="No kind of sample is clearly missed or invented.",
        detail="A gap of {planted.mass:.0%} would have been noticed{and_classes}.",
    ),
)


def remarks(gaps: Gaps) -> list[str]:
    """Everything that is confirmed, what would have been overlooked, and the coverage where it is low."""
    sentences = [_listed(gaps, kind) for kind in KINDS if gaps.in_code.generator.confirmed(kind)]
    if sentences:
        sentences.append(f"Held-out real samples, put to the same test: {gaps.falsely_confirmed or 'none'}.")
    if not gaps.planted.noticed:
        sentences.append(
            f"Gaps are overlooked: even one of {gaps.planted.mass:.0%}, cut into real samples, was."
        )
    elif gaps.class_gaps is not None and gaps.class_gaps.overlooked:
        overlooked = [gaps.class_names[number] for number in gaps.class_gaps.overlooked]
        more = ", …" if len(overlooked) > 4 else ""
        sentences.append(
            f"Classes that would be overlooked if they were missing: {', '.join(overlooked[:4])}{more}."
        )
    if gaps.thin:
        sentences.append(
            f"{gaps.covered.value:.0%} of held-out real samples have a generated neighbour ({gaps.covered.low:.0%} to "
            f"{gaps.covered.high:.0%}), where {gaps.covered_by_real:.0%} have a real one."
        )
    return sentences


def confirmed_in(comparison: Comparison) -> int:
    """How many regions are confirmed, missed and invented."""
    return sum(len(comparison.confirmed(kind)) for kind in KINDS)


def _listed(gaps: Gaps, kind: Kind) -> str:
    """The regions of one kind, called after classes where some stand out."""
    comparison = gaps.in_code.generator
    regions, mass = comparison.confirmed(kind), comparison.mass(kind)
    amount = f"{mass.value:.1%} of the mass, {max(mass.low, 0):.1%} to {mass.high:.1%}"
    count = f"{len(regions)} region{'s' * (len(regions) != 1)} of the code"
    if kind == "missed":
        title = "Missed" if gaps.is_gone(kind) else "Made too rarely"
    else:
        title = "Invented" if gaps.is_gone(kind) else "Made too often"
    if mostly := gaps.classes.mostly(comparison, kind):
        listed = " and ".join([", ".join(mostly[:-1]), mostly[-1]] if mostly[1:] else mostly)
        return f"{title}: samples that are mostly {listed} ({amount}; {count})."
    if trait := gaps.traits.get(kind):
        return f"{title}: {trait} ({amount}; {count})."
    named = ", ".join(gaps.region_names[region.number] for region in regions[:3])
    return f"{title}: {count} ({named}{', …' if len(regions) > 3 else ''}; {amount})."
