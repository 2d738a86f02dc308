from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from ganlens.instruments.kept import load_instrument, save_instrument
from ganlens.progress import Silent
from ganlens.storage import write_tensors

KEY = {"instrument": "toy", "classes": ["a", "b"]}


class Watcher(Silent):
    def __init__(self) -> None:
        self.said: list[str] = []

    def warn(self, text: str) -> None:
        self.said.append(text)


def rebuild(tensors: dict[str, Tensor], record: dict[str, Any]) -> float:
    return float(tensors["weight"].sum()) + float(record["accuracy"])


def kept(tmp_path: Path) -> Path:
    save_instrument(tmp_path, KEY, {"weight": torch.ones(3)}, {"accuracy": 0.5})
    return next(tmp_path.iterdir())


def test_what_was_kept_comes_back_under_its_key_alone(tmp_path: Path) -> None:
    kept(tmp_path)
    assert load_instrument(tmp_path, KEY, Silent(), rebuild) == 3.5
    assert load_instrument(tmp_path, {**KEY, "classes": ["a"]}, Silent(), rebuild) is None
    assert load_instrument(None, KEY, Silent(), rebuild) is None


def edited(change: Callable[[dict[str, Any]], Any]) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        saved = json.loads((folder / "instrument.json").read_text())
        change(saved)
        (folder / "instrument.json").write_text(json.dumps(saved))

    return damage


DAMAGES: dict[str, Callable[[Path], Any]] = {
    "no record": edited(lambda saved: saved.pop("record")),
    "a record of another form": edited(lambda saved: saved.update(record=[1])),
    "a record without a value": edited(lambda saved: saved["record"].clear()),
    "a value of another kind": edited(lambda saved: saved["record"].update(accuracy=[1])),
    "a list": lambda folder: (folder / "instrument.json").write_text("[1]"),
    "not UTF-8": lambda folder: (folder / "instrument.json").write_bytes(b"\xff"),
    "no tensors": lambda folder: (folder / "instrument.safetensors").unlink(),
    "other tensors": lambda folder: write_tensors(folder / "instrument.safetensors", {"x": torch.ones(1)}),
    "a weight that is no number": lambda folder: write_tensors(
        folder / "instrument.safetensors", {"weight": torch.tensor([float("nan")])}
    ),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_a_damaged_one_is_fitted_again_and_why_is_said_in_one_line(
    tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    damage(kept(tmp_path))
    watcher = Watcher()
    assert load_instrument(tmp_path, KEY, watcher, rebuild) is None
    assert len(watcher.said) == 1 and watcher.said[0].endswith("; it is fitted again")
    assert "\n" not in watcher.said[0]
