"""How far apart two sets of features are to a Gaussian kernel: the estimate behind CMMD."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ganlens.errors import UserError
from ganlens.measures.facts import FIXED, FRESH, PAIR, Group, measure
from ganlens.measures.feature_matrix import chunks, feature_pair, float64_mean, product_dtype

TILE = 2048
TOO_FAR_FOR_FLOAT32 = 1.0
"""A squared distance from the mean, in units of 2σ², beyond which float32 would cost the kernel its digits."""


@measure(
    Group.QUALITY,
    applied_to=f"{PAIR}; CMMD's are CLIP embeddings of length 1",
    range="0 to 2 × scale",
    better="lower",
    bias="overstates, as 1/n",
    intervals=(FRESH, FIXED),
)
def clip_style_mmd(a: Tensor, b: Tensor, *, sigma: float = 10.0, scale: float = 1000.0) -> float:
    """How far apart are two sets of features to a Gaussian kernel, as CMMD asks of CLIP's embeddings?

    The squared maximum mean discrepancy, not its root, under k(x, y) = exp(−‖x−y‖²/2σ²), times `scale`: the
    mean of k within `a`, plus that within `b`, less twice that across, over all pairs, each row with itself
    included.

    On features of length 1, as CMMD's are, a kernel of σ = 10 is all but straight: the result is the squared
    distance of the two *means* times scale/σ² to about 1 %, and next to blind to whatever leaves the mean in
    its place, be it spread or lost modes. Look at `prdc` and `vendi_score` beside it.

    Bias: it *overstates*, for equal distributions by scale·(1/n + 1/m)·(1 − E k(x, x′)), more for a more
    diverse generator. Compare at equal numbers, beside the same measure on two real sets.

    Interval: `replicate_interval` over fresh generated samples, for the expectation at that number of them;
    `subsample_interval` for a real set that can't be drawn again.

    Args:
        a, b: [n, d] and [m, d], in the same feature space, taken as they are. CMMD's are CLIP ViT-L/14@336
            image embeddings divided by their length; divide first to compare with published values.
        sigma: the kernel's length, in units of the features. CMMD's code has γ = 1/2σ², as here.
        scale: what the discrepancy is multiplied by, for legibility.

    Returns:
        0 (the same rows) and up to 2·scale; lower is better.

    Raises:
        UserError: mismatched widths, fewer than two rows, integer or non-finite features, or a sigma or a
            scale that is not positive and finite.

    Source: Jayasumana et al. 2024 (arXiv 2401.09603); its published code takes this biased estimate, where
    the paper prints the unbiased one. Gretton et al. 2012, equation 5, for the estimator.
    """
    a, b = feature_pair(a, b, ("a", "b"))
    for value, name in ((sigma, "sigma"), (scale, "scale")):
        if not (value > 0 and math.isfinite(value)):
            raise UserError(f"{name} must be positive and finite, found {value}")
    mean, unit = float64_mean(a, b), sigma * 2**0.5
    farthest = max(_farthest(a, mean, unit), _farthest(b, mean, unit))
    dtype = torch.promote_types(torch.promote_types(a.dtype, b.dtype), product_dtype(a.device))
    if farthest > TOO_FAR_FOR_FLOAT32:
        dtype = torch.float64
    a, b = _scaled(a, mean, unit, dtype), _scaled(b, mean, unit, dtype)
    return scale * max(
        0.0,
        _mean_of_kernel_less_one(a, a) + _mean_of_kernel_less_one(b, b) - 2 * _mean_of_kernel_less_one(a, b),
    )


def _farthest(features: Tensor, mean: Tensor, unit: float) -> float:
    return max(
        float(((features[rows].double() - mean) / unit).square().sum(dim=1).max())
        for rows in chunks(features)
    )


def _scaled(features: Tensor, mean: Tensor, unit: float, dtype: torch.dtype) -> Tensor:
    points = torch.empty(features.shape, dtype=dtype, device=features.device)
    for rows in chunks(features):
        points[rows] = (features[rows].double() - mean) / unit
    return points


def _mean_of_kernel_less_one(a: Tensor, b: Tensor) -> float:
    """The mean of exp(−‖x−y‖²) − 1 over all pairs: where k is near 1, the ones would take most of the digits."""
    total = torch.zeros((), dtype=torch.float64, device=a.device)
    norms_a, norms_b = (points.square().sum(dim=1) for points in (a, b))
    for top in range(0, len(a), TILE):
        rows = slice(top, top + TILE)
        for left in range(top if a is b else 0, len(b), TILE):
            columns = slice(left, left + TILE)
            exponent = torch.addmm(norms_b[columns], a[rows], b[columns].T, beta=-1, alpha=2)
            exponent.sub_(norms_a[rows, None]).clamp_(max=0)
            if a is b and left == top:
                exponent.fill_diagonal_(0)
            twice = 2 if a is b and left > top else 1
            total += twice * exponent.expm1_().sum(dtype=torch.float64)
    return float(total) / (len(a) * len(b))
