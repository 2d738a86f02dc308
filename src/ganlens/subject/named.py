"""Names that a user or a file gives: whether they lead anywhere, and how to show them."""

from __future__ import annotations

from pathlib import Path

from ganlens.printable import printable

_LONGEST = 160


def is_file(name: str | Path) -> bool:
    """Whether a file has that name. One that no file system takes (too long, with NUL) has none."""
    try:
        return Path(name).is_file()
    except (OSError, ValueError):
        return False


def is_folder(name: str | Path) -> bool:
    """Whether a folder has that name; see `is_file`."""
    try:
        return Path(name).is_dir()
    except (OSError, ValueError):
        return False


def shown(name: str) -> str:
    """A name on one line, safe to show, and not for ever."""
    return printable(name if len(name) <= _LONGEST else f"{name[: _LONGEST - 10]}…")
