"""The order of a report: sections, the findings in each, and what the verdicts mean."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from ganlens.finding import Finding
from ganlens.rules import Verdict

SECTIONS = {
    "quality": (
        "Quality",
        "What the generator makes, how close that is to real data, and what is missing.",
    ),
    "explain": (
        "Explanations",
        "How the generator does it, and which explanations beat a simpler one.",
    ),
    "risk": ("Risks", "What could go wrong when it is used: copied training data, leaks, blind spots."),
}
_OTHER = ("Further findings", "Answers of probes that belong to none of the sections above.")

VERDICT_MEANINGS = {
    Verdict.GOOD: "Holds up against the references shown.",
    Verdict.CAUTION: "Usable, with the reservation that the claim names.",
    Verdict.BAD: "A real problem: act on it before relying on the generator.",
    Verdict.NOT_BELIEVABLE: "The explanation does not beat its own baseline: do not act on it.",
    Verdict.NOT_APPLICABLE: "The question could not be asked; the reason is given.",
}


@dataclass(frozen=True)
class Entry:
    """A finding and the name by which the page links to it."""

    finding: Finding
    anchor: str

    @property
    def label(self) -> str:
        """The probe's name as a title in a list of contents."""
        words = re.sub(r"[-_]+", " ", self.finding.probe)
        return words[:1].upper() + words[1:]

    @property
    def detail(self) -> str:
        """What stands below the claim; empty where it would only say it again."""
        return self.finding.detail if self.finding.detail != self.finding.claim else ""


@dataclass(frozen=True)
class Section:
    """Part of a report: the questions that were answered, then those that could not be asked."""

    name: str
    title: str
    intro: str
    answered: tuple[Entry, ...]
    not_asked: tuple[Entry, ...]

    @property
    def entries(self) -> tuple[Entry, ...]:
        """All findings of the section, as they stand in it."""
        return self.answered + self.not_asked


def outline(findings: Sequence[Finding]) -> list[Section]:
    """Put findings into sections (quality, explain, risk, then others); within one, their order is kept."""
    names = [*SECTIONS, *dict.fromkeys(f.section for f in findings if f.section not in SECTIONS)]
    anchors = _anchors(findings)
    sections = []
    for name in names:
        entries = [Entry(f, anchor) for f, anchor in zip(findings, anchors, strict=True) if f.section == name]
        if entries:
            title, intro = SECTIONS.get(name) or (name[:1].upper() + name[1:] or _OTHER[0], _OTHER[1])
            answered = tuple(e for e in entries if e.finding.verdict is not Verdict.NOT_APPLICABLE)
            not_asked = tuple(e for e in entries if e.finding.verdict is Verdict.NOT_APPLICABLE)
            sections.append(Section(name, title, intro, answered, not_asked))
    return sections


def verdict_counts(findings: Sequence[Finding]) -> list[tuple[Verdict, int]]:
    """How many findings have each verdict, in the verdicts' own order, without those that none has."""
    counts = Counter(f.verdict for f in findings)
    return [(verdict, counts[verdict]) for verdict in Verdict if counts[verdict]]


def verdict_word(verdict: Verdict) -> str:
    """The verdict as it stands on its badge."""
    return verdict.value.capitalize()


def _anchors(findings: Sequence[Finding]) -> list[str]:
    """A name for each finding that is unique on the page and safe in an address."""
    taken: Counter[str] = Counter()
    anchors = []
    for finding in findings:
        slug = "probe-" + (re.sub(r"[^a-z0-9]+", "-", finding.probe.lower()).strip("-") or "unnamed")
        taken[slug] += 1
        anchors.append(slug if taken[slug] == 1 else f"{slug}-{taken[slug]}")
    return anchors
