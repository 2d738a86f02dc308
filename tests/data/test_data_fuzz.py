"""Damaged inputs of every reader: they are read, or refused in one line; nothing else escapes."""

from __future__ import annotations

import importlib.util
import random
from pathlib import Path
from types import ModuleType

import pytest

from ganlens.errors import UserError


def _targets() -> ModuleType:
    place = Path(__file__).parents[1] / "fuzz" / "targets_data.py"
    spec = importlib.util.spec_from_file_location("targets_data", place)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


TARGETS = _targets().TARGETS
ROUNDS = {"npz": 150, "npz, one array": 150, "idx images, compressed": 150, "hub, parquet": 12}
MANY = 40


@pytest.mark.parametrize("name", TARGETS)
def test_only_user_errors_of_one_line_escape(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if name.startswith("hub"):
        pytest.importorskip("datasets")
        monkeypatch.setattr("datasets.config.HF_HUB_OFFLINE", True)
    make, read = TARGETS[name]
    path = make(tmp_path)
    whole = path.read_bytes()
    read(path)
    draw = random.Random(name)
    for _ in range(ROUNDS.get(name, MANY)):
        damaged = _damaged(whole, draw)
        path.write_bytes(damaged)
        try:
            read(path)
        except UserError as error:
            assert "\n" not in str(error), damaged
        except Exception as error:
            pytest.fail(f"{type(error).__name__} escaped: {error}; of {damaged!r}")


def _damaged(content: bytes, draw: random.Random) -> bytes:
    """Some bytes flipped, replaced, cut out, put in or copied; or the rest cut off."""
    damaged = bytearray(content)
    for _ in range(draw.choice([1, 1, 3, 12])):
        place, length = draw.randrange(len(damaged) + 1), draw.randrange(1, 12)
        match draw.randrange(6):
            case 0:
                damaged[place : place + 1] = bytes([draw.randrange(256)])
            case 1:
                damaged[place : place + 1] = draw.choice([b"[", b"(", b"'", b"9", b"\0", b"\xff"])
            case 2:
                damaged[place : place + 4] = draw.choice([bytes(4), b"\xff" * 4, b"\x7f\xff\xff\xff"])
            case 3:
                del damaged[place : place + length]
            case 4:
                damaged[place:place] = damaged[:length]
            case _:
                del damaged[place:]
    return bytes(damaged)
