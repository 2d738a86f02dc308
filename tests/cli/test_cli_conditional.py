"""`ganlens train DATA --labels` and `ganlens sample RUN --label CLASS`, as typed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ganlens.training import train

TINY = ["batch=16", "latent=4", "evaluation.features=raw", "evaluation.samples=16", "evaluation.grid=4",
        "generator={family: mlp, width: 8, depth: 1}", "discriminator={family: mlp, width: 8, depth: 1}"]  # fmt: skip


def settings(*more: str) -> list[str]:
    return [word for setting in (*TINY, *more) for word in ("--set", setting)]


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    file = tmp_path_factory.mktemp("data") / "three.npz"
    pictures = np.random.default_rng(0).integers(0, 255, (60, 1, 8, 8), dtype=np.uint8)
    np.savez(file, images=pictures, labels=np.array(["ant", "bee", "cow"] * 20))
    return file


@pytest.fixture(scope="module")
def trained(data, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "three"
    train(f"npz:{data}", out=out, preset="small", steps=2, overrides=[*TINY, "condition=projection"])
    return out


@pytest.mark.parametrize(
    ("words", "condition"),
    [
        ((), "none"),
        (("--labels",), "projection"),
        (("--labels", "--set", "condition=auxiliary"), "auxiliary"),
        (("--set", "condition=concatenation", "--labels"), "concatenation"),
    ],
)
def test_labels_are_a_projection_unless_another_way_is_named(ganlens, data, words, condition):
    result = ganlens("train", f"npz:{data}", "--dry-run", "--size", "8", "--preset", "small", *words)
    assert result.code == 0, result.err
    assert f"condition: {condition}\n" in result.out


def test_it_trains_on_labels_and_samples_of_a_class_are_asked_for(ganlens, data, tmp_path):
    assert ganlens("train", f"npz:{data}", "--labels", "--out", "run", "--steps", "2", *settings()).code == 0
    assert "condition: projection" in (tmp_path / "run" / "config.yaml").read_text()
    for number, words in enumerate((("--label", "bee"), ("--label", "1"))):
        result = ganlens("sample", "run", *words, "-n", "4", "--out", f"{number}.png")
        assert result.code == 0, result.err
        assert "4 samples of run" in result.out
    same, named = (np.asarray(Image.open(f"{number}.png")) for number in (0, 1))
    assert np.array_equal(same, named)


def test_several_labels_make_a_row_each_of_the_same_latents(ganlens, trained):
    assert ganlens("sample", str(trained), "--label", "bee", "-n", "3", "--out", "one.png").code == 0
    result = ganlens(
        "sample", str(trained), "--label", "ant", "--label", "bee", "-n", "7", "--out", "both.png"
    )
    assert "6 samples of three" in result.out
    assert (
        ganlens(
            "sample", str(trained), "--label", "bee", "--label", "bee", "-n", "6", "--out", "twice.png"
        ).code
        == 0
    )
    both, twice = (np.asarray(Image.open(name)) for name in ("both.png", "twice.png"))
    assert both.shape == twice.shape  # two rows of three
    half = both.shape[0] // 2 + 1
    assert np.array_equal(both[half:], twice[half:])
    assert not np.array_equal(both[: half - 1], twice[: half - 1])


def test_samples_of_a_class_are_truncated_like_any(ganlens, trained):
    words = ("sample", str(trained), "--label", "cow", "-n", "4", "--out")
    assert ganlens(*words, "whole.png").code == 0
    assert ganlens(*words, "typical.png", "--truncation", "0.1").code == 0
    whole, typical = (np.asarray(Image.open(name)) for name in ("whole.png", "typical.png"))
    assert not np.array_equal(whole, typical)


def test_a_wrong_label_is_one_line_with_the_classes_there_are(ganlens, trained, tmp_path):
    result = ganlens("sample", str(trained), "--label", "dog", "--out", "x.png")
    assert result.code == 2
    assert result.err.splitlines()[-1] == (
        "error: label dog: three knows no such class; its 3 are 0 (ant), 1 (bee), 2 (cow)"
    )
    assert not (tmp_path / "x.png").exists()


def test_an_unconditional_generator_has_no_labels_to_ask_for(ganlens, data):
    assert ganlens("train", f"npz:{data}", "--out", "plain", "--steps", "1", *settings()).code == 0
    result = ganlens("sample", "plain", "--label", "ant", "--out", "x.png")
    assert result.code == 2
    assert "plain is unconditional and can't be asked for a class" in result.err.splitlines()[-1]


@pytest.mark.parametrize(
    ("labels", "more", "said"),
    [
        (None, (), "has no labels to train on: it has none"),
        (["ant"] * 60, (), "all of one class (ant)"),
        (["ant", "bee"] * 30, ("--set", "objective.pack=2"), "can't go with objective.pack=2"),
        (["ant", "bee"] * 30, ("--set", "condition=projektion"), "condition='projektion'"),
    ],
)
def test_what_cannot_be_trained_on_is_refused_and_nothing_written(ganlens, tmp_path, labels, more, said):
    arrays = {"images": np.random.default_rng(0).integers(0, 255, (60, 1, 8, 8), dtype=np.uint8)}
    np.savez(tmp_path / "x.npz", **arrays, **({} if labels is None else {"labels": np.array(labels)}))
    before = sorted(tmp_path.rglob("*"))
    result = ganlens("train", "npz:x.npz", "--labels", "--out", "run", "--steps", "1", *settings(), *more)
    assert result.code == 2, result.err
    assert said in result.err.splitlines()[-1]
    assert sorted(tmp_path.rglob("*")) == before
