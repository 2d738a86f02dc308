"""Samples, the training samples that they may come from, and the change between the two."""

from __future__ import annotations

import torch
from torch import Tensor

from ganlens.explain.copying.pairs import beside_training
from ganlens.randomness import torch_generator
from ganlens.subject import SampleBank
from ganlens.subject.draws import Of


def linked_pairs(bank: SampleBank, of: Of, rows: Tensor, edits: Tensor, training_rows: Tensor) -> Tensor:
    """[n, 3, …]: some samples, the same after a change each, and the training sample that this is nearest to.

    Args:
        of: whose samples.
        rows: [n], which of `bank.samples(of)`.
        edits: [n] the change: 0 for none, else a row of the modality's small edits, counted from 1.
        training_rows: [n], which of `bank.reals("train")` each stands beside.
    """
    samples, training = beside_training(bank, of, rows, training_rows)
    small, rng = bank.modality.small_edits(bank.sample_shape), torch_generator(bank.seed, "copies", "linked")
    changed = samples.clone()
    for edit in edits.unique().tolist():
        if edit:
            one = edits == edit
            changed[one] = bank.modality.clipped(small[edit - 1](samples[one], rng))
    return torch.stack([samples, changed, training], dim=1)
