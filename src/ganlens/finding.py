"""What a probe found, in a form that can be saved, compared, drawn and believed (or not)."""

from __future__ import annotations

import io
import math
import re
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ganlens.errors import UserError
from ganlens.files import read_bytes
from ganlens.limits import ARRAY_BYTES, PICTURE_PIXELS
from ganlens.measurement import Measurement
from ganlens.printable import file_name, plot_text, printable, shortened
from ganlens.validation import first_fault

_TURNS = {
    "self-check": r"Self-checks?\b",
    "verdict": r"(Judged|Verdicts?|Good|Bad|Caution|Not believable)\b",
    "reference": r"(Intervals?|References?)\b",
}
"""What a sentence begins with where a method text turns to another of its subjects."""


class Verdict(StrEnum):
    """What to make of a finding."""

    GOOD = "good"
    CAUTION = "caution"
    BAD = "bad"
    NOT_BELIEVABLE = "not believable"
    """The explanation failed its own self-check: it does not beat its baseline."""
    NOT_APPLICABLE = "not applicable"
    """The subject lacks something the probe needs; `not_applicable_because` says what."""


class Unanswered(StrEnum):
    """Why a question has no answer."""

    NEED = "unmet need"
    """The subject lacks something, or has too little of it."""
    TROUBLE = "trouble"
    """Something given failed: the generator, a classifier, the data, a plug-in, the machine's memory."""
    DEFECT = "defect"
    """GANLens failed; nothing the user gave is to blame."""
    INTERRUPTED = "interrupted"
    """The audit was stopped before the answer was there."""


@dataclass(frozen=True)
class Picture:
    """A bitmap with a caption that says what to look for. A `crisp` one is never smoothed when enlarged."""

    image: Any  # PIL.Image.Image; Any keeps this module importable without Pillow
    caption: str
    crisp: bool = True


@dataclass(frozen=True)
class Plot:
    """An interactive Plotly figure, as the JSON-able dictionary of `figure.to_dict()`, with a caption."""

    figure: Mapping[str, Any]
    caption: str


@dataclass(frozen=True)
class Table:
    """Rows of text and numbers under column names, with a caption. A cell without a value is None (or NaN)."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str | float | int | None, ...], ...]
    caption: str


Figure = Picture | Plot | Table


@dataclass
class Finding:
    """The answer of one probe about one subject.

    Attributes:
        probe, question: who asked what.
        headline: one sentence a manager can read: the result and whether to believe it.
        verdict: see `Verdict`.
        measurements: the numbers, each with its baseline.
        method: how the numbers were computed, for someone who wants to check (feature space, counts, k, …).
        figures: pictures, plots and tables, in the order they should be read.
        arrays: what someone may want to compute with (codes, directions, indices), by name.
        settings, seed, seconds: what it would take to get the same finding again, and how long it took.
        not_applicable_because: why there is no answer, when there is none.
        unanswered: the kind of reason that is, or None where there is an answer.
    """

    probe: str
    question: str
    headline: str
    verdict: Verdict
    measurements: list[Measurement] = field(default_factory=list)
    method: str = ""
    figures: list[Figure] = field(default_factory=list)
    arrays: dict[str, Any] = field(default_factory=dict)  # name → torch.Tensor
    settings: dict[str, Any] = field(default_factory=dict)
    seed: int = 0
    seconds: float = 0.0
    section: str = ""
    not_applicable_because: str | None = None
    unanswered: Unanswered | None = None

    @classmethod
    def not_applicable(
        cls,
        probe: str,
        question: str,
        because: str,
        *,
        section: str = "",
        unanswered: Unanswered = Unanswered.NEED,
    ) -> Finding:
        """The finding of a probe that could not be asked. `because` completes "not applicable, because …"."""
        return cls(
            probe=probe,
            question=question,
            headline=f"Not applicable, because {because}.",
            verdict=Verdict.NOT_APPLICABLE,
            section=section,
            not_applicable_because=because,
            unanswered=unanswered,
        )

    def measurement(self, name: str) -> Measurement:
        """The measurement of that name, or the only one that starts with it.

        Raises:
            KeyError: none or several match; the message lists what there is.
        """
        exact = [m for m in self.measurements if m.name == name]
        close = exact or [m for m in self.measurements if m.name.startswith(name)]
        if len(close) != 1:
            names = [m.name for m in self.measurements]
            raise KeyError(f"{name!r} names {len(close)} measurements of {self.probe!r}: {names}")
        return close[0]

    def __str__(self) -> str:
        lines = [f"{self.probe} — {self.verdict.value}", textwrap.fill(self.headline, 100)]
        for m in self.measurements:
            interval = f" [{m.low:.4g}, {m.high:.4g}]" if m.low is not None else ""
            lines.append(
                f"  {m.name}: {m.value:.4g}{interval} {m.unit}".rstrip()
                + "   ("
                + "; ".join(f"{b.what}: {b.value:.4g}" for b in (m.baseline, *m.controls))
                + ")"
            )
        return "\n".join(lines)

    @property
    def stem(self) -> str:
        """What its files are called: the probe's name, or one like it that stays inside the folder."""
        return file_name(self.probe, "probe")

    def shown(self) -> Finding:
        """The same finding, safe to show and to write: it may hold names of classes, files and layers from anywhere.

        Texts are printable; texts of plots hold no mark-up but plain tags; numbers that JSON has none for are
        None. What is so already comes back as it is.
        """
        texts = ("probe", "question", "headline", "method", "section", "not_applicable_because")
        return replace(
            self,
            **{name: _tame(getattr(self, name)) for name in texts},
            measurements=[Measurement.model_validate(_tame(m.model_dump())) for m in self.measurements],
            figures=[_shown_figure(figure) for figure in self.figures],
            arrays={_line(name): array for name, array in self.arrays.items()},
            settings=_tame(self.settings),
        )

    def save(self, folder: Path) -> Path:
        """Write `<folder>/<probe>.json`, figures and arrays in `<folder>/<probe>/`; give the JSON's path."""
        from ganlens import storage

        folder, shown = Path(folder), self.shown()
        with storage.replacing(folder / self.stem) as partial:
            partial.mkdir(parents=True)
            for number, figure in enumerate(shown.figures, start=1):
                _save_figure(figure, partial, f"figure-{number}")
            if self.arrays:
                storage.write_tensors(partial / "arrays.safetensors", shown.arrays)
        path = folder / f"{self.stem}.json"
        storage.write_json(path, shown.record())
        return path

    def record(self) -> dict[str, Any]:
        """The finding as values: what `save` writes, with figures as the names of their files.

        JSON-able where the finding is as `shown` gives it.
        """
        return {
            "probe": self.probe,
            "question": self.question,
            "section": self.section,
            "headline": self.headline,
            "verdict": self.verdict.value,
            "measurements": [m.model_dump(mode="json") for m in self.measurements],
            "method": self.method,
            "figures": [
                _figure_entry(figure, f"figure-{i}") for i, figure in enumerate(self.figures, start=1)
            ],
            "arrays": sorted(self.arrays),
            "settings": self.settings,
            "seed": self.seed,
            "seconds": round(self.seconds, 3),
            "not_applicable_because": self.not_applicable_because,
            "unanswered": self.unanswered.value if self.unanswered is not None else None,
        }

    @classmethod
    def load(cls, path: Path) -> Finding:
        """Read a finding back from its JSON and the folder beside it.

        Raises:
            UserError: the file or something it refers to is missing or damaged.
        """
        from ganlens import storage

        path = Path(path)
        values = storage.read_json(path)
        try:
            record = _Saved.model_validate(values)
        except ValidationError as error:
            fault = first_fault(error)
            raise UserError(
                f"{printable(str(path))} is not a finding that this version can read ({fault.key or 'the whole'}: "
                f"{fault.expected}, found {fault.found}); run the probe again"
            ) from None
        folder = path.with_suffix("")
        fields = {name: getattr(record, name) for name in _Saved.model_fields}
        fields["figures"] = [_load_figure(entry, folder) for entry in record.figures]
        fields["arrays"] = storage.read_tensors(folder / "arrays.safetensors") if record.arrays else {}
        return cls(**fields)


def paragraphs_of(method: str, shortest: int = 220) -> list[str]:
    """A long method text as paragraphs, parted where it turns to self-checks, verdicts or references.

    Args:
        shortest: characters below which a paragraph goes on whatever follows.

    Returns:
        One or more paragraphs that hold the text word for word, its line breaks apart.
    """
    parts, subject = [""], ""
    for sentence in re.split(r"(?<=[.)]) (?=[A-Z(])", " ".join(method.split())):
        turned = next((name for name, words in _TURNS.items() if re.match(words, sentence)), subject)
        if turned != subject and len(parts[-1]) >= shortest:
            parts.append(sentence)
        else:
            parts[-1] = f"{parts[-1]} {sentence}".strip()
        subject = turned
    return parts


def _shown_figure(figure: Figure) -> Figure:
    if isinstance(figure, Plot):
        return Plot(_tame(figure.figure, plot_text), _line(figure.caption))
    if isinstance(figure, Table):
        return Table(
            tuple(_tame(figure.columns)), tuple(map(tuple, _tame(figure.rows))), _line(figure.caption)
        )
    return replace(figure, caption=_line(figure.caption))


def _line(text: str) -> str:
    """Printable, on one line."""
    return printable(re.sub(r"[\n\r\t]+", " ", text))


def _tame(value: Any, text: Callable[[str], str] = _line) -> Any:
    """JSON-able values with every text, names included, as `text` makes it, and None for NaN and infinities."""
    if isinstance(value, str):
        return text(str(value))
    if isinstance(value, Mapping):
        return {text(str(name)): _tame(held, text) for name, held in value.items()}
    if hasattr(value, "tolist"):  # arrays and numbers of numpy and torch
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        return [_tame(held, text) for held in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _save_figure(figure: Figure, folder: Path, name: str) -> None:
    from ganlens import storage

    if isinstance(figure, Picture):
        figure.image.save(folder / f"{name}.png", optimize=True)
    elif isinstance(figure, Plot):
        storage.write_json(folder / f"{name}.json", figure.figure)


def _figure_entry(figure: Figure, name: str) -> dict[str, Any]:
    if isinstance(figure, Picture):
        return {"kind": "picture", "file": f"{name}.png", "caption": figure.caption, "crisp": figure.crisp}
    if isinstance(figure, Plot):
        return {"kind": "plot", "file": f"{name}.json", "caption": figure.caption}
    return {"kind": "table", "columns": figure.columns, "rows": figure.rows, "caption": figure.caption}


class _SavedPicture(BaseModel):
    kind: Literal["picture"]
    file: str = Field(pattern=r"^figure-[0-9]+\.png$")  # a plain name: nothing outside the folder is read
    caption: str
    crisp: bool


class _SavedPlot(BaseModel):
    kind: Literal["plot"]
    file: str = Field(pattern=r"^figure-[0-9]+\.json$")
    caption: str


class _SavedTable(BaseModel):
    kind: Literal["table"]
    columns: tuple[str, ...]
    rows: tuple[tuple[str | float | int | None, ...], ...]
    caption: str


_SavedFigure = Annotated[_SavedPicture | _SavedPlot | _SavedTable, Field(discriminator="kind")]


class _Saved(BaseModel):
    """A finding's JSON."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    probe: str
    question: str
    section: str
    headline: str
    verdict: Verdict
    measurements: list[Measurement]
    method: str
    figures: list[_SavedFigure]
    arrays: list[str]
    settings: dict[str, Any]
    seed: int
    seconds: float
    not_applicable_because: str | None
    unanswered: Unanswered | None = None


def _load_figure(entry: _SavedFigure, folder: Path) -> Figure:
    from ganlens import storage

    if isinstance(entry, _SavedPicture):
        return Picture(_load_picture(folder / entry.file), entry.caption, entry.crisp)
    if isinstance(entry, _SavedPlot):
        figure = storage.read_json(folder / entry.file)
        if not isinstance(figure, dict):
            raise UserError(f"{printable(str(folder / entry.file))} is not a plot; run the probe again")
        return Plot(figure, entry.caption)
    return Table(entry.columns, entry.rows, entry.caption)


def _load_picture(path: Path) -> Any:
    from PIL import Image, UnidentifiedImageError

    shown = printable(str(path))
    try:
        content = io.BytesIO(read_bytes(path, ARRAY_BYTES))
        with Image.open(content, formats=["PNG"]) as image:
            PICTURE_PIXELS.check(image.width * image.height, shown)
            image.load()
            return image
    except UserError:
        raise
    except UnidentifiedImageError as error:
        raise UserError(f"{shown} is no PNG picture; run the probe again") from error
    except Exception as error:  # Pillow reports a damaged file by errors of many kinds
        reason = shortened(" ".join(str(error).split()), 200)
        raise UserError(f"{shown} is not a whole picture ({reason}); run the probe again") from error
