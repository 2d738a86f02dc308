"""How far apart two sets of features are as Gaussians: the Fréchet distance behind FID."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import scipy.linalg
import torch
from scipy.linalg import lapack
from torch import Tensor

from ganlens.errors import UserError
from ganlens.measures.facts import FIXED, FRESH, PAIR, Group, ValidInterval, measure
from ganlens.measures.feature_matrix import feature_matrix, feature_pair, float64_chunks, float64_mean
from ganlens.measures.products import add_gram, mirrored, product_of_triangles

SMALL = 512
SURELY_REGULAR = 1e-5
"""Smallest pivot of a correlation matrix, as a deviation, that rounding can't have made."""


class Moments(NamedTuple):
    """Mean [d] and unbiased covariance [d, d] of a set of features, in float64."""

    mean: Tensor
    covariance: Tensor


class Gaussian(NamedTuple):
    """Mean [d] and a factor F [r, d] of the covariance FᵀF, in float64: what a distance is computed from.

    To find the factor is half the work, so a set that is compared several times keeps it.
    """

    mean: Tensor
    factor: Tensor


def moments(features: Tensor) -> Moments:
    """The mean and covariance of `features` [n, d], centred before they are multiplied, in chunks.

    Raises:
        UserError: see `feature_matrix`.
    """
    features = feature_matrix(features, "features")
    mean = float64_mean(features)
    width = len(mean)
    covariance = torch.zeros(width, width, dtype=torch.float64, device=features.device)
    for chunk in float64_chunks(features):
        add_gram(covariance, chunk - mean)  # not in place: a float64 chunk is the caller's own memory
    return Moments(mean, mirrored(covariance) / (len(features) - 1))


@measure(
    Group.QUALITY,
    applied_to=PAIR,
    range="0 and up",
    better="lower",
    bias="overstates, as 1/n",
    intervals=(FRESH, ValidInterval(FIXED.by, f"{FIXED.contains}; too wide where the sets are nearly alike")),
)
def frechet_distance(a: Tensor, b: Tensor) -> float:
    """How far apart are the Gaussians with the means and covariances of two sets of features?

    ‖μₐ−μ_b‖² + tr(Σₐ + Σ_b − 2(ΣₐΣ_b)^½): a squared distance, in squared units of the features. Symmetric.

    Bias: it *overstates* the distance, by an amount that falls as 1/n and that differs between generators.
    Compare only values from equal numbers of samples, beside the same measure on two real sets. It sees means
    and covariances alone: sets that differ in shape, or that lack a mode, can score 0.

    Args:
        a, b: [n, d] and [m, d], in the same feature space. Fewer rows than columns is allowed.

    Returns:
        0 (the same moments) and up; lower is better. For its interval see `ganlens.measures.intervals`:
        resampling with replacement is not valid here.

    Raises:
        UserError: mismatched widths, fewer than two rows, integer or non-finite features.

    Source: Heusel et al. 2017 (arXiv 1706.08500), section 3; Dowson & Landau 1982 for the closed form.
    """
    a, b = feature_pair(a, b, ("a", "b"))
    return max(0.0, distance_of_gaussians(fitted_gaussian(a), fitted_gaussian(b)))


def frechet_distance_of_moments(a: Moments, b: Moments) -> float:
    """`frechet_distance` from moments, as when a data set's are kept for reuse.

    Raises:
        UserError: the moments differ in width, are not finite, or a covariance has a negative variance.
    """
    for side, name in ((a, "a"), (b, "b")):
        width = len(side.mean)
        if side.covariance.shape != (width, width) or side.mean.shape != (width,):
            raise UserError(
                f"{name}: expected a mean [d] and a covariance [d, d], "
                f"found {tuple(side.mean.shape)} and {tuple(side.covariance.shape)}"
            )
        if not (torch.isfinite(side.mean).all() and torch.isfinite(side.covariance).all()):
            raise UserError(f"{name}: the mean or the covariance holds NaN or an infinite value")
        if (side.covariance.diagonal() < 0).any():
            raise UserError(f"{name}: a covariance can't have a negative variance on its diagonal")
    if len(a.mean) != len(b.mean):
        raise UserError(
            f"a has {len(a.mean)} features and b has {len(b.mean)}; take both from the same feature space"
        )
    first, second = (Gaussian(side.mean.double(), _factor_of_covariance(side.covariance)) for side in (a, b))
    return max(0.0, distance_of_gaussians(first, second))


def distance_of_gaussians(a: Gaussian, b: Gaussian) -> float:
    """The squared Fréchet distance of two Gaussians: 0 and up, but for rounding."""
    # With Σ = FᵀF, tr (ΣₐΣ_b)^½ is the sum of the singular values of FₐF_bᵀ.
    triangles = a.factor.shape == b.factor.shape and _is_triangle(a.factor) and _is_triangle(b.factor)
    product = product_of_triangles(a.factor, b.factor) if triangles else a.factor @ b.factor.T
    cross = _sum_of_singular_values(product)
    spread = a.factor.square().sum() + b.factor.square().sum() - 2 * cross
    shift = (a.mean - b.mean).square().sum().cpu()
    return float(shift + spread)


def _sum_of_singular_values(matrix: Tensor) -> Tensor:
    """To full precision up to `SMALL` rows or columns. Beyond, by the eigenvalues of M Mᵀ in a tenth of the time:
    those are squares, so that a singular value below 1e-8 of the largest is lost in rounding. Directions without
    variance, where that would matter, are not in the factors."""
    if min(matrix.shape) <= SMALL:
        exact: Tensor = torch.linalg.svdvals(matrix).sum()
        return exact
    tall = matrix if matrix.shape[0] >= matrix.shape[1] else matrix.T
    square = torch.zeros(tall.shape[1], tall.shape[1], dtype=tall.dtype)
    add_gram(square, tall)
    # scipy's: torch's first eigenvalues in a process take four times as long as the next.
    eigenvalues = scipy.linalg.eigvalsh(square.numpy(), lower=True, overwrite_a=True, check_finite=False)
    return torch.from_numpy(eigenvalues).clamp_min(0).sqrt().sum()


def _is_triangle(factor: Tensor) -> bool:
    return factor.shape[0] == factor.shape[1] and not factor.tril(-1).any()


def fitted_gaussian(features: Tensor) -> Gaussian:
    """The Gaussian with the mean and covariance of checked `features` [n, d]; its rank is at most min(n, d)."""
    if len(features) > features.shape[1]:
        mean, covariance = moments(features)
        return Gaussian(mean, _factor_of_covariance(covariance))
    mean = float64_mean(features)  # fewer samples than dimensions: the centred samples are a smaller factor
    return Gaussian(mean, ((features.double() - mean) / (len(features) - 1) ** 0.5).cpu())


def _factor_of_covariance(covariance: Tensor) -> Tensor:
    """F [r, d] with FᵀF = `covariance`: a Cholesky factor, where need be a pivoted one that ends at the numerical
    rank r.

    The variances are scaled to 1 first, so that features on very different scales, or constant ones, lose
    nothing.
    """
    matrix = covariance.double().cpu()
    deviations = matrix.diagonal().sqrt()
    scale = torch.where(deviations > 0, deviations, 1.0)
    correlation = matrix / torch.outer(scale, scale)
    triangle, failed = torch.linalg.cholesky_ex(correlation)
    if not failed and float(triangle.diagonal().min()) > SURELY_REGULAR:
        regular: Tensor = triangle.T * deviations
        return regular
    triangle, pivots, rank, _ = lapack.dpstrf(correlation.numpy(), lower=1)
    factor = np.zeros((rank, len(scale)))
    factor[:, pivots - 1] = np.tril(triangle)[:, :rank].T
    return torch.from_numpy(factor) * deviations
