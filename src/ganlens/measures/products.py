"""Matrix products on the CPU, by the faster of the two libraries that torch carries."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

BLOCK = 256
"""Columns whose products are left out or computed together."""


def linear(a: Tensor, b: Tensor, bias: Tensor | None = None) -> Tensor:
    """a bᵀ + bias: [n, m] from [n, d], [m, d] and [m].

    `torch.matmul` takes float32 products on x86 to MKL, which is slow on processors that Intel did not make
    (on an AMD EPYC with AVX-512, 2.5 times as slow as oneDNN, which torch keeps for convolutions). The oneDNN
    product is reached through the operator that `torch.compile` uses; a torch without it gets MKL's. (For
    float64, numpy's OpenBLAS is twice as fast as MKL there, but its threads and torch's get in each other's
    way: no gain.)
    """
    onednn = _onednn()
    if onednn is None or a.device.type != "cpu" or a.dtype != torch.float32 or b.dtype != torch.float32:
        return F.linear(a, b, bias)
    product: Tensor = onednn(a.contiguous(), b.contiguous(), bias, "none", [], "")
    return product


def add_gram(total: Tensor, rows: Tensor) -> None:
    """Add rowsᵀ rows, [d, d] from [n, d], to the blocks of `total` on and below the diagonal; `mirrored` fills
    the rest once all is added. Half the work of the full product."""
    for left in range(0, rows.shape[1], BLOCK):
        right = left + BLOCK
        total[left:, left:right].addmm_(rows[:, left:].T, rows[:, left:right])


def mirrored(lower: Tensor) -> Tensor:
    """The symmetric matrix whose part on and below the diagonal this is."""
    return lower.tril() + lower.tril(-1).T


def product_of_triangles(a: Tensor, b: Tensor) -> Tensor:
    """a bᵀ for two upper triangular matrices [d, d]: what is zero in either is left out, two thirds of it."""
    product = torch.empty_like(a)
    for left in range(0, len(a), BLOCK):
        right = left + BLOCK
        product[left:right, :right] = a[left:right, left:] @ b[:right, left:].T
        product[:left, left:right] = a[:left, left:] @ b[left:right, left:].T
    return product


def _onednn() -> Any:
    if not torch.backends.mkldnn.is_available():
        return None
    return getattr(torch.ops.mkldnn, "_linear_pointwise", None)
