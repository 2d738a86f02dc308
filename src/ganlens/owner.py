"""Which process something on a disk belongs to, and whether that process still lives."""

from __future__ import annotations

import functools
import hashlib
import os
import socket
from contextlib import suppress
from pathlib import Path


@functools.cache
def machine() -> str:
    """This machine since it was started: its name and, where the system tells, the number of this start."""
    boot = ""
    with suppress(OSError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return f"{socket.gethostname()}/{boot}"


@functools.cache
def machine_mark() -> str:
    """`machine()` as four hexadecimal digits, for file names."""
    return hashlib.blake2b(machine().encode(), digest_size=2).hexdigest()


def start_of(process: int) -> int:
    """When a process of this machine began, in the system's own count; 0 where it doesn't tell.

    With the number of the process it names one process: numbers alone are given again.
    """
    try:
        text = Path(f"/proc/{process}/stat").read_text(encoding="ascii", errors="replace")
        return int(text.rpartition(")")[2].split()[19])
    except (OSError, ValueError, IndexError):
        return 0


def is_alive(process: int, started: int = 0) -> bool:
    """Whether a process of this machine is running, and is the one that began at `started` (0: not known)."""
    if os.name != "posix":
        return True  # asking would end it
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        pass  # it is there, and another user's
    return started == 0 or start_of(process) in (0, started)
