from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ganlens.errors import TrainingStopped

Run = Callable[..., object]


MISTAKES = [
    (["train", "digts"], "there is no data set named 'digts'. Did you mean 'digits'"),
    (["train", "digits", "--preset", "smal"], "there is no preset named 'smal'. Did you mean 'small'"),
    (
        ["train", "digits", "--set", "objective.loss=hing"],
        "there is no loss named 'hing'. Did you mean 'hinge'",
    ),
    (
        ["train", "digits", "--set", "objective.r3=1"],
        "there is no setting 'objective.r3'. Did you mean objective.r",
    ),
    (
        ["train", "digits", "--set", "generator.family=dcgn"],
        "there is no network named 'dcgn'. Did you mean 'dcgan'",
    ),
    (["train", "digits", "--device", "abacus"], "abacus"),
    (["train"], "which data? for instance: ganlens train digits"),
    (["train", "--resume"], "--resume goes on with the run in --out DIR; name that folder"),
    (["train", "--resume", "--out", "nothing"], "nothing has no checkpoint to go on from"),
    (["probe", "fidelty", "runs/a"], "there is no probe named 'fidelty'. Did you mean 'fidelity'"),
    (
        ["audit", "runs/a", "--probes", "fidelity,mode"],
        "there is no probe named 'mode'. Did you mean 'modes'",
    ),
    (["audit", "nowhere"], "'nowhere' is not a GANLens run folder"),
    (["audit", "net.pt2", "--latent", "0"], "--latent 0: expected whole numbers from 1 on"),
    (["audit", "net.pt2", "--latent", "wide"], "--latent wide: expected whole numbers from 1 on"),
    (["audit", "net.pt2", "--range", "1,0"], "--range 1,0: the first number must be the lower one"),
    (["audit", "net.pt2", "--range", "1"], "--range 1: expected two numbers"),
    (
        ["audit", "net.pt2", "--classifier-range", "1,0"],
        "--classifier-range 1,0: the first number must be the lower",
    ),
    (["audit", "net.pt2", "--device", "abacus"], "--device abacus: this machine can't compute there"),
    (["sample", "nowhere", "--out", "a.jpg"], "--out a.jpg: the picture is written as PNG"),
    (["list", "probs"], "there is no kind of component 'probs'. Did you mean 'probes'"),
    (["trian", "digits"], "No such command 'trian'. Did you mean 'train'"),
    (["train", "digits", "--stps", "3"], "No such option: --stps"),
    (["train", "digits", "--steps", "many"], "--steps"),
    (["train", "digits", "--steps", "0"], "--steps"),
    (["sample"], "Missing argument 'SUBJECT'. `ganlens sample --help` explains"),
]


@pytest.mark.parametrize(("words", "expected"), MISTAKES, ids=[" ".join(words) for words, _ in MISTAKES])
def test_what_cannot_be_used_is_one_line_exit_2_and_nothing_written(
    ganlens: Run, tmp_path: Path, words: list[str], expected: str
) -> None:
    result = ganlens(*words)
    assert result.code == 2
    assert result.out == ""
    assert result.err.startswith("error: ")
    assert result.err.count("\n") == 1
    assert expected in result.err
    assert list(tmp_path.iterdir()) == []


def test_a_defect_is_one_line_exit_1_and_says_how_to_see_more(ganlens: Run, broken: Run) -> None:
    broken(RuntimeError("the axle broke\nin two places"))
    result = ganlens("list", "presets")
    assert result.code == 1
    assert result.err == "error: RuntimeError: the axle broke (run again with --debug for the traceback)\n"


@pytest.mark.parametrize("words", [("--debug", "list", "presets"), ("list", "presets", "--debug")])
def test_debug_shows_the_traceback_before_and_after_the_verb(
    ganlens: Run, broken: Run, words: tuple[str, ...]
) -> None:
    broken(RuntimeError("the axle broke"))
    result = ganlens(*words)
    assert result.code == 1
    assert result.err.startswith("Traceback (most recent call last):")
    assert "in presets" in result.err
    assert result.err.endswith("error: RuntimeError: the axle broke\n")


def test_debug_keeps_the_exit_code_of_a_mistake(ganlens: Run) -> None:
    result = ganlens("list", "probs", "--debug")
    assert result.code == 2
    assert "Traceback" in result.err


def test_words_after_two_dashes_are_not_options(ganlens: Run) -> None:
    result = ganlens("list", "--", "--debug")
    assert result.code == 2
    assert result.err.startswith("error: there is no kind of component '--debug'")


def test_training_that_cannot_go_on_exits_1_with_its_own_words(ganlens: Run, broken: Run) -> None:
    broken(TrainingStopped("divergence: at step 7 the loss is nan."))
    result = ganlens("list", "presets")
    assert (result.code, result.err) == (1, "error: divergence: at step 7 the loss is nan.\n")


def test_an_interrupt_is_calm_and_exits_130(ganlens: Run, broken: Run) -> None:
    broken(KeyboardInterrupt())
    result = ganlens("list", "presets")
    assert (result.code, result.err.strip()) == (130, "Interrupted. Nothing is left half-written.")


def test_no_word_at_all_is_a_request_for_help(ganlens: Run) -> None:
    result = ganlens()
    assert result.code == 0
    assert "ganlens demo" in result.out


def test_version(ganlens: Run) -> None:
    from ganlens import __version__

    result = ganlens("--version")
    assert (result.code, result.out) == (0, f"ganlens {__version__}\n")


@pytest.mark.parametrize(
    ("words", "out"),
    [
        (["audit", "python:theirs:net"], "file/out"),
        (["audit", "python:theirs:net"], "file"),
        (["probe", "fidelity", "python:theirs:net"], "file"),
        (["sample", "python:theirs:net"], "file/out.png"),
        (["sample", "python:theirs:net"], "folder.png"),
        (["bench", "measures"], "file/out.json"),
        (["bench", "measures"], "folder.png"),
        (["demo"], "file"),
        (["demo"], "file/out"),
        (["train", "digits"], "file"),
        (["train", "digits"], "file/out"),
    ],
)
def test_where_nothing_can_be_written_is_said_before_anything_slow(
    ganlens: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, words: list[str], out: str
) -> None:
    def begun(*given: object, **named: object) -> None:
        raise AssertionError("it has begun")

    for slow in (
        "ganlens.cli.audit.open_subject",
        "ganlens.cli.probe.open_subject",
        "ganlens.cli.sample.open_subject",
        "ganlens.bench.timed_comparison.compare_with_peer",
        "ganlens.training.setup.open_dataset",
    ):
        monkeypatch.setattr(slow, begun)
    (tmp_path / "file").write_text("mine")
    (tmp_path / "folder.png").mkdir()
    result = ganlens(*words, "--out", out)
    assert result.code == 2
    (line,) = [line for line in result.err.splitlines() if line.startswith("error: ")]
    assert out in line and ".partial" not in line
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["file", "folder.png"]
