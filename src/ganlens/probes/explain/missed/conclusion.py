"""What is said of the regions, the planted gaps and the coverage, and the verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ganlens.explain.gaps.classes import Classes
from ganlens.explain.gaps.planted_gaps import ClassGaps, PlantedGap
from ganlens.explain.gaps.regions import KINDS, Comparison, Kind
from ganlens.measures import Estimate, NeighbourCoverage
from ganlens.rules import Verdict

BAD_MASS = 0.1
"""Mass missed or invented, at the low end of its interval, from which the verdict is bad."""

THIN = 0.01
"""Level at which coverage counts as lower than its reference."""

NEVER = 0.1
"""Up to this share of what the other side has, a kind of sample is missed or invented, not only rare or frequent."""


@dataclass(frozen=True)
class InCode:
    """What one code says of the generator, and of held-out real samples in its place, which miss nothing."""

    generator: Comparison
    nothing_missing: Comparison


def finds_nothing_as_often(found: InCode) -> str:
    """The sentence that has to open the headline where the procedure names regions that miss nothing."""
    false, true = confirmed_in(found.nothing_missing), confirmed_in(found.generator)
    if false == 0 or 2 * false < true:
        return ""
    return (
        "Not believable: with held-out real samples in the generator's place the same procedure names "
        f"{false} region{'s' * (false != 1)}, where it should name none (for the generator: {true})."
    )


def result(found: InCode, classes: Classes, names: dict[int, str]) -> str:
    """What is missed and what is made too much of."""
    comparison = found.generator
    parts = [_part(comparison, kind, classes, names) for kind in KINDS if comparison.confirmed(kind)]
    false = confirmed_in(found.nothing_missing)
    control = f"held-out real samples, put to the same test: {false or 'none'}"
    if not parts:
        return f"No region of the data's code space is clearly missed or invented ({control})."
    return f"The generator {' and '.join(parts)}; {control}."


def blindness(gap: PlantedGap, gaps: ClassGaps | None, found: InCode, names: Sequence[str]) -> str:
    """What the silence is worth, or on how little data anything would be overlooked."""
    if not gap.found:
        return (
            f"With this little data gaps are overlooked: even one of {gap.mass:.0%}, cut into real samples, "
            "was not noticed."
        )
    if found.generator.confirmed("missed"):
        return ""
    text = f"A gap of {gap.mass:.0%} would have been noticed: one planted in real samples was"
    if gaps is None or not gaps.tried:
        return f"{text}."
    if not gaps.overlooked:
        return f"{text}, and so was each of {len(gaps.tried)} classes, cut out one at a time."
    overlooked = ", ".join(names[number] for number in gaps.overlooked[:4])
    more = ", …" if len(gaps.overlooked) > 4 else ""
    return (
        f"{text}; of {len(gaps.tried)} classes, cut out one at a time, {len(gaps.noticed)} would have been "
        f"noticed (not {overlooked}{more})."
    )


def coverage_sentence(coverage: NeighbourCoverage, covered: Estimate, reference: float) -> str:
    """How many held-out samples have a generated neighbour, where that is too few."""
    if not thin(coverage):
        return ""
    return (
        f"{covered.value:.0%} of held-out real samples have a generated neighbour ({covered.low:.0%} to "
        f"{covered.high:.0%}), where {reference:.0%} have a real one."
    )


def verdict(found: InCode, gap: PlantedGap, gaps: ClassGaps | None, coverage: NeighbourCoverage) -> Verdict:
    """Bad for much missed or invented, caution where anything is or where nothing could have been seen."""
    mass = max(found.generator.mass(kind).low for kind in KINDS)
    half = coverage.by_generated.sum() < coverage.by_real.sum() / 2
    if (mass >= BAD_MASS and confirmed_in(found.generator)) or (half and thin(coverage)):
        return Verdict.BAD
    blind = gaps is not None and 2 * len(gaps.noticed) < len(gaps.tried)
    if confirmed_in(found.generator) or thin(coverage) or not gap.found or blind:
        return Verdict.CAUTION
    return Verdict.GOOD


def confirmed_in(comparison: Comparison) -> int:
    """How many regions are confirmed, missed and invented."""
    return sum(len(comparison.confirmed(kind)) for kind in KINDS)


def thin(coverage: NeighbourCoverage) -> bool:
    """Whether fewer held-out samples have a generated neighbour than chance would have it."""
    return coverage.p_value <= THIN


def _part(comparison: Comparison, kind: Kind, classes: Classes, names: dict[int, str]) -> str:
    regions = comparison.confirmed(kind)
    mass = comparison.mass(kind)
    amount = f"{mass.value:.1%} of the mass, {max(mass.low, 0):.1%} to {mass.high:.1%}"
    count = f"{len(regions)} region{'s' * (len(regions) != 1)} of code space"
    verb = _verb(comparison, kind)
    if mostly := classes.mostly(comparison, kind):
        listed = " and ".join([", ".join(mostly[:-1]), mostly[-1]] if mostly[1:] else mostly)
        return f"{verb} samples that are mostly {listed} ({amount}; {count})"
    named = ", ".join(names[region.number] for region in regions[:3]) + (", …" if len(regions) > 3 else "")
    return f"{verb} {count} ({named}; {amount})"


def _verb(comparison: Comparison, kind: Kind) -> str:
    regions = comparison.confirmed(kind)
    shares = (sum(r.real_share for r in regions), sum(r.other_share for r in regions))
    few, many = shares[::-1] if kind == "missed" else shares
    gone = few <= NEVER * many
    if kind == "missed":
        return "misses" if gone else "makes too rarely"
    return "invents" if gone else "makes too often"
