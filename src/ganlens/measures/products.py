"""Matrix products on the CPU, by the faster of the two libraries that torch carries."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor


def linear(a: Tensor, b: Tensor, bias: Tensor | None = None) -> Tensor:
    """a bᵀ + bias: [n, m] from [n, d], [m, d] and [m].

    `torch.matmul` takes products on x86 to MKL, which is slow on processors that Intel did not make: on an AMD
    EPYC with AVX-512, 2 to 2.5 times as slow as oneDNN (float32), which torch keeps for convolutions, and twice
    as slow as the OpenBLAS that numpy brings (float64). The oneDNN product is reached through the operator that
    `torch.compile` uses; a torch without it gets MKL's.
    """
    if a.device.type != "cpu" or a.dtype != b.dtype or (torch.is_grad_enabled() and _learned(a, b, bias)):
        return F.linear(a, b, bias)
    if a.dtype == torch.float64:
        product = torch.from_numpy(np.matmul(a.detach().numpy(), b.detach().numpy().T))
        return product if bias is None else product.add_(bias)
    onednn = _onednn()
    if onednn is None or a.dtype != torch.float32:
        return F.linear(a, b, bias)
    product = onednn(a.contiguous(), b.contiguous(), bias, "none", [], "")
    return product


def _learned(*tensors: Tensor | None) -> bool:
    return any(tensor is not None and tensor.requires_grad for tensor in tensors)


def _onednn() -> Any:
    if not torch.backends.mkldnn.is_available():
        return None
    return getattr(torch.ops.mkldnn, "_linear_pointwise", None)
