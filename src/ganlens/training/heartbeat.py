"""Of several processes: how each knows that the others are still there while it waits for them.

A process says every few seconds that it lives, how many exchanges it has come to, and whether it is busy with
something that only it does (an evaluation, reading the data). Who waits for an exchange reads that of the others.
"""

from __future__ import annotations

import atexit
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch.distributed as dist
from torch.distributed.distributed_c10d import PrefixStore, Store

from ganlens.errors import GANLensError, UserError

_BEAT = 3.0
"""Seconds between two signs of life."""
_DEAD = 45.0
"""Seconds without one after which a process is taken for dead, or stopped."""
_HANGS = 75.0
"""Seconds that a process which is not busy may be behind the others; more where the run's own steps are slow."""
_SLOW_STEPS = 10


class PeerLost(GANLensError):
    """Another process has ended, or hangs. The message says which."""


class RefusedElsewhere(UserError):
    """What another process was refused, and says itself."""


class Peers:
    """The other processes, as this one sees them.

    Args:
        rank, count: this process's place.
        store: what all can write to and read.
    """

    def __init__(self, rank: int, count: int, store: Store) -> None:
        self.rank, self.count = rank, count
        number = store.add(f"ganlens/trainings/{rank}", 1)  # these processes can train again later
        self._store = PrefixStore(f"ganlens/{number}", store)
        self._exchanges = 0
        self._busy = 0
        self._longest = 0.0
        self._last = time.monotonic()
        self._heard: dict[int, _Heard] = {}
        self._answered = time.monotonic()
        self._over, self._news = threading.Event(), threading.Event()
        self._talking = threading.Thread(target=self._talk, daemon=True)
        self._talking.start()

    def close(self) -> None:
        """No more signs of life.

        The thread is waited for (a moment: what it asks may hang): one that is still in the library when Python ends
        takes the process down with SIGABRT.
        """
        self._over.set()
        self._news.set()
        self._talking.join(_BEAT)

    @contextmanager
    def busy(self) -> Iterator[None]:
        """A block that may take long in this process alone."""
        self._busy += 1
        self._news.set()
        try:
            yield
        finally:
            self._busy -= 1
            self._last = time.monotonic()
            self._news.set()

    def exchange(self, start: Callable[[], Any]) -> None:
        """Begin an exchange that all take part in, and wait until it is done.

        Raises:
            PeerLost: another process has ended or hangs, so that it never will be.
        """
        self._exchanges += 1
        self._longest = max(self._longest, time.monotonic() - self._last)
        try:
            work = start()
            if work is not None and not self._on_gpu():
                self._wait(work)
            elif work is not None:
                work.wait()
        except RuntimeError as error:
            raise PeerLost(self._who_ended(error)) from error
        self._last = time.monotonic()

    def _wait(self, work: Any) -> None:
        watch = _Watch(self, [rank for rank in range(self.count) if rank != self.rank])
        pause = 1.0
        while not work.is_completed():
            try:
                work.wait(timedelta(seconds=pause))
                return
            except RuntimeError:
                if work.is_completed():
                    raise  # it has failed: a process it spoke with has ended
            try:
                watch.look()
            except PeerLost:
                atexit.register(_end_now)
                raise
            pause = _BEAT
        work.wait()

    def _on_gpu(self) -> bool:
        return dist.get_backend() == "nccl"

    def patience(self) -> float:
        """Seconds that one that is not busy may be behind: what takes this process long takes the others long."""
        return max(_HANGS, _SLOW_STEPS * self._longest)

    def heard(self, rank: int) -> _Heard | None:
        """What another process said last; None before its first word.

        Raises:
            PeerLost: the place where all leave word no longer answers.
        """
        if time.monotonic() - self._answered > _DEAD:
            raise PeerLost(
                f"the process at which the {self.count} meet has given no sign of life for {_DEAD:.0f} s"
            )
        return self._heard.get(rank)

    @property
    def exchanges(self) -> int:
        """How many this process has come to."""
        return self._exchanges

    def _who_ended(self, error: RuntimeError) -> str:
        reason = str(error).strip().split("\n")[0]
        closed = "Connection" in reason or "Read error" in reason or "closed" in reason
        return f"another of the {self.count} processes has ended" + ("" if closed else f" ({reason[:160]})")

    def _talk(self) -> None:
        """Leave word and read that of the others, in a thread of its own: a store that hangs never lets go."""
        beat = 0
        while not self._over.is_set():
            self._news.clear()
            beat += 1
            try:
                self._store.set(f"alive/{self.rank}", f"{beat} {self._exchanges} {self._busy}")
                for rank in range(self.count):
                    if rank != self.rank and self._store.check([f"alive/{rank}"]):
                        words = self._store.get(f"alive/{rank}").decode().split()
                        self._heard[rank] = _Heard(int(words[0]), int(words[1]), words[2] != "0")
            except (RuntimeError, dist.DistError):
                return  # nobody is left to hear it, which shows by the silence
            self._answered = time.monotonic()
            self._news.wait(_BEAT)


@dataclass(frozen=True)
class _Heard:
    """A process's last word: the number of its sign of life, its exchanges, whether it is busy."""

    beat: int
    exchanges: int
    busy: bool


def _end_now() -> None:
    """At the end of a process that still has an exchange under way: the library would wait for it."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(1)


class _Watch:
    """One wait for some processes."""

    def __init__(self, peers: Peers, ranks: list[int]) -> None:
        self._peers, self._ranks = peers, ranks
        now = time.monotonic()
        self._beats: dict[int, tuple[int, float]] = dict.fromkeys(ranks, (-1, now))
        self._idle: dict[int, float] = dict.fromkeys(ranks, now)

    def look(self) -> None:
        """See that those waited for live and get on.

        Raises:
            PeerLost: one doesn't.
        """
        now = time.monotonic()
        for rank in self._ranks:
            which = f"process {rank} of {self._peers.count}"
            heard = self._peers.heard(rank)
            if heard is not None and heard.beat != self._beats[rank][0]:
                self._beats[rank] = (heard.beat, now)
            elif now - self._beats[rank][1] > _DEAD:
                raise PeerLost(f"{which} has given no sign of life for {_DEAD:.0f} s")
            if heard is None or heard.busy or heard.exchanges >= self._peers.exchanges:
                self._idle[rank] = now
            elif now - self._idle[rank] > self._peers.patience():
                raise PeerLost(f"{which} hangs: it has not come on for {now - self._idle[rank]:.0f} s")
