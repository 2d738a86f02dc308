"""A run folder from elsewhere: each file may say anything."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from ganlens import UserError
from ganlens.printable import printable
from ganlens.storage import read_tensors, write_tensors
from ganlens.training import load_run, train
from ganlens.training.checkpoint import checkpoints

TINY = ["batch=16", "latent=4", "data.count=100", "evaluation.features=raw", "evaluation.samples=16",
        "evaluation.grid=4", "generator={family: mlp, width: 8, depth: 1}",
        "discriminator={family: mlp, width: 8, depth: 1}"]  # fmt: skip


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("rubbish") / "run"
    train("ring", out=out, preset="points", steps=2, overrides=TINY)
    return out


@pytest.fixture
def run(trained: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained, tmp_path / "run"))


def refusal(run: Path) -> str:
    with pytest.raises(UserError) as refused:
        load_run(run)
    message = str(refused.value)
    assert message == printable(message) and len(message) < 1000
    return message


def edit(path: Path, **values: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


@pytest.mark.parametrize(
    ("shape", "said"),
    [
        ([], "sample_shape: tuple should have at least 1 item"),
        ([-2], "sample_shape.0: expected greater than or equal to 1"),
        ([2.5], "sample_shape.0: expected a valid integer"),
        (["2"], "sample_shape.0: expected a valid integer"),
        ([True], "sample_shape.0: expected a valid integer"),
        ("2", "sample_shape: expected a valid tuple"),
        ([10**30], "sample_shape.0: "),
        ([1, 100_000, 100_000], "samples of shape (1, 100000, 100000) can't be points"),
        ([3], "has shape"),
    ],
)
def test_the_shape_of_samples(run: Path, shape: object, said: str) -> None:
    edit(run / "run.json", sample_shape=shape)
    assert said in refusal(run)


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ({"step": -1}, "state.json: step: expected greater than or equal to 0"),
        ({"step": 7}, "says step 7, and its folder is of step 2"),
        ({"adapted": None}, "state.json: adapted: expected a valid number"),
        (
            {"bookkeeping": {"since_look": {"sums": {"a": 1.0}, "counts": {}}}},
            "expected a count from 1 on for every sum",
        ),
        ({"bookkeeping": {"best_step": "x" * 10_000}}, "state.json: bookkeeping.best_step: expected a valid integer"),
    ],
)  # fmt: skip
def test_what_a_checkpoint_remembers(run: Path, state: dict[str, Any], said: str) -> None:
    edit(checkpoints(run / "checkpoints")[-1] / "state.json", **state)
    assert said in refusal(run)


@pytest.mark.parametrize("content", [b"[" * 100_000, b"\xff\xfe{", b"", b'{"a": NaN}', b'{"a": 1, "a": 2}'])
def test_json_of_another_form(run: Path, content: bytes) -> None:
    (run / "run.json").write_bytes(content)
    assert refusal(run).startswith(printable(str(run / "run.json")))


def test_a_pipe_is_not_waited_for(run: Path) -> None:
    import os

    (run / "config.yaml").unlink()
    os.mkfifo(run / "config.yaml")
    assert "is not a run folder" in refusal(run) or "no plain file" in refusal(run)


def test_names_that_are_no_numbers_to_everyone_are_no_checkpoints(run: Path) -> None:
    last = checkpoints(run / "checkpoints")[-1]
    for name in ("²", "١٢", "00000003.partial", "-0000001", "1"):
        shutil.copytree(last, last.with_name(name))
    assert checkpoints(run / "checkpoints")[-1] == last
    assert load_run(run).step == 2


def test_weights_of_another_kind_are_not_taken_for_ours(run: Path) -> None:
    path = checkpoints(run / "checkpoints")[-1] / "generator_ema.safetensors"
    held = read_tensors(path)
    first = min(held)
    write_tensors(path, {**held, first: held[first].to(torch.int32)})
    assert f"{first} holds int32, expected float32" in refusal(run)
