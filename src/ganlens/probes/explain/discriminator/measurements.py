"""The numbers of a discriminator's explanation, each beside its baseline."""

from __future__ import annotations

from collections.abc import Sequence

from ganlens.explain.attribution.checks import MethodCheck
from ganlens.explain.attribution.damage_told import DamageTold
from ganlens.explain.attribution.places import HOLDS, place_of
from ganlens.measurement import Measurement
from ganlens.measures import Estimate, Interval


def damage_measurements(damages: Sequence[DamageTold]) -> list[Measurement]:
    """What it makes of damage. No discriminator has to find blur fake, so neither end is better."""
    return [
        damage.told_apart.measurement(
            f"AUC: real samples ranked above real ones after {damage.name}",
            better="neither",
            baseline=0.5,
            what="a coin",
        )
        for damage in damages
    ]


def ranking_measurements(told_apart: Estimate | None, learned: Estimate | None) -> list[Measurement]:
    """What it does, whatever explains it."""
    lines = []
    if told_apart is not None:
        lines.append(
            told_apart.measurement(
                "AUC: real samples ranked above generated ones",
                better="neither",
                baseline=0.5,
                what="a coin",
            )
        )
    if learned is not None:
        lines.append(
            learned.measurement(
                "AUC: training samples ranked above held-out ones",
                better="lower",
                baseline=0.5,
                what="a discriminator that learned nothing by heart",
            )
        )
    return lines


def method_measurements(check: MethodCheck, explained: int) -> list[Measurement]:
    """One method's lines; `explained` generated samples stand first in its maps."""
    title, foretold = check.title, check.foretold
    lines = [
        check.advantage.measurement(
            f"{title}: insertion minus deletion area, beyond random order",
            better="higher",
            baseline=check.advantage.value - check.over_control.value,
            what=f"{check.control}, the best map that never looks at the discriminator (random order: 0)",
        ),
        foretold.infidelity.measurement(
            f"{title}: infidelity under swaps of patches",
            better="lower",
            baseline=foretold.reference_infidelity,
            what=f"{foretold.reference}, the best map that knows nothing of the discriminator (exact: 0)",
        ),
        cut(foretold.done_away).measurement(
            f"{title}: self-score",
            better="higher",
            baseline=0.0,
            what=f"{foretold.reference}, whose infidelity it does not undercut",
        ),
        Estimate(
            check.sensitivity,
            "none: it is a largest value over few draws; never to be read alone, a constant map has 0",
        ).measurement(
            f"{title}: max-sensitivity to invisible noise",
            better="lower",
            baseline=2**0.5,
            what="two unrelated maps of one length",
        ),
    ]
    if check.agreement_with_shuffled is not None:
        lines.append(
            check.agreement_with_shuffled.measurement(
                f"{title}: agreement with maps of the discriminator with shuffled weights",
                better="lower",
                baseline=check.stability,
                what="agreement with its own maps under noise that no one sees",
            )
        )
    if check.gap is not None:
        lines.append(
            Estimate(check.gap, "none: it is an error of numerical integration, not of sampling").measurement(
                f"{title}: share of the score's difference left unexplained, median",
                better="lower",
                baseline=1.0,
                what="a map of zeros",
            )
        )
    own = check.first(explained)
    if (place := place_of(own.mean_map)) is not None:
        shuffled = place_of(own.mean_shuffled_map) if own.shuffled_maps is not None else None
        lines.append(
            Estimate(place.area, "none: it is read off the mean of all maps").measurement(
                f"{title}: share of the picture that holds {HOLDS:.0%} of the attribution",
                better="neither",
                baseline=HOLDS,
                what="an even map",
                controls={"the discriminator with shuffled weights": shuffled.area} if shuffled else None,
            )
        )
    return lines


def cut(estimate: Estimate) -> Estimate:
    """An estimate with value and ends in 0…1, as a self-score is."""
    value, low, high = (min(max(x, 0.0), 1.0) for x in (estimate.value, estimate.low, estimate.high))
    return Estimate(value, Interval(low, high, estimate.method))
