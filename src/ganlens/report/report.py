"""Writing a report beside the findings it shows, and reading the findings back."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ganlens import storage
from ganlens.errors import UserError
from ganlens.figures.figure import Picture, save_figure
from ganlens.finding import Finding
from ganlens.printable import printable
from ganlens.report.first_screen import SampleFigures
from ganlens.report.markdown import render_markdown
from ganlens.report.outline import outline
from ganlens.report.page import render_page
from ganlens.report.replacement import FINDINGS, finish
from ganlens.system_errors import disk_errors


def write_report(
    findings: Sequence[Finding],
    out: Path,
    *,
    title: str,
    facts: Mapping[str, str],
    next_steps: Sequence[str] = (),
    identity: Mapping[str, Any] | None = None,
    samples: SampleFigures | None = None,
) -> Path:
    """Write `report.html`, `report.md` and `report.json` into a folder.

    All three are made before the first is written, and each is written whole or not at all: a failure leaves
    an older report as it was. Names from anywhere (classes, files, layers) are shown as printable text in them.

    Args:
        findings: what the probes found. Sections have an order of their own; findings within one keep theirs.
        out: the folder, with the saved findings in `findings/`, where the Markdown looks for its pictures.
        facts: what was examined and how, in the order to show it ("Subject", "Data", "Samples", "Seed", …).
        next_steps: commands or sentences to end on; "ganlens audit …  # why" is shown as a command with why.
        identity: what the findings are of (samples, seed, …), as JSON-able values: kept in report.json, so that a
            later audit knows whether it may add to this one.
        samples: generated beside real ones, to open with; pictures are written to `findings/`, too.

    Returns:
        The path of the HTML file, which needs nothing beside it.

    Raises:
        UserError: there are no findings, or the folder can't be written.
    """
    out = Path(out)
    if not findings:
        raise UserError(
            f"{out / 'report.html'} would be empty: there are no findings. Run `ganlens audit` first"
        )
    page, text, record = rendered(
        findings, title=title, facts=facts, next_steps=next_steps, identity=identity, samples=samples
    )
    # The largest first: where a disk is full, that is found out before anything older is replaced.
    storage.write_text(out / "report.html", page)
    storage.write_text(out / "report.md", text)
    storage.write_text(out / "report.json", record)
    with disk_errors(out):
        for name, figure in samples.named.items() if samples is not None else ():
            if isinstance(figure, Picture):
                (out / FINDINGS).mkdir(exist_ok=True)
                save_figure(figure, out / FINDINGS, name)
    return out / "report.html"


def rendered(
    findings: Sequence[Finding],
    *,
    title: str,
    facts: Mapping[str, str],
    next_steps: Sequence[str],
    identity: Mapping[str, Any] | None = None,
    samples: SampleFigures | None = None,
) -> tuple[str, str, str]:
    """The report as HTML, Markdown and JSON; see `write_report`."""
    findings = [finding.shown() for finding in findings]
    samples = samples.shown() if samples is not None else None
    title, next_steps = printable(title), [printable(step) for step in next_steps]
    facts = {printable(name): printable(fact) for name, fact in facts.items()}
    page = render_page(findings, title=title, facts=facts, next_steps=next_steps, samples=samples)
    text = render_markdown(findings, title=title, facts=facts, next_steps=next_steps, samples=samples)
    whole: dict[str, Any] = {
        "title": title,
        "facts": facts,
        "findings": [_record(entry.finding) for section in outline(findings) for entry in section.entries],
        "next_steps": next_steps,
        "audit": dict(identity) if identity is not None else None,
    }
    return page, text, json.dumps(whole, indent=2, allow_nan=False) + "\n"


def load_findings(folder: Path) -> list[Finding]:
    """Read all findings that an audit saved below `folder` (in `<folder>/findings/`), sorted by probe name.

    Raises:
        UserError: there are none, or one of them is damaged; the message names it.
    """
    finish(Path(folder))
    saved = sorted((Path(folder) / "findings").glob("*.json"))
    if not saved:
        raise UserError(f"{folder} holds no findings (findings/*.json). Run `ganlens audit` on it first")
    return [Finding.load(path) for path in saved]


def _record(finding: Finding) -> dict[str, Any]:
    """The finding's own record, with the paths of its files as seen from the report's folder."""
    record = finding.record()
    for figure in record["figures"]:
        if "file" in figure:
            figure["file"] = f"findings/{finding.stem}/{figure['file']}"
    return record
