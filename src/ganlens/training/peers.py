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


class ToldElsewhere(UserError):
    """What another process was refused, and says itself."""


class Peers:
    """The other processes, as this one sees them.

    Args:
        rank, count: this process's place.
        store: what all can write to and read.
    """

    def __init__(self, rank: int, count: int, store: Store) -> None:
        self.rank, self.count = rank, count
        self._round = store.add(
            f"ganlens/rounds/{rank}", 1
        )  # trainings of these processes, one after another
        self._store = PrefixStore(f"ganlens/{self._round}", store)
        self._store.set_timeout(timedelta(seconds=_DEAD))
        self._exchanges = 0
        self._busy = 0
        self._agreements = 0
        self._longest = 0.0
        self._last = time.monotonic()
        self._over = threading.Event()
        self._say_alive(0)
        threading.Thread(target=self._beat, daemon=True).start()

    def close(self) -> None:
        """No more signs of life."""
        self._over.set()

    @contextmanager
    def busy(self) -> Iterator[None]:
        """A block that may take long in this process alone."""
        self._busy += 1
        self._say_alive()
        try:
            yield
        finally:
            self._busy -= 1
            self._last = time.monotonic()
            self._say_alive()

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

    def first_refused(self, refusal: str | None) -> tuple[int, str] | None:
        """Tell the others whether this process was refused something. Returns the first of all that was, and why."""
        self._agreements += 1
        self._store.set(f"refused/{self._agreements}/{self.rank}", "" if refusal is None else f"!{refusal}")
        said = [self._answer_of(rank) for rank in range(self.count)]
        return next(((rank, text[1:]) for rank, text in enumerate(said) if text), None)

    def _answer_of(self, rank: int) -> str:
        key = f"refused/{self._agreements}/{rank}"
        watch = _Watch(self, [rank])
        while not self._ask(lambda: self._store.check([key])):
            watch.look()
            time.sleep(0.1)
        return str(self._ask(lambda: self._store.get(key)).decode())

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

    def status(self, rank: int) -> tuple[str, int, bool]:
        """What a process last said: its sign of life, its exchanges, whether it is busy."""
        beat, exchanges, busy = self._ask(lambda: self._store.get(f"alive/{rank}")).decode().split()
        return beat, int(exchanges), busy != "0"

    @property
    def exchanges(self) -> int:
        """How many this process has come to."""
        return self._exchanges

    def _ask(self, question: Callable[[], Any]) -> Any:
        try:
            return question()
        except (RuntimeError, dist.DistError) as error:
            raise PeerLost("the process that the others meet at no longer answers") from error

    def _who_ended(self, error: RuntimeError) -> str:
        said = str(error).strip().split("\n")[0]
        closed = "Connection" in said or "Read error" in said or "closed" in said
        return f"another of the {self.count} processes has ended" + ("" if closed else f" ({said[:160]})")

    def _beat(self) -> None:
        number = 0
        while not self._over.wait(_BEAT):
            number += 1
            try:
                self._say_alive(number)
            except (RuntimeError, dist.DistError):
                return  # nobody is left to hear it

    def _say_alive(self, number: int | None = None) -> None:
        beat = f"{time.monotonic():.1f}" if number is None else f"{number}"
        self._store.set(f"alive/{self.rank}", f"{beat} {self._exchanges} {self._busy}")


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
        self._heard: dict[int, tuple[str, float]] = dict.fromkeys(ranks, ("", now))
        self._idle: dict[int, float] = dict.fromkeys(ranks, now)

    def look(self) -> None:
        """See that those waited for live and get on.

        Raises:
            PeerLost: one doesn't.
        """
        now = time.monotonic()
        for rank in self._ranks:
            which = f"process {rank} of {self._peers.count}"
            beat, exchanges, busy = self._peers.status(rank)
            if beat != self._heard[rank][0]:
                self._heard[rank] = (beat, now)
            elif now - self._heard[rank][1] > _DEAD:
                raise PeerLost(f"{which} has given no sign of life for {now - self._heard[rank][1]:.0f} s")
            if busy or exchanges >= self._peers.exchanges:
                self._idle[rank] = now
            elif now - self._idle[rank] > self._peers.patience():
                raise PeerLost(f"{which} hangs: it has not come on for {now - self._idle[rank]:.0f} s")
