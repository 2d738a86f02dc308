"""Findings → one HTML page that carries everything it shows and asks the network for nothing."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from ganlens.figures.figure import Figure, Picture, Plot, Table
from ganlens.finding import Finding, paragraphs_of
from ganlens.measurement import Measurement
from ganlens.report import comparison, first_screen, numerals, outline
from ganlens.report.first_screen import SampleFigures
from ganlens.rules import Verdict

_PICTURE_ROOM = (840, 412)  # CSS pixels, width and height, that a small picture is enlarged to fill
_PICTURE_ROOM_DOUBLED = (840, 640)  # and that one too large for this may fill when only doubled
_PLOT_HEIGHT = 380
_PNG_MODES = frozenset({"1", "L", "LA", "P", "RGB", "RGBA", "I;16"})
_NUMBERS_SHOWN, _FIGURES_SHOWN = 5, 4
"""What a finding shows at once. Of more, one fewer is shown and the rest folded, so that a reader who is new gets
through the page; a fold holds two or more."""
_OPENING_FACTS = 3  # who was examined, what it makes, beside which data: the rest follows the claims
_LONG_CLAIM = 110  # characters beyond which a claim, which only a plug-in's can be, is cut to a few lines
_LONG_CELL = 28  # characters beyond which the text of a cell may break
_COMMANDS = ("ganlens ", "make ", "python ", "pip ", "$ ")


def render_page(
    findings: Sequence[Finding],
    *,
    title: str,
    facts: Mapping[str, str],
    next_steps: Sequence[str],
    samples: SampleFigures | None = None,
) -> str:
    """The report as one HTML document.

    All text is escaped by the template; what can't be, the JSON of the plots, has its angle brackets written
    as JSON escapes. A content policy in the page lets only its own scripts run and forbids every request.
    """
    sections = outline.outline(findings)
    entries = [entry for section in sections for entry in section.entries]
    named, first = list(facts.items()), first_screen.leading(entries)
    advised = any(entry.finding.advice for entry in first)
    has_plots = any(isinstance(figure, Plot) for finding in findings for figure in finding.figures)
    scripts = {"early": _resource("early.js"), "page": _resource("page.js")}
    if has_plots:
        scripts["plotly"] = _plotly()
    return (
        _environment()
        .get_template("report.html.jinja")
        .render(
            title=title,
            opening_facts=named[:_OPENING_FACTS],
            other_facts=named[_OPENING_FACTS:],
            samples=samples.named if samples is not None else {},
            leading=first,
            first_step=split_command(next_steps[0]) if next_steps and not advised else None,
            good_line=first_screen.good_line(entries),
            refused=first_screen.refused(entries),
            next_steps=[split_command(step) for step in next_steps],
            sections=sections,
            entries=entries,
            counts=outline.verdict_counts(findings),
            style=Markup(_resource("report.css")),
            scripts={name: Markup(text) for name, text in scripts.items() if name != "plotly"},
            plotly=_compressed(scripts["plotly"]) if has_plots else None,
            content_policy=_content_policy(scripts.values()),
            meanings=outline.VERDICT_MEANINGS,
        )
    )


def split_command(step: str) -> tuple[str | None, str]:
    """A next step as (command, explanation): "ganlens train …  # longer" → both; words have no command."""
    if not step.startswith(_COMMANDS):
        return None, step
    command, _, explanation = step.partition("  # ")
    return command.strip(), explanation.strip()


def plot_json(plot: Plot) -> Markup:
    """The plot as JSON that may stand inside a script element.

    Template, width and background are dropped: the page sets its own, to fit the window and the theme.
    """
    from plotly.utils import PlotlyJSONEncoder

    dropped = ("template", "width", "paper_bgcolor", "plot_bgcolor")
    figure = dict(plot.figure)
    figure["layout"] = {
        name: value for name, value in figure.get("layout", {}).items() if name not in dropped
    }
    return _json_in_script(json.dumps(figure, cls=PlotlyJSONEncoder))


def picture_uri(picture: Picture) -> str:
    """The picture as a PNG data address."""
    image = picture.image
    if image.mode not in _PNG_MODES:
        image = image.convert("RGB")
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def picture_width(picture: Picture) -> int:
    """The width to show a picture at, in CSS pixels: enlarged by a whole factor, so that pixels stay square.

    The room is such that two square pictures stand side by side and a wide strip fills the column. Larger ones are
    shrunk into it (a click shows them whole), so that what belongs together is seen together.
    """
    width, height = picture.image.size
    factor = _factor(width, height, _PICTURE_ROOM) or 1
    if factor == 1 and _factor(width, height, _PICTURE_ROOM_DOUBLED) >= 2:
        factor = 2
    scale: float = factor if factor > 1 else min(1.0, _PICTURE_ROOM[1] / height)
    return round(float(width) * scale)


def _factor(width: int, height: int, room: tuple[int, int]) -> int:
    return min(room[0] // width, room[1] // height)


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("ganlens.report", "."),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "number": numerals.write_number,
        "cell": numerals.write_cell,
        "seconds": numerals.write_seconds,
        "written": numerals.write_measurement,
        "comparison": comparison.compare,
        "word": outline.verdict_word,
        "slug": lambda verdict: verdict.value.replace(" ", "-"),
        "setting": _setting,
        "plot_json": plot_json,
        "picture_uri": picture_uri,
        "picture_width": picture_width,
        "intervals": _intervals,
        "paragraphs": paragraphs_of,
        "evidence": first_screen.evidence,
        "advice_parts": first_screen.advice_parts,
        "shown_numbers": lambda rows: _shown(rows, _NUMBERS_SHOWN),
        "shown_figures": lambda rows: _shown(rows, _FIGURES_SHOWN),
    }
    environment.tests |= {
        "picture": lambda figure: isinstance(figure, Picture),
        "plot": lambda figure: isinstance(figure, Plot),
        "table": lambda figure: isinstance(figure, Table),
        "to_copy": first_screen.is_command,
        "long_claim": lambda claim: len(claim) > _LONG_CLAIM,
        "measured": lambda shown: isinstance(shown, Measurement),
        "long": lambda cell: isinstance(cell, str) and len(cell) > _LONG_CELL,
        "quantity": lambda cell: isinstance(cell, (int, float)) and not isinstance(cell, bool),
    }
    environment.globals |= {"plot_height": _plot_height, "Verdict": Verdict}
    return environment


def _intervals(measurements: Sequence[Measurement]) -> list[tuple[str, list[str]]]:
    """How the intervals were computed, with the names of the measurements that share each way."""
    ways: dict[str, list[str]] = {}
    for m in measurements:
        ways.setdefault(m.interval, []).append(m.name)
    return list(ways.items())


def _shown(rows: Sequence[Any], most: int) -> tuple[Sequence[Any], Sequence[Any]]:
    """Those that are shown at once and those that are folded."""
    cut = len(rows) if len(rows) <= most else most - 1
    return rows[:cut], rows[cut:]


def _plot_height(figure: Figure) -> int:
    height = figure.figure.get("layout", {}).get("height") if isinstance(figure, Plot) else None
    return int(height) if isinstance(height, (int, float)) else _PLOT_HEIGHT


def _setting(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False)


def _json_in_script(text: str) -> Markup:
    """Escape what could end a script element or start a comment in it; the JSON means the same as before."""
    escapes = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}
    return Markup(re.sub("[<>&\u2028\u2029]", lambda match: escapes[match[0]], text))


def _content_policy(scripts: Iterable[str]) -> str:
    """What the page may do: run exactly these scripts, use its own styles and pictures, load nothing."""
    digests = (base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in scripts)
    allowed = " ".join(f"'sha256-{digest}'" for digest in digests)
    return (
        f"default-src 'none'; script-src {allowed} 'unsafe-eval'; style-src 'unsafe-inline'; "
        "img-src data: blob:; base-uri 'none'; form-action 'none'"
    )


def _resource(name: str) -> str:
    return files("ganlens.report").joinpath(name).read_text(encoding="utf-8")


def _compressed(text: str) -> str:
    """As base64 of gzip, which page.js unpacks: with Plotly in full a report would be 3 MB larger."""
    return base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode("ascii")


def _plotly() -> str:
    from plotly.offline import get_plotlyjs

    source: str = get_plotlyjs()
    return source
