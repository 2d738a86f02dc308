"""Whether one set of numbers tends to lie above another: ranks alone, no distribution assumed."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ganlens.errors import UserError
from ganlens.measures.feature_matrix import feature_matrix


def mann_whitney_z(first: Tensor, second: Tensor) -> float:
    """By how many standard deviations does `first` tend to exceed `second`, more than chance would have it?

    U counts the pairs in which the first is the larger, equal ones half. Where both come from one
    distribution it has mean nm/2 and a variance that ties make smaller; the result is U in those terms, about
    standard normal from some 10 numbers a side on. No continuity correction.

    Args:
        first: [n] numbers.
        second: [m] numbers.

    Returns:
        About 0 for the same distribution; above 0 where `first` tends to be larger. 0 where all are equal.

    Raises:
        UserError: not [n], no numbers, integers, or non-finite ones (which).

    Source: Mann & Whitney 1947; Lehmann 1975, section 1.4, for ties.
    """
    values = torch.cat([_numbers(first, "first"), _numbers(second, "second")])
    n, m = len(first), len(second)
    _, group, ties = torch.unique(values, return_inverse=True, return_counts=True)
    midranks = ties.cumsum(0).double() - (ties.double() - 1) / 2
    u = float(midranks[group[:n]].sum()) - n * (n + 1) / 2
    total = n + m
    tied = float((ties.double() ** 3 - ties.double()).sum()) / (total * (total - 1))
    variance = n * m / 12 * (total + 1 - tied)
    return (u - n * m / 2) / math.sqrt(variance) if len(ties) > 1 else 0.0


def _numbers(values: Tensor, name: str) -> Tensor:
    if not isinstance(values, Tensor) or values.ndim != 1:
        form = f"shape {tuple(values.shape)}" if isinstance(values, Tensor) else type(values).__name__
        raise UserError(f"{name}: expected a row of numbers [n], found {form}")
    return feature_matrix(values[:, None], name, rows=1).flatten().double()
