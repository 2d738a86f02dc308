"""From kept answers to the record: each subject judged, families put in their place, requirements as lines."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from planted.conditions import CONDITIONS, planted_truths
from planted.families import FAMILIES
from planted.judge import Answer, Outcome, approvals, false_alarms, judged
from planted.lines import LEAST_RHO, Line
from planted.recovery import rank_correlation

Entry = dict[str, Any]
SHARE_NAMED, SHARE_NAMED_HELD_BACK = 0.9, 0.8
MOST_FALSE_ALARMS = 0.05
NEAR_THE_BEST = 0.05
"""By how much the self-score of the method that recovers most may lie below the best self-score."""
_COPIED = ("family", "level", "condition", "seed", "scale", "seconds", "absent", "problem", "recovery")
_PLACE = ("family", "level", "condition", "seed")


def judged_entry(entry: Entry) -> Entry:
    """What the record keeps of one subject: its judgements, and where it is healthy its false alarms."""
    family, condition = FAMILIES[entry["family"]], CONDITIONS[entry["condition"]]
    answers = [Answer.read(answer) for answer in entry["answers"]]
    truths = planted_truths(condition, family, family.level(entry["level"]), entry["seed"])
    answered = [answer for answer in answers if not answer.unanswered]
    return {
        **{name: entry[name] for name in _COPIED},
        "held_back": family.held_back,
        "healthy": condition.healthy,
        "answered": len(answered),
        "failed": [_brief(a) for a in answers if a.unanswered in ("trouble", "defect")],
        "judgements": [judged(truth, answers).record() for truth in truths],
        "false_alarms": [_brief(a) for a in false_alarms(answered)] if condition.healthy else [],
        "approved": [_brief(a) for a in approvals(answered)] if condition.name == "untrained" else [],
    }


def _brief(answer: Answer) -> Entry:
    said = answer.record()
    return {name: said[name] for name in ("probe", "verdict", "rule", "claim", "detail")}


def kept_entries(folder: Path, *, held_back: bool) -> list[Entry]:
    """Every subject's answers that a folder holds; those of a family that is held back where that is said."""
    entries = []
    for path in sorted(folder.glob("*/*/*.json")):
        entry = json.loads(path.read_text())
        known = entry.get("family") in FAMILIES and entry.get("condition") in CONDITIONS
        if known and (held_back or not FAMILIES[entry["family"]].held_back):
            entries.append(entry)
    return entries


def merged(recorded: Sequence[Entry], new: Iterable[Entry]) -> list[Entry]:
    """The recorded subjects with new ones in their place; all others stay as they are."""
    entries = {_place(entry): entry for entry in recorded} | {_place(entry): entry for entry in new}
    families, conditions = list(FAMILIES), list(CONDITIONS)

    def order(place: tuple[Any, ...]) -> tuple[int, str, int, int]:
        family, level, condition, seed = place
        known = (
            families.index(family) if family in families else len(families),
            conditions.index(condition) if condition in conditions else len(conditions),
        )
        return known[0], level, known[1], seed

    return [entries[place] for place in sorted(entries, key=order)]


def _place(entry: Entry) -> tuple[Any, ...]:
    return tuple(entry[name] for name in _PLACE)


def family_lines(entries: Sequence[Entry]) -> list[Line]:
    """What is required of the families, developed and held back apart."""
    lines: list[Line] = []
    for title, held_back, share in (
        ("families developed on", False, SHARE_NAMED),
        ("the family held back", True, SHARE_NAMED_HELD_BACK),
    ):
        chosen = [entry for entry in entries if entry["held_back"] is held_back]
        if not chosen:
            if held_back:
                lines.append(Line(f"{title}: planted faults named in a claim", "missing", "not asked yet"))
            continue
        lines += [
            _named_line(title, chosen, share),
            *_false_alarm_lines(title, chosen),
            _approved_line(title, chosen),
            *_self_score_lines(chosen),
        ]
    return lines


def _named_line(title: str, entries: Sequence[Entry], share: float) -> Line:
    what = f"{title}: planted faults named in a claim, {share:.0%} or more"
    outcomes = Counter(each["outcome"] for entry in entries for each in entry["judgements"])
    failed = sum(bool(entry["problem"]) for entry in entries)
    if not outcomes:
        return Line(what, "missing", "no fault was asked about")
    named, total = outcomes[Outcome.NAMED.value], sum(outcomes.values())
    figures = f"{named} of {total}; " + ", ".join(
        f"{outcomes[o.value]} {o.value}" for o in Outcome if o is not Outcome.NAMED
    )
    figures += f"; {failed} subjects could not be asked" if failed else ""
    return Line(what, "passed" if named >= share * total else "failed", figures)


def _false_alarm_lines(title: str, entries: Sequence[Entry]) -> list[Line]:
    healthy = [entry for entry in entries if entry["healthy"]]
    what = f"{title}: of questions about what is healthy at most {MOST_FALSE_ALARMS:.0%} say caution or bad"
    questions = sum(entry["answered"] for entry in healthy)
    if not questions:
        return [Line(what, "missing", "nothing healthy was asked about")]
    verdicts = Counter(alarm["verdict"] for entry in healthy for alarm in entry["false_alarms"])
    alarms, bad = verdicts["caution"] + verdicts["bad"], verdicts["bad"]
    figures = f"{alarms} of {questions}; {verdicts['not believable']} more are not believable"
    state = "passed" if alarms <= MOST_FALSE_ALARMS * questions else "failed"
    none_bad = Line(f"{title}: and none says bad", "failed" if bad else "passed", f"{bad} of {questions}")
    return [Line(what, state, figures), none_bad]


def _approved_line(title: str, entries: Sequence[Entry]) -> Line:
    what = f"{title}: no explanation of an untrained generator is good"
    untrained = [entry for entry in entries if entry["condition"] == "untrained"]
    if not untrained:
        return Line(what, "missing", "none was asked about")
    good = Counter(answer["probe"] for entry in untrained for answer in entry["approved"])
    figures = (
        ", ".join(f"{probe} ({times})" for probe, times in good.items()) or f"{len(untrained)} generators"
    )
    return Line(what, "failed" if good else "passed", figures)


def recovery_rows(entries: Iterable[Entry]) -> list[Entry]:
    """Every method's recovery and self-score in a family and condition, seeds averaged."""
    groups: dict[tuple[str, str, str], list[Entry]] = defaultdict(list)
    for entry in entries:
        for row in entry["recovery"]:
            groups[entry["family"], entry["condition"], row["method"]].append(row)
    rows = []
    for (family, condition, method), seeds in groups.items():
        means = {
            name: _mean(row[name] for row in seeds)
            for name in ("recovered", "purity", "recovered_of_all", "purity_of_all", "self_score", "found")
        }
        of = seeds[0]["of"]
        rows.append(
            {
                "family": family,
                "condition": condition,
                "method": method,
                "of": of,
                "seeds": len(seeds),
                **means,
            }
        )
    return rows


def _self_score_lines(entries: Sequence[Entry]) -> list[Line]:
    """Of each family: do self-scores order methods as the truth does, and is the best known as the best?

    The truth is all scores that samples are drawn from: a direction that is the class alone is as pure as any cause's.
    """
    lines = []
    rows = [row for row in recovery_rows(entries) if row["self_score"] is not None]
    for family in dict.fromkeys(row["family"] for row in rows):
        own = [row for row in rows if row["family"] == family]
        found = rank_correlation([row["self_score"] for row in own], [row["recovered_of_all"] for row in own])
        what = f"{family}: self-scores follow how much is recovered, rank correlation {LEAST_RHO} or more"
        if found is None:
            lines.append(Line(what, "missing", f"{len(own)} methods, or none that differ"))
        else:
            pure = rank_correlation([row["self_score"] for row in own], [row["purity_of_all"] for row in own])
            figures = f"ρ = {found.rho:.2f}, n = {found.n}, permutation p = {found.p:.4f}"
            figures += f"; with the directions' purity ρ = {pure.rho:.2f}" if pure is not None else ""
            lines.append(Line(what, "passed" if found.rho >= LEAST_RHO else "failed", figures))
        lines.append(_best_line(family, own))
    return lines


def _best_line(family: str, rows: Sequence[Entry]) -> Line:
    gaps = {}
    for condition in dict.fromkeys(row["condition"] for row in rows):
        own = [row for row in rows if row["condition"] == condition and row["method"] != "random"]
        if own:
            best = max(own, key=lambda row: row["recovered_of_all"])
            gap = max(row["self_score"] for row in own) - best["self_score"]
            gaps[f"{condition}: {best['method']}"] = gap
    worst = max(gaps.values(), default=0.0)
    figures = "; ".join(f"{name} {-gap:+.2f}" for name, gap in gaps.items())
    what = f"{family}: the best method's self-score is within {NEAR_THE_BEST} of the best self-score"
    return Line(what, "passed" if worst <= NEAR_THE_BEST else "failed", figures)


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None
