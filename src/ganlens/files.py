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

_SAID = {
    errno.ENOENT: "does not exist",
    errno.ENOTDIR: "does not exist: a part of its path is a file, not a folder",
    errno.EISDIR: "is a folder; expected a file",
    errno.EACCES: "can't be opened: permission denied; ask its owner, or choose another place",
    errno.EPERM: "can't be opened: the system does not permit it; choose another place",
    errno.EROFS: "can't be written: its file system is read-only; choose another place",
    errno.ENOSPC: "can't be written: no space left; free some space and run the same command again",
    errno.EDQUOT: "can't be written: the disk quota is used up; free some space and run the same command again",
    errno.EFBIG: "can't be written: it would be larger than the system allows a file to be",
    errno.ENAMETOOLONG: "can't exist: the name is longer than the system allows",
    errno.ELOOP: "can't be opened: its symbolic links lead in a circle",
    errno.EIO: "can't be read or written: the device reports an error; see whether the disk is well",
    errno.EMFILE: "can't be opened: too many files are open at once; raise the limit (ulimit -n)",
    errno.ENFILE: "can't be opened: too many files are open on this machine",
    errno.EEXIST: "is there already",
    errno.ENOTEMPTY: "is not empty",
    errno.EBUSY: "can't be changed: something else is using it",
    errno.ETXTBSY: "can't be changed: something else is running it",
    errno.ESTALE: "can't be reached any more: its network drive has changed or gone",
    errno.ENOTCONN: "can't be reached: its network drive has gone",
    errno.ENXIO: "can't be opened: nothing is at the other end of this pipe or device",
    errno.ENODEV: "can't be read as a file: it is a device of another kind",
    errno.EINVAL: "can't be used as a file",
    errno.EOPNOTSUPP: "can't be used as a file: the file system does not support it",
}
"""What an error of the system means for the file it is about, as the end of a sentence."""


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


def concerns_a_file(error: OSError) -> bool:
    """Whether an error of the system is about a file or a place that its user can choose or mend."""
    return error.errno in _SAID


def said_of(error: OSError, path: str | Path | None = None) -> str:
    """What an error of the system means, as a sentence about the file.

    Args:
        path: the file it is about; default: the one that the error names.
    """
    path = path if path is not None else error.filename
    what = _SAID.get(error.errno or 0, f"can't be read or written ({error.strerror or error})")
    return f"{'a file' if path is None else printable(os.fsdecode(path))} {what}"


def _mode(path: str | Path) -> int | None:
    try:
        return os.stat(path).st_mode  # noqa: PTH116 - a Path is made of text that may be no path
    except (OSError, ValueError):
        return None
