"""A probe's settings as options: what is typed is what the probe gets."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

import pytest
import typer
from pydantic import Field

from ganlens.cli.main import app
from ganlens.cli.probe import probe_command
from ganlens.finding import Finding, paragraphs_of
from ganlens.measurement import Baseline, Measurement
from ganlens.probes import Need, Probe, ProbeSettings, probes
from ganlens.probes.description import SHARED_OPTIONS, examples_of, settings_of
from ganlens.rules import Verdict


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
    probe="toy",
    question="Is it a toy?",
    claim="It is [really] a toy.",
    detail="It is 25% of a toy.",
    advice="Play: `ganlens probe toy runs/a`.",
    remarks=["A toy may be a model."],
    verdict=Verdict.CAUTION,
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
        "caution It is [really] a toy. toy It is 25% of a toy. Play: ganlens probe toy runs/a A toy may be a model.",
        "toyness",
        "0.25",
        "0.2 … 0.3",
        "0.01 a real thing",
        "It looked.",
    ):
        assert part in shown
    saved = Finding.load(tmp_path / "kept" / "findings" / "toy.json")
    assert (saved.claim, saved.verdict) == (FINDING.claim, Verdict.CAUTION)


def test_without_a_place_nothing_is_saved(ask: Callable[..., dict[str, Any]], tmp_path: Path) -> None:
    ask("net.pt2")
    assert list(tmp_path.iterdir()) == []


class Bracketed(Toy):
    question = "Is x in [0, 1] a [toy]?"
    method = "It maps [n, d] to [bold]numbers[/bold]. Verdict: [red] is a word."
    self_check = "Fails where [k] is none of [a, b]."
    cost = "[1] pass."
    source = "ours [sic]"


def plain(text: str) -> str:
    return " ".join(re.sub(r"[│╭╮╰╯─]", " ", text).split())


def help_of(kind: type[Probe], capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit):
        probe_command(kind.name, kind).main(["--help"], prog_name=f"ganlens probe {kind.name}")
    return capsys.readouterr().out


def test_brackets_in_what_a_probe_says_of_itself_are_text(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "90")
    shown = plain(help_of(Bracketed, capsys))
    for text in (
        Bracketed.question,
        Bracketed.method,
        Bracketed.self_check,
        Bracketed.cost,
        Bracketed.source,
    ):
        assert text in shown


@pytest.mark.parametrize("width", [80, 110])
@pytest.mark.parametrize("name", probes.names())
def test_the_help_of_every_probe_teaches_and_fits_the_terminal(
    name: str, width: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    kind = probes[name]
    out = help_of(kind, capsys)
    shown = plain(out)
    assert max(map(len, out.splitlines())) <= width
    first, *others = paragraphs_of(kind.described())
    for part in (
        kind.question,
        f"How it works: {plain(first)}",
        *others,
        kind.self_check,
        kind.cost,
        kind.source,
    ):
        assert plain(part) in shown
    assert all(plain(example) in shown for example in examples_of(kind))
    assert not re.search(r"--[\w-]*…", out), "a setting's name is cut short at this width"
    for setting in settings_of(kind):
        assert plain(setting.description)[:30] in shown


@pytest.mark.parametrize("name", probes.names())
def test_the_examples_of_every_probe_are_understood(name: str) -> None:
    group = typer.main.get_command(app)
    for example in examples_of(probes[name]):
        words = shlex.split(example)
        assert words[:3] == ["ganlens", "probe", name]
        with group.make_context("ganlens", ["probe"], resilient_parsing=True) as context:
            command = group.get_command(context, "probe").get_command(context, name)
            given = command.make_context(name, words[3:], parent=context).params
        assert given["subject"] == "runs/first"


def test_the_options_of_all_probes_are_those_that_settings_keep_clear_of() -> None:
    options = {
        parameter.name
        for parameter in probe_command("toy", Toy).params
        if not parameter.name.startswith("setting_")
    }
    assert options - {"help", "num_classes"} == SHARED_OPTIONS - {"classes"}  # which `--classes` sets
