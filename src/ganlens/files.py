"""Files and folders that someone names: looked for and read without a surprise.

A path can be too long for the system, hold characters that no path has, lie where nobody may look, or lead to a pipe
that never ends. None of it is a defect of the program: it is said in a sentence.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from ganlens.errors import UserError
from ganlens.limits import TEXT_BYTES, Limit
from ganlens.printable import printable
from ganlens.system_errors import said_of


def is_file(path: str | Path) -> bool:
    """Whether a plain file is there (a link to one counts). False for any text that is no path at all."""
    mode = _mode(path)
    return mode is not None and stat.S_ISREG(mode)


def is_folder(path: str | Path) -> bool:
    """Whether a folder is there. False for any text that is no path at all."""
    mode = _mode(path)
    return mode is not None and stat.S_ISDIR(mode)


def read_bytes(path: str | Path, limit: Limit = TEXT_BYTES) -> bytes:
    """The content of a plain file.

    Raises:
        UserError: it is missing, no plain file (a pipe is not waited for), larger than the limit, or can't be read.
    """
    shown = printable(str(path))
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            if stat.S_ISDIR(status.st_mode):
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
            if not stat.S_ISREG(status.st_mode):
                raise UserError(f"{shown} is no plain file (a pipe, socket or device); expected a file")
            limit.check(status.st_size, shown)
            content = file.read(limit.value + 1)
    except OSError as error:
        raise UserError(said_of(error, path)) from error
    except ValueError as error:  # a path with a zero character
        raise UserError(f"{shown} can't be the path of a file ({error})") from error
    limit.check(len(content), shown)
    return content


def read_text(path: str | Path, limit: Limit = TEXT_BYTES) -> str:
    """The text of a plain file in UTF-8, without the mark that some editors put before it.

    Raises:
        UserError: as `read_bytes`, or it is not UTF-8.
    """
    content = read_bytes(path, limit)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        kind = "UTF-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "not UTF-8"
        raise UserError(
            f"{printable(str(path))} is {kind} text (at byte {error.start:,}): it is of another program, or was "
            "damaged; save it as UTF-8"
        ) from error


def _mode(path: str | Path) -> int | None:
    try:
        return os.stat(path).st_mode  # noqa: PTH116 - a Path is made of text that may be no path
    except (OSError, ValueError):
        return None
