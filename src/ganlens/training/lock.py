"""One training at a time in a run folder: `train.lock` names the process that trains there, and goes with it.

Where the disk has locks (`flock`), the kernel says whether the process named still holds it, also after a kill.
Elsewhere (some network disks) the file itself does: the process named is looked for on this machine, and one on
another machine touches the file every few seconds.
"""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from ganlens.errors import UserError
from ganlens.owner import is_alive, machine, start_of
from ganlens.printable import printable
from ganlens.system_errors import disk_errors

LOCK = "train.lock"
_TOUCH_SECONDS = 15.0
_SILENT_SECONDS = 120.0
"""A process on another machine that has not touched its lock for so long is gone."""
_TRIES = 20


@dataclass(frozen=True)
class Holder:
    """Who trains in a folder.

    Attributes:
        process, started: its number, and when it began by the machine's own count (0: not known).
        host, machine: the machine's name; the same and the number of its last start.
        since: local time with its offset, ISO 8601.
    """

    process: int
    started: int
    host: str
    machine: str
    since: str

    @staticmethod
    def this() -> Holder:
        """This process, from now on."""
        since = datetime.now().astimezone().isoformat(timespec="seconds")
        return Holder(os.getpid(), start_of(os.getpid()), socket.gethostname(), machine(), since)

    @staticmethod
    def read(text: str) -> Holder | None:
        """From a lock file's text; None where it is not whole."""
        try:
            holder = Holder(**json.loads(text))
        except (ValueError, TypeError, RecursionError):
            return None
        field_types = (int, int, str, str, str)
        return (
            holder
            if all(isinstance(v, k) for v, k in zip(vars(holder).values(), field_types, strict=True))
            else None
        )

    def __str__(self) -> str:
        return f"process {self.process} on {printable(self.host)}, since {printable(self.since)}"


@contextmanager
def training_alone(out: Path) -> Iterator[None]:
    """Hold the lock of a run folder, which is made where it is missing, and leave no lock behind.

    A folder that is empty at the end, and was made for the lock, goes as well.

    Raises:
        UserError: another process trains there (it is named), or the folder can't be written.
    """
    if out.exists() and not out.is_dir():
        raise UserError(f"--out: {out} is a file; name a folder")
    missing = [p for p in (out, *out.parents) if not p.exists()]
    with disk_errors(out):
        out.mkdir(parents=True, exist_ok=True)
    try:
        with disk_errors(out / LOCK):
            lock = _take(out / LOCK)
        over = threading.Event()
        threading.Thread(target=_keep_touching, args=(out / LOCK, over), daemon=True).start()
        try:
            yield
        finally:
            over.set()
            with suppress(OSError):
                (out / LOCK).unlink(
                    missing_ok=True
                )  # before it is let go, so that nobody takes a name that goes
            os.close(lock)
    finally:
        for folder in missing:
            with suppress(OSError):
                folder.rmdir()


def _take(path: Path) -> int:
    """The open lock file, which names this process now.

    Raises:
        UserError: another process holds it.
    """
    for attempt in range(_TRIES):
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        alone = _flock(file)
        if not _is_still(path, file):  # its holder has just left and taken the name along
            os.close(file)
            continue
        holder = _living(path, file, alone)
        if holder is not None:
            os.close(file)
            raise UserError(
                f"--out: another training is under way in {path.parent} ({holder}); wait for it or stop it, or name "
                f"another folder (if that process is gone, delete {path})"
            )
        text = _text(file)
        if alone is False or (alone is None and text and attempt == 0):
            # Either its holder has not written its name yet, or it is gone and a child of it lives on.
            os.close(file)
            if text and Holder.read(text) is not None:
                with suppress(OSError):
                    path.unlink(missing_ok=True)
            else:
                time.sleep(0.05)
            continue
        ours = json.dumps(asdict(Holder.this())) + "\n"
        os.ftruncate(file, 0)
        os.write(file, ours.encode())
        if (
            alone is None
        ):  # without locks another process can have written at the same moment: the last one has it
            time.sleep(0.1)
            if not _is_still(path, file) or _text(file) != ours:
                os.close(file)
                continue
        return file
    raise UserError(
        f"--out: another process is about to train in {path.parent}; name another folder (if there is none, delete "
        f"{path})"
    )


def _living(path: Path, file: int, alone: bool | None) -> Holder | None:
    """The process that a lock file names, if it holds it still."""
    holder = Holder.read(_text(file))
    if holder is None:
        return None
    if holder.machine == machine():
        return None if alone else holder if is_alive(holder.process, holder.started) else None
    if holder.host == socket.gethostname():
        return None  # this machine, before it was started anew
    if alone is False:
        return holder
    return holder if _touched_lately(path, file) else None


def _flock(file: int) -> bool | None:
    """Take the kernel's lock: whether it is ours now; None where the disk or the system has none."""
    try:
        import fcntl
    except ImportError:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def _text(file: int) -> str:
    os.lseek(file, 0, os.SEEK_SET)
    text = os.read(file, 4096).decode("utf-8", errors="replace")
    os.lseek(file, 0, os.SEEK_SET)
    return text


def _is_still(path: Path, file: int) -> bool:
    try:
        return os.path.samestat(os.fstat(file), path.stat())
    except OSError:
        return False


def _touched_lately(path: Path, file: int) -> bool:
    """By the disk's own clock: another machine's need not be this one's."""
    clock = path.with_name(f".{path.name}.{os.getpid():08x}.partial")
    try:
        clock.touch()
        now = clock.stat().st_mtime
    except OSError:
        now = time.time()
    finally:
        with suppress(OSError):
            clock.unlink(missing_ok=True)
    return now - os.fstat(file).st_mtime < _SILENT_SECONDS


def _keep_touching(path: Path, over: threading.Event) -> None:
    while not over.wait(_TOUCH_SECONDS):
        with suppress(OSError):
            os.utime(path)
