"""Angles as numbers: a circle is cut open where the data have fewest, so that few lie on both sides of the cut."""

from __future__ import annotations

import math

import torch
from torch import Tensor

STRETCHES, CONCENTRATION = 48, 4.0
"""The circle is cut at that of so many places about which, by weights exp(κ (cos − 1)), the data have fewest."""


def emptiest_place(turns: Tensor) -> float:
    """Where [0, 1) on the circle the fewest of the angles [n], in turns, lie."""
    tried = torch.arange(STRETCHES, dtype=turns.dtype) / STRETCHES
    near = (CONCENTRATION * ((2 * math.pi * (tried[:, None] - turns)).cos() - 1)).exp()
    return float(tried[near.sum(dim=1).argmin()])
