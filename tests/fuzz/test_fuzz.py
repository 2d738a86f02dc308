"""Every reader on damaged input: success, or one line that says what is wrong. (More of it: `make fuzz`.)"""

from __future__ import annotations

import random
from pathlib import Path

import pytest

with pytest.MonkeyPatch.context() as patch:
    patch.syspath_prepend(Path(__file__).parent)
    from mutations import NUMBERS, mutated
    from trial import all_targets, damaged, escapes_of

    TARGETS = all_targets()

INPUTS = 12
FEWER = {"TorchScript": 6, "torch.export": 3, "ONNX": 5, "metrics.jsonl": 3, "command line": 4}
"""Inputs for targets of which one takes long."""


@pytest.mark.parametrize("name", TARGETS)
def test_damaged_input_is_refused_in_one_line(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GANLENS_CACHE", str(tmp_path))
    found = escapes_of(name, TARGETS[name], range(FEWER.get(name, INPUTS)))
    assert [f"python benchmarks/fuzz.py --target {name!r} --seed {e.seed}: {e.what}" for e in found] == []


def test_what_is_not_damaged_is_read(tmp_path: Path) -> None:
    """Else the targets would show nothing: their inputs would be refused for another reason."""
    for name in ("config.yaml", "preset", "network description", "probe settings", "finding"):
        make, read = TARGETS[name]
        folder = tmp_path / name
        folder.mkdir()
        read(make(folder))


def test_a_seed_is_the_same_damage_everywhere() -> None:
    content = b'{"step": 3, "bookkeeping": {"best": 0.5}}'
    assert damaged(content, "state.json", 7) == damaged(content, "state.json", 7)
    assert len({damaged(content, "state.json", seed) for seed in range(40)}) > 30


@pytest.mark.parametrize(
    "content", [b"", b"a: 1\nb: [1, 2]\n", b'{"a": 1}', b"PK\x03\x04 cut", bytes(range(256))]
)
def test_everything_can_be_damaged(content: bytes) -> None:
    rng = random.Random(0)
    assert any(mutated(content, rng) != content for _ in range(20))
    assert all(isinstance(number, bytes) for number in NUMBERS)


def test_what_escapes_is_seen(tmp_path: Path) -> None:
    """The trial tells an error, a message of two lines, a crash, a hang and a hunger for memory from a refusal."""
    import os
    import signal

    import trial

    from ganlens import UserError

    def make(folder: Path) -> Path:
        (folder / "x").write_text("x")
        return folder / "x"

    def fails(error: BaseException) -> trial.Read:
        def read(path: Path) -> None:
            raise error

        return read

    def half(path: Path) -> None:
        (path.parent / ".x.partial").write_text("")

    reads: list[tuple[trial.Read, str | None]] = [
        (fails(UserError("x is damaged; save it again")), None),
        (fails(UserError("two\nlines")), "a message of several lines"),
        (fails(KeyError("step")), "KeyError"),
        (fails(SystemExit(5)), "SystemExit"),
        (lambda path: os.kill(os.getpid(), signal.SIGSEGV), "ends the process (-11)"),
        (lambda path: bytearray(3 * 2**30)[:0], "takes more than 1024 MiB"),
        (half, "leaves ['.x.partial'] behind"),
    ]
    for read, expected in reads:
        found = [escape.what for escape in escapes_of("x", (make, read), [0, 1])]
        assert len(found) == (0 if expected is None else 2), expected
        assert all(expected in what for what in found if expected is not None)
