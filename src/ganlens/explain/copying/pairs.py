"""Samples beside the training samples they may come from: what a reader must see before believing a number."""

from __future__ import annotations

from torch import Tensor

from ganlens.subject import SampleBank
from ganlens.subject.draws import Of


def beside_training(bank: SampleBank, of: Of, rows: Tensor, training_rows: Tensor) -> tuple[Tensor, Tensor]:
    """Some samples [n, …], and the training sample [n, …] that each may come from.

    Args:
        of: whose samples.
        rows: [n], which of `bank.samples(of)`.
        training_rows: [n], which of `bank.reals("train")` each stands beside.
    """
    samples = bank.samples(of, int(rows.max()) + 1)
    return samples[rows], bank.reals("train")[training_rows]
