"""Rows that grow: in memory while they are few, in a temporary file when they are many."""

from __future__ import annotations

import errno
import math
import os
import shutil
import tempfile

import numpy as np
from numpy.typing import NDArray

from ganlens.errors import UserError
from ganlens.limits import SAMPLE_BYTES

IN_MEMORY_BYTES = 64 * 2**20
"""Arrays up to this size stay in memory."""


LEAST_FEATURES = 64
"""Numbers that are kept in memory of every sample at least, beside its latent."""


def refuse_more_than_fits(samples: int, sample_shape: tuple[int, ...], latent_shape: tuple[int, ...]) -> None:
    """See that so many samples fit into memory and on the disk that holds temporary files.

    Raises:
        UserError: they don't; the message says what they would take.
    """
    SAMPLE_BYTES.check(4 * samples * (math.prod(latent_shape) + LEAST_FEATURES), f"{samples:,} samples")
    needed, folder = 4 * samples * math.prod(sample_shape), tempfile.gettempdir()
    if needed > IN_MEMORY_BYTES and needed > (free := shutil.disk_usage(folder).free):
        raise UserError(
            f"{samples:,} samples need {SAMPLE_BYTES.shown(needed)} of temporary files, and {folder} has "
            f"{SAMPLE_BYTES.shown(free)} left; ask for fewer samples, or set TMPDIR to a larger disk"
        )


class DiskRows:
    """A float32 array [size, …] whose rows are appended once and read often.

    It has what `SampleArray` asks of the array behind it: `dtype`, `shape`, `len` and indexing by a row
    number or an array of them. Large arrays live in an unnamed temporary file that is read with `pread`:
    pages of a mapped file would count towards the process's memory, rows read on request do not.

    Args:
        size: how many rows there will be.
        row_shape: shape of one row.
        in_memory_bytes: the largest array that is kept in memory.
    """

    dtype = np.dtype(np.float32)

    def __init__(
        self, size: int, row_shape: tuple[int, ...], *, in_memory_bytes: int = IN_MEMORY_BYTES
    ) -> None:
        self.shape = (size, *row_shape)
        self.filled = 0
        self._row_shape = row_shape
        self._row_bytes = 4 * math.prod(row_shape)
        self._memory: NDArray[np.float32] | None = None
        if size * self._row_bytes <= in_memory_bytes:
            self._memory = np.empty(self.shape, dtype=np.float32)
        else:
            self._file = tempfile.TemporaryFile(prefix="ganlens-samples-")  # noqa: SIM115  (lives as long as the array)

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def on_disk(self) -> bool:
        """Whether the rows are kept in a file."""
        return self._memory is None

    def append(self, rows: NDArray[np.float32]) -> None:
        """Fill the next `len(rows)` rows.

        Raises:
            UserError: the disk that holds temporary files is full.
        """
        end = self.filled + len(rows)
        if end > len(self):
            raise ValueError(f"{end} rows do not fit in an array of {len(self)}")
        if self._memory is not None:
            self._memory[self.filled : end] = rows
        else:
            self._write(np.ascontiguousarray(rows, dtype=np.float32), self.filled * self._row_bytes)
        self.filled = end

    def __getitem__(self, index: int | np.integer | NDArray[np.integer]) -> NDArray[np.float32]:
        rows = np.asarray(index, dtype=np.int64)
        if rows.size and (rows.min() < 0 or rows.max() >= self.filled):
            raise IndexError(f"rows {rows.min()}…{rows.max()} of {self.filled} were asked for")
        if self._memory is not None:
            return self._memory[rows]
        flat = rows.reshape(-1)
        out = np.empty((len(flat), *self._row_shape), dtype=np.float32)
        # Neighbouring rows are read with one call: a chunk costs one read, a random pick one per row.
        breaks = np.flatnonzero(np.diff(flat) != 1) + 1
        for start, stop in zip([0, *breaks], [*breaks, len(flat)], strict=True):
            if stop > start:
                self._read(out[start:stop], int(flat[start]) * self._row_bytes)
        return out.reshape(*rows.shape, *self._row_shape)

    def _write(self, rows: NDArray[np.float32], offset: int) -> None:
        view = memoryview(rows.data).cast("B")
        try:
            while view:
                written = os.pwrite(self._file.fileno(), view, offset)
                view, offset = view[written:], offset + written
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise UserError(
                    f"no space left for {len(self)} temporary samples in {tempfile.gettempdir()}: free "
                    "some, set TMPDIR to a larger disk, or ask for fewer samples"
                ) from error
            raise

    def _read(self, out: NDArray[np.float32], offset: int) -> None:
        view = memoryview(out.data).cast("B")
        while view:
            got = os.preadv(self._file.fileno(), [view], offset)
            if got == 0:
                raise OSError("a temporary sample file ended early")
            view, offset = view[got:], offset + got
