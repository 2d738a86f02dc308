"""Training: one explicit loop over named phases, exact resume, and a watch that says when it goes wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ganlens.training.loop import train
    from ganlens.training.run_folder import Run, TrainedRun, load_run

__all__ = ["Run", "TrainedRun", "load_run", "train"]

_HOME = {"train": "loop", "Run": "run_folder", "TrainedRun": "run_folder", "load_run": "run_folder"}


def __getattr__(name: str) -> Any:
    # On demand: `ganlens.config` needs the losses of this package, and the loop needs `ganlens.config`.
    if name in _HOME:
        from importlib import import_module

        return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
