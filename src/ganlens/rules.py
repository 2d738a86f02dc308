"""From what a probe found to what it says: one ordered list of rules, of which the first that holds speaks.

A rule holds the verdict and the words together, so they can't part:

    RULES = Rules(
        Evidence,
        Rule("too-blurred", lambda e: not e.beats_chance, Verdict.NOT_BELIEVABLE,
             claim="Nothing here can be told from chance.",
             detail="It is right in {right:.0%} of cases; guessing is in {chance:.0%}."),
        Rule("loses-much", lambda e: e.lost.low > e.settings.much, Verdict.BAD,
             claim="It can't redraw {lost.value:.0%} of what real samples show.",
             detail="…", advice="Train longer: {resume}"),
        Rule("fine", always, Verdict.GOOD, claim="It can redraw what real samples show.", detail="…"),
    )
    conclusion = RULES.conclude(evidence)

The words are templates: `{name}`, `{name.of.its:.0%}` stand for the evidence's attributes, formatted as Python does.
Self-checks come first: where one fails, that is the claim, and no result follows it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from string import Formatter
from typing import Any, Generic, TypeVar

E = TypeVar("E")

MOST_WORDS, MOST_NUMBERS, MOST_NUMBERS_OF_DETAIL = 12, 1, 3
_NUMBER = re.compile(r"(?<![\w.,²])[-+−±]?\d[\d,.]*(?![\w²])")
_QUOTED = re.compile("“[^”]*”")
_BRACKETS = re.compile(r"[()\[\]{}<>]")
_SPACES = re.compile(r"\b(features?|feature space|code space|pixels as they are|labeller features)\b")
_SENTENCE_END = re.compile(r"[.!?…](?=\s+[A-Z])")


class Verdict(StrEnum):
    """What to make of a finding."""

    GOOD = "good"
    CAUTION = "caution"
    BAD = "bad"
    NOT_BELIEVABLE = "not believable"
    """The explanation failed its own self-check: it does not beat its baseline."""
    NOT_APPLICABLE = "not applicable"
    """The subject lacks something the probe needs; `not_applicable_because` says what."""


@dataclass(frozen=True)
class Rule(Generic[E]):
    """One thing that a probe may conclude.

    Attributes:
        name: short, in small letters with hyphens; unique among the probe's rules, and saved with the finding.
        holds: whether it applies to the evidence.
        verdict: what to make of it.
        claim: template; filled in, at most 12 words and one number, no brackets, no name of a feature space. (What
            stands between “ and ” is a name, and may hold any.)
        detail: template of one sentence with at most three numbers, the reference among them.
        advice: template of what to do, with the command or line of Python; empty where nothing is to be done.
    """

    name: str
    holds: Callable[[E], bool]
    verdict: Verdict
    claim: str
    detail: str
    advice: str = ""

    @property
    def templates(self) -> tuple[str, str, str]:
        """Claim, detail and advice as they are written."""
        return self.claim, self.detail, self.advice

    def filled(self, evidence: E) -> Conclusion:
        """The rule's words about this evidence."""
        claim, detail, advice = (_fill(template, evidence) for template in self.templates)
        return Conclusion(self.verdict, claim, detail, advice, self.name)


@dataclass(frozen=True)
class Conclusion:
    """What a probe says: the words and the verdict of the rule that held, and its name."""

    verdict: Verdict
    claim: str
    detail: str
    advice: str
    rule: str


class Rules(Generic[E]):
    """The rules of one probe, in order; the last one always holds.

    Args:
        evidence: the type whose attributes the templates name.

    Raises:
        ValueError: a name stands twice, the last rule may fail to hold, or a template names what the evidence has not.
    """

    def __init__(self, evidence: type[E], *rules: Rule[Any]) -> None:
        self.evidence = evidence
        self.rules = rules
        names = [rule.name for rule in rules]
        if len({*names}) < len(names):
            raise ValueError(f"two rules have one name: {', '.join(names)}")
        if not rules or rules[-1].holds is not always:
            raise ValueError("the last rule must hold always, or something may be left unsaid")
        known = {*dir(evidence), *_annotated(evidence)}
        for rule in rules:
            for name in (field for template in rule.templates for field in fields_of(template)):
                if name.split(".")[0] not in known:
                    raise ValueError(
                        f"the rule {rule.name} says {{{name}}}, which {evidence.__name__} has not"
                    )

    def __iter__(self) -> Iterator[Rule[Any]]:
        return iter(self.rules)

    def __len__(self) -> int:
        return len(self.rules)

    def conclude(self, evidence: E) -> Conclusion:
        """The words of the first rule that holds."""
        return next(rule for rule in self.rules if rule.holds(evidence)).filled(evidence)


def always(evidence: object) -> bool:
    """The condition of the last rule of a list."""
    return True


def fields_of(template: str) -> list[str]:
    """The attributes that a template names ("lost.value"), in order."""
    return [name for _, name, _, _ in Formatter().parse(template) if name is not None]


def claim_faults(claim: str) -> list[str]:
    """What keeps a sentence from being a claim; none where it is one."""
    words, bare = claim.split(), _QUOTED.sub("“”", claim)  # names come from the data, and may be numbers
    numbers = _NUMBER.findall(bare)
    faults = []
    if len(words) > MOST_WORDS:
        faults.append(f"{len(words)} words, at most {MOST_WORDS}")
    if len(numbers) > MOST_NUMBERS:
        faults.append(f"{len(numbers)} numbers, at most {MOST_NUMBERS}")
    if _BRACKETS.search(bare):
        faults.append("brackets")
    if named := _SPACES.search(claim):
        faults.append(f"the feature space {named.group()!r}")
    return faults + _sentence_faults(claim)


def detail_faults(detail: str) -> list[str]:
    """What keeps a sentence from being a detail: one sentence with at most three numbers."""
    numbers = _NUMBER.findall(_QUOTED.sub("“”", detail))
    many = len(numbers) > MOST_NUMBERS_OF_DETAIL
    faults = [f"{len(numbers)} numbers, at most {MOST_NUMBERS_OF_DETAIL}"] if many else []
    return faults + _sentence_faults(detail)


def _sentence_faults(text: str) -> list[str]:
    faults = []
    if not text or text[-1] not in ".!?":
        faults.append("no full stop at its end")
    if text[:1].islower():
        faults.append("a small first letter")
    if _SENTENCE_END.search(text):
        faults.append("more than one sentence")
    return faults


def _annotated(kind: type) -> set[str]:
    """Names of fields that have no default, which `dir` does not see."""
    return {name for part in kind.__mro__ for name in getattr(part, "__annotations__", {})}


class _Attributes(Formatter):
    """A formatter whose names are attributes of one object."""

    def __init__(self, evidence: object) -> None:
        self._evidence = evidence

    def get_value(self, key: int | str, args: Any, kwargs: Any) -> Any:
        return getattr(self._evidence, str(key))


def _fill(template: str, evidence: object) -> str:
    """The template with the evidence's values; what they hold is not read as a template again."""
    return " ".join(_Attributes(evidence).vformat(template, (), {}).split())
