from __future__ import annotations

from pathlib import Path

import pytest

from ganlens.cli.terminal import STYLES, print_findings, print_next, program
from ganlens.cli.train import _free_folder
from ganlens.finding import Finding, Verdict


def test_the_table_says_probe_verdict_and_headline_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    findings = [Finding(f"probe{i}", "?", f"[headline] {i}.", verdict) for i, verdict in enumerate(Verdict)]
    print_findings(findings)
    rows = [
        line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines() if line.startswith("probe")
    ][1:]
    assert [name for name, _ in rows] == [finding.probe for finding in findings]
    for (_, rest), finding in zip(rows, findings, strict=True):
        assert rest.split("  ")[0] == finding.verdict.value
        assert rest.strip().endswith(finding.headline)


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
