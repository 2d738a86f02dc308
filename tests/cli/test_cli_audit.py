"""How `ganlens audit` ends: its exit code and what it says."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., object]

NETS = """
import os, signal
import torch
from torch import nn

class Good(nn.Module):
    z_dim = 4
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.line = nn.Linear(4, 8)
    def forward(self, z):
        return self.line(z)

class Interrupts(Good):
    calls = 0
    def forward(self, z):
        Interrupts.calls += 1
        if Interrupts.calls == 16:
            os.kill(os.getpid(), signal.SIGINT)
        return super().forward(z)

good, interrupts = Good(), Interrupts()

class Picky(nn.Module):
    def forward(self, x):
        if len(x) > 4:
            raise ValueError("\\x1b[2Jat most four")
        return x.sum(1)
picky = Picky()
"""


@pytest.fixture
def nets(tmp_path: Path) -> str:
    (tmp_path / "nets.py").write_text(NETS)
    return f"python:{tmp_path / 'nets.py'}"


def test_an_answer_is_exit_0_and_an_unmet_need_no_failure(ganlens: Run, nets: str, tmp_path: Path) -> None:
    answered = ganlens("audit", f"{nets}:good", "--samples", "64", "--probes", "gallery,modes", "--out", "a")
    assert answered.code == 0 and "Report: a/report.html" in answered.out
    unmet = ganlens("audit", f"{nets}:good", "--samples", "64", "--probes", "modes", "--out", "b")
    assert unmet.code == 0 and "it needs real data, and no real data were given" in " ".join(
        unmet.out.split()
    )


def test_where_every_question_fails_the_exit_code_says_so(
    ganlens: Run, nets: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ganlens.errors import UserError
    from ganlens.probes import probes

    def fails(self: object, *_: object) -> None:
        raise UserError("the moon is \x1b[2J full.")

    monkeypatch.setattr(probes["gallery"], "examine", fails)
    result = ganlens("audit", f"{nets}:good", "--samples", "64", "--probes", "gallery", "--out", "a")
    assert result.code == 2
    assert result.err.splitlines()[-1] == (
        "error: no question has an answer: gallery, because the moon is \\x1b[2J full"
    )
    assert (tmp_path / "a" / "report.html").is_file() and "\x1b[2J" not in result.out + result.err
    alone = ganlens("probe", "gallery", f"{nets}:good", "--samples", "64")
    assert alone.code == 2 and alone.err.splitlines()[-1] == "error: the moon is \\x1b[2J full."


def test_an_interrupted_audit_writes_its_report_and_says_how_to_go_on(
    ganlens: Run, nets: str, tmp_path: Path
) -> None:
    words = ["audit", f"{nets}:interrupts", "--samples", "64", "--probes", "gallery,path-length,units"]
    result = ganlens(*words, "--out", "a", "--seed", "3")
    assert result.code == 130
    record = json.loads((tmp_path / "a" / "report.json").read_text())
    unasked = [f["probe"] for f in record["findings"] if f["unanswered"] == "interrupted"]
    assert unasked and "gallery" not in unasked
    command = f"--probes {','.join(unasked)} --out a --samples 64 --seed 3"
    assert any(
        line.startswith("Ask the rest with: ") and line.endswith(command) for line in result.err.splitlines()
    )


def test_a_plug_in_that_cannot_be_imported_is_a_warning(
    ganlens: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    from importlib.metadata import EntryPoint

    from ganlens.features import feature_spaces

    monkeypatch.setattr(feature_spaces, "_discovered", False)
    broken = EntryPoint("broken", "no_such_module_\x1b[2J", "ganlens.features")
    monkeypatch.setattr("ganlens.registry.entry_points", lambda group: [broken])
    result = ganlens("list", "features")
    assert result.code == 0 and "labeller" in result.out
    assert result.err.startswith("warning: the plug-in broken (no_such_module_\\x1b[2J) is left out: ")
    assert result.err.count("\n") == 1
