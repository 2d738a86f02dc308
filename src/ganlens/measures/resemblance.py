"""How much a set of samples is like a real one, in one space: the numbers that are read together."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from ganlens.measures.feature_matrix import float64_mean
from ganlens.measures.frechet import Gaussian, distance_of_gaussians, fitted_gaussian
from ganlens.measures.prdc import PRDC, ball_radii, prdc

MAIN_AXES = 32
"""Axes along which some hundred samples know a covariance: their bias is then a few percent of the variance."""


class Resemblance(NamedTuple):
    """A set beside real samples.

    Attributes:
        gap: Fréchet distance over the real samples' total variance, which is what a set of copies of their mean would
            score: 0 and up. It overstates as 1/n, so read it beside a real set's of equal n.
        precision, recall, density, coverage: see `prdc`.
    """

    gap: float
    precision: float
    recall: float
    density: float
    coverage: float


class RealReference:
    """Real features [n, d], with what every comparison with them needs worked out once.

    Args:
        features: checked features, at least two rows.
        k: of precision, recall, density and coverage; n − 1 at most.

    Attributes:
        variance: the total variance of the features.
        wide: whether there are more than `MAIN_AXES` features, so that `distance` is another than the Fréchet distance.
    """

    def __init__(self, features: Tensor, k: int) -> None:
        self.features, self.k = features, min(k, len(features) - 1)
        self.variance = float(features.double().var(dim=0).sum())
        self._gaussian = fitted_gaussian(features)
        self._radii = ball_radii(features, self.k)
        self._mean = float64_mean(features)
        self._axes = None
        self.wide = features.shape[1] > MAIN_AXES
        if self.wide:
            _, _, axes = torch.linalg.svd(features.double() - self._mean, full_matrices=False)
            self._axes = axes[:MAIN_AXES].T
        self._spread = self._spread_of(features, self._mean)

    def distance(self, block: Tensor) -> float:
        """A squared distance of a set [m, d] that few samples suffice for: at most the Fréchet distance.

        The Fréchet distance of n samples has a bias that grows with the width and with the spread of either set. Beside
        that of real samples it goes out where both are alike; but blurred samples, which spread less, have less of it,
        and in hundreds of features seem nearer to real ones than these themselves. So the spread is compared along
        the reference's `MAIN_AXES` main axes, where n samples know it, and of all that lies beside them by its length
        alone. That is a map which moves no two points apart, so the result is a lower bound; means are compared in
        full. Up to that width it is the Fréchet distance.
        """
        mean = float64_mean(block)
        shift = float((mean - self._mean).square().sum())
        return max(0.0, shift + distance_of_gaussians(self._spread_of(block, mean), self._spread))

    def _spread_of(self, features: Tensor, mean: Tensor) -> Gaussian:
        """The Gaussian of centred features, along the main axes and beside them."""
        centred = features.double() - mean
        if self._axes is not None:
            along = centred @ self._axes
            beside = (centred.square().sum(dim=1) - along.square().sum(dim=1)).clamp_min(0).sqrt()
            centred = torch.cat([along, beside[:, None]], dim=1)
        return fitted_gaussian(centred)

    def frechet_distance(self, block: Tensor) -> float:
        """The Fréchet distance of a set [m, d]; see `frechet_distance`."""
        return max(0.0, distance_of_gaussians(fitted_gaussian(block), self._gaussian))

    def shares(self, block: Tensor) -> PRDC:
        """Precision, recall, density and coverage of a set [m, d]; m should equal the reference's n."""
        return prdc(self.features, block, self.k, real_radii=self._radii)

    def compare(self, block: Tensor) -> Resemblance:
        """A set [m, d] beside the reference; m should equal its n."""
        shares = self.shares(block)
        gap = self.frechet_distance(block) / self.variance if self.variance > 0 else 0.0
        return Resemblance(gap, shares.precision, shares.recall, shares.density, shares.coverage)
