"""A user's first ten minutes, made small: train, look, go on, ask, report."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from PIL import Image

import ganlens as package
from ganlens.cli import demo, main

Run = Callable[..., Any]

QUICK = [
    "batch=16",
    "latent=4",
    "evaluation.features=raw",
    "evaluation.samples=64",
    "evaluation.grid=16",
    "evaluation.every=400",
    "generator.width=8",
    "discriminator.width=8",
]
SETTINGS = [word for setting in QUICK for word in ("--set", setting)]


def next_commands(out: str) -> list[list[str]]:
    """The commands that a verb ended with, as words."""
    _, _, block = out.partition("\nNext\n")
    return [shlex.split(line.strip().rsplit("   ", 1)[0]) for line in block.splitlines() if line.strip()]


def understood(words: list[str]) -> None:
    """Raise what the command line doesn't understand, without running anything."""
    assert words.pop(0) == "ganlens"
    group = typer.main.get_command(main.app)
    with group.make_context("ganlens", [words[0]], resilient_parsing=True) as context:
        command = group.get_command(context, words.pop(0))
        if command.name == "probe":
            command = command.get_command(context, words.pop(0))
        if "--help" not in words:
            command.make_context(command.name, words, parent=context)


def test_train_sample_resume_audit(ganlens: Run, tmp_path: Path) -> None:
    goal = ["--preset", "small", "--seed", "3"]
    dry = ganlens("train", "digits", *goal, *SETTINGS, "--dry-run")
    assert list(tmp_path.iterdir()) == []

    trained = ganlens("train", "digits", *goal, *SETTINGS, "--steps", "12")
    folder = tmp_path / "runs" / "digits-small-1"
    assert trained.code == 0, trained.err
    assert "Stopped at step 12 (192 images): step 12 reached." in trained.out
    assert "Run folder: runs/digits-small-1" in trained.out
    assert yaml.safe_load(dry.out) == yaml.safe_load((folder / "config.yaml").read_text())

    for out, seed in (("a.png", "1"), ("again.png", "1"), ("other.png", "2")):
        assert ganlens("sample", str(folder), "-n", "9", "--seed", seed, "--out", out).code == 0
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "again.png").read_bytes()
    assert (tmp_path / "a.png").read_bytes() != (tmp_path / "other.png").read_bytes()
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.width == picture.height >= 3 * 8
    assert ganlens("sample", str(folder), "--truncation", "0", "-n", "4", "--out", "typical.png").code == 0

    taken = ganlens("train", "digits", "--out", str(folder), "--steps", "20")
    assert taken.code == 2
    assert "is not empty; add --resume to go on" in taken.err
    changed = ganlens("train", "--resume", "--out", str(folder), "--steps", "20", "--set", "latent=8")
    assert changed.code == 2
    assert "latent: 4 → 8" in changed.err
    resumed = ganlens("train", "--resume", "--out", str(folder), "--steps", "20")
    assert "Stopped at step 20 (320 images): step 20 reached." in resumed.out

    audited = ganlens("audit", str(folder), "--probes", "gallery,nearest", "--samples", "300")
    assert audited.code == 0, audited.err
    page = (folder / "report.html").read_text()
    shown = " ".join(audited.out.split())
    for probe in ("gallery", "nearest"):
        finding = json.loads((folder / "findings" / f"{probe}.json").read_text())
        assert finding["question"] in page
        assert f"{finding['verdict']} {finding['claim']} {probe}" in shown
    assert f"Report: {folder / 'report.html'}" in audited.out

    asked = ganlens("probe", "gallery", str(folder), "--samples", "300", "--shown", "4")
    assert asked.code == 0, asked.err
    assert json.loads((folder / "findings" / "gallery.json").read_text())["settings"]["shown"] == 4

    for result in (trained, resumed, audited):
        commands = next_commands(result.out)
        assert len(commands) == 3
        for command in commands:
            understood(command)


def test_the_demo_trains_audits_and_can_be_run_again(
    ganlens: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With fewer steps and questions, which is all that is changed: the order of things is the demo's own."""
    train, audit = package.train, package.Subject.audit

    def few_steps(data: str, **given: Any) -> Any:
        return train(data, **given, steps=8, overrides=[] if given["resume"] else QUICK)

    def few_questions(self: Any, out: Path, **given: Any) -> Any:
        return audit(self, out, probes=["gallery"], samples=300, **given)

    monkeypatch.setattr("ganlens.train", few_steps)
    monkeypatch.setattr("ganlens.subject.Subject.audit", few_questions)

    first = ganlens("demo")
    assert first.code == 0, first.err
    assert "Training into runs/demo" in first.err
    assert re.search(r"^(good|caution|bad) .*gallery *$", first.out, re.MULTILINE)
    assert (tmp_path / "runs" / "demo" / "report.html").is_file()
    assert len(next_commands(first.out)) == 3
    for command in next_commands(first.out):
        understood(command)

    again = ganlens("demo")
    assert again.code == 0, again.err
    assert "Going on with runs/demo" in again.err
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["demo"]


def test_the_demo_takes_the_next_folder_where_another_run_or_something_else_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = tmp_path / "demo"
    assert demo._folder(wanted, seed=0) == (wanted, False)
    package.train("digits", out=wanted, preset="small", seed=0, steps=1, overrides=QUICK)
    assert demo._folder(wanted, seed=0) == (wanted, True)
    assert demo._folder(wanted, seed=1) == (tmp_path / "demo-2", False)
    (tmp_path / "demo-2").mkdir()
    (tmp_path / "demo-2" / "thesis.txt").write_text("mine")
    assert demo._folder(wanted, seed=1) == (tmp_path / "demo-3", False)


def test_channels_and_aspect_of_the_data_are_settings_like_others(ganlens: Run) -> None:
    for words in (("--aspect", "16:9"), ("--set", "data.aspect=16:9")):  # which YAML alone would take for 969
        dry = ganlens("train", "digits", "--dry-run", "--channels", "3", *words)
        assert yaml.safe_load(dry.out)["data"] | {"name": ""} == {
            "name": "",
            "size": None,
            "channels": 3,
            "aspect": "16:9",
            "count": None,
            "held_out": 0.2,
            "split_seed": 0,
            "strict": False,
        }
    wrong = ganlens("train", "digits", "--dry-run", "--aspect", "tall")
    assert (wrong.code, wrong.err.splitlines()[-1]) == (
        2,
        "error: aspect='tall': expected width:height in whole numbers, up to 32 to 1, e.g. 2:1 (wide) or 1:2 (tall)",
    )
