"""Matrix products on the CPU, by the faster of the two libraries that torch carries."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor


def linear(a: Tensor, b: Tensor, bias: Tensor | None = None) -> Tensor:
    """a bᵀ + bias: [n, m] from [n, d], [m, d] and [m].

    `torch.matmul` takes float32 products on x86 to MKL, which is slow on processors that Intel did not make
    (on an AMD EPYC with AVX-512, 2.5 times as slow as oneDNN, which torch keeps for convolutions). The oneDNN
    product is reached through the operator that `torch.compile` uses; a torch without it gets MKL's.
    """
    onednn = _onednn()
    if onednn is None or a.device.type != "cpu" or a.dtype != torch.float32 or b.dtype != torch.float32:
        return F.linear(a, b, bias)
    product: Tensor = onednn(a.contiguous(), b.contiguous(), bias, "none", [], "")
    return product


def _onednn() -> Any:
    if not torch.backends.mkldnn.is_available():
        return None
    return getattr(torch.ops.mkldnn, "_linear_pointwise", None)
