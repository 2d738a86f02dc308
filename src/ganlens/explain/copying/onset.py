"""When copying began in training, and the checkpoint from before, where the run keeps one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ganlens.training.checkpoint import checkpoints, read_progress
from ganlens.training.metrics import read_metrics


@dataclass(frozen=True)
class Checkpoint:
    """A kept checkpoint: its step, and how many images had been seen."""

    step: int
    images: int


def checkpoint_before_copying(run: Path) -> Checkpoint | None:
    """The latest kept checkpoint before an evaluation of the run found copying; None where there is none.

    Copying is found where the nearest real sample is surely (99.9 %) more often a training sample than chance allows,
    and nearer than held-out samples are: far from all data many samples share one neighbour, which says nothing.

    Raises:
        UserError: the run's metrics or a checkpoint are damaged.
    """
    evaluations = (record for record in read_metrics(run) if record.get("kind") == "evaluation")
    began = next((int(record["images"]) for record in evaluations if _copies(record)), None)
    if began is None:
        return None
    kept = (read_progress(path) for path in checkpoints(run / "checkpoints"))
    before = [Checkpoint(one.step, one.images) for one in kept if 0 < one.images < began]
    return before[-1] if before else None


def _copies(evaluation: dict[str, Any]) -> bool:
    above, nearest = evaluation.get("copying_above"), evaluation.get("nearest_train")
    if not (isinstance(above, (int, float)) and isinstance(nearest, (int, float))):
        return False
    return above > 0 and nearest < 1
