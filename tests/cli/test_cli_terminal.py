from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from ganlens.cli.subject_options import short_name, words_of
from ganlens.cli.terminal import STYLES, print_finding, print_findings, print_line, print_next, program
from ganlens.cli.train import _free_folder
from ganlens.finding import Finding
from ganlens.rules import Verdict


def test_an_audit_ends_with_what_matters_most_then_every_claim_in_a_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    answered = [verdict for verdict in Verdict if verdict != Verdict.NOT_APPLICABLE]
    findings = [
        Finding(
            probe=f"probe{i}",
            question="?",
            claim=f"[claim] {i}.",
            detail=f"Detail {i}.",
            advice=f"Do {i}: `ganlens probe {'x' * 100} {i}`.",
            verdict=verdict,
            section="quality",
        )
        for i, verdict in enumerate(answered)
    ]
    findings.append(replace(Finding.not_applicable("it needs labels"), probe="probe9", section="quality"))
    print_findings(findings)
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    rows = [re.split(r"\s{2,}", line.strip()) for line in lines]
    first = rows[: rows.index(["verdict", "claim", "probe"])]
    order = [(2, "bad"), (3, "not believable"), (1, "caution")]
    assert [row for row in first if row != [""]] == [
        row
        for i, verdict in order
        for row in (
            [verdict, f"[claim] {i}.", f"probe{i}"],
            [f"Detail {i}."],
            [f"Do {i}:"],
            [f"ganlens probe {'x' * 100} {i}"],
        )
    ] + [["1 of 4 questions: good."]]
    assert [row for row in rows[len(first) + 1 :] if row != [""]] == [
        *([verdict.value, f"[claim] {i}.", f"probe{i}"] for i, verdict in enumerate(answered)),
        ["not applicable", "Not applicable: it needs labels.", "probe9"],
    ]


def test_every_verdict_has_a_style_of_its_own() -> None:
    assert set(STYLES) == {verdict.value for verdict in Verdict}
    assert len(set(STYLES.values())) == len(STYLES)


def test_next_commands_can_be_pasted(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["ganlens"])
    print_next((["audit", "runs/my run"], "ask"), (["sample", "x" * 150], "look"))
    assert [
        line.strip().rsplit("   ", 1)[0].strip() for line in capsys.readouterr().out.splitlines()[2:]
    ] == [
        "ganlens audit 'runs/my run'",
        f"ganlens sample {'x' * 150}",
    ]


def test_the_program_is_named_as_it_can_be_called(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    here = tmp_path / ".venv" / "bin" / "ganlens"
    here.parent.mkdir(parents=True)
    here.touch(mode=0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", [".venv/bin/ganlens"])
    monkeypatch.setenv("PATH", "")
    assert program() == ".venv/bin/ganlens"
    monkeypatch.setenv("PATH", str(here.parent))
    assert program() == "ganlens"
    monkeypatch.setattr("sys.argv", [str(tmp_path / "ganlens" / "__main__.py")])
    assert program() == "python -m ganlens"


def test_a_run_without_a_name_takes_the_next_free_number(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert _free_folder("digits", None) == Path("runs/digits-1")
    assert _free_folder("idx:../shared/my.data", "dcgan") == Path("runs/idx-my-data-dcgan-1")
    assert _free_folder("folder:/", "presets/large.yaml") == Path("runs/folder-large-1")
    Path("runs/digits-1").mkdir(parents=True)
    assert _free_folder("digits", None) == Path("runs/digits-2")


@pytest.mark.parametrize(
    ("subject", "name"),
    [
        ("python:nets.faces:generator", "generator"),
        ("python:models/nets.py:make.one", "make-one"),
        ("exports/faces.v2.pt2", "faces-v2"),
        ("runs/first/", "first"),
        ("/", "subject"),
    ],
)
def test_a_subject_has_a_name_that_can_be_a_folders(subject: str, name: str) -> None:
    assert short_name(subject) == name


def test_a_subject_is_named_again_with_what_was_given_alone() -> None:
    words = words_of("python:nets:faces", latent="16,1,1", range=None, num_classes=10)
    assert words == ["python:nets:faces", "--latent", "16,1,1", "--classes", "10"]
    words = words_of("g.onnx", output="images", channels_last=False, classifier_range="0,1")
    assert words == ["g.onnx", "--output", "images", "--channels-first", "--classifier-range", "0,1"]


def test_names_from_anywhere_reach_the_terminal_as_text(capsys: pytest.CaptureFixture[str]) -> None:
    name = "\x1b[2J[bold]x[/bold] :cat: \udce9\u202e"
    finding = Finding(
        probe=name, question=name, claim=name, advice=f"`{name} x`", verdict=Verdict.BAD, method=name
    )
    print_findings([finding, replace(Finding.not_applicable(name), probe=name, question=name)])
    print_finding(finding)
    print_line(name)
    print_next((["probe", name], name))
    written = capsys.readouterr().out
    assert "\x1b" not in written and "\u202e" not in written
    written.encode("utf-8")
    shown = "\\x1b[2J[bold]x[/bold] :cat: \\udce9\\u202e"
    assert shown in written.splitlines()  # print_line
    assert written.count("[bold]x[/bold] :cat:") >= 6
