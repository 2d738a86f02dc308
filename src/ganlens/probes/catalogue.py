"""Every probe on one page: what it asks, what it needs, how it works, and how its answer can fail.

`docs/probes.md` is this catalogue as a page, written by

    python -m ganlens.probes.catalogue > docs/probes.md

All of it stands in the probes themselves; here is only how a reader meets it. `ganlens probe NAME --help` says the
same of one probe.
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Iterable, Sequence
from itertools import pairwise

from ganlens.probes.description import examples_of, needs_of, settings_of, stopped
from ganlens.probes.probe import Probe, in_order, probes

TITLES = {
    "quality": "Quality: is what it makes like the real data?",
    "explain": "Explanations: how does it do it, and what can't it do?",
    "risk": "Risks: what could go wrong when it is used?",
}
"""Of the sections, in the order of the report."""

CHAPTERS = {
    10: "What can be turned: which directions of its latents change what",
    20: "What does the work: the parts inside that draw it",
    30: "What it can't do: the kinds and the single samples that it misses",
    40: "One sample: why it looks as it does",
    50: "The discriminator: what it goes by",
    60: "Your classifier: what changes its mind, seen through the generator",
    70: "Concepts: do the networks know what you have a word for?",
}
"""How the explanations are read: the `order` from which each chapter begins. A tour of one generator takes the
first three."""

READING = """\
# All probes

A probe asks one question of a generator, anyone's, and answers with numbers that stand beside their reference and
with a verdict that can be *not believable*. `ganlens probe NAME --help` shows what stands here in the terminal,
`ganlens audit` asks all of them and writes one report, and `subject.examine("NAME")` asks one in Python.

**How to read an entry.** *Needs* is what the subject must have; where it lacks that, the finding says *not
applicable, because …*. *How it can fail* is the check that the answer itself has to pass: where it does not beat its
baseline, the finding's first sentence says so. *Cost* leaves out what the probes of an audit share, which is drawn and
trained once: samples, features, the labeller, the autoencoder. *Settings* are options on the command line
(`--neighbours 10`) and arguments in Python (`subject.examine("fidelity", neighbours=10)`).

How to write one: [CONTRIBUTING.md](../CONTRIBUTING.md#add-a-probe), and step by step in
[examples/3_write_a_probe.ipynb](../examples/3_write_a_probe.ipynb).
"""


def by_section(probe_classes: Iterable[type[Probe]]) -> dict[str, list[type[Probe]]]:
    """Probes under the short titles of their sections, in the order of the report."""
    sections: dict[str, list[type[Probe]]] = {}
    for probe_class in in_order(probe_classes):
        title = TITLES.get(probe_class.section, "Further questions").partition(":")[0]
        sections.setdefault(title, []).append(probe_class)
    return sections


def built_in() -> list[type[Probe]]:
    """The probes of the package itself, in the order of the report; those of other packages are left out."""
    return in_order(probes[name] for name in probes if probes[name].__module__.startswith("ganlens."))


def page() -> str:
    """The catalogue as Markdown: what `docs/probes.md` holds."""
    probe_classes = built_in()
    parts = [READING]
    for section, title in TITLES.items():
        chosen = [probe_class for probe_class in probe_classes if probe_class.section == section]
        parts.append(f"## {title}\n")
        parts += [_reading_order(chosen)] if section == "explain" else []
        parts.append(_overview(chosen))
        parts += [_entry(probe_class) for probe_class in chosen]
    parts.append("This page is written by `python -m ganlens.probes.catalogue > docs/probes.md`.\n")
    return "\n".join(parts)


def _reading_order(probe_classes: list[type[Probe]]) -> str:
    """The explanations by chapter: which to read first, and for what."""
    starts = [*CHAPTERS, math.inf]
    rows = []
    for start, end in pairwise(starts):
        names = [
            f"[`{probe_class.name}`](#{probe_class.name})"
            for probe_class in probe_classes
            if start <= probe_class.order < end
        ]
        if names:
            title, _, about = CHAPTERS[int(start)].partition(": ")
            rows.append((title, about, ", ".join(names)))
    return (
        "There are many, and nobody reads them all at once. The report has them in this order; where a "
        "generator is new to you, the first three rows show what it does and what it can't.\n\n"
        + _table(("chapter", "what it tells", "probes"), rows)
    )


def _overview(probe_classes: list[type[Probe]]) -> str:
    rows = [
        (f"[`{probe_class.name}`](#{probe_class.name})", probe_class.question, needs_of(probe_class))
        for probe_class in probe_classes
    ]
    return _table(("probe", "question", "needs"), rows)


def _entry(probe_class: type[Probe]) -> str:
    lines = [f"### {probe_class.name}", "", f"**{probe_class.question}**", ""]
    descriptions = {
        "Needs": needs_of(probe_class),
        "Method": probe_class.described(),
        "How it can fail": probe_class.self_check,
        "Cost": probe_class.cost,
        "Source": _linked(probe_class.source),
    }
    lines += [
        f"- *{title}.* {_plain_text(stopped(text[:1].upper() + text[1:]))}"
        for title, text in descriptions.items()
        if text
    ]
    lines += ["", f"```sh\n{examples_of(probe_class)[-1]}\n```", ""]
    settings = settings_of(probe_class)
    for title, thresholds in (("setting", False), ("threshold", True)):
        rows = [
            (f"`{s.name}`", s.default, s.allowed, s.description)
            for s in settings
            if s.threshold is thresholds
        ]
        if rows:
            lines.append(_table((title, "default", "allowed", "what it is"), rows))
    return "\n".join(lines)


def _table(columns: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    return "\n".join([_cells(columns), "|---" * len(columns) + "|", *map(_cells, rows)]) + "\n"


def _cells(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(_plain_text(cell).replace('|', chr(92) + '|') for cell in cells)} |"


def _plain_text(text: str) -> str:
    """On one line, with what Markdown would take for emphasis or HTML written so that it stays."""
    text = " ".join(text.split()).replace("<", "&lt;")
    return re.sub(r"(?<![`\w])\*(?=\S)", r"\\*", text)


def _linked(source: str) -> str:
    source = re.sub(r"arXiv (\d{4}\.\d{4,5})", r"[arXiv \1](https://arxiv.org/abs/\1)", source)
    return re.sub(r"openreview ([\w-]+)", r"[openreview \1](https://openreview.net/forum?id=\1)", source)


if __name__ == "__main__":
    sys.stdout.buffer.write(page().encode())
