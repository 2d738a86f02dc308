"""How many different things are there in a set of samples? The Vendi score."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Literal

import torch
from torch import Tensor

from ganlens.errors import UserError
from ganlens.measures.facts import FIXED, FRESH, Group, ValidInterval, measure
from ganlens.measures.feature_matrix import VALUES_AT_ONCE, feature_matrix, float64_chunks

MOST_RBF_ROWS = 4096
"""The RBF kernel has no small dual: 128 MiB for the matrix of so many rows, and seconds for its eigenvalues."""


@measure(
    Group.DIVERSITY,
    applied_to="one set of features",
    range="1 to n; for the cosine to the number of features at most",
    better="near the real data's; noise is higher",
    bias="understates",
    intervals=(
        FRESH,
        ValidInterval(FIXED.by, f"{FIXED.contains}; too wide near the largest score there can be"),
    ),
)
def vendi_score(
    features: Tensor, *, kernel: Literal["cosine", "rbf"] = "cosine", sigma: float | None = None
) -> float:
    """How many different samples is a set worth, when samples count as the same by how similar they are?

    exp of the entropy of the eigenvalues of K/n, with K the similarities of all pairs: n for samples that
    have nothing in common, 1 for n copies of one; a whole set repeated stays at its score.

    It never looks at real data: noise scores higher than the real set, so read it beside the score of as many
    real samples. Features without negative values (after a ReLU) are all similar to the cosine; their scores
    are low, and comparable to each other alone.

    Bias: it *understates* what the distribution is worth, by less with more samples, since n of them show at
    most n things. Compare at equal numbers.

    Interval: `replicate_interval` over fresh samples. Never a bootstrap: its repeats add nothing new, so that
    resamples score lower than the set.

    Args:
        features: [n, d]. Taken as they are, not centred.
        kernel: "cosine", x·y/‖x‖‖y‖, from a matrix of the smaller of n and d; or "rbf", exp(−‖x−y‖²/2σ²), from
            an n×n matrix, as there is no other exact way, and so for at most 4,096 rows.
        sigma: for "rbf" alone: how far apart in the features' units samples begin to differ.

    Returns:
        1 to n, and for the cosine to d at most; higher is more diverse.

    Raises:
        UserError: fewer than two rows, integer or non-finite features, a row of length 0 (the cosine has no
            direction for it; which row), too many rows for "rbf", another kernel, or a sigma that is missing,
            not positive or without use.

    Source: Friedman & Dieng 2023 (arXiv 2210.02410), the small dual included.
    """
    features = feature_matrix(features, "features")
    if kernel == "cosine":
        if sigma is not None:
            raise UserError(f'sigma is the length of kernel="rbf"; kernel="cosine" has none, found {sigma}')
        similarity = _cosine_moments(features) if len(features) > features.shape[1] else _cosines(features)
        return _effective_number(similarity)
    if kernel != "rbf":
        raise UserError(f'kernel must be "cosine" or "rbf", found {kernel!r}')
    if sigma is None or not (sigma > 0 and math.isfinite(sigma)):
        raise UserError(
            f'kernel="rbf" needs a positive, finite sigma in units of the features, found {sigma}'
        )
    if len(features) > MOST_RBF_ROWS:
        raise UserError(
            f'kernel="rbf" takes at most {MOST_RBF_ROWS:,} rows, found {len(features):,}; '
            "draw so many at random, or use the cosine"
        )
    return _effective_number(_rbf_similarities(features, sigma))


def _effective_number(similarity: Tensor) -> float:
    """exp of the entropy of the eigenvalues, scaled to sum to 1, of a positive semi-definite matrix."""
    eigenvalues = torch.linalg.eigvalsh(similarity).clamp_min(0)  # rounding leaves some just below 0
    shares = eigenvalues / eigenvalues.sum()
    return float((-torch.xlogy(shares, shares).sum()).clamp_min(0).exp())


def _cosine_moments(features: Tensor) -> Tensor:
    """Σ uuᵀ [d, d] over the rows' directions u: it has the eigenvalues of their cosines [n, n], but for zeros."""
    moments = torch.zeros(2 * features.shape[1:], dtype=torch.float64, device=features.device)
    start = 0
    for chunk in float64_chunks(features):
        lengths = torch.linalg.vector_norm(chunk, dim=1)
        _check_lengths(lengths, start)
        directions = chunk / lengths[:, None]
        moments.addmm_(directions.T, directions)
        start += len(chunk)
    return moments


def _cosines(features: Tensor) -> Tensor:
    """The cosines [n, n] of all pairs, for fewer rows than columns."""
    products = torch.zeros(len(features), len(features), dtype=torch.float64, device=features.device)
    for columns in _columns(features):
        products.addmm_(columns, columns.T)
    lengths = products.diagonal().sqrt()
    _check_lengths(lengths, 0)
    return products / lengths[:, None] / lengths


def _columns(features: Tensor) -> Iterator[Tensor]:
    step = max(1, VALUES_AT_ONCE // len(features))
    for left in range(0, features.shape[1], step):
        yield features[:, left : left + step].double()


def _check_lengths(lengths: Tensor, start: int) -> None:
    empty = (lengths == 0).nonzero()
    if len(empty):
        raise UserError(
            f"features: row {start + int(empty[0])} has length 0, and so no direction for the cosine to compare; "
            "leave that row out"
        )


def _rbf_similarities(features: Tensor, sigma: float) -> Tensor:
    products = torch.zeros(len(features), len(features), dtype=torch.float64, device=features.device)
    for columns in _columns(features):
        columns = columns - columns.mean(dim=0)
        products.addmm_(columns, columns.T)
    norms = products.diagonal().clone()
    squares = products.mul_(-2).add_(norms).add_(norms[:, None]).clamp_min_(0)
    return squares.div_(-2 * sigma**2).exp_().fill_diagonal_(1)
