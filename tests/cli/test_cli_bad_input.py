"""What a user can hand over that can't be used: one line, exit 2, and nothing new or changed on the disk."""

from __future__ import annotations

import errno
import gzip
import hashlib
import json
import shutil
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ganlens import storage
from ganlens.training import train
from ganlens.training.checkpoint import checkpoints

Run = Callable[..., object]

TINY = ["batch=16", "latent=4", "evaluation.features=raw", "evaluation.samples=16", "evaluation.grid=4",
        "generator={family: mlp, width: 8, depth: 1}", "discriminator={family: mlp, width: 8, depth: 1}"]  # fmt: skip


def settings(*more: str) -> list[str]:
    return [word for setting in (*TINY, *more) for word in ("--set", setting)]


def contents(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        for path in sorted(folder.rglob("*"))
    }


def refused(ganlens: Run, folder: Path, *words: str) -> str:
    """The one line with which the command is refused, after checking that the folder is as it was."""
    before = contents(folder)
    result = ganlens(*words)
    assert result.code == 2, result.err
    *progress, line = result.err.splitlines()
    assert line.startswith("error: ")
    assert all(said.endswith(" …") or said.startswith("✓ ") for said in progress)
    assert contents(folder) == before
    return str(line)


def pictures(folder: Path, count: int) -> None:
    folder.mkdir()
    for number in range(count):
        pixels = np.random.default_rng(number).integers(0, 256, (8, 8), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")


def idx_images(magic: int = 0x00000803, count: int = 40, written: int = 40) -> bytes:
    return struct.pack(">IIII", magic, count, 8, 8) + bytes(written * 64)


def no_pictures(place: Path) -> None:
    place.joinpath("data").mkdir()
    place.joinpath("data", "notes.txt").write_text("none here")


def one_picture(place: Path) -> None:
    pictures(place / "data", 1)


def corrupt_picture(place: Path) -> None:
    pictures(place / "data", 40)
    place.joinpath("data", "7.png").write_bytes(b"this was a picture once")


def truncated_picture(place: Path) -> None:
    pictures(place / "data", 40)
    whole = place.joinpath("data", "7.png").read_bytes()
    place.joinpath("data", "7.png").write_bytes(whole[: len(whole) // 2])


def idx(**wrong: int) -> Callable[[Path], None]:
    def make(place: Path) -> None:
        place.joinpath("data").mkdir()
        with gzip.open(place / "data" / "train-images-idx3-ubyte.gz", "wb") as file:
            file.write(idx_images(**wrong))

    return make


def npz(**arrays: np.ndarray) -> Callable[[Path], None]:
    return lambda place: np.savez(place / "data.npz", **arrays)


IMAGES = np.zeros((40, 8, 8), np.uint8)
OBJECTS = np.array([{"a": 1}] * 40, dtype=object)

BAD_DATA = [
    ("a folder without pictures", no_pictures, ["folder:data"], "picture"),
    ("a folder with one picture", one_picture, ["folder:data"], "picture"),
    ("a corrupt picture, strictly", corrupt_picture, ["folder:data", "--strict"], "7.png"),
    ("a truncated picture, strictly", truncated_picture, ["folder:data", "--strict"], "7.png"),
    ("an IDX file of another magic", idx(magic=0x00000D03), ["idx:data"], "train-images-idx3-ubyte.gz"),
    ("an IDX file too short", idx(written=39), ["idx:data"], "train-images-idx3-ubyte.gz"),
    ("an IDX file too long", idx(written=41), ["idx:data"], "train-images-idx3-ubyte.gz"),
    ("an array that is not there", npz(images=IMAGES), ["npz:data.npz:faces"], "'faces'"),
    ("an array of objects", npz(images=OBJECTS), ["npz:data.npz:images"], "images"),
    ("a batch larger than the data", npz(images=IMAGES), ["npz:data.npz", "--set", "batch=64"], "batch=64"),
    ("no data set of that name", lambda _: None, ["digts"], "'digits'"),
    ("no preset of that name", lambda _: None, ["digits", "--preset", "smal"], "'small'"),
    ("no loss of that name", lambda _: None, ["digits", "--set", "objective.loss=hing"], "'hinge'"),
    ("no size for a dcgan", lambda _: None, ["digits", "--preset", "dcgan", "--size", "12"], "power-of-two"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("make", "words", "said"), [row[1:] for row in BAD_DATA], ids=[r[0] for r in BAD_DATA]
)
def test_training_on_it(
    ganlens: Run, tmp_path: Path, make: Callable[[Path], None], words: list[str], said: str
) -> None:
    make(tmp_path)
    shape = [] if any("preset" in w or "loss" in w for w in words) else settings("batch=16")
    line = refused(ganlens, tmp_path, "train", words[0], "--out", "run", "--steps", "1", *shape, *words[1:])
    assert said in line


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("bad-input") / "run"
    train("digits", out=out, preset="small", steps=2, overrides=TINY)
    return out


def tensors(change: Callable[[dict[str, torch.Tensor]], None]) -> Callable[[Path], None]:
    def damage(last: Path) -> None:
        held = storage.read_tensors(last / "generator_ema.safetensors")
        change(held)
        storage.write_tensors(last / "generator_ema.safetensors", held)

    return damage


def cut(last: Path) -> None:
    path = last / "generator_ema.safetensors"
    path.write_bytes(path.read_bytes()[:-20])


def edited(name: str, change: Callable[[dict[str, object]], object]) -> Callable[[Path], None]:
    def damage(last: Path) -> None:
        path = last / name
        record = json.loads(path.read_text())
        change(record)
        path.write_text(json.dumps(record))

    return damage


DAMAGES = [
    ("a missing tensor", tensors(lambda t: t.pop(min(t))), "has no tensor"),
    ("a tensor of another shape", tensors(lambda t: t.update({min(t): torch.zeros(7)})), "has shape (7,)"),
    ("a file cut short", cut, "not a whole safetensors file"),
    ("a state without its step", edited("state.json", lambda r: r.pop("step")), "state.json: step:"),
    ("a state of another form", edited("state.json", lambda r: r.update(memory=[1])), "state.json: memory:"),
    (
        "facts without a shape",
        edited("../../run.json", lambda r: r.pop("sample_shape")),
        "run.json: sample_shape:",
    ),
]


@pytest.mark.parametrize("verb", ["resume", "audit"])
@pytest.mark.parametrize(("damage", "said"), [d[1:] for d in DAMAGES], ids=[d[0] for d in DAMAGES])
def test_a_damaged_run(
    ganlens: Run, tmp_path: Path, trained: Path, damage: Callable[[Path], None], said: str, verb: str
) -> None:
    shutil.copytree(trained, tmp_path / "run")
    last = checkpoints(tmp_path / "run" / "checkpoints")[-1]
    damage(last)
    if verb == "audit":
        assert said in refused(ganlens, tmp_path, "audit", "run")
        return
    words = ["train", "--resume", "--out", "run", "--steps", "4"]
    if "run.json" in said:
        assert "run.json" in refused(ganlens, tmp_path, *words)
        return
    result = ganlens(*words)  # there is a checkpoint before it
    assert result.code == 0
    assert said in result.err and "goes on from the checkpoint before it, of step 0" in result.err
    assert (last.parent / f"damaged-{last.name}").is_dir()


def test_a_folder_that_holds_something_is_not_trained_into(
    ganlens: Run, tmp_path: Path, trained: Path
) -> None:
    shutil.copytree(trained, tmp_path / "run")
    line = refused(ganlens, tmp_path, "train", "digits", "--out", "run", "--steps", "1")
    assert "add --resume to go on with the run in it" in line
    assert "no checkpoint to go on from" in refused(
        ganlens, tmp_path, "train", "--resume", "--out", "elsewhere"
    )


def test_no_space_left(ganlens: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trained: Path) -> None:
    shutil.copytree(trained, tmp_path / "run")
    before = contents(tmp_path / "run" / "checkpoints")

    def full(*args: object, **kwargs: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(storage, "save_file", full)
    result = ganlens("train", "--resume", "--out", "run", "--steps", "4")
    assert result.code == 2
    assert "no space left to write" in result.err
    assert result.err.splitlines()[-1].startswith("error: ")
    assert contents(tmp_path / "run" / "checkpoints") == before
    assert not list(tmp_path.rglob("*.partial"))


GENERATORS = """
import torch

class Nan(torch.nn.Module):
    def forward(self, z): return torch.full((len(z), 1, 8, 8), float("nan"))

class Flat(torch.nn.Module):
    def forward(self, z): return z[:, 0]

class Broken(torch.nn.Module):
    def forward(self, z): raise RuntimeError("the mill stands still")
"""


@pytest.mark.parametrize(
    ("name", "said"), [("Nan", "NaN"), ("Flat", "shape"), ("Broken", "the mill stands still")]
)
def test_a_generator_that_does_not_generate(
    ganlens: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, said: str
) -> None:
    (tmp_path / "theirs.py").write_text(GENERATORS)
    monkeypatch.setattr("sys.dont_write_bytecode", True)
    words = ["audit", f"python:theirs.py:{name}", "--latent", "4", "--data", "digits", "--out", "audited"]
    assert said in refused(ganlens, tmp_path, *words)
