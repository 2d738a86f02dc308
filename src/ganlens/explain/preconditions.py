"""Whether there are samples enough, and varied enough, to explain anything by them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ganlens.subject.sample_counts import too_few

if TYPE_CHECKING:
    from ganlens.subject import SampleBank

FEWEST = 20
"""Samples of each kind (generated, training, held-out) below which no share or slope is worth an interval."""
_LOOKED_AT = 1000


def too_few_samples(bank: SampleBank) -> str:
    """Why there are too few samples, as the end of "because …"; empty if there are enough."""
    return too_few(bank, generated=FEWEST, training=FEWEST, held_out=FEWEST)


def unsuited(bank: SampleBank) -> str:
    """Why samples can't be explained by how they vary, as the end of "because …"; empty if they can.

    There may be too few, the real ones may be all alike, or their differences too small to be squared.

    Raises:
        UserError: values are too large for distances; see `SampleBank.features`.
    """
    if because := too_few_samples(bank):
        return because
    bank.features("raw", "fake", _LOOKED_AT)
    if not bool(bank.features("raw", "train", _LOOKED_AT).var(dim=0).any()):
        return "its real samples are all the same, or differ by too little for 32-bit numbers"
    return ""
