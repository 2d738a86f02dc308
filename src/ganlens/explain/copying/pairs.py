"""Samples beside the training samples they may come from: what a reader must see before believing a number."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from ganlens.subject import SampleBank
from ganlens.subject.draws import Of


def beside_training(bank: SampleBank, of: Of, rows: Tensor, training_rows: Tensor) -> Any:
    """A picture of some samples, each with one training sample below it.

    Args:
        of: whose samples.
        rows: [n], which of `bank.samples(of)`.
        training_rows: [n], which of `bank.reals("train")` each stands beside.
    """
    samples = bank.samples(of, int(rows.max()) + 1)
    return bank.modality.pairs(samples[rows], bank.reals("train")[training_rows])
