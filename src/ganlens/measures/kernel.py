"""How far apart two sets of features are to a cubic kernel: the unbiased estimate behind KID."""

from __future__ import annotations

import torch
from torch import Tensor

from ganlens.errors import UserError
from ganlens.measures.facts import FIXED, FRESH, PAIR, Group, measure
from ganlens.measures.feature_matrix import feature_pair, product_dtype
from ganlens.measures.products import linear

ROWS_AT_ONCE = 256
COLUMNS_AT_ONCE = 2048
"""Kernel values that are computed together: 2 MiB, which stay in the processor's cache until they are summed."""

CUBES_OVERFLOW = 1e5
"""Features beyond which cubes of products may leave float32: the kernel is computed in float64 there."""


@measure(
    Group.QUALITY,
    applied_to=PAIR,
    range="about 0 and up",
    better="lower",
    bias="none; may be negative",
    intervals=(FRESH, FIXED),
)
def kernel_distance(
    a: Tensor, b: Tensor, *, rng: torch.Generator, subsets: int = 100, subset_size: int = 1000
) -> float:
    """Do two sets of features differ in any of their first three moments?

    The squared maximum mean discrepancy under k(x, y) = (x·y/d + 1)³, estimated without bias. The protocol in
    use averages it over random subsets drawn without replacement, which estimates its value over all rows at
    a bounded cost. Where all rows cost no more pairs than the subsets would (as with 10,000 rows on each side
    and the default's 100 × 1,000), that value itself is computed, and nothing is left to chance. A set with
    fewer than `subset_size` rows is used whole.

    Unbiased whatever the number of samples, so that it may be *negative* when the two distributions are
    close. The subsets share samples: their spread is not an interval of the result.

    Args:
        a, b: [n, d] and [m, d], in the same feature space.
        rng: draws the subsets; a CPU generator.
        subsets: how many.
        subset_size: rows taken from each set for each subset.

    Returns:
        About 0 for the same distribution, and up; lower is better. Multiply by 1,000 to compare with papers
        that do.

    Raises:
        UserError: mismatched widths, fewer than two rows, integer or non-finite features, no subsets, or
            subsets of one row.

    Source: Bińkowski et al. 2018 (arXiv 1801.01401), section 4; Gretton et al. 2012, lemma 6, for the
    estimator.
    """
    a, b = feature_pair(a, b, ("a", "b"))
    if subsets < 1 or subset_size < 2:
        raise UserError(f"expected at least 1 subset of at least 2 rows, found {subsets} of {subset_size}")
    size_a, size_b = min(subset_size, len(a)), min(subset_size, len(b))
    if (len(a) + len(b)) ** 2 <= subsets * (size_a + size_b) ** 2:
        return _squared_mmd(a, b)
    total = 0.0
    some_a, some_b = a.new_empty(size_a, a.shape[1]), b.new_empty(size_b, b.shape[1])  # used again by each
    for _ in range(subsets):
        rows_a = torch.randperm(len(a), generator=rng)[:size_a].to(a.device)
        rows_b = torch.randperm(len(b), generator=rng)[:size_b].to(b.device)
        torch.index_select(a, 0, rows_a, out=some_a)
        torch.index_select(b, 0, rows_b, out=some_b)
        total += _squared_mmd(some_a, some_b)
    return total / subsets


def _squared_mmd(a: Tensor, b: Tensor) -> float:
    """The unbiased squared discrepancy of all rows of `a` [n, d] and `b` [m, d] under the cubic kernel."""
    n, m = len(a), len(b)
    dtype = torch.promote_types(torch.promote_types(a.dtype, b.dtype), product_dtype(a.device))
    if max(float(a.abs().max()), float(b.abs().max())) > CUBES_OVERFLOW:
        dtype = torch.float64
    a, b = a.to(dtype), b.to(dtype)
    across = sum(_kernel_sum(rows / rows.shape[1], b) for rows in a.split(ROWS_AT_ONCE))
    return _sum_within(a) / (n * (n - 1)) + _sum_within(b) / (m * (m - 1)) - 2 * across / (n * m)


def _sum_within(a: Tensor) -> float:
    """The kernel summed over all ordered pairs of different rows. It is symmetric: of the blocks off the
    diagonal only the upper ones are computed, and count twice."""
    total = 0.0
    for start in range(0, len(a), ROWS_AT_ONCE):
        rows, below = a[start : start + ROWS_AT_ONCE], a[start + ROWS_AT_ONCE :]
        scaled = rows / a.shape[1]
        total += float(_kernel(scaled, rows).fill_diagonal_(0).sum(dtype=torch.float64))
        total += 2 * _kernel_sum(scaled, below)
    return total


def _kernel_sum(scaled: Tensor, b: Tensor) -> float:
    """The kernel summed over all pairs: in float32 along a row, then in float64."""
    parts = (_kernel(scaled, some) for some in b.split(COLUMNS_AT_ONCE) if len(some))
    return sum(float(part.sum(dim=1).sum(dtype=torch.float64)) for part in parts)


def _kernel(scaled: Tensor, b: Tensor) -> Tensor:
    """Of rows that are divided by d already: once for all they meet."""
    return linear(scaled, b, b.new_ones(len(b))).pow_(3)
