"""What is said of a discriminator's explanation: the headline, the verdict and the measurements."""

from __future__ import annotations

from ganlens.explain.attribution import GradientAlarm, Method
from ganlens.explain.attribution.checks import MethodCheck
from ganlens.explain.attribution.places import HOLDS, Place, place_of
from ganlens.measurement import Measurement
from ganlens.measures import Estimate, Interval
from ganlens.rules import Verdict
from ganlens.subject.evaluation_mode import in_percent

NARROW = 0.1
"""Share of the picture that, holding 70 % of the attribution, makes the discriminator's attention narrow."""
HALF = 0.5
"""Self-score from which the best method explains more of the number than it leaves open."""
FEWEST_DIFFERENT = 4
"""Different generated samples below which what is explained is these few and no kind of samples."""
NARROWER = 0.8
"""Of the area that the discriminator with shuffled weights needs: from there on the samples explain the place."""


def gate(believed: list[MethodCheck], checks: list[MethodCheck], left_out: dict[Method, str]) -> str:
    """What stands first where no method is to be believed."""
    if believed:
        return ""
    if not checks:
        return (
            f"Not believable: no method gives a map of this discriminator ({next(iter(left_out.values()))})."
        )
    best = max(checks, key=lambda check: check.self_score)
    return (
        f"Not believable: none of {len(checks)} methods passes its checks; the nearest is {best.title}, but "
        f"{best.faults[0]}."
    )


def looks(place: Place | None, believed: list[MethodCheck], explained: int) -> str:
    """Where the most believable method says that it looks; `explained` generated samples stand first in the maps."""
    if place is None:
        return ""
    check = believed[0].first(explained)
    beside, samples_own = "an even map would need 70 %", ""
    if check.shuffled_maps is not None and (other := place_of(check.mean_shuffled_map)) is not None:
        beside = f"with shuffled weights, in {other.area:.0%}"
        if place.where == other.where and place.area > NARROWER * other.area:
            samples_own = (
                " at the same place: it is where the samples differ, whatever the discriminator learned"
            )
    mostly = "at" if place.where.startswith("no one") else "mostly at"
    return (
        f"To call samples fake the discriminator looks {mostly} {place.where}: {place.share:.0%} of the "
        f"attribution lies in {place.area:.0%} of the picture ({beside}{samples_own})."
    )


def alarm_sentence(alarms: list[GradientAlarm]) -> str:
    """Where gradients end."""
    if not alarms:
        return ""
    text = "; ".join(str(alarm) for alarm in alarms[:2])
    return f"Alarm: {text}, so maps made of gradients show rounding or nothing."


def which_to_believe(believed: list[MethodCheck], ranked: list[MethodCheck]) -> str:
    """The methods by name."""
    doubted = [check.title for check in ranked if not check.believed]
    if not believed:
        return ""
    text = f"Believe {_listed([check.title for check in believed])}"
    if doubted:
        text += f", not {_listed(doubted)}"
    if (best := believed[0].self_score) < HALF:
        text += f"; but even the best foretells little of what the discriminator does (self-score {best:.2f})"
    return f"{text}."


def missing_check(believed: list[MethodCheck], because: str) -> str:
    """That the check on shuffled weights was not made, where something is believed without it."""
    return f"The check on shuffled weights is missing, because {because}." if because and believed else ""


def of_neighbours(share: float) -> str:
    """That a sample's number is not its own; nothing is said then of what the discriminator can tell."""
    if not share:
        return ""
    return (
        f"It looks at the whole batch: a sample's number changes with its neighbours by {in_percent(share)} of the "
        "numbers' spread, so what it can tell or has by heart is not said."
    )


def of_copies(different: int) -> str:
    """That the generated samples explained are a few, repeated; empty where there are `FEWEST_DIFFERENT` or more."""
    if different >= FEWEST_DIFFERENT:
        return ""
    samples = "sample" if different == 1 else "samples"
    return (
        f"The generated ones explained are {different} different {samples} alone, so this holds of no others."
    )


def of_one_class(label: int | None) -> str:
    """Of which samples all this holds, where the discriminator judges them together with labels."""
    if label is None:
        return ""
    return f"It judges samples together with labels: all of this is of the class {label}, the one asked for most often."


def tells_apart(told_apart: Estimate | None) -> str:
    """Whether it still does its work."""
    if told_apart is None:
        return ""
    if told_apart.low > 0.5:
        return f"It ranks a real sample above a generated one in {told_apart.value:.0%} of pairs."
    if told_apart.high < 0.5:
        return (
            f"It ranks generated samples above real ones (real wins {told_apart.value:.0%} of pairs): either "
            "the generator fools it, or its number means “fake”."
        )
    return f"It can't tell generated from real samples (real wins {told_apart.value:.0%} of pairs)."


def by_heart(learned: Estimate | None) -> str:
    """Whether it knows its training samples."""
    if learned is None or learned.low <= 0.5:
        return ""
    return (
        f"It ranks training samples above held-out ones in {learned.value:.0%} of pairs: it has learned some "
        "by heart."
    )


def verdict_on(
    believed: list[MethodCheck],
    told_apart: Estimate | None,
    learned: Estimate | None,
    place: Place | None,
    *,
    unchecked: bool = False,
) -> Verdict:
    """See the probe's `method`; `unchecked`: a check is missing, or the numbers are not of single samples."""
    if not believed:
        return Verdict.NOT_BELIEVABLE
    doubts = (
        unchecked,
        believed[0].self_score < HALF,
        told_apart is not None and told_apart.low <= 0.5,
        learned is not None and learned.low > 0.5,
        place is not None and place.area < NARROW,
    )
    return Verdict.CAUTION if any(doubts) else Verdict.GOOD


def numbers(told_apart: Estimate | None, learned: Estimate | None) -> list[Measurement]:
    """What it does, whatever explains it."""
    found = []
    if told_apart is not None:
        found.append(
            told_apart.measurement(
                "AUC: real samples ranked above generated ones",
                better="neither",
                baseline=0.5,
                what="a coin",
            )
        )
    if learned is not None:
        found.append(
            learned.measurement(
                "AUC: training samples ranked above held-out ones",
                better="lower",
                baseline=0.5,
                what="a discriminator that learned nothing by heart",
            )
        )
    return found


def measurements(check: MethodCheck, explained: int) -> list[Measurement]:
    """One method's lines; `explained` generated samples stand first in its maps."""
    title, told = check.title, check.foretold
    found = [
        check.advantage.measurement(
            f"{title}: insertion minus deletion area, beyond random order",
            better="higher",
            baseline=check.advantage.value - check.over_control.value,
            what=f"{check.control}, the best map that never looks at the discriminator (random order: 0)",
        ),
        told.infidelity.measurement(
            f"{title}: infidelity under swaps of patches",
            better="lower",
            baseline=told.reference_infidelity,
            what=f"{told.reference}, the best map that knows nothing of the discriminator (exact: 0)",
        ),
        _cut(told.done_away).measurement(
            f"{title}: self-score",
            better="higher",
            baseline=0.0,
            what=f"{told.reference}, whose infidelity it does not undercut",
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
        found.append(
            check.agreement_with_shuffled.measurement(
                f"{title}: agreement with maps of the discriminator with shuffled weights",
                better="lower",
                baseline=check.stability,
                what="agreement with its own maps under noise that no one sees",
            )
        )
    if check.gap is not None:
        found.append(
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
        found.append(
            Estimate(place.area, "none: it is read off the mean of all maps").measurement(
                f"{title}: share of the picture that holds {HOLDS:.0%} of the attribution",
                better="neither",
                baseline=HOLDS,
                what="an even map",
                controls={"the discriminator with shuffled weights": shuffled.area} if shuffled else None,
            )
        )
    return found


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _cut(estimate: Estimate) -> Estimate:
    """With value and ends in 0…1, as a self-score is."""
    value, low, high = (min(max(x, 0.0), 1.0) for x in (estimate.value, estimate.low, estimate.high))
    return Estimate(value, Interval(low, high, estimate.method))
