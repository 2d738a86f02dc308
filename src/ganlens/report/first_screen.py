"""What a report opens with: the samples, and of all that was found what matters most, in the order of consequence."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ganlens.figures.figure import Figure, Picture, shown_figure
from ganlens.finding import Finding
from ganlens.measurement import Measurement
from ganlens.report.outline import Entry
from ganlens.rules import Verdict

FEWEST, MOST = 3, 5
"""Claims that a busy person reads: reservations fill up to the fewest, grave ones go on to the most."""

GRAVE = (Verdict.BAD, Verdict.NOT_BELIEVABLE)
_VERDICTS = (*GRAVE, Verdict.CAUTION)
"""A real problem comes before an explanation that must not be used, and that before a reservation."""
_SECTIONS = ("risk", "quality", "explain")
"""Within a verdict: a leaked training sample harms others and can't be taken back; poor samples cost whoever uses
them; a poor explanation costs only its reader. Sections of plug-ins come last: what they weigh is not known."""


SAMPLE_PICTURES = ("generated.png", "real.png")
"""What the samples' pictures are called among the findings."""


@dataclass(frozen=True)
class SampleFigures:
    """What the generator makes, beside what it should make.

    Attributes:
        real: None for a subject without data.
    """

    generated: Figure
    real: Figure | None = None

    @property
    def named(self) -> dict[str, Figure]:
        """By the name that each stands under: "generated", then "real" where there is one."""
        return {"generated": self.generated} | ({"real": self.real} if self.real is not None else {})

    def shown(self) -> SampleFigures:
        """The same, safe to show and to write: cells of a table may hold text from anywhere."""
        return SampleFigures(*map(shown_figure, self.named.values()))


def leading(entries: Sequence[Entry]) -> list[Entry]:
    """The three to five findings that matter most, the gravest first; fewer where fewer are amiss."""
    amiss = sorted((e for e in entries if e.finding.verdict in _VERDICTS), key=_consequence)
    grave = sum(entry.finding.verdict in GRAVE for entry in amiss)
    return amiss[: min(MOST, max(FEWEST, grave))]


def good_line(entries: Sequence[Entry]) -> str:
    """How much holds up, in a line; empty where nothing does, or so much is bad that it would only distract."""
    verdicts = [entry.finding.verdict for entry in entries]
    good, asked = verdicts.count(Verdict.GOOD), len(verdicts) - verdicts.count(Verdict.NOT_APPLICABLE)
    if not good or verdicts.count(Verdict.BAD) >= FEWEST:
        return ""
    if good == asked:
        return "The one question that was answered: good." if asked == 1 else f"All {asked} questions: good."
    return f"{good} of {asked} questions: good."


def refused(entries: Sequence[Entry]) -> list[Entry]:
    """The answers that must not be relied on and that graver ones keep from being among the leading."""
    shown = leading(entries)
    return [e for e in entries if e.finding.verdict is Verdict.NOT_BELIEVABLE and e not in shown]


def evidence(finding: Finding) -> Measurement | Picture | None:
    """What a claim is seen by at a glance: a number beside its reference, else the first picture.

    Of several numbers, the first whose share the words name; else the first that is worse than its reference; else
    the first.
    """
    numbers, words = finding.measurements, f"{finding.claim} {finding.detail}"
    for speaks in (lambda m: _is_named(m, words), _is_worse):
        if (chosen := next(filter(speaks, numbers), None)) is not None:
            return chosen
    return numbers[0] if numbers else next((f for f in finding.figures if isinstance(f, Picture)), None)


def advice_parts(advice: str) -> list[tuple[str, bool]]:
    """An advice as texts, each with whether it is a command or code to copy (what stood in backticks)."""
    texts = re.split("`([^`]+)`", advice)
    parts = []
    for number, text in enumerate(texts):
        code = bool(number % 2)
        prose = "" if code else _beside(text, texts[number - 1] if number else "")
        parts.append((text, True) if code else (prose, False))
    return [(text, code) for text, code in parts if text]


def _beside(text: str, before: str) -> str:
    """What stands after the code `before`, without the stop between them, which would be copied with it or stand alone.

    A command has a line of its own, so that what follows it begins a sentence.
    """
    rest = re.sub(r"^[.,;:]?\s+|^[.]$|\s+$", "", text)
    begins = is_command(before) and text[:1] in (".", ";")
    return rest[:1].upper() + rest[1:] if begins else rest


def is_command(code: str) -> bool:
    """Whether code in an advice is a line to type, and no mere name of a flag or a setting."""
    return len(code.split()) > 1 or "(" in code


def _consequence(entry: Entry) -> tuple[int, int]:
    finding = entry.finding
    known = finding.section in _SECTIONS
    return _VERDICTS.index(finding.verdict), _SECTIONS.index(finding.section) if known else len(_SECTIONS)


def _is_named(m: Measurement, words: str) -> bool:
    """Whether the words say this share, as a percentage."""
    shares = {f"{m.value:.0%}", f"{m.value:.1%}"} if m.unit.startswith("share") and m.value else set()
    return any(re.search(rf"(?<![\d.,]){re.escape(share)}", words) for share in shares)


def _is_worse(m: Measurement) -> bool:
    """Whether the number, with its interval where there is one, lies on the worse side of its reference."""
    if m.better == "higher":
        return (m.value if m.high is None else m.high) < m.baseline.value
    return m.better == "lower" and (m.value if m.low is None else m.low) > m.baseline.value
