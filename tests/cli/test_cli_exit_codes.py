"""However it ends, the command line says one line and means it by its exit code."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ganlens import UserError
from ganlens.cli.exit_codes import LONGEST_LINE, ending, one_line

Run = Callable[..., object]


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (UserError("two\nlines \x1b[31mred\x1b[0m \udce9"), 2, "two lines \\x1b[31mred\\x1b[0m \\udce9"),
        (SystemExit(5), 2, "foreign code that was loaded or called ended the program (sys.exit(5))"),
        (SystemExit(None), 2, "ended the program (sys.exit(None))"),
        (MemoryError(), 2, "there is not enough memory; ask for fewer samples"),
        (
            RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: 64 bytes\nmore"),
            2,
            "there is not enough memory ([enforce fail] DefaultCPUAllocator",
        ),
        (PermissionError(errno.EACCES, "Permission denied", "a/b"), 2, "a/b can't be opened: permission denied"),
        (OSError(errno.EROFS, "Read-only file system", "a"), 2, "a can't be written: the disk is mounted read-only"),
        (OSError(errno.ENAMETOOLONG, "File name too long", "a"), 2, "a can't exist: the name is longer"),
        (OSError(errno.EIO, "Input/output error", "a"), 2, "the disk reports an input/output error"),
        (RecursionError("maximum depth"), 1, "RecursionError: maximum depth (run again with --debug"),
        (ValueError("two\nlines"), 1, "ValueError: two (run again with --debug for the traceback)"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else None,
)  # fmt: skip
def test_every_failure_is_one_line(
    ganlens: Run, broken: Callable[[BaseException], None], error: BaseException, code: int, said: str
) -> None:
    broken(error)
    result = ganlens("list", "presets")
    assert (result.code, result.out) == (code, "presets  ganlens train DATA --preset …\n")
    assert result.err.startswith("error: ") and result.err.count("\n") == 1
    assert said in result.err
    assert "Traceback" not in result.err


def test_a_line_has_an_end() -> None:
    assert len(one_line("x" * 10_000)) == LONGEST_LINE
    assert one_line("short") == "short"
    assert ending(UserError("as it is")) == (2, "as it is")


def program(*words: str, **environment: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "ganlens", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, **environment},
    )


def test_a_reader_that_goes_ends_it_quietly() -> None:
    started = program("list", "probes")
    assert started.stdout is not None and started.stderr is not None
    started.stdout.close()
    assert started.stderr.read() == b""
    assert started.wait() == 141


def test_a_terminal_of_ascii_is_no_reason_to_fail() -> None:
    started = program("train", "digïts\x1b[31m", PYTHONIOENCODING="ascii", LC_ALL="C", PYTHONUTF8="0")
    _, err = started.communicate()
    assert started.returncode == 2
    assert err.isascii() and b"there is no data set named" in err and b"\x1b" not in err
    started = program("list", "presets", PYTHONIOENCODING="ascii")
    out, err = started.communicate()
    assert (started.returncode, err) == (0, b"")
    assert out.startswith(b"presets  ganlens train DATA --preset \\u2026\n")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["audit", "x" * 300], "' is not a GANLens run folder"),
        (["train", "folder:" + "x" * 300], "can't exist: the name is longer than the system allows"),
        (["train", "ring", "--preset", "x" * 300 + ".yaml"], "can't exist: the name is longer"),
        (["train", "ring", "--preset", "folder.yaml"], "folder.yaml is a folder; expected a file"),
        (["train", "ring", "--preset", "pipe.yaml"], "pipe.yaml is no plain file (a pipe, socket or device)"),
        (["train", "ring", "--preset", "latin.yaml"], "latin.yaml is not UTF-8 text (at byte 2)"),
        (["sample", "net.ts", "--latent", "100000000000"], "would take 100,000,000,000 numbers"),
        (["sample", "net.ts", "--latent", "1_0"], "--latent 1_0: expected whole numbers from 1 on"),
        (["sample", "net.ts", "--latent", "١٠"], "--latent ١٠: expected whole numbers from 1 on"),
        (["sample", "net.ts", "--range", "nan,1"], "--range nan,1: expected two numbers"),
        (["sample", "net.ts", "--range", "-inf,1"], "--range -inf,1: expected two numbers"),
        (["sample", "net.ts", "--range", "0,1e999"], "--range 0,1e999: a number is too large"),
        (["audit", "net.ts", "--classifier-range", "٠,١"], "--classifier-range ٠,١: expected two numbers"),
        (["train", "sprites", "--count", "1000000000000"], "sprites: 1,000,000,000,000 samples of 1×32×32: one array"),
        (["train", "digits", "--size", "1000000"], "one picture would take 1,000,000,000,000 pixels"),
        (["train", "ring", "--set", "latent=100000000000"], "a network or its input would take 100,000,000,000"),
        (["train", "digits", "--set", "data.progress=1"], "there is no setting 'data.progress'"),
        (["train", "digits", "--set", "data.spec=x"], "there is no setting 'data.spec'"),
    ],
)  # fmt: skip
def test_words_that_can_not_be_used(ganlens: Run, tmp_path: Path, words: list[str], said: str) -> None:
    (tmp_path / "folder.yaml").mkdir()
    os.mkfifo(tmp_path / "pipe.yaml")
    (tmp_path / "latin.yaml").write_bytes("# é".encode("latin-1"))
    before = sorted(tmp_path.iterdir())
    result = ganlens(*words)
    assert (result.code, result.out) == (2, "")
    *progress, line = result.err.splitlines()
    assert line.startswith("error: ") and said in line
    assert all(text.endswith(" …") or text.startswith("✓ ") for text in progress)
    assert sorted(tmp_path.iterdir()) == before
