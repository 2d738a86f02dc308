"""The value that a given share of a stream exceeds, for many units at once, in bounded memory."""

from __future__ import annotations

import math

import torch
from torch import Tensor


class StreamingTail:
    """Keeps the largest values of each of `units` streams, so that high quantiles are exact.

    Only values that can still matter are kept: the top `share` of `expected` values a stream. Where that would
    be more than `capacity`, the values are thinned evenly, and the quantile is that of those looked at.

    Args:
        units: streams.
        share: of values that shall lie above the quantile, below ½.
        expected: values a stream will have in all.
        capacity: the most values kept for each.
    """

    def __init__(self, units: int, share: float, expected: int, *, capacity: int = 4096) -> None:
        if not 0 < share < 0.5:
            raise ValueError(f"expected a share between 0 and ½, found {share}")
        self.share = share
        self.every = max(1, math.ceil(share * expected / capacity))
        self._room = max(1, math.ceil(share * math.ceil(expected / self.every))) + 1
        self._largest = torch.empty(units, 0)
        self._seen = 0
        self._skipped = 0

    def add(self, values: Tensor) -> None:
        """More values [units, m] of each stream."""
        start = -self._skipped % self.every
        self._skipped += values.shape[1]
        values = values[:, start :: self.every]
        self._seen += values.shape[1]
        together = torch.cat([self._largest.to(values), values], dim=1)
        room = min(self._room, together.shape[1])
        self._largest = together.topk(room, dim=1, sorted=False).values

    def quantile(self) -> Tensor:
        """[units]: of the values seen, ⌊share · seen⌋ lie above it, where no two are equal."""
        above = min(math.floor(self.share * self._seen), self._largest.shape[1] - 1)
        return self._largest.sort(dim=1, descending=True).values[:, above]

    def typical(self) -> Tensor:
        """[units]: the median of the values kept that lie above the quantile; the quantile itself if none does."""
        quantile = self.quantile()
        above = torch.where(self._largest > quantile[:, None], self._largest, torch.nan)
        return torch.where(above.isnan().all(dim=1), quantile, above.nanmedian(dim=1).values)
