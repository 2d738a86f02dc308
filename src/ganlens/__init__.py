"""Train a GAN, see what it learned and what it missed, and know which of those explanations to believe.

import ganlens

ganlens.train("digits", out="runs/first", steps=2000)
subject = ganlens.Subject.load("runs/first")
print(subject.examine("fidelity"))
subject.audit(out="runs/first")
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    __version__: str

    from ganlens import measures
    from ganlens.data import Dataset, open_dataset
    from ganlens.errors import GANLensError, TrainingStopped, UserError
    from ganlens.finding import Finding
    from ganlens.measurement import Measurement
    from ganlens.probes.audit import Audit
    from ganlens.rules import Verdict
    from ganlens.subject import Subject
    from ganlens.training import Run, TrainedRun, load_run, train


__all__ = [
    "Audit",
    "Dataset",
    "Finding",
    "GANLensError",
    "Measurement",
    "Run",
    "Subject",
    "TrainedRun",
    "TrainingStopped",
    "UserError",
    "Verdict",
    "__version__",
    "load_run",
    "measures",
    "open_dataset",
    "train",
]

_HOME = {
    "Audit": "ganlens.probes.audit",
    "Dataset": "ganlens.data",
    "Finding": "ganlens.finding",
    "GANLensError": "ganlens.errors",
    "Measurement": "ganlens.finding",
    "Run": "ganlens.training",
    "Subject": "ganlens.subject",
    "TrainedRun": "ganlens.training",
    "TrainingStopped": "ganlens.errors",
    "UserError": "ganlens.errors",
    "Verdict": "ganlens.rules",
    "load_run": "ganlens.training",
    "open_dataset": "ganlens.data",
    "train": "ganlens.training",
}


def __getattr__(name: str) -> Any:
    # On demand (PEP 562): `import ganlens` and `ganlens --help` don't wait for torch.
    from importlib import import_module

    if name == "__version__":
        from importlib.metadata import version

        return version("ganlens")
    if name == "measures":
        return import_module("ganlens.measures")
    if name in _HOME:
        value = globals()[name] = getattr(import_module(_HOME[name]), name)
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
