"""Names of what is being written, and clearing away what a killed process left of it.

Beside its target `NAME` a file or folder is called `.NAME.MARK.partial` until it is whole; a folder that it
replaces is called `.NAME.MARK.old.partial` meanwhile. Without a NAME, it is a folder whose content moves into the
one around it. The mark names the process that writes.
"""

from __future__ import annotations

import glob
import os
import re
import shutil
import time
import uuid
from contextlib import suppress
from pathlib import Path

from ganlens.owner import is_alive, machine_mark, start_of

_LONGEST = 255
"""Bytes of a file name that common disks take."""
_PATTERN = re.compile(
    r"\.(?P<name>.*)\."
    r"(?:(?P<machine>[0-9a-f]{4})-(?P<process>\d{1,10})-(?P<started>\d{1,19})-[0-9a-f]{8}|[0-9a-f]{8})"
    r"(?P<old>\.old)?\.partial",
    re.DOTALL,
)
"""The mark is eight digits alone in what versions before 0.2 left."""
_ELSEWHERE_SECONDS = 3600
"""What another machine has not touched for so long, it is not writing any more."""


def partial_names(path: Path) -> tuple[Path, Path]:
    """Fresh names beside `path`: for what is to become it, and for the folder that is in its place now."""
    process = os.getpid()
    mark = f"{machine_mark()}-{process}-{start_of(process)}-{uuid.uuid4().hex[:8]}"
    name = path.name
    while (
        len(os.fsencode(f".{name}.{mark}.old.partial")) > _LONGEST and len(os.fsencode(path.name)) <= _LONGEST
    ):
        name = name[:-1]
    return path.with_name(f".{name}.{mark}.partial"), path.with_name(f".{name}.{mark}.old.partial")


def room_in(folder: Path) -> Path:
    """A fresh name for a folder inside `folder` in which what is to move into `folder` is collected."""
    return folder / partial_names(folder / "_")[0].name.replace("._.", "..", 1)


def remove(path: Path) -> None:
    """Delete a file or a folder; what can't be deleted stays for the next sweep."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink(missing_ok=True)


def discard(path: Path) -> None:
    """Delete a folder so that at no moment half of it stands under its own name."""
    with suppress(FileNotFoundError):
        away = partial_names(path)[0]
        path.rename(away)
        remove(away)


def sweep_before(path: Path) -> None:
    """Clear away what killed processes left of earlier tries to write `path`, of which another is about to begin."""
    for left in path.parent.glob(f".{glob.escape(path.name)}.*.partial"):
        match = _PATTERN.fullmatch(left.name)
        if match is None or match["old"] or match["name"] != path.name or _is_being_written(left, match):
            continue
        if (
            match["process"] is not None and int(match["process"]) != os.getpid()
        ):  # else another thread of ours
            remove(left)


def sweep(folder: Path) -> list[Path]:
    """Clear away what killed processes left half-written in `folder` and in its own folders.

    A whole folder that was being replaced when its process was killed gets its name back. Only names of the
    pattern above are touched, and nothing of a process that still lives.

    Returns:
        What was removed or put back, by its name before.
    """
    if not folder.is_dir():
        return []
    places = [folder, *(p for p in _entries(folder) if p.is_dir() and not p.is_symlink())]
    swept = []
    # What was whole first: its name must be free, and nothing else may claim it.
    for path in sorted((p for place in places for p in _entries(place)), key=lambda p: ".old." not in p.name):
        match = _PATTERN.fullmatch(path.name)
        if match is None or _is_being_written(path, match):
            continue
        if match["old"] and match["name"] and not path.with_name(match["name"]).exists():
            with suppress(OSError):
                path.rename(path.with_name(match["name"]))
        else:
            remove(path)
        swept.append(path)
    return swept


def is_partial(path: Path) -> bool:
    """Whether a name is of the pattern above."""
    return _PATTERN.fullmatch(path.name) is not None


def final_name(path: Path) -> Path:
    """A path as it is called once everything on it is whole."""
    parts = [(m["name"] if (m := _PATTERN.fullmatch(part)) else part) for part in path.parts]
    return Path(*(part for part in parts if part))


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _is_being_written(path: Path, match: re.Match[str]) -> bool:
    if match["machine"] is None:
        return False
    if match["machine"] != machine_mark():
        with suppress(OSError):
            newest: float = max(p.stat().st_mtime for p in (path, *(_entries(path) if path.is_dir() else ())))
            return time.time() - newest < _ELSEWHERE_SECONDS
        return True
    process, started = int(match["process"]), int(match["started"])
    return process != os.getpid() and is_alive(process, started)
