"""Checks on what the measures of faithfulness are given."""

from __future__ import annotations

import torch
from torch import Tensor

from ganlens.errors import UserError


def checked_maps(maps: Tensor, name: str = "maps") -> Tensor:
    """Maps [n, …] as float64 rows [n, p].

    Raises:
        UserError: no map, a single number a map, or one that is not finite (which).
    """
    if not isinstance(maps, Tensor) or maps.ndim < 2 or not len(maps) or maps[0].numel() < 2:
        form = f"shape {tuple(maps.shape)}" if isinstance(maps, Tensor) else type(maps).__name__
        raise UserError(f"{name}: expected maps [n, h, w] of two pixels or more, found {form}")
    rows = maps.detach().cpu().double().flatten(1)
    bad = ~torch.isfinite(rows).all(dim=1)
    if bool(bad.any()):
        raise UserError(f"{name}: map {int(bad.nonzero()[0])} holds NaN or infinity")
    return rows


def magnitudes(maps: Tensor, name: str = "maps") -> Tensor:
    """|maps| as rows [n, p] that sum to 1; a map of zeros stays one."""
    rows = checked_maps(maps, name).abs()
    return rows / rows.sum(dim=1, keepdim=True).clamp_min(torch.finfo(torch.float64).tiny)
