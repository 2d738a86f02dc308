"""Files that may end the process that reads them: another process reads them first.

Some damaged TorchScript files end in a segmentation fault inside torch. The process that finds out is started once,
when the first such file is opened (a second or two: it imports torch), and reads all later ones in milliseconds.
"""

from __future__ import annotations

import atexit
import json
import subprocess
import sys
import threading
from pathlib import Path

from ganlens.errors import UserError

PATIENCE = 120.0
"""Seconds a file may take; one that takes longer is damaged."""

_READER = """
import json, os, sys
sys.path[:] = json.loads(sys.argv[1])
answers = os.fdopen(os.dup(1), "w", buffering=1)
nowhere = os.open(os.devnull, os.O_WRONLY)
os.dup2(nowhere, 1), os.dup2(nowhere, 2)
import torch
torch.set_num_threads(1)
answers.write("ready\\n")
for line in sys.stdin:
    path = json.loads(line)
    try:
        try:
            import resource
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            held = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
            most = held + 2**30 + 4 * os.path.getsize(path)
            resource.setrlimit(resource.RLIMIT_AS, (most, resource.getrlimit(resource.RLIMIT_AS)[1]))
        except (ImportError, OSError, ValueError):
            pass
        torch.jit.load(path, map_location="cpu")
    except BaseException:
        pass
    answers.write("read\\n")
"""
"""What the other process does. Errors that torch raises are met again, and named, by whoever asked."""


class _Reader:
    """A process that reads files on demand."""

    def __init__(self) -> None:
        places = [place for place in sys.path if place]
        self._process = subprocess.Popen(
            [sys.executable or "", "-I", "-c", _READER, json.dumps(places)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        atexit.register(self.end)
        self.works = self._answer() == "ready"

    def survives(self, path: Path) -> bool:
        """Whether the process is alive after reading the file."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(str(path.resolve())) + "\n")
            self._process.stdin.flush()
        except OSError:
            return False
        return self._answer() == "read"

    def end(self) -> None:
        """End the process."""
        atexit.unregister(self.end)
        self._process.kill()
        self._process.communicate()

    def _answer(self) -> str:
        assert self._process.stdout is not None
        patience = threading.Timer(PATIENCE, self._process.kill)
        patience.daemon = True
        patience.start()
        try:
            return self._process.stdout.readline().strip()
        finally:
            patience.cancel()


_lock = threading.Lock()
_reader: _Reader | None = None


def read_by_another_process(path: Path, called: Path) -> None:
    """Have another process read a TorchScript file. Where none can be started, nothing is known and nothing is said.

    Args:
        called: the file's name for messages.

    Raises:
        UserError: that process did not survive it.
    """
    global _reader
    with _lock:
        try:
            _reader = _reader or _Reader()
        except OSError:
            return
        if not _reader.works or _reader.survives(path):
            return
        _reader.end()
        _reader = None
    raise UserError(
        f"{called} is damaged: a process that read it for trial did not survive; copy it again, or save it again"
    )
