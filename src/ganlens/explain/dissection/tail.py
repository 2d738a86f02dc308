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
        share: of values that shall lie above the quantile, below 1.
        expected: values a stream will have in all.
        capacity: the most values kept for each.
        period: after how many values a stream comes back to the same place of a map. Thinning takes no common
            step with it, so that no place is left out.
    """

    def __init__(
        self, units: int, share: float, expected: int, *, capacity: int = 4096, period: int = 1
    ) -> None:
        if not 0 < share < 1:
            raise ValueError(f"expected a share between 0 and 1, found {share}")
        self.share = share
        self.every = max(1, math.ceil(share * expected / capacity))
        while math.gcd(self.every, period) > 1:
            self.every += 1
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

    def quantile(self, share: float | None = None) -> Tensor:
        """[units]: of the values seen, ⌊share · seen⌋ lie above it, where no two are equal.

        Args:
            share: another one than the stream's own, and not above it.
        """
        share = self.share if share is None else share
        above = min(math.floor(share * self._seen), self._largest.shape[1] - 1)
        return self._largest.sort(dim=1, descending=True).values[:, above]

    def typical(self, above: Tensor | None = None) -> Tensor:
        """[units]: the median of the values kept above `above` [units] (default: the quantile); that itself if
        there are none."""
        above = self.quantile() if above is None else above.to(self._largest)
        kept = torch.where(self._largest > above[:, None], self._largest, torch.nan)
        return torch.where(kept.isnan().all(dim=1), above, kept.nanmedian(dim=1).values)
