"""A finding keeps what it was given, refuses numbers without a reference, and says when its file is cut."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from pydantic import ValidationError

from ganlens.errors import UserError
from ganlens.figures.figure import Picture, Plot, Table
from ganlens.finding import Finding
from ganlens.measurement import Baseline, Measurement
from ganlens.rules import Verdict

NUMBER = {"name": "recall", "value": 0.7, "interval": "95 %, exact binomial", "better": "higher"}
BASELINE = Baseline(value=0.9, what="real training half vs held-out")


def whole_finding() -> Finding:
    pixels = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    return Finding(
        probe="coverage",
        question="Which real samples can it not make?",
        verdict=Verdict.CAUTION,
        claim="It misses 30 % of them.",
        detail="Of real halves it misses 10 %.",
        advice="Train longer.",
        remarks=["Only of classes."],
        rule="misses",
        measurements=[
            Measurement(**NUMBER, low=0.6, high=0.8, baseline=BASELINE),
            Measurement(
                name="distance",
                value=3.0,
                interval="none: one draw",
                better="lower",
                unit="px",
                baseline=BASELINE,
            ),
        ],
        method="Nearest neighbours, k = 5.",
        figures=[
            Picture(Image.fromarray(pixels), "four by four", crisp=False),
            Plot({"data": [{"type": "bar", "y": [1, 2]}], "layout": {}}, "two bars"),
            Table(("class", "share"), (("0", 0.25), ("1", 0.75)), "shares"),
        ],
        arrays={"directions": torch.tensor([[1.0, -2.0]]), "indices": torch.tensor([3, 1])},
        settings={"k": 5},
        seed=7,
        seconds=1.25,
        section="quality",
    )


def test_what_is_saved_comes_back(tmp_path):
    saved = whole_finding()
    path = saved.save(tmp_path / "findings")
    loaded = Finding.load(path)

    assert path == tmp_path / "findings" / "coverage.json"
    for name in (
        "probe",
        "question",
        "claim",
        "detail",
        "advice",
        "remarks",
        "rule",
        "verdict",
        "measurements",
        "method",
        "settings",
        "seed",
        "seconds",
    ):
        assert getattr(loaded, name) == getattr(saved, name), name
    assert (loaded.section, loaded.not_applicable_because) == ("quality", None)
    picture, plot, table = loaded.figures
    assert np.array_equal(np.asarray(picture.image), np.asarray(saved.figures[0].image))
    assert (picture.caption, picture.crisp) == ("four by four", False)
    assert (plot, table) == (saved.figures[1], saved.figures[2])
    assert set(loaded.arrays) == {"directions", "indices"}
    for name, array in saved.arrays.items():
        assert torch.equal(loaded.arrays[name], array)


def test_record_is_the_saved_json(tmp_path):
    saved = whole_finding()
    assert json.loads(saved.save(tmp_path).read_text()) == json.loads(json.dumps(saved.record()))


def test_saving_again_leaves_no_figure_of_the_first_time(tmp_path):
    finding = whole_finding()
    finding.save(tmp_path)
    finding.figures, finding.arrays = [], {}
    finding.save(tmp_path)
    assert list((tmp_path / "coverage").iterdir()) == []


def test_not_applicable_says_why(tmp_path):
    finding = replace(
        Finding.not_applicable("it needs a discriminator"), probe="looks", question="?", section="explain"
    )
    loaded = Finding.load(finding.save(tmp_path))
    assert loaded.detail == "Not applicable, because it needs a discriminator."
    assert loaded.not_applicable_because == "it needs a discriminator"
    assert (loaded.verdict, loaded.section) == (Verdict.NOT_APPLICABLE, "explain")


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"baseline": None}, "baseline"),
        ({"value": float("nan")}, "finite"),
        ({"value": float("inf")}, "finite"),
        ({"low": float("-inf"), "high": 1.0}, "finite"),
        ({"low": 0.8, "high": 0.6}, "low end 0.8 is above its high end 0.6"),
        ({"low": 0.6}, "two ends or none"),
        ({"high": 0.8}, "two ends or none"),
        ({"better": "smaller"}, "better"),
    ],
)
def test_a_measurement_that_can_not_be_read_is_refused(change, complaint):
    with pytest.raises(ValidationError, match=complaint):
        Measurement(**{**NUMBER, "baseline": BASELINE, **change})


@pytest.mark.parametrize("missing", ["baseline", "interval", "better"])
def test_no_number_without_reference_interval_and_direction(missing):
    fields = {**NUMBER, "baseline": BASELINE}
    del fields[missing]
    with pytest.raises(ValidationError, match=missing):
        Measurement(**fields)


def test_a_baseline_is_a_number():
    with pytest.raises(ValidationError, match="finite"):
        Baseline(value=float("nan"), what="nothing")


def test_measurements_are_found_by_name_or_unambiguous_start():
    finding = whole_finding()
    assert finding.measurement("rec").value == 0.7
    with pytest.raises(KeyError, match=r"'nothing' names 0 measurements of 'coverage'.*'recall', 'distance'"):
        finding.measurement("nothing")
    with pytest.raises(KeyError, match="names 2"):
        finding.measurement("")


def test_as_text_every_number_stands_beside_its_reference():
    assert str(whole_finding()).splitlines() == [
        "coverage — caution",
        "It misses 30 % of them.",
        "Of real halves it misses 10 %.",
        "Train longer.",
        "  recall: 0.7 [0.6, 0.8]   (real training half vs held-out: 0.9)",
        "  distance: 3 px   (real training half vs held-out: 0.9)",
    ]


@pytest.mark.parametrize(
    "text", ["", '{"probe": "cov', "[]", "3", '"coverage"', "{}", '{"probe": 1, "arrays": []}']
)
def test_a_damaged_file_is_a_user_error_that_names_it(tmp_path, text):
    path = tmp_path / "coverage.json"
    path.write_text(text)
    with pytest.raises(UserError, match=r"coverage\.json is not a "):
        Finding.load(path)


@pytest.mark.parametrize("file", ["figure-1.png", "figure-2.json", "arrays.safetensors"])
@pytest.mark.parametrize("harm", ["cut", "garbled", "missing"])
def test_a_damaged_file_beside_it_is_a_user_error(tmp_path, file, harm):
    path = whole_finding().save(tmp_path)
    victim = tmp_path / "coverage" / file
    content = victim.read_bytes()
    if harm == "missing":
        victim.unlink()
    else:
        victim.write_bytes(content[: len(content) // 2] if harm == "cut" else b"nonsense" * 9)
    with pytest.raises(UserError, match=str(tmp_path)):
        Finding.load(path)


def test_an_unknown_verdict_is_a_user_error(tmp_path):
    path = whole_finding().save(tmp_path)
    path.write_text(path.read_text().replace('"caution"', '"splendid"'))
    with pytest.raises(UserError, match="splendid"):
        Finding.load(path)


@pytest.mark.parametrize("file", ["../secret.png", "/etc/passwd", "figure-1.png/../../x", "figure-1.svg", ""])
def test_a_figure_s_file_lies_beside_it(tmp_path, file):
    path = whole_finding().save(tmp_path)
    record = json.loads(path.read_text())
    record["figures"][0]["file"] = file
    path.write_text(json.dumps(record))
    with pytest.raises(UserError, match=r"figures\.0\.picture\.file: string should match pattern"):
        Finding.load(path)


def test_a_picture_larger_than_the_limit_is_not_decoded(tmp_path, monkeypatch):
    path = whole_finding().save(tmp_path)
    monkeypatch.setenv("GANLENS_MAX_PICTURE_PIXELS", "3")
    with pytest.raises(UserError, match=r"figure-1\.png: one picture would take"):
        Finding.load(path)
