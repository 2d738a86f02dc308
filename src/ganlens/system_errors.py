"""What the operating system refuses to who reads or writes a file, in one sentence: a full disk, no permission, no such
name."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ganlens.errors import UserError
from ganlens.partials import final_name
from ganlens.printable import printable

FULL = (errno.ENOSPC, errno.EDQUOT)
"""Too little room: on the disk, or in the user's share of it."""

_AGAIN = "run the same command again"
_WRITTEN = {
    errno.ENOSPC: "no space left to write {path}: free some space and {again}",
    errno.EDQUOT: "no space left to write {path} (your quota is used up): free some space and {again}",
    errno.EFBIG: (
        "no space left to write {path}: larger files are not allowed here (`ulimit -f` shows the limit); raise it, "
        "or choose another folder, and {again}"
    ),
    errno.EROFS: "{path} can't be written: the disk is mounted read-only; choose another folder",
    errno.ENOLCK: "{path} can't be written: the system has no more locks to give; {again}",
}
"""Sentences for what is refused to those who write alone."""
_REFUSED: dict[int, tuple[str, str]] = {
    errno.EACCES: ("permission denied", "choose another place"),
    errno.EPERM: ("the operation is not permitted", "choose another place"),
    errno.ENOTDIR: ("a part of its path is a file, not a folder", "choose another place"),
    errno.EEXIST: ("a file stands in place of it or of its folder", "choose another name"),
    errno.ENOTEMPTY: ("there is a folder of that name, and it is not empty", "choose another name"),
    errno.ELOOP: ("its links lead in a circle", "choose another place"),
    errno.EINVAL: ("this disk doesn't take such a name or file", "choose another place"),
    errno.EOPNOTSUPP: ("this disk does not support it", "choose another place"),
    errno.EIO: ("the disk reports an input/output error", "check it, then {again}"),
    errno.ESTALE: ("the network disk lost the file", "see that it is there, then {again}"),
    errno.ENOTCONN: ("its network disk has gone", "see that it is there, then {again}"),
    errno.EBUSY: ("another program has it in use", "close that, then {again}"),
    errno.ETXTBSY: ("another program is running it", "close that, then {again}"),
    errno.EMFILE: ("too many files are open (`ulimit -n`)", "raise the limit and {again}"),
    errno.ENFILE: ("the system has too many files open", "close some and {again}"),
    errno.ENXIO: ("nothing is at the other end of this pipe or device", "choose a plain file"),
    errno.ENODEV: ("it is a device of another kind", "choose a plain file"),
}
"""Why something is refused, to those who read and those who write, and what to do."""
_MISSING = {
    errno.ENOENT: ("does not exist", "its folder was removed; {again}"),
    errno.ENAMETOOLONG: (
        "can't exist: the name is longer than the system allows",
        "the name is longer than the system allows; choose a shorter one",
    ),
    errno.EISDIR: ("is a folder; expected a file", "there is a folder of that name; choose another name"),
}
"""What is another thing to those who read (the end of a sentence) than to those who write (why they can't)."""


@contextmanager
def disk_errors(path: Path, again: str = _AGAIN) -> Iterator[None]:
    """Say what the disk refuses inside the block as one sentence about `path`. Other errors pass as they are.

    Args:
        again: what to do once there is room, as the end of a sentence.

    Raises:
        UserError: the disk refused.
    """
    try:
        yield
    except OSError as error:
        sentence = disk_sentence(path, error, again)
        if sentence is None:
            raise
        raise UserError(sentence) from error


def disk_sentence(path: Path, error: OSError, again: str = _AGAIN) -> str | None:
    """The sentence for an error of the operating system, or None where the disk is not what it speaks of."""
    number = error.errno or 0
    if number in _REFUSED or number in _MISSING:
        why = "; ".join(_REFUSED[number]) if number in _REFUSED else _MISSING[number][1]
        form = f"{{path}} can't be written: {why}"
    elif number in _WRITTEN:
        form = _WRITTEN[number]
    else:
        return None
    return form.format(path=printable(str(final_name(Path(path)))), again=again)


def concerns_a_file(error: OSError) -> bool:
    """Whether an error of the system is about a file or a place that its user can choose or mend."""
    return any(error.errno in table for table in (_WRITTEN, _REFUSED, _MISSING))


def said_of(error: OSError, path: str | Path | None = None) -> str:
    """What an error of the system means to who reads a file, or to who can't know which it was, as a sentence about it.

    Args:
        path: the file it is about; default: the one that the error names.
    """
    number, path = error.errno or 0, path if path is not None else error.filename
    shown = "a file" if path is None else printable(os.fsdecode(path))
    if number in _WRITTEN:
        return _WRITTEN[number].format(path=shown, again=_AGAIN)
    if number in _MISSING:
        return f"{shown} {_MISSING[number][0]}"
    if number in _REFUSED:
        return f"{shown} can't be opened: {'; '.join(_REFUSED[number]).format(again=_AGAIN)}"
    return f"{shown} can't be read or written ({error.strerror or error})"


def as_os_error(error: Exception) -> OSError | None:
    """The operating system's error inside a message such as "I/O error: File too large (os error 27)", or None.

    Libraries written in Rust (safetensors) report it so.
    """
    os_code = re.search(r"\(os error (\d+)\)", str(error))
    if os_code is None:
        return None
    number = int(os_code.group(1))
    return OSError(number, os.strerror(number))
