"""The order in which training data are seen: a pure function of the seed and of how many were seen before."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ganlens.randomness import numpy_generator


class EpochOrder:
    """The endless order of `count` samples: one permutation after another, each a function of (seed, epoch).

    Position p is the p-th sample ever seen. Every sample comes exactly once in each epoch, the positions
    [epoch·count, (epoch + 1)·count). Nothing is remembered but the last permutation, so a resumed run needs
    only the position, and batches of any size, or several processes with a slice each, see the same order.

    Raises:
        ValueError: `count` is not positive.
    """

    def __init__(self, count: int, seed: int) -> None:
        if count < 1:
            raise ValueError(f"there is no order of {count} samples")
        self._count = count
        self._seed = seed
        self._epoch = -1
        self._permutation: NDArray[np.int64] = np.empty(0, dtype=np.int64)

    def indices(self, start: int, stop: int) -> NDArray[np.int64]:
        """Sample numbers at the positions [start, stop); the range may straddle epochs."""
        if not 0 <= start <= stop:
            raise ValueError(f"positions run upwards from 0, not from {start} to {stop}")
        pieces = []
        while start < stop:
            epoch, offset = divmod(start, self._count)
            piece = self._of_epoch(epoch)[offset : offset + stop - start]
            pieces.append(piece)
            start += len(piece)
        return np.concatenate(pieces) if pieces else np.empty(0, dtype=np.int64)

    def _of_epoch(self, epoch: int) -> NDArray[np.int64]:
        if epoch != self._epoch:
            self._permutation = numpy_generator(self._seed, "data order", epoch).permutation(self._count)
            self._epoch = epoch
        return self._permutation
