"""Findings → Markdown that reads well as plain text, on a code host, and in an issue."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from urllib.parse import quote

from ganlens.figures.figure import Figure, Picture, Table
from ganlens.finding import Finding
from ganlens.measurement import Measurement
from ganlens.report import numerals, outline
from ganlens.report.first_screen import SampleFigures, advice_parts, good_line, leading, refused
from ganlens.report.page import split_command
from ganlens.rules import Verdict

_SIGNS = {
    Verdict.GOOD: "✔",
    Verdict.CAUTION: "⚠",
    Verdict.BAD: "✘",
    Verdict.NOT_BELIEVABLE: "?",
    Verdict.NOT_APPLICABLE: "–",
}
_ARROWS = {"higher": "↑ higher", "lower": "↓ lower", "neither": "–"}


def render_markdown(
    findings: Sequence[Finding],
    *,
    title: str,
    facts: Mapping[str, str],
    next_steps: Sequence[str],
    samples: SampleFigures | None = None,
) -> str:
    """The report as Markdown. Pictures are links to the files that an audit writes to `findings/`."""
    sections = outline.outline(findings)
    entries = [entry for section in sections for entry in section.entries]
    lines = [f"# {_plain(title)}", ""]
    lines += [f"- **{_plain(name)}:** {_plain(fact)}" for name, fact in facts.items()]
    for name, figure in samples.named.items() if samples is not None else ():
        lines += ["", *_figure(figure, f"findings/{name}.png")]
    lines += ["", "## What matters most", ""]
    for number, entry in enumerate(leading(entries), start=1):
        lines += [f"{number}. {_told(entry, '   ')}", ""]
    lines += [f"- {_first_line(entry)}" for entry in refused(entries)]
    lines += ["", text, ""] if (text := good_line(entries)) else [""]
    lines += ["## All claims", ""]
    lines += _rows(("Verdict", "Claim", "Details"), map(_claim, entries))
    for section in sections:
        lines += ["", f"## {_plain(section.title)}", "", _plain(section.intro)]
        for entry in section.answered:
            lines += _finding(entry)
        if section.not_asked:
            lines += ["", "### Not applicable here", ""]
            lines += [_not_asked(entry) for entry in section.not_asked]
    if next_steps:
        lines += ["", "## What to try next", "", *(_step(step) for step in next_steps)]
    return "\n".join(lines) + "\n"


def _finding(entry: outline.Entry) -> list[str]:
    finding = entry.finding
    lines = ["", f'<a id="{entry.anchor}"></a>', "", f"### {_plain(finding.question)}", ""]
    lines += [_told(entry, "")]
    for remark in finding.remarks:
        lines += ["", _plain(remark)]
    if finding.measurements:
        lines += ["", *_measurements(finding.measurements)]
    for number, figure in enumerate(finding.figures, start=1):
        lines += ["", *_figure(figure, f"findings/{quote(finding.stem)}/figure-{number}.png")]
    settings = ", ".join(f"{name} = {value}" for name, value in finding.settings.items())
    facts = [
        f"seed {finding.seed}",
        numerals.write_seconds(finding.seconds),
        *([settings] if settings else []),
    ]
    lines += ["", f"*How this was computed.* {_plain(finding.method)} ({_plain('; '.join(facts))})"]
    return lines


def _told(entry: outline.Entry, indent: str) -> str:
    """Verdict and claim, then detail and advice, as paragraphs whose later lines begin with `indent`."""
    finding = entry.finding
    paragraphs = [
        _first_line(entry),
        _plain(entry.detail),
        " ".join(f"`{text}`" if is_code else _plain(text) for text, is_code in advice_parts(finding.advice)),
    ]
    return f"\n\n{indent}".join(text for text in paragraphs if text)


def _first_line(entry: outline.Entry) -> str:
    """Verdict, who asked, and the claim."""
    finding = entry.finding
    return (
        f"**{_verdict(finding)}** ([{_plain(finding.probe)}](#{entry.anchor})): **{_plain(finding.claim)}**"
    )


def _claim(entry: outline.Entry) -> tuple[str, str, str]:
    finding = entry.finding
    return _verdict(finding), _plain(finding.claim), f"[{_plain(entry.label)}](#{entry.anchor})"


def _measurements(measurements: Sequence[Measurement]) -> list[str]:
    def row(m: Measurement) -> tuple[str, ...]:
        written = numerals.write_measurement(m)
        unit = f" {_plain(m.unit)}" if m.unit else ""
        return (
            _plain(m.name),
            written.value + unit,
            f"{written.interval or numerals.NONE} ({_plain(m.interval)})",
            "; ".join(
                f"{number}{unit} ({_plain(what)})"
                for number, what in ((written.reference, m.baseline.what), *written.controls)
            ),
            _ARROWS[m.better],
        )

    return _rows(("Measure", "Value", "Interval", "Reference", "Better"), map(row, measurements))


def _figure(figure: Figure, file: str) -> list[str]:
    if isinstance(figure, Picture):
        return [f"![{_plain(figure.caption)}]({file})", "", f"*{_plain(figure.caption)}*"]
    if isinstance(figure, Table):
        rows = (tuple(_plain(numerals.write_cell(cell)) for cell in row) for row in figure.rows)
        return [
            f"*{_plain(figure.caption)}*",
            "",
            *_rows([_plain(column) for column in figure.columns], rows),
        ]
    return [f"*{_plain(figure.caption)}* (plot, in report.html)"]


def _not_asked(entry: outline.Entry) -> str:
    finding = entry.finding
    question = f"**{_plain(finding.question)}** ({_plain(finding.probe)})"
    return f'- <a id="{entry.anchor}"></a>{question} {_plain(finding.detail)}'


def _step(step: str) -> str:
    command, explanation = split_command(step)
    parts = [_plain(explanation)] if explanation else []
    return "- " + ": ".join([*parts, *([f"`{command}`"] if command else [])])


def _verdict(finding: Finding) -> str:
    return f"{_SIGNS[finding.verdict]} {outline.verdict_word(finding.verdict)}"


def _rows(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    return [f"| {' | '.join(cells)} |" for cells in (header, ["---"] * len(header), *rows)]


def _plain(text: str) -> str:
    """Text that Markdown shows as it is: on one line, nothing in it read as mark-up, an address or a cell's end."""
    one_line = re.sub(r"([\\`*\[\]<>|])", r"\\\1", " ".join(str(text).split()))
    return re.sub(r"&(?=#?\w+;)|:(?=//)|(?<=\bwww)\.", r"\\\g<0>", one_line)
