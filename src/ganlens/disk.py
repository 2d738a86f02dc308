"""What a disk refuses, in one sentence: full, over a limit, read-only, not allowed, no such name."""

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

_SAID = {
    errno.ENOSPC: "no space left to write {path}: free some space and {again}",
    errno.EDQUOT: "no space left to write {path} (your quota is used up): free some space and {again}",
    errno.EFBIG: (
        "no space left to write {path}: larger files are not allowed here (`ulimit -f` shows the limit); raise it, "
        "or choose another folder, and {again}"
    ),
    errno.EROFS: "{path} can't be written: the disk is mounted read-only; choose another folder",
    errno.EACCES: "{path} can't be written: permission denied; choose another folder",
    errno.EPERM: "{path} can't be written: the operation is not permitted; choose another folder",
    errno.ENAMETOOLONG: "{path} can't be written: the name is too long; choose a shorter one",
    errno.ENOTDIR: "{path} can't be written: a part of it is a file, not a folder; choose another folder",
    errno.EISDIR: "{path} can't be written: there is a folder of that name; choose another name",
    errno.EEXIST: "{path} can't be written: a file stands in place of it or of its folder; choose another name",
    errno.ENOTEMPTY: "{path} can't be written: there is a folder of that name; choose another name",
    errno.ENOENT: "{path} can't be written: its folder was removed; {again}",
    errno.ELOOP: "{path} can't be written: its links lead in a circle; choose another folder",
    errno.EINVAL: "{path} can't be written: this disk doesn't take such a name or file; choose another folder",
    errno.EIO: "{path} can't be written: the disk reports an input/output error; check it, then {again}",
    errno.ESTALE: "{path} can't be written: the network disk lost the file; see that it is there, then {again}",
    errno.EBUSY: "{path} can't be written: another program has it in use; close that, then {again}",
    errno.EMFILE: "{path} can't be written: too many files are open (`ulimit -n`); raise the limit and {again}",
    errno.ENFILE: "{path} can't be written: the system has too many files open; close some and {again}",
    errno.ENOLCK: "{path} can't be written: the system has no more locks to give; {again}",
}


@contextmanager
def disk_errors(path: Path, again: str = "run the same command again") -> Iterator[None]:
    """Say what the disk refuses inside the block as one sentence about `path`. Other errors pass as they are.

    Args:
        again: what to do once there is room, as the end of a sentence.

    Raises:
        UserError: the disk refused.
    """
    try:
        yield
    except OSError as error:
        said = disk_sentence(path, error, again)
        if said is None:
            raise
        raise UserError(said) from error


def disk_sentence(path: Path, error: OSError, again: str = "run the same command again") -> str | None:
    """The sentence for an error of the operating system, or None where the disk is not what it speaks of."""
    form = _SAID.get(error.errno or 0)
    return None if form is None else form.format(path=printable(str(final_name(Path(path)))), again=again)


def as_os_error(error: Exception) -> OSError | None:
    """The operating system's error inside a message such as "I/O error: File too large (os error 27)", or None.

    Libraries written in Rust (safetensors) report it so.
    """
    found = re.search(r"\(os error (\d+)\)", str(error))
    if found is None:
        return None
    number = int(found.group(1))
    return OSError(number, os.strerror(number))
