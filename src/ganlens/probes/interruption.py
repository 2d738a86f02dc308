"""Ctrl-C and a polite kill during an audit: the first ends the question, the second the audit."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Self


class Interruption:
    """Notes SIGINT and SIGTERM while it is entered.

    The first raises KeyboardInterrupt inside `asking()` and is only noted elsewhere, so that what was answered can
    be written. The second raises it wherever it arrives. Signals that the process ignores stay ignored; in a thread
    that is not the main one, which gets no signals, nothing is changed.

    Attributes:
        came: whether there was one.
    """

    def __init__(self) -> None:
        self.came = False
        self._asking = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                if signal.getsignal(number) not in (signal.SIG_IGN, None):
                    self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}

    @contextmanager
    def asking(self) -> Iterator[None]:
        """What the first signal may end at once."""
        self._asking = True
        try:
            yield
        finally:
            self._asking = False

    def _note(self, number: int, frame: FrameType | None) -> None:
        again, self.came = self.came, True
        if again or self._asking:
            raise KeyboardInterrupt
