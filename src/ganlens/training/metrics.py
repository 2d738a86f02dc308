"""`metrics.jsonl` read back: the records that are whole and of their kind, and the lines that are not."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ganlens.files import is_file, read_bytes
from ganlens.json_text import parse_json
from ganlens.limits import METRICS_LOG_BYTES

METRICS = "metrics.jsonl"


class _Record(BaseModel):
    """What every record has."""

    model_config = ConfigDict(extra="allow", strict=True, allow_inf_nan=False)

    kind: str
    step: int = Field(ge=0)
    images: int = Field(ge=0)


class _Start(_Record):
    floor: dict[str, float] = Field(default_factory=dict)


class _Evaluation(_Record):
    scheduled: bool = False
    space: str
    frechet_distance: float
    precision: float
    recall: float
    density: float
    coverage: float


_KINDS: dict[str, type[_Record]] = {"start": _Start, "evaluation": _Evaluation}


@dataclass
class Metrics:
    """What a run's metrics hold.

    Attributes:
        records: every whole record, oldest first. `kind`, `step` and `images` are there, and what an evaluation has.
        lines: the same as they stand in the file.
        unreadable: lines that are no such record: damaged, edited, or of another program.
    """

    records: list[dict[str, Any]] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)


def read_metrics_log(folder: Path) -> Metrics:
    """A run's `metrics.jsonl`; empty where there is none.

    The last line is passed over if it was cut, as it is when a run is killed while it writes.

    Raises:
        UserError: the file can't be opened, or is larger than the limit.
    """
    path = Path(folder) / METRICS
    metrics = Metrics()
    if not is_file(path):
        return metrics
    lines = read_bytes(path, METRICS_LOG_BYTES).split(b"\n")
    for number, line in enumerate(lines, start=1):
        text = line.decode("utf-8", errors="backslashreplace").rstrip("\r")
        record = _record(line)
        if record is not None:
            metrics.records.append(record)
            metrics.lines.append(text)
        elif line.strip() and number < len(lines):
            metrics.unreadable.append(text)
    return metrics


def read_metrics(folder: Path) -> list[dict[str, Any]]:
    """Every whole record of a run's `metrics.jsonl`, oldest first; lines that can't be read are left out."""
    return read_metrics_log(folder).records


def _record(line: bytes) -> dict[str, Any] | None:
    try:
        record = parse_json(line.decode("utf-8"))
        if isinstance(record, dict):
            _KINDS.get(str(record.get("kind")), _Record).model_validate(record)
            return record
    except (ValueError, ValidationError):
        pass
    return None
