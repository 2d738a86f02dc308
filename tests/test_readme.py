"""What the README says is so: its examples run, its tables and the words under its picture are those of the records."""

import hashlib
import html
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from torch import nn

from ganlens import open_dataset
from ganlens.probes import probes

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
OWN, TRAINED = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)

with pytest.MonkeyPatch.context() as patch:
    patch.syspath_prepend(ROOT / "benchmarks")
    import front_page
    import readme_figures


class Decoder(nn.Module):
    """Pictures of 8×8 from 64 numbers; nobody trained it."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 64), nn.Tanh())

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        return self.layers(z).reshape(-1, 1, 8, 8)


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with `my_gan` to import from, and 200 photos."""
    (tmp_path / "photos").mkdir()
    for number, picture in enumerate(open_dataset("digits").train.samples.tensor()[:200]):
        values = ((picture[0] + 1) * 127.5).round().to(torch.uint8).numpy()
        Image.fromarray(values).save(tmp_path / "photos" / f"{number:03}.png")
    monkeypatch.chdir(tmp_path)
    module = type(sys)("my_gan")
    module.generator = Decoder().eval()
    monkeypatch.setitem(sys.modules, "my_gan", module)
    yield tmp_path


def ran(code: str) -> dict[str, Any]:
    scope: dict[str, Any] = {}
    exec(compile(code, "README.md", "exec"), scope)
    return scope


@pytest.mark.slow
def test_a_module_of_ones_own_is_audited_in_five_lines(
    elsewhere: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert len([line for line in OWN.splitlines() if line]) <= 5
    ran(OWN)
    folder = elsewhere / "audits" / "mine"
    assert capsys.readouterr().out.strip() == str(Path("audits", "mine", "report.html"))
    assert {path.stem for path in (folder / "findings").glob("*.json")} == set(probes)
    fidelity = json.loads((folder / "findings" / "fidelity.json").read_text(encoding="utf-8"))
    assert fidelity["verdict"] == "bad"
    assert (folder / "report.html").stat().st_size > 100_000


def test_the_example_of_training_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    scope = ran(TRAINED)
    assert scope["samples"].shape == (64, 1, 8, 8)
    assert scope["finding"].verdict in set(type(scope["finding"].verdict))
    said = capsys.readouterr().out
    assert scope["finding"].claim in said
    assert all(m.baseline.what in said for m in scope["finding"].measurements)
    assert (tmp_path / "runs" / "first" / "report.html").stat().st_size > 10_000


def test_every_probe_is_in_the_table_with_its_question() -> None:
    rows = dict(re.findall(r"^\| `([a-z-]+)` \| (.+?) \|$", README, flags=re.MULTILINE))
    assert rows == {name: probes[name].question for name in probes}
    assert f"asks {len(rows)} questions" in README


def test_the_measured_figures_are_those_of_the_records() -> None:
    assert readme_figures.between(README, "measured", readme_figures.table()) == README


def test_the_first_screen_is_the_one_on_record() -> None:
    facts = readme_figures.record("front_page")
    assert readme_figures.between(README, "first screen", front_page.caption(facts)) == README
    for path in (front_page.REPORT, front_page.PICTURE):
        assert hashlib.sha256(path.read_bytes()).hexdigest() == facts["sha256"][path.name]
    assert list(Image.open(front_page.PICTURE).size) == facts["pixels"]


def test_the_report_in_the_repository_asks_what_is_asked_today_and_says_what_is_on_record() -> None:
    claims = readme_figures.record("front_page")["claims"]
    assert {claim["probe"] for claim in claims} == set(probes)
    assert any(claim["in_picture"] and claim["verdict"] == "not believable" for claim in claims)
    report = front_page.REPORT.read_text(encoding="utf-8")
    assert len(report.encode()) <= front_page.LARGEST
    shown = front_page.squeezed(html.unescape(re.sub(r"<[^>]+>", "", report)))
    answers = [c["claim"] for c in claims if c["verdict"] != "not applicable"]
    assert [claim for claim in answers if front_page.squeezed(claim) not in shown] == []


def test_what_it_links_to_is_there() -> None:
    targets = re.findall(r"\]\((?!https?:)([^)#]+)", README)
    assert [target for target in targets if not (ROOT / target).exists()] == []
