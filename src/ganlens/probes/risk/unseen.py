"""Which held-out samples are really unseen: copies of training samples can't be held against a generator."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ganlens.data import SampleArray
from ganlens.subject import SampleBank

LEAKED = 0.05
"""The share of held-out samples in training above which the two were not drawn apart: others may be near copies."""
_CHUNK = 1024


@dataclass(frozen=True)
class Unseen:
    """The held-out samples that are in training too, bit for bit, and the others.

    Attributes:
        rows: which of `bank.reals("held_out")` are no training samples, in their order.
        held_out: how many there are, also those that are.
    """

    bank: SampleBank
    rows: Tensor
    held_out: int

    @classmethod
    def of(cls, bank: SampleBank) -> Unseen:
        """Look for each held-out sample among all training samples, by hashes."""
        known = set(_digests(bank.reals("train")))
        new = [digest not in known for digest in _digests(bank.reals("held_out"))]
        return cls(bank, torch.tensor(new, dtype=torch.bool).nonzero().flatten(), len(new))

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def known(self) -> int:
        """How many are training samples."""
        return self.held_out - len(self)

    @property
    def leaked(self) -> bool:
        """Whether so many are known that the others can't be trusted to be unseen."""
        return self.known > LEAKED * self.held_out

    @property
    def note(self) -> str:
        """What to say of those that are known; empty where there are none."""
        if not self.known:
            return ""
        return (
            f"{self.known:,} of {self.held_out:,} held-out samples are training samples too and were left out"
        )

    def features(self, space: str, n: int | None = None) -> Tensor:
        """Features [n, d] of the first n unseen samples."""
        rows = self.rows[:n]
        if not len(rows):
            return self.bank.features(space, "held_out", 1)[:0]
        return self.bank.features(space, "held_out", int(rows.max()) + 1)[rows]


def _digests(samples: SampleArray) -> list[Any]:
    return [
        hashlib.blake2b(row.tobytes(), digest_size=16).digest()
        for chunk in samples.chunks(_CHUNK)
        for row in chunk.numpy()
    ]
