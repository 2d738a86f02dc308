"""What makes an acquittal worth nothing: held-out samples that were no secret, or too few different samples."""

from __future__ import annotations

from torch import Tensor

from ganlens.explain.copying.unseen import Unseen

FEWEST_DIFFERENT = 20
"""Generated samples that differ, below which their nearness to training samples is the luck of a few places."""


def leak(unseen: Unseen) -> str:
    """The sentence that opens a headline where too many held-out samples are training samples; else empty."""
    if not unseen.leaked:
        return ""
    return (
        f"Not believable: {unseen.note}, so that the two were not drawn apart and near copies of training samples "
        "may be among the others. "
    )


def few_different(made: Tensor) -> str:
    """The sentence that opens a headline where a generator repeats a few samples [n, d]; else empty."""
    different = len(made.unique(dim=0))
    if different >= FEWEST_DIFFERENT:
        return ""
    return (
        f"Not believable: it makes {different} different samples alone, and whether so few lie near training "
        "samples by chance can't be told. "
    )
