"""Which held-out samples are really unseen: copies of training samples can't be held against a generator."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ganlens.data.duplicates import digests_of_both
from ganlens.subject import SampleBank


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
        train, held_out = digests_of_both(bank.reals("train"), bank.reals("held_out"))
        new = np.flatnonzero(~np.isin(held_out, train))
        return cls(bank, torch.from_numpy(new), len(held_out))

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def known(self) -> int:
        """How many are training samples."""
        return self.held_out - len(self)

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
