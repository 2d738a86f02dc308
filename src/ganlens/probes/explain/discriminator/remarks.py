"""What a careful reader should know of a discriminator's explanation besides the claim."""

from __future__ import annotations

from ganlens.explain.attribution import GradientAlarm
from ganlens.explain.attribution.alarms import AT_THE_PICTURE
from ganlens.probes.explain.discriminator.conclusion import RULES
from ganlens.probes.explain.discriminator.evidence import Evidence
from ganlens.rules import Verdict

ALARMS = 2
"""Places where gradients end that a remark names."""


def remarks(evidence: Evidence) -> list[str]:
    """What a careful reader should know besides the claim; nothing of the maps where none is believed."""
    conclusion = RULES.conclude(evidence)
    if conclusion.verdict is Verdict.NOT_BELIEVABLE:
        # How it ranks samples is measured without any map.
        ranks = [_tells_apart(evidence), _by_heart(evidence)]
        return [_alarms(evidence.alarms), *ranks, _of_one_class(evidence.label)]
    sentences_and_rules_that_say_them = [
        (_goes_by(evidence), ("goes-by-one-part-alone", "goes-mostly-by-one-part")),
        (_built_so(evidence), ()),
        (_looks(evidence), ("not-checked-with-shuffled-weights", "looks-at-little", "looks-at")),
        (_which_to_believe(evidence), ()),
        (_missing_check(evidence), ("not-checked-with-shuffled-weights",)),
        (_of_neighbours(evidence), ("looks-at-the-batch",)),
        (_tells_apart(evidence), ("ranks-generated-higher", "cannot-tell")),
        (_sees_damage(evidence), ()),
        (_by_heart(evidence), ("learned-by-heart",)),
        (_alarms(evidence.alarms), ()),
        (_of_one_class(evidence.label), ()),
    ]
    return [sentence for sentence, rules in sentences_and_rules_that_say_them if conclusion.rule not in rules]


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


def _goes_by(evidence: Evidence) -> str:
    if not evidence.part_foretells:
        return ""
    by = "by" if evidence.alone else "mostly by"
    return (
        f"It goes {by} {evidence.part}: where two samples share that and nothing else, {evidence.left:.0%} of the "
        f"number's change is left ({evidence.left_otherwise:.0%} if every value counted alike)."
    )


def _built_so(evidence: Evidence) -> str:
    """Whether a part that counts alone does so with any weights."""
    if not evidence.alone or (shuffled := evidence.foremost.shuffled_left) is None:
        return ""
    if shuffled <= evidence.settings.alone:
        return f"It goes by {evidence.part} with shuffled weights, too: it is built so, whatever it learned."
    return (
        f"With shuffled weights {min(1.0, shuffled):.0%} of the change is left: it has learned to go by that."
    )


def _sees_damage(evidence: Evidence) -> str:
    if evidence.surely_ranks_real_higher or not evidence.sees_damage:
        return ""
    damage = evidence.plainest_damage
    return (
        f"It isn't blind: it ranks real samples above those after {damage.name} in "
        f"{damage.told_apart.value:.0%} of pairs."
    )


def _which_to_believe(evidence: Evidence) -> str:
    if not evidence.believed:
        return "Believe none of the maps: each fails a check." if evidence.ranked else ""
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
