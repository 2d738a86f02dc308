"""A probe's settings as options: what is typed is what the probe gets."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

import pytest
from pydantic import Field

from ganlens.cli.probe import probe_command
from ganlens.finding import Baseline, Finding, Measurement, Verdict
from ganlens.probes import Need, Probe, ProbeSettings


class ToySettings(ProbeSettings):
    k: int = Field(5, description="neighbours")
    step_size: float | None = Field(None, description="length of a step")
    centre: bool = Field(True, description="whether to centre")
    metric: Literal["cosine", "euclidean"] = Field("cosine", description="distance")
    layers: tuple[str, ...] = Field((), description="where to look")
    samples: int = Field(100, description="its own count")


class Toy(Probe):
    name = "toy"
    question = "Is it a toy?"
    section = "quality"
    needs = frozenset({Need.DATA})
    method = "It looks."
    Settings = ToySettings

    def examine(self, subject: Any, settings: Any, context: Any) -> Finding:
        raise NotImplementedError


FINDING = Finding(
    "toy",
    "Is it a toy?",
    "It is [really] a toy.",
    Verdict.CAUTION,
    measurements=[
        Measurement(
            name="toyness",
            value=0.25,
            low=0.2,
            high=0.3,
            interval="95 %, exact binomial",
            better="lower",
            baseline=Baseline(value=0.01, what="a real thing"),
        )
    ],
    method="It looked.",
)


@pytest.fixture
def ask(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Runs the toy probe's command and gives back what `examine` was called with."""
    calls: list[dict[str, Any]] = []

    def examine(subject: Any, name: str, **given: Any) -> Finding:
        calls.append({"subject": subject.name, "name": name, **given})
        return FINDING

    def open_subject(name: str, **given: Any) -> Any:
        return SimpleNamespace(name=name, notes=[], run=None, given=given)

    monkeypatch.setattr("ganlens.probes.audit.examine", examine)
    monkeypatch.setattr("ganlens.cli.probe.open_subject", open_subject)
    monkeypatch.chdir(tmp_path)

    def call(*words: str) -> dict[str, Any]:
        probe_command("toy", Toy).main([*words], prog_name="toy", standalone_mode=False)
        return calls.pop()

    return call


def test_without_options_the_probe_gets_its_own_defaults(ask: Callable[..., dict[str, Any]]) -> None:
    called = ask("runs/a")
    assert (called["subject"], called["name"], called["samples"], called["seed"]) == (
        "runs/a",
        "toy",
        10_000,
        0,
    )
    assert ToySettings(**called["settings"]) == ToySettings()


def test_options_become_typed_settings(ask: Callable[..., dict[str, Any]]) -> None:
    words = [
        "--k",
        "7",
        "--step-size",
        "0.5",
        "--no-centre",
        "--metric",
        "euclidean",
        "--layers",
        "[body.0, body.2]",
    ]
    settings = ask("runs/a", *words)["settings"]
    assert ToySettings(**settings) == ToySettings(
        k=7, step_size=0.5, centre=False, metric="euclidean", layers=("body.0", "body.2")
    )


def test_a_setting_that_shares_a_name_with_an_option_gets_the_probes_name(
    ask: Callable[..., dict[str, Any]],
) -> None:
    called = ask("runs/a", "--samples", "500", "--toy-samples", "50", "--seed", "3")
    assert (called["samples"], called["settings"]["samples"], called["seed"]) == (500, 50, 3)


def test_the_finding_is_printed_whole_and_saved_where_asked(
    ask: Callable[..., dict[str, Any]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ask("runs/a", "--out", "kept")
    shown = " ".join(capsys.readouterr().out.split())
    for part in (
        "toy caution",
        "It is [really] a toy.",
        "toyness",
        "0.25",
        "0.2 … 0.3",
        "0.01 a real thing",
        "It looked.",
    ):
        assert part in shown
    saved = Finding.load(tmp_path / "kept" / "findings" / "toy.json")
    assert (saved.headline, saved.verdict) == (FINDING.headline, Verdict.CAUTION)


def test_without_a_place_nothing_is_saved(ask: Callable[..., dict[str, Any]], tmp_path: Path) -> None:
    ask("net.pt2")
    assert list(tmp_path.iterdir()) == []
