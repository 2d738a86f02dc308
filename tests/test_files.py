from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from ganlens import UserError
from ganlens.files import is_file, is_folder, read_bytes, read_text
from ganlens.limits import TEXT_BYTES
from ganlens.system_errors import said_of

NO_PATHS = ["", "\0", "a\0b", "x" * 300, "x/" * 3000, "\udce9\udcff", "nowhere/at/all"]


@pytest.mark.parametrize("name", NO_PATHS)
def test_what_is_no_path_is_neither_file_nor_folder_and_is_said_in_one_line(name: str) -> None:
    assert not is_file(name) and not is_folder(name)
    with pytest.raises(UserError) as refused:
        read_bytes(name)
    assert "\n" not in str(refused.value)
    str(refused.value).encode("utf-8")


def test_files_and_folders_are_told_apart(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("text")
    (tmp_path / "link").symlink_to(tmp_path / "a")
    assert is_file(tmp_path / "a") and is_file(tmp_path / "link") and not is_file(tmp_path)
    assert is_folder(tmp_path) and not is_folder(tmp_path / "a")


def test_what_can_not_be_read_as_a_file(tmp_path: Path) -> None:
    (tmp_path / "round").symlink_to(tmp_path / "round")
    os.mkfifo(tmp_path / "pipe")
    for path, said in (
        (tmp_path, f"{tmp_path} is a folder; expected a file"),
        (tmp_path / "pipe", "pipe is no plain file (a pipe, socket or device); expected a file"),
        (tmp_path / "round", "round can't be opened: its links lead in a circle"),
        (tmp_path / "missing", "missing does not exist"),
        (Path("/dev/zero"), "/dev/zero is no plain file"),
        (Path("x" * 300), "can't exist: the name is longer than the system allows"),
    ):
        with pytest.raises(UserError) as refused:
            read_bytes(path)
        assert said in str(refused.value)


def test_a_file_larger_than_the_limit_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").write_bytes(bytes(11))
    monkeypatch.setenv(TEXT_BYTES.variable, "10")
    with pytest.raises(UserError, match=r"a: a text file would take .* set GANLENS_MAX_TEXT_BYTES=11"):
        read_bytes(tmp_path / "a")
    monkeypatch.setenv(TEXT_BYTES.variable, "11")
    assert read_bytes(tmp_path / "a") == bytes(11)


def test_text_is_utf_8_with_or_without_the_mark(tmp_path: Path) -> None:
    path = tmp_path / "a"
    for content in ("é: 1".encode(), "é: 1".encode("utf-8-sig")):
        path.write_bytes(content)
        assert read_text(path) == "é: 1"
    for content, said in (
        ("é".encode("latin-1"), r"is not UTF-8 text \(at byte 0\)"),
        ("é".encode("utf-16"), "is UTF-16 text"),
    ):
        path.write_bytes(content)
        with pytest.raises(UserError, match=said):
            read_text(path)


def test_errors_of_the_system_in_words() -> None:
    full = OSError(errno.ENOSPC, "No space left on device", "runs/a")
    again = "free some space and run the same command again"
    assert said_of(full) == f"no space left to write runs/a: {again}"
    assert said_of(PermissionError(errno.EACCES, "Permission denied"), "b").startswith(
        "b can't be opened: permission denied"
    )
