"""Two generators that nobody would want, in whose place every measure is computed too.

A number means little until one knows what cheating and failing would have scored:

- the *copycat* replays training samples. No measure of quality can tell it from a perfect generator; a measure
  of memorisation must.
- the *underfit* control knows the mean and the covariance of the data and nothing else: one Gaussian.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor

from ganlens.data import SampleArray
from ganlens.randomness import numpy_generator, torch_generator

Control = Literal["copycat", "underfit"]

CONTROLS: dict[Control, str] = {
    "copycat": "a copycat: training samples replayed",
    "underfit": "underfit: one Gaussian with the data's covariance",
}
"""What `SampleBank.samples` calls them, and what a reader is told."""

GAUSSIAN_FROM = 1000
"""Training samples that define the Gaussian: it has one dimension fewer than that."""


def copycat_rows(count: int, among: int, seed: int) -> Tensor:
    """Which of the first `among` training samples the copycat replays: [count] int64, with repeats."""
    return torch.from_numpy(numpy_generator(seed, "copycat").integers(0, among, count))


class Gaussian:
    """Draws from the Gaussian with the mean and covariance of some samples, clipped to the samples' range.

    A draw is the mean plus a random combination of the centred samples, which has exactly their covariance;
    no covariance matrix is ever built.

    Args:
        samples: the training samples; the first `GAUSSIAN_FROM` are used.
        clipped: brings samples [n, …] within their bounds.
    """

    def __init__(self, samples: SampleArray, clipped: Callable[[Tensor], Tensor], seed: int) -> None:
        kept = samples[: min(GAUSSIAN_FROM, len(samples))].float()
        self._shape = kept.shape[1:]
        flat = kept.flatten(1)
        self._mean = flat.mean(dim=0)
        self._centred = (flat - self._mean) / max(len(flat) - 1, 1) ** 0.5
        self._clipped, self._seed = clipped, seed

    def draw(self, start: int, stop: int) -> Tensor:
        """Rows start…stop of an endless list of draws; a block is a function of its start."""
        rng = torch_generator(self._seed, "underfit", start)
        weights = torch.randn(stop - start, len(self._centred), generator=rng)
        drawn: Tensor = self._mean + weights @ self._centred
        return self._clipped(drawn.reshape(-1, *self._shape))
