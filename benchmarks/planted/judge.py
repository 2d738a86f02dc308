"""What an audit's answers are worth against a planted truth: named, alarmed, missed or acquitted; and false alarms."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from ganlens.finding import Finding
from ganlens.rules import Verdict

ALARMS = frozenset({Verdict.CAUTION, Verdict.BAD})
EXPLAINED = frozenset({Verdict.GOOD, Verdict.CAUTION, Verdict.BAD})
"""Verdicts that count where the fault is not the generator's: an explanation that shows it may be *good*."""


class Outcome(StrEnum):
    """What became of a planted truth."""

    NAMED = "named"
    """A claim names it, under a verdict that fits."""
    DETAIL = "named in a detail"
    """A detail names it, and no claim does."""
    ALARM = "alarm without the word"
    """A question that ought to answer raises an alarm, and nothing names it."""
    MISSED = "missed"
    """No question that ought to answer says anything of it."""
    ACQUITTED = "acquitted"
    """A question that ought to answer says that all is good, and no other raises an alarm."""


@dataclass(frozen=True)
class Truth:
    """Something planted, and what an answer that found it must hold.

    Attributes:
        label: short, and the same for all families, for tables.
        fault: what is planted, in a few words of this world.
        answers: probes that ought to find it; those that don't exist yet count as silent.
        words: regular expressions that a claim (or a detail) must all match, whatever the case.
        verdicts: under which words count.
        denials: a sentence that matches one of these names nothing ("no copies were found").
        anyone: whether any probe may name it, or those of `answers` alone.
        alarms: verdicts of `answers` that are an alarm, named or not.
        acquits: verdicts that acquit.
    """

    label: str
    fault: str
    answers: tuple[str, ...]
    words: tuple[str, ...]
    verdicts: frozenset[Verdict] = ALARMS
    denials: tuple[str, ...] = ()
    anyone: bool = True
    alarms: frozenset[Verdict] = ALARMS
    acquits: frozenset[Verdict] = frozenset({Verdict.GOOD})

    def names(self, sentence: str) -> bool:
        """Whether a sentence names it."""
        if any(re.search(pattern, sentence, re.IGNORECASE) for pattern in self.denials):
            return False
        return all(re.search(pattern, sentence, re.IGNORECASE) for pattern in self.words)


@dataclass(frozen=True)
class Answer:
    """What is kept of a finding."""

    probe: str
    section: str
    verdict: Verdict
    rule: str
    claim: str
    detail: str
    seconds: float
    unanswered: str = ""

    @classmethod
    def of(cls, finding: Finding) -> Answer:
        """A finding, without figures and arrays."""
        return cls(
            finding.probe,
            finding.section,
            finding.verdict,
            finding.rule,
            finding.claim,
            finding.detail,
            round(finding.seconds, 2),
            finding.unanswered.value if finding.unanswered is not None else "",
        )

    @classmethod
    def read(cls, entry: dict[str, Any]) -> Answer:
        """As it was recorded."""
        return cls(**{**entry, "verdict": Verdict(entry["verdict"])})

    def record(self) -> dict[str, Any]:
        """As JSON-able values."""
        return {**asdict(self), "verdict": self.verdict.value}


@dataclass(frozen=True)
class Judgement:
    """What became of one truth: the outcome, and the answer that decided it (None where nobody spoke)."""

    truth: Truth
    outcome: Outcome
    by: Answer | None

    def record(self) -> dict[str, Any]:
        """As JSON-able values."""
        said = {} if self.by is None else {key: self.by.record()[key] for key in _KEPT}
        return {"label": self.truth.label, "fault": self.truth.fault, "outcome": self.outcome.value, **said}


_KEPT = ("probe", "verdict", "rule", "claim", "detail")


def judged(truth: Truth, answers: Sequence[Answer]) -> Judgement:
    """The best that any answer made of a truth."""
    heard = [answer for answer in answers if truth.anyone or answer.probe in truth.answers]
    fitting = [answer for answer in heard if answer.verdict in truth.verdicts]
    for outcome, part in ((Outcome.NAMED, "claim"), (Outcome.DETAIL, "detail")):
        for answer in _in_turn(fitting, truth):
            if truth.names(getattr(answer, part)):
                return Judgement(truth, outcome, answer)
    asked = [answer for answer in answers if answer.probe in truth.answers]
    for outcome, verdicts in ((Outcome.ALARM, truth.alarms), (Outcome.ACQUITTED, truth.acquits)):
        for answer in _in_turn(asked, truth):
            if answer.verdict in verdicts:
                return Judgement(truth, outcome, answer)
    return Judgement(truth, Outcome.MISSED, asked[0] if asked else None)


def _in_turn(answers: Iterable[Answer], truth: Truth) -> list[Answer]:
    """Those that ought to answer first, the worst verdict of them first."""
    order = [Verdict.BAD, Verdict.CAUTION]

    def place(answer: Answer) -> tuple[int, int]:
        own = truth.answers.index(answer.probe) if answer.probe in truth.answers else len(truth.answers)
        return (order.index(answer.verdict) if answer.verdict in order else len(order), own)

    return sorted(answers, key=place)


def false_alarms(answers: Sequence[Answer]) -> list[Answer]:
    """Of answers about a healthy subject: what is not good, unless it does not apply."""
    return [answer for answer in answers if answer.verdict not in (Verdict.GOOD, Verdict.NOT_APPLICABLE)]


def approvals(answers: Sequence[Answer]) -> list[Answer]:
    """Of answers about a generator that has learned nothing: explanations that are called good."""
    return [answer for answer in answers if answer.section == "explain" and answer.verdict is Verdict.GOOD]
