from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ganlens import UserError
from ganlens.config import resolve_config
from ganlens.training.metrics import METRICS, read_metrics, read_metrics_log
from ganlens.training.metrics_log import UNREADABLE, MetricsLog


def record(step: int, kind: str = "step", **values: Any) -> dict[str, Any]:
    return {"kind": kind, "step": step, "images": 10 * step, **values}


LOOK = {
    "space": "raw",
    "frechet_distance": 1,
    "precision": 0.5,
    "recall": 0.5,
    "density": 1.0,
    "coverage": 0.5,
}


def write(folder: Path, *lines: str | bytes) -> None:
    content = b"\n".join(line.encode() if isinstance(line, str) else line for line in lines)
    (folder / METRICS).write_bytes(content)


def test_whole_records_come_back_as_they_were_written(tmp_path: Path) -> None:
    records = [
        record(0, "start", floor={"recall": 0.9}),
        record(20, terms={"a": 1.5}),
        record(20, "evaluation", **LOOK),
    ]
    write(tmp_path, *map(json.dumps, records), "")
    assert read_metrics(tmp_path) == records
    assert read_metrics_log(tmp_path).unreadable == []


@pytest.mark.parametrize(
    "line",
    [
        "[1]", "3", "null", "{", '{"kind": "step"}', '{"kind": "x", "step": "1", "images": 0}',
        '{"kind": 1, "step": 1, "images": 0}', '{"kind": "step", "step": -1, "images": 0}',
        '{"kind": "step", "step": 1, "step": 2, "images": 0}', b'{"kind": "\xff"}', "[" * 10_000,
        json.dumps(record(1, "evaluation")), json.dumps(record(1, "evaluation", **{**LOOK, "recall": "x"})),
        json.dumps(record(1, "evaluation", **{**LOOK, "recall": float("nan")})),
        json.dumps(record(1, "start", floor=[1])), '{"kind": "step", "step": ' + "9" * 5000 + ', "images": 0}',
    ],
)  # fmt: skip
def test_a_line_that_is_no_record_is_left_out_and_counted(tmp_path: Path, line: str | bytes) -> None:
    first, last = record(1), record(2)
    write(tmp_path, json.dumps(first), line, json.dumps(last), "")
    found = read_metrics_log(tmp_path)
    assert (found.records, len(found.unreadable)) == ([first, last], 1)


def test_a_last_line_that_was_cut_is_no_damage(tmp_path: Path) -> None:
    write(tmp_path, json.dumps(record(1)), '{"kind": "st')
    found = read_metrics_log(tmp_path)
    assert (found.records, found.unreadable) == ([record(1)], [])


def test_a_resume_keeps_what_it_can_not_read_in_another_file_and_says_so(tmp_path: Path) -> None:
    class Watcher:
        def __init__(self) -> None:
            self.said: list[str] = []

        def warn(self, text: str) -> None:
            self.said.append(text)

    watcher = Watcher()
    write(tmp_path, json.dumps(record(1)), "[1]", b"\xff damaged", json.dumps(record(9)), "")
    MetricsLog(tmp_path, resolve_config("ring", "points"), 5, watcher).close()  # type: ignore[arg-type]
    assert (tmp_path / METRICS).read_text() == json.dumps(record(1)) + "\n"
    assert (tmp_path / UNREADABLE).read_text() == "[1]\n\\xff damaged\n"
    assert len(watcher.said) == 1 and "2 lines of" in watcher.said[0] and UNREADABLE in watcher.said[0]


def test_a_log_larger_than_the_limit_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, json.dumps(record(1)), "")
    monkeypatch.setenv("GANLENS_MAX_METRICS_BYTES", "5")
    with pytest.raises(UserError, match="the metrics of a run would take"):
        read_metrics(tmp_path)
