"""What a probe found, in a form that can be saved, compared, drawn and believed (or not)."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from ganlens.errors import UserError
from ganlens.figures.figure import (
    Figure,
    SavedFigure,
    figure_entry,
    load_figure,
    printable_line,
    save_figure,
    shown_figure,
    tamed,
)
from ganlens.measurement import Measurement
from ganlens.printable import file_name, printable
from ganlens.rules import Conclusion, Verdict, claim_faults
from ganlens.validation import first_fault

_TURNS = {
    "self-check": r"Self-checks?\b",
    "verdict": r"(Judged|Verdicts?|Good|Bad|Caution|Not believable)\b",
    "reference": r"(Intervals?|References?)\b",
}
"""What a sentence begins with where a method text turns to another of its subjects."""


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


@dataclass
class Finding:
    """The answer of one probe about one subject.

    Attributes:
        probe, question: who asked what.
        verdict: see `Verdict`.
        claim: what a busy person takes away: at most 12 words and one number, no brackets (`claim_faults`).
        detail: one sentence: the two or three numbers behind the claim, the reference among them.
        advice: what to do about it, with the command or the line of Python; empty where nothing is to be done.
        remarks: further sentences for a careful reader: what must not be read out of the numbers.
        rule: the name of the rule that held (see `ganlens.rules`); empty where none was asked.
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
    verdict: Verdict
    claim: str
    detail: str = ""
    advice: str = ""
    remarks: list[str] = field(default_factory=list)
    rule: str = ""
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
        because: str,
        *,
        unanswered: Unanswered = Unanswered.NEED,
    ) -> Finding:
        """The finding of a probe that could not be asked; who asked is filled in by who asked it.

        Args:
            because: completes "not applicable, because …".
        """
        return cls(
            probe="",
            question="",
            verdict=Verdict.NOT_APPLICABLE,
            claim=_without_answer(because, unanswered),
            detail=f"Not applicable, because {because}.",
            not_applicable_because=because,
            unanswered=unanswered,
        )

    @classmethod
    def concluded(
        cls,
        conclusion: Conclusion,
        *,
        measurements: Sequence[Measurement] = (),
        figures: Sequence[Figure] = (),
        arrays: Mapping[str, Any] | None = None,
        remarks: Sequence[str] = (),
        method: str = "",
    ) -> Finding:
        """The finding of a probe whose rules came to a conclusion; who asked is filled in by who asked it."""
        return cls(
            probe="",
            question="",
            verdict=conclusion.verdict,
            claim=conclusion.claim,
            detail=conclusion.detail,
            advice=conclusion.advice,
            rule=conclusion.rule,
            remarks=[remark for remark in remarks if remark],
            measurements=list(measurements),
            figures=list(figures),
            arrays=dict(arrays or {}),
            method=method,
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
        lines = [f"{self.probe} — {self.verdict.value}", textwrap.fill(self.claim, 100)]
        lines += [textwrap.fill(self.detail, 100)] if self.detail not in ("", self.claim) else []
        lines += [self.advice] if self.advice else []  # unbroken: it may hold a command to copy
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
        texts = ("probe", "question", "claim", "detail", "advice", "remarks", "rule", "method", "section")
        return replace(
            self,
            **{name: tamed(getattr(self, name)) for name in (*texts, "not_applicable_because")},
            measurements=[Measurement.model_validate(tamed(m.model_dump())) for m in self.measurements],
            figures=[shown_figure(figure) for figure in self.figures],
            arrays={printable_line(name): array for name, array in self.arrays.items()},
            settings=tamed(self.settings),
        )

    def save(self, folder: Path) -> Path:
        """Write `<folder>/<probe>.json`, figures and arrays in `<folder>/<probe>/`; give the JSON's path."""
        from ganlens import storage

        folder, shown = Path(folder), self.shown()
        with storage.replacing(folder / self.stem) as partial:
            partial.mkdir(parents=True)
            for number, figure in enumerate(shown.figures, start=1):
                save_figure(figure, partial, f"figure-{number}")
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
            "claim": self.claim,
            "detail": self.detail,
            "advice": self.advice,
            "verdict": self.verdict.value,
            "rule": self.rule,
            "remarks": self.remarks,
            "measurements": [m.model_dump(mode="json") for m in self.measurements],
            "method": self.method,
            "figures": [
                figure_entry(figure, f"figure-{i}") for i, figure in enumerate(self.figures, start=1)
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
        fields["figures"] = [load_figure(entry, folder) for entry in record.figures]
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


class _Saved(BaseModel):
    """A finding's JSON."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    probe: str
    question: str
    section: str
    claim: str
    detail: str
    advice: str
    verdict: Verdict
    rule: str
    remarks: list[str]
    measurements: list[Measurement]
    method: str
    figures: list[SavedFigure]
    arrays: list[str]
    settings: dict[str, Any]
    seed: int
    seconds: float
    not_applicable_because: str | None
    unanswered: Unanswered | None = None


def _without_answer(because: str, unanswered: Unanswered) -> str:
    """The claim of a question without an answer: its reason or how that begins, if short enough, else whose it is."""
    reasons = (because, because.split(", and ")[0], because.split("; ")[0].split(", ")[0])
    claims = [f"Not applicable: {reason}." for reason in reasons if unanswered is Unanswered.NEED]
    if short := next((claim for claim in claims if not claim_faults(claim)), ""):
        return short
    return {
        Unanswered.NEED: "Not applicable: something that it needs is missing.",
        Unanswered.TROUBLE: "No answer: something that was given failed.",
        Unanswered.DEFECT: "No answer: GANLens itself failed.",
        Unanswered.INTERRUPTED: "No answer: the audit was stopped before.",
    }[unanswered]
