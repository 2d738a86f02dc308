"""The real sample that lies nearest to a sample after some small change: a copier may have flipped or moved it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ganlens.data import SampleArray
from ganlens.measures.products import linear
from ganlens.modality import Modality
from ganlens.modality.edit import Edit

UNCHANGED = "no change"
COARSE = 32
"""Principal components by which candidates are found: what is coarse in a sample survives small changes."""
FITTED = 512
"""Real samples to which these are fitted."""
CANDIDATES = 12
"""Real samples that each sample is compared with after every change."""
TRIED = 16
"""Changes after which candidates are looked for, at most: those that are like most others."""
NEAR = 0.5
"""A change whose effect is that of one tried but for such a share of the distance between neighbours needn't be."""
HOPEFUL = 0.95
"""A sample whose distance to the first set is such a share of that to the last is compared after every change."""
VALUES_AT_ONCE = 1 << 23
CACHED = 1 << 18
"""Distances that a processor's cache holds."""


@dataclass(frozen=True)
class Nearest:
    """What lies nearest to each sample, after the change that brings it nearest.

    Attributes:
        distance: [n] float64, Euclidean in raw features.
        row: [n] which of the real samples.
        edit: [n] by which change, as a row of `EditedSearch.edits`.
    """

    distance: Tensor
    row: Tensor
    edit: Tensor


class RealSamples:
    """Real samples among which is looked: raw features [n, d] and their coarse view [n, c]."""

    def __init__(self, raw: Tensor, basis: Tensor, centre: Tensor) -> None:
        self.raw = raw
        self.coarse = linear(raw - centre, basis)
        self.norms = self.raw.square().sum(dim=1)
        self.coarse_norms = self.coarse.square().sum(dim=1)
        self.with_one = torch.cat([self.coarse, torch.ones(len(raw), 1)], dim=1)


class EditedSearch:
    """Compares samples after each of some small changes with real ones.

    First the few real samples that are nearest in a coarse view are found, after changes that stand for all; then each
    is compared exactly, after every change. No more than a few million numbers are held at once.

    Args:
        modality: what a sample is; its `small_edits` are the changes.
        real: [n, d] raw features of samples that say what is coarse, training ones.
        rng: for changes that draw.
    """

    def __init__(self, modality: Modality, samples: SampleArray, real: Tensor, rng: torch.Generator) -> None:
        self.modality, self._rng = modality, rng
        shape = tuple(samples.shape[1:])
        self.edits: tuple[Edit, ...] = (
            Edit(UNCHANGED, UNCHANGED, lambda samples, rng: samples),
            *modality.small_edits(shape),
        )
        fitted = real[:FITTED]
        self._centre = fitted.mean(dim=0)
        self._basis = _principal(fitted - self._centre)
        self._tried = self._most_different(samples[: min(64, len(samples))], fitted)

    def among(self, raw: Tensor) -> RealSamples:
        """Real samples [n, d], ready to be looked among."""
        return RealSamples(raw, self._basis, self._centre)

    def changed(self, samples: Tensor, edit: int) -> Tensor:
        """Samples [n, …] after one of the changes, within their range."""
        return self.modality.clipped(self.edits[edit](samples, self._rng)) if edit else samples

    def nearest(self, samples: SampleArray | Tensor, sets: Sequence[RealSamples]) -> list[Nearest]:
        """For samples [n, …], what is nearest in each of some sets of real ones: training samples, unseen ones."""
        width = sets[0].raw.shape[1]
        largest = max(len(real.raw) for real in sets)
        each = len(self.edits) * max(width, samples[:1].numel() // 4) + largest
        parts = [
            self._nearest_of(samples[start : start + max(1, VALUES_AT_ONCE // each)], sets)
            for start in range(0, len(samples), max(1, VALUES_AT_ONCE // each))
        ]
        return [
            Nearest(*(torch.cat(columns) for columns in zip(*of_set, strict=True)))
            for of_set in zip(*parts, strict=True)
        ]

    def _nearest_of(
        self, samples: Tensor, sets: Sequence[RealSamples]
    ) -> list[tuple[Tensor, Tensor, Tensor]]:
        tried = self._variants(samples, self._tried)
        coarse = [linear(variant - self._centre, self._basis) for variant in tried.unbind(1)]
        candidates = [_candidates(coarse, real) for real in sets]
        nearest = [
            _closest(tried, self._tried, real, rows) for real, rows in zip(sets, candidates, strict=True)
        ]
        others = [edit for edit in range(len(self.edits)) if edit not in self._tried]
        # The other changes are worth their time where one that is like them brought a sample nearer than is usual.
        hopeful = (nearest[0][0] <= HOPEFUL * nearest[-1][0]).nonzero().flatten()
        if not others or not len(hopeful):
            return nearest
        further = self._variants(samples[hopeful], others)
        for real, rows, (distance, row, edit) in zip(sets, candidates, nearest, strict=True):
            new = _closest(further, others, real, rows[hopeful])
            better = new[0] < distance[hopeful]
            for column, values in zip((distance, row, edit), new, strict=True):
                column[hopeful[better]] = values[better]
        return nearest

    def _variants(self, samples: Tensor, edits: Sequence[int]) -> Tensor:
        """Raw features [n, e, d] of samples after each of some changes."""
        return torch.stack([self._raw(samples, edit) for edit in edits], dim=1)

    def _raw(self, samples: Tensor, edit: int) -> Tensor:
        return self.modality.raw_features(self.changed(samples, edit))

    def _most_different(self, samples: Tensor, real: Tensor) -> list[int]:
        """Changes, that of none first, such that the effect of every other is near that of one of them."""
        if len(self.edits) == 1:
            return [0]
        coarse = torch.stack(
            [linear(self._raw(samples, edit) - self._centre, self._basis) for edit in range(len(self.edits))]
        )
        among = linear(real - self._centre, self._basis)
        apart = torch.cdist(among, among).fill_diagonal_(torch.inf).min(dim=1).values.median()
        between = torch.stack([(coarse - one).norm(dim=2).mean(dim=1) for one in coarse])
        tried, away = [0], between[0]
        while len(tried) < min(TRIED, len(self.edits)) and float(away.max()) > NEAR * float(apart):
            covered = torch.minimum(
                between, away
            )  # [e, e]: how far each would be, were another tried as well
            tried.append(int(covered.square().sum(dim=1).argmin()))
            away = covered[tried[-1]]
        return tried


def _principal(centred: Tensor) -> Tensor:
    """The first principal components [c, d] of rows [n, d], by their inner products."""
    values, vectors = torch.linalg.eigh((centred @ centred.T).double())
    kept = min(COARSE, centred.shape[1], int((values > 1e-9 * values[-1].clamp_min(1e-30)).sum()))
    if not kept:  # all rows are equal
        return torch.eye(centred.shape[1], dtype=centred.dtype)[:COARSE]
    basis = vectors[:, -kept:].T.to(centred.dtype) @ centred
    basis = torch.nn.functional.normalize(basis, dim=1)
    return basis.contiguous()


def _closest(
    variants: Tensor, edits: Sequence[int], real: RealSamples, candidates: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Distance [n], row and change of the nearest of some candidates [n, k] to any variant [n, e, d] of a sample."""
    pictured = real.raw[candidates]
    squared = torch.baddbmm(variants.square().sum(dim=2)[:, :, None], variants, pictured.mT, alpha=-2)
    squared += real.norms[candidates][:, None]
    best, at = squared.flatten(1).argmin(dim=1), torch.arange(len(variants))
    variant, row = best // candidates.shape[1], candidates[at, best % candidates.shape[1]]
    difference = (
        variants[at, variant].double() - real.raw[row]
    )  # the product lost the digits of small distances
    return torch.linalg.vector_norm(difference, dim=1), row, torch.tensor([*edits])[variant]


def _candidates(coarse: Sequence[Tensor], real: RealSamples) -> Tensor:
    """Rows [n, k] of the real samples that are nearest to any of some coarse views [n, c].

    Real samples are taken a block at a time, which stays in the processor's cache until all views have been compared.
    """
    views = [torch.cat([-2 * view, view.square().sum(dim=1, keepdim=True)], dim=1) for view in coarse]
    nearest = torch.empty(len(views[0]), len(real.raw))
    block = max(1, CACHED // len(nearest))
    for start in range(0, len(real.raw), block):
        rows = slice(start, start + block)
        least = nearest[:, rows]
        for number, view in enumerate(views):
            squared = linear(view, real.with_one[rows], real.coarse_norms[rows])
            least.copy_(squared) if not number else torch.minimum(least, squared, out=least)
    return nearest.topk(min(CANDIDATES, len(real.raw)), dim=1, largest=False).indices
