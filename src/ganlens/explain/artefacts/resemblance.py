"""Which real samples resemble others in all but an artefact."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from ganlens.explain.artefacts.levels import COLOURS, without_colour
from ganlens.explain.artefacts.trace import Trace

SIDE = 8
NEIGHBOURS = 5
USUALLY, ROUNDING = 0.99, 1e-6
"""The quantile of real samples' similarities beyond which one is a repetition, by more than their rounding."""
PALER, FAINT = 1.25, 1e-3
"""Times by which differences of places are weaker where they are seen to be; differences that count as none."""
AT_ONCE = 1 << 24
"""Similarities in memory at once."""


def coarse(samples: Tensor, trace: Trace) -> Tensor:
    """Samples [n, c, h, w] as unit vectors [n, d] in which the trace does not show.

    Averages over an 8 × 8 grid, whatever the contrast, without the box or the colour that the trace lies in.
    """
    channels = samples.shape[1]
    if trace.kind in ("missing colour", "copied colour") and channels > 1:
        names = COLOURS[channels]
        samples = without_colour(
            samples, next(i for i, name in enumerate(names) if trace.where.startswith(name))
        )
    height, width = samples.shape[2:]
    grid = functional.adaptive_avg_pool2d(samples.float(), (min(SIDE, height), min(SIDE, width)))
    if trace.box is not None:
        mask = torch.zeros(1, 1, height, width)
        top, bottom, left, right = trace.box
        mask[:, :, max(0, top - 1) : bottom + 1, max(0, left - 1) : right + 1] = 1
        grid = grid * (functional.adaptive_max_pool2d(mask, grid.shape[2:]) == 0)
    rows = grid.flatten(1)
    return functional.normalize(rows - rows.mean(dim=1, keepdim=True), dim=1)


def nearest_rows(vectors: Tensor, among: Tensor) -> Tensor:
    """The rows [n, ≤ 5] of unit vectors `among` [m, d] that are most similar to each of `vectors` [n, d]."""
    count = min(NEIGHBOURS, len(among))
    together = max(1, AT_ONCE // max(len(among), 1))
    parts = [(part @ among.T).topk(count, dim=1).indices for part in vectors.split(together)]
    return torch.cat(parts) if parts else torch.empty(0, count, dtype=torch.int64)


def paler(samples: Tensor, like_them: Tensor) -> bool:
    """Whether most of samples [n, c, h, w] have weaker differences of places than the real one that each is like."""

    def strength(pictures: Tensor) -> Tensor:
        height, width = pictures.shape[2:]
        grid = functional.adaptive_avg_pool2d(pictures.float(), (min(SIDE, height), min(SIDE, width)))
        return grid.flatten(1).std(dim=1)

    return float((strength(samples) / strength(like_them).clamp(min=FAINT)).median()) <= 1 / PALER


def share_repeated(vectors: Tensor, real: Tensor) -> float:
    """Of unit vectors [n, d], those that are nearer to another of them than nearly any real one [m, d] to another.

    What collapsed samples have in common says nothing of artefacts: they have everything in common.
    """
    count = min(len(vectors), len(real))
    if count < 2:
        return 0.0
    usual = torch.quantile(_nearest_other(real[:count]), USUALLY)
    return float((_nearest_other(vectors[:count]) > usual + ROUNDING).float().mean())


def _nearest_other(vectors: Tensor) -> Tensor:
    """The similarity [n] of each vector to the one most similar to it, itself apart."""
    similar = vectors @ vectors.T
    return similar.fill_diagonal_(-1.0).amax(dim=1)
