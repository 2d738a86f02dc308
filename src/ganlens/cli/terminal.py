"""How results look in a terminal, on stdout: the table of findings, a finding, and what to try next.

What is shown may hold names from anywhere: it is made printable, and nothing in it is read as mark-up.
"""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ganlens.printable import printable

if TYPE_CHECKING:
    from ganlens.finding import Finding
    from ganlens.rules import Verdict

STYLES = {
    "good": "bold green",
    "caution": "bold yellow",
    "bad": "bold red",
    "not believable": "bold magenta",
    "not applicable": "dim",
}
"""By verdict. The word itself is always printed too: colour is never the only sign."""
_INDENT = (0, 0, 0, 2)


def verdict_text(verdict: Verdict) -> Text:
    """The verdict as a coloured word."""
    return Text(verdict.value, style=STYLES[verdict.value], no_wrap=True)


def print_findings(findings: Sequence[Finding]) -> None:
    """What an audit ends with: what matters most, with what to do about it, then every claim in a line."""
    from ganlens.report.first_screen import good_line, leading, refused
    from ganlens.report.outline import outline

    console = Console(highlight=False)
    entries = [entry for section in outline([f.shown() for f in findings]) for entry in section.entries]
    first = leading(entries)
    for entry in first:
        console.print()
        _print_words(console, entry.finding)
    for entry in refused(entries):
        console.print()
        console.print(_first_line(entry.finding))
    if line := good_line(entries):
        console.print(f"\n{line}")
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("verdict", no_wrap=True)
    table.add_column("claim")
    table.add_column("probe", style="bold", no_wrap=True)
    for entry in entries:
        finding = entry.finding
        style = "" if finding.not_applicable_because is None else "dim"
        table.add_row(verdict_text(finding.verdict), Text(finding.claim, style=style), Text(finding.probe))
    console.print(Padding(table, (1, 0)))


def print_finding(finding: Finding) -> None:
    """One finding in full: every number with its interval and its reference, and how it was computed."""
    console, finding = Console(highlight=False), finding.shown()
    _print_words(console, finding)
    for remark in finding.remarks:
        console.print(Padding(Text(remark), _INDENT, expand=False))
    if finding.measurements:
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
        table.add_column("measurement", ratio=3)
        table.add_column("value", justify="right", no_wrap=True)
        table.add_column("interval", no_wrap=True)
        table.add_column("to read it against", ratio=2)
        for m in finding.measurements:
            interval = f"{m.low:.4g} … {m.high:.4g}" if m.low is not None and m.high is not None else "none"
            value = f"{m.value:.4g} {m.unit}".rstrip()
            reference = "\n".join(f"{b.value:.4g}  {b.what}" for b in (m.baseline, *m.controls))
            table.add_row(*map(Text, (m.name, value, interval, reference)))
        console.print(Padding(table, (1, 0)))
    if finding.method:
        console.print(Text(f"How: {finding.method}", style="dim"))


def _first_line(finding: Finding) -> Text:
    """Verdict, claim and who asked."""
    claim, asked = (finding.claim, "bold"), (f"  {finding.probe}", "dim")
    return Text.assemble(verdict_text(finding.verdict), "  ", claim, asked)


def _print_words(console: Console, finding: Finding) -> None:
    """Verdict and claim, then detail and advice. Commands stand on lines of their own, unbroken, to be copied."""
    from ganlens.report.first_screen import advice_parts, is_command

    console.print(_first_line(finding))
    if finding.detail != finding.claim:
        console.print(Padding(Text(finding.detail), _INDENT, expand=False))
    words: list[Text] = []
    for text, is_code in (*advice_parts(finding.advice), ("", True)):
        if text and not (is_code and is_command(text)):
            words.append(Text(text, style="cyan" if is_code else ""))
            continue
        if words:
            console.print(Padding(Text(" ").join(words), _INDENT, expand=False))
            words = []
        if text:
            console.print(Text.assemble("    ", (text, "cyan")), soft_wrap=True)


def print_next(*commands: tuple[Sequence[str], str]) -> None:
    """Commands worth trying next, ready to be pasted: the words after `ganlens`, and what each is for."""
    console = Console(highlight=False)
    lines = [(printable(f"{program()} {shlex.join(words)}"), purpose) for words, purpose in commands]
    width = max(len(line) for line, _ in lines)
    console.print("\n[bold]Next[/bold]")
    for line, purpose in lines:
        console.print(
            Text.assemble("  ", (line.ljust(width), "cyan"), "   ", (printable(purpose), "dim")),
            soft_wrap=True,
        )


def program() -> str:
    """How this program can be called from where the user stands: by its name, if that leads here."""
    called = Path(sys.argv[0])
    if called.name == "__main__.py":
        return "python -m ganlens"
    on_path = shutil.which("ganlens")
    if called.name != "ganlens" or (on_path is not None and Path(on_path).resolve() == called.resolve()):
        return "ganlens"
    with suppress(ValueError):
        called = called.resolve().relative_to(Path.cwd())
    return shlex.quote(str(called))


def print_line(text: str) -> None:
    """A line of the result, never wrapped, so that a path in it can be copied."""
    Console(highlight=False).print(Text(printable(text)), soft_wrap=True)
