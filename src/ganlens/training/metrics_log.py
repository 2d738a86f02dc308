"""What a run writes down as it goes: metrics.jsonl always, TensorBoard and Weights & Biases where asked for."""

from __future__ import annotations

import json
import os
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ganlens import storage
from ganlens.config import RunConfig, flatten
from ganlens.errors import UserError
from ganlens.printable import printable
from ganlens.progress import Progress, Silent
from ganlens.system_errors import disk_errors
from ganlens.training.metrics import METRICS, Metrics, read_metrics_log

UNREADABLE = "metrics.unreadable.jsonl"
"""Where lines of metrics.jsonl go that can't be read when a run is taken up again: nothing is thrown away."""


class MetricsLog:
    """Appends records to a run's `metrics.jsonl` and passes their numbers to the trackers.

    Args:
        step: of the checkpoint that is gone on from; None in a new run, whose log begins empty. Records that the
            uninterrupted run would not have are dropped: of later steps, left by a run that went on past its last
            checkpoint, and what only stopping wrote (its end, and an evaluation that was not due).
        progress: told when lines can't be read.
    """

    def __init__(
        self, folder: Path, config: RunConfig, step: int | None, progress: Progress | None = None
    ) -> None:
        self._path = folder / METRICS
        earlier = read_metrics_log(folder) if step is not None else Metrics()
        if earlier.unreadable:
            storage.append_text(folder / UNREADABLE, "".join(f"{line}\n" for line in earlier.unreadable))
            (progress or Silent()).warn(
                f"{len(earlier.unreadable)} lines of {printable(str(self._path))} can't be read (they were damaged or "
                f"edited); they are moved to {UNREADABLE}"
            )
        kept = [
            (record, line)
            for record, line in zip(earlier.records, earlier.lines, strict=True)
            if step is not None and _lasts(record, step)
        ]
        storage.write_text(self._path, "".join(f"{line}\n" for _, line in kept))
        self._seen = {(record["kind"], record["step"]) for record, _ in kept}
        self._accelerator = _open_trackers(folder, config) if config.trackers else None

    def write(self, kind: str, step: int, images: int, **values: Any) -> None:
        """One line: what kind of record, when, and its values."""
        record = {"kind": kind, "step": step, "images": images, **values}
        storage.append_text(self._path, json.dumps(record) + "\n")
        if self._accelerator is not None:
            numbers = {f"{kind}/{k}": v for k, v in flatten(values) if isinstance(v, (int, float))}
            self._accelerator.log(numbers, step=step)

    def has(self, kind: str, step: int | None = None) -> bool:
        """Whether a record of that kind (and of that step) was there when the run was taken up."""
        return any(seen == kind and step in (None, at) for seen, at in self._seen)

    def settle(self) -> None:
        """See that every line so far is on the disk."""
        with disk_errors(self._path, again="go on with --resume"), self._path.open("rb") as file:
            os.fsync(file.fileno())

    def close(self) -> None:
        """End the trackers."""
        if self._accelerator is not None:
            # Not `end_training`, which would also leave the process group that other processes are still in.
            for tracker in self._accelerator.trackers:
                tracker.finish()


def require_trackers(config: RunConfig) -> None:
    """See that the trackers asked for are installed.

    Raises:
        UserError: one is not; the message names the extra.
    """
    for tracker in config.trackers:
        if find_spec(tracker) is None:
            raise UserError(f"trackers={tracker}: {tracker} is not installed; pip install 'ganlens[track]'")


def _open_trackers(folder: Path, config: RunConfig) -> Any:
    from accelerate import Accelerator

    accelerator = Accelerator(log_with=list(config.trackers), project_dir=str(folder / "trackers"))
    simple = {
        k: v if isinstance(v, (int, float, str, bool)) else str(v)
        for k, v in flatten(config.model_dump(mode="json"))
    }
    accelerator.init_trackers(
        "ganlens", config=simple, init_kwargs={"wandb": {"dir": str(folder), "name": folder.name}}
    )
    return accelerator


def _lasts(record: dict[str, Any], step: int) -> bool:
    """Whether the run that never stopped at `step` would have written the record by then."""
    by_stopping = record["kind"] == "end" or (record["kind"] == "evaluation" and not record.get("scheduled"))
    return int(record["step"]) <= step and not by_stopping
