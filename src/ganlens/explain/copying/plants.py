"""Copies planted on purpose: training samples after small changes and under noise, to see which are noticed."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ganlens.data import SampleArray
from ganlens.explain.copying.edited import EditedSearch

SLIGHT = 0.1
"""Noise under which copies must still be noticed: a share of the distance from real samples to training ones."""
CALIBRATED_ON = 64


@dataclass(frozen=True)
class Planted:
    """Copies, with what was done to each.

    Attributes:
        samples: [k, …].
        edit: [k] the change, a row of `EditedSearch.edits`.
        family: [k] its family, a row of `families`.
        families: names of the kinds of change.
    """

    samples: Tensor
    edit: Tensor
    family: Tensor
    families: tuple[str, ...]


def every_change(search: EditedSearch, count: int, rng: torch.Generator) -> Tensor:
    """Changes [count], every family as often as any other."""
    families = families_of(search)
    of_edit = torch.tensor([families.index(edit.family) for edit in search.edits])
    order = torch.arange(count) % len(families)
    edits = torch.empty(count, dtype=torch.int64)
    for family in range(len(families)):
        members = (of_edit == family).nonzero().flatten()
        wanted = (order == family).nonzero().flatten()
        edits[wanted] = members[torch.randint(len(members), (len(wanted),), generator=rng)]
    return edits


def families_of(search: EditedSearch) -> tuple[str, ...]:
    """The families of its changes, that of none first."""
    return tuple(dict.fromkeys(edit.family for edit in search.edits))


def plant(
    search: EditedSearch, train: SampleArray, edits: Tensor, noise: float, rng: torch.Generator
) -> Planted:
    """Copies of any training samples after those changes [k], under normal noise of that length in raw features."""
    rows = torch.randint(len(train), (len(edits),), generator=rng)
    copies = train[rows].clone()
    for edit in edits.unique().tolist():
        changed = edits == edit
        copies[changed] = search.changed(copies[changed], edit)
    if noise > 0:
        copies = _noised(search, copies, train, noise, rng)
    families = families_of(search)
    of_edit = torch.tensor([families.index(edit.family) for edit in search.edits])
    return Planted(copies, edits, of_edit[edits], families)


def _noised(
    search: EditedSearch, copies: Tensor, train: SampleArray, noise: float, rng: torch.Generator
) -> Tensor:
    """Noise of equal strength in all values, or in shares of each one's spread where each has its own meaning.

    Clipping and averaging shorten it, so that its strength is found by trying it on some.
    """
    modality = search.modality
    spread = torch.ones(copies.shape[1:])
    if modality.measured:
        spread = train[: min(len(train), 1000)].float().std(dim=0, correction=0)
    drawn = torch.randn(copies.shape, generator=rng) * spread
    some, around = copies[:CALIBRATED_ON], drawn[:CALIBRATED_ON]
    plain, strength = modality.raw_features(some), 1.0
    for _ in range(4):
        noised = modality.raw_features(modality.clipped(some + strength * around))
        length = float((noised - plain).norm(dim=1).median())
        if length <= 0:
            return copies
        strength *= noise / length
    return modality.clipped(copies + strength * drawn)
