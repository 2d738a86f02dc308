"""Rows that are computed once, in blocks, as far as anyone has asked."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor


class FirstRows:
    """The first rows of a table that is computed block by block.

    Blocks start at multiples of `block` whoever asks first, so a row never depends on the order of the
    questions. The buffer is reserved whole but takes memory only where rows have been written.

    Args:
        size: how many rows there can be.
        compute: rows [stop − start, …] for (start, stop).
    """

    def __init__(self, size: int, block: int, compute: Callable[[int, int], Tensor]) -> None:
        self._size, self._block, self._compute = size, block, compute
        self._filled = 0
        self._rows: Tensor | None = None

    def first(self, n: int) -> Tensor:
        """The first n rows, a view: do not write."""
        while self._filled < n or self._rows is None:
            stop = min(self._filled + self._block, self._size)
            rows = self._compute(self._filled, stop)
            if self._rows is None:
                self._rows = torch.empty((self._size, *rows.shape[1:]), dtype=rows.dtype)
            self._rows[self._filled : stop] = rows
            self._filled = stop
        return self._rows[:n]


class SharedTime:
    """Seconds spent on what all probes share: samples, features, training the instruments."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._running = False

    @contextmanager
    def counted(self) -> Iterator[None]:
        """A block whose time is counted; a block within one is counted once (features may ask for samples)."""
        if self._running:
            yield
            return
        self._running, began = True, time.perf_counter()
        try:
            yield
        finally:
            self._running = False
            self.seconds += time.perf_counter() - began
