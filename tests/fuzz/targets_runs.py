"""Run folders, instruments and findings that are damaged."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from ganlens.config import load_config
from ganlens.data import open_dataset
from ganlens.figures.figure import Picture, Plot, Table
from ganlens.finding import Finding
from ganlens.instruments import autoencoder, labeller
from ganlens.measurement import Baseline, Measurement
from ganlens.probes.audit import examine
from ganlens.report.report import load_findings, write_report
from ganlens.rules import Verdict
from ganlens.storage import read_model
from ganlens.subject import Subject
from ganlens.training import load_run, train
from ganlens.training.checkpoint import checkpoints, load_checkpoint
from ganlens.training.metrics import read_metrics_log
from ganlens.training.metrics_log import MetricsLog
from ganlens.training.run_folder import RUN, RunFacts
from ganlens.training.state import initial_state

Make = Callable[[Path], Path]
Read = Callable[[Path], None]

TINY = ["batch=16", "latent=4", "data.count=100", "evaluation.features=raw", "evaluation.samples=16",
        "evaluation.grid=4", "evaluation.every=16", "generator={family: mlp, width: 8, depth: 1}",
        "discriminator={family: mlp, width: 8, depth: 1}"]  # fmt: skip


def _run(file: str, *more: str) -> Make:
    """A short run; `file` is damaged, below its last checkpoint where it is one of those."""

    def make(folder: Path) -> Path:
        out = folder / "run"
        train("ring", out=out, preset="points", steps=3, overrides=[*TINY, *more])
        return out / file if (out / file).is_file() else checkpoints(out / "checkpoints")[-1] / file

    return make


def _run_of(path: Path) -> Path:
    return next(parent for parent in path.parents if parent.name == "run")


def _load(path: Path) -> None:
    load_run(_run_of(path))


def _take_up(path: Path) -> None:
    """What `--resume` reads."""
    folder = _run_of(path)
    config, facts = load_config(folder / "config.yaml"), read_model(folder / RUN, RunFacts)
    state = initial_state(config, facts.modality, facts.sample_shape, torch.device("cpu"))
    load_checkpoint(checkpoints(folder / "checkpoints")[-1], state)


def _journal(path: Path) -> None:
    folder = _run_of(path)
    before = read_metrics_log(folder)
    subject = Subject.load(folder)
    examine(subject, "convergence", samples=64, settings={"block": 32, "replicates": 2}, features=["raw"])
    MetricsLog(folder, load_config(folder / "config.yaml"), 3).close()
    after = read_metrics_log(folder)
    assert after.unreadable == [] and after.records == [r for r in before.records if _lasts(r)]


def _lasts(record: dict[str, Any]) -> bool:
    """Whether a run that was never stopped would have the record by step 3."""
    due = record["kind"] != "evaluation" or record.get("scheduled")
    return bool(record["step"] <= 3 and record["kind"] != "end" and due)


class _FittedAgain(Exception):
    """The instrument was refused, and training a new one began."""


def _refit(*_: object, **__: object) -> None:
    raise _FittedAgain


def _instrument(kind: str, file: str) -> Make:
    def make(folder: Path) -> Path:
        _fit(kind, folder / "instruments")
        return next((folder / "instruments").glob(f"*/{file}"))

    return make


def _fit(kind: str, cache: Path) -> None:
    if kind == "labeller":
        labeller.fit_labeller(open_dataset("ring", count=200), seed=0, cache=cache)
    else:
        few = open_dataset("ring", count=20)  # too few to train on: it stays PCA, at once
        autoencoder.fit_autoencoder(few, width=1, seed=0, cache=cache)


def _read_instrument(kind: str) -> Read:
    def read(path: Path) -> None:
        module = labeller if kind == "labeller" else autoencoder
        kept = module._train, autoencoder._fit
        module._train = autoencoder._fit = _refit  # type: ignore[assignment]
        try:
            _fit(kind, path.parents[1])
        except _FittedAgain:
            pass
        finally:
            module._train, autoencoder._fit = kept  # type: ignore[assignment]

    return read


def _finding(file: str) -> Make:
    def make(folder: Path) -> Path:
        finding = Finding(
            "recall",
            "Does it make all?",
            Verdict.CAUTION,
            "It misses 30 %.",
            measurements=[
                Measurement(
                    name="recall",
                    value=0.7,
                    low=0.6,
                    high=0.8,
                    interval="95 %",
                    better="higher",
                    baseline=Baseline(value=0.9, what="real"),
                )
            ],
            figures=[
                Picture(Image.new("L", (12, 9), 100), "a picture"),
                Plot({"data": [{"x": [1, 2], "y": [3, 4], "type": "scatter"}], "layout": {}}, "a plot"),
                Table(("a", "b"), ((1, "x"), (2.5, "y")), "a table"),
            ],
            arrays={"codes": torch.arange(6.0).reshape(2, 3)},
            settings={"count": 3},
        )
        path = finding.save(folder / "findings")
        return path if file == "recall.json" else folder / "findings" / "recall" / file

    return make


def _read_findings(path: Path) -> None:
    folder = next(parent for parent in path.parents if parent.name == "findings")
    Finding.load(folder / "recall.json")


def _report(path: Path) -> None:
    folder = next(parent for parent in path.parents if parent.name == "findings")
    write_report(load_findings(folder.parent), folder.parent / "out", title="A report", facts={})


TARGETS: dict[str, tuple[Make, Read]] = {
    "run.json": (_run("run.json"), _load),
    "run.json with classes": (_run("run.json", "condition=projection"), _load),
    "config.yaml of a run": (_run("config.yaml"), _load),
    "state.json": (_run("state.json"), _take_up),
    "weights": (_run("generator_ema.safetensors"), _load),
    "optimiser": (_run("discriminator_optimiser.safetensors"), _take_up),
    "metrics.jsonl": (_run("metrics.jsonl"), _journal),
    "labeller's record": (_instrument("labeller", "instrument.json"), _read_instrument("labeller")),
    "labeller's weights": (_instrument("labeller", "instrument.safetensors"), _read_instrument("labeller")),
    "autoencoder's record": (_instrument("autoencoder", "instrument.json"), _read_instrument("autoencoder")),
    "autoencoder's weights": (
        _instrument("autoencoder", "instrument.safetensors"),
        _read_instrument("autoencoder"),
    ),
    "finding": (_finding("recall.json"), _read_findings),
    "finding's picture": (_finding("figure-1.png"), _read_findings),
    "finding's plot": (_finding("figure-2.json"), _read_findings),
    "finding's arrays": (_finding("arrays.safetensors"), _read_findings),
    "report of findings": (_finding("recall.json"), _report),
}
