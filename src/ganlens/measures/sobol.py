"""Which inputs explain how much of an output's variance: Sobol's indices, from evaluations that someone made."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ganlens.errors import UserError


@dataclass(frozen=True)
class SobolIndices:
    """Shares of variance, [d, m] for d inputs and m outputs.

    Attributes:
        first: explained by the input alone.
        total: lost when all inputs but this one are known; at least `first`, but for noise.
        first_low, first_high, total_low, total_high: 95 % percentile bootstrap over base samples, or None.
    """

    first: Tensor
    total: Tensor
    first_low: Tensor | None = None
    first_high: Tensor | None = None
    total_low: Tensor | None = None
    total_high: Tensor | None = None


def sobol_indices(
    a: Tensor,
    b: Tensor,
    mixed: Tensor,
    *,
    pooled: bool = False,
    resamples: int = 0,
    rng: torch.Generator | None = None,
) -> SobolIndices:
    """Which share of each output's variance does each input explain, alone and with all that it takes part in?

    From two independent sets of inputs A and B, and for each input i the set A with its column i from B, all put
    through the function: (d + 2)·n evaluations. Inputs must be independent of each other; their distribution does
    not matter. First-order by Saltelli's estimator, mean of f(B)·(f(ABᵢ) − f(A)), with f centred; total by
    Jansen's, half the mean of (f(A) − f(ABᵢ))². An input without effect gets exactly 0 in both.

    Args:
        a, b: [n] or [n, m] the outputs for A and B.
        mixed: [d, n] or [d, n, m] the outputs for each ABᵢ.
        pooled: add numerators and variances over the outputs first: one share [d, 1] of all their variance, each
            output weighing as much as it varies (the generalised index of Gamboa et al.).
        resamples: of the bootstrap; 0 for no intervals.
        rng: draws them; a CPU generator.

    Returns:
        Indices between 0 and 1 but for the estimators' noise; 0 for an output that never varies.

    Raises:
        UserError: fewer than two base samples, shapes that do not fit, or values that are not finite.

    Source: Saltelli et al. 2010; Jansen 1999; Gamboa et al. 2014 (arXiv 1303.6447).
    """
    a, b, mixed = _checked(a, b, mixed)
    n = len(a)
    once = torch.ones(1, n, dtype=torch.float64, device=a.device)
    first, total = (part[0] for part in _indices(a, b, mixed, once, pooled))
    if not resamples:
        return SobolIndices(first, total)
    drawn = torch.randint(n, (resamples, n), generator=rng)
    weights = torch.zeros(resamples, n, dtype=torch.float64).scatter_add_(
        1, drawn, torch.ones_like(drawn, dtype=torch.float64)
    )
    firsts, totals = _indices(a, b, mixed, weights.to(a.device), pooled)
    ends = torch.tensor([0.025, 0.975], dtype=torch.float64, device=a.device)
    first_ends, total_ends = (torch.quantile(part, ends, dim=0) for part in (firsts, totals))
    return SobolIndices(
        first,
        total,
        torch.minimum(first_ends[0], first),
        torch.maximum(first_ends[1], first),
        torch.minimum(total_ends[0], total),
        torch.maximum(total_ends[1], total),
    )


def _indices(a: Tensor, b: Tensor, mixed: Tensor, weights: Tensor, pooled: bool) -> tuple[Tensor, Tensor]:
    """First-order and total indices [r, d, m] under weights [r, n] of the base samples."""
    share = weights / weights.sum(dim=1, keepdim=True)
    both = (a + b) / 2
    mean = share @ both
    variance = (share @ ((a.square() + b.square()) / 2) - mean.square()).clamp(min=0)
    firsts, totals = [], []
    for values in mixed:
        moved = values - a
        # Σ w·(b − mean)·moved, without a centred copy for every resample
        firsts.append(share @ (b * moved) - mean * (share @ moved))
        totals.append(share @ moved.square() / 2)
    first, total = torch.stack(firsts, dim=1), torch.stack(totals, dim=1)
    if pooled:
        first, total = first.sum(dim=2, keepdim=True), total.sum(dim=2, keepdim=True)
        variance = variance.sum(dim=1, keepdim=True)
    safe = variance[:, None].clamp(min=1e-300)
    varies = (variance > 0)[:, None]
    return torch.where(varies, first / safe, 0.0), torch.where(varies, total / safe, 0.0)


def _checked(a: Tensor, b: Tensor, mixed: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    if a.shape != b.shape or mixed.shape[1:] != a.shape or a.ndim not in (1, 2):
        raise UserError(
            f"Sobol indices: outputs of shapes {tuple(a.shape)}, {tuple(b.shape)} and {tuple(mixed.shape)}; expected "
            "[n, m], [n, m] and [inputs, n, m]"
        )
    if len(a) < 2:
        raise UserError(f"Sobol indices need at least two base samples, found {len(a)}")
    if a.ndim == 1:
        a, b, mixed = a[:, None], b[:, None], mixed[..., None]
    a, b, mixed = a.double(), b.double(), mixed.double()
    if not all(bool(torch.isfinite(part).all()) for part in (a, b, mixed)):
        raise UserError("Sobol indices: an output is NaN or infinite")
    centre = (a.mean(dim=0) + b.mean(dim=0)) / 2  # cancellation: outputs may be far from 0
    return a - centre, b - centre, mixed - centre
