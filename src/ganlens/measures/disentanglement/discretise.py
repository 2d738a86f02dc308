"""Continuous values put into bins, so that information can be counted."""

from __future__ import annotations

import torch
from torch import Tensor

from ganlens.errors import UserError


def discretise(values: Tensor, bins: int, *, equal_counts: bool = False) -> Tensor:
    """Into which of a few bins does each value fall, column by column?

    Integers, and columns of no more than `bins` different values, keep their values: each is a bin of its
    own. Other columns are cut into `bins` bins between their smallest and largest value: of equal width, as in
    published scores, where one outlier moves all of them; or with about equal counts, which no outlier and no
    monotone rescaling of the column changes.

    Args:
        values: [n, columns], integers or floating point, finite.
        bins: at least 2.
        equal_counts: cut at quantiles instead of at equal distances.

    Returns:
        [n, columns] int64: 0, 1, … in the order of the values, without gaps.

    Raises:
        UserError: fewer than 2 bins.
    """
    if bins < 2:
        raise UserError(f"bins must be at least 2, found {bins}; 20 are usual")
    labels = torch.empty(values.shape, dtype=torch.int64)
    for column, column_values in enumerate(values.cpu().T.contiguous()):
        distinct, labels[:, column] = column_values.unique(return_inverse=True)
        if values.is_floating_point() and len(distinct) > bins:
            labels[:, column] = _binned(column_values, distinct, bins, equal_counts)
    return labels


def is_continuous(values: Tensor, bins: int) -> list[bool]:
    """Which columns of `values` [n, columns] `discretise` would cut into bins, rather than keep."""
    if not values.is_floating_point():
        return [False] * values.shape[1]
    return [len(column.unique()) > bins for column in values.unbind(dim=1)]


def _binned(values: Tensor, distinct: Tensor, bins: int, equal_counts: bool) -> Tensor:
    """Bins of `values` [n], whose sorted values are `distinct`; a value on a cut belongs to the bin above it."""
    if equal_counts:
        cuts = values.sort().values[torch.arange(1, bins) * len(values) // bins]
        # Where the smallest value fills every quantile, it is told from all others.
        cuts = cuts[cuts > distinct[0]] if (cuts > distinct[0]).any() else distinct[1:2]
    else:
        shares = torch.linspace(0, 1, bins + 1, dtype=values.dtype)[1:-1]
        cuts = distinct[0] + shares * (distinct[-1] - distinct[0])
    labels: Tensor = torch.bucketize(values, cuts.contiguous(), right=True).unique(return_inverse=True)[1]
    return labels
