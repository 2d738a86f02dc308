"""How much a set of samples is like a real one, in one space: the numbers that are read together."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from ganlens.measures.frechet import distance_of_gaussians, fitted_gaussian
from ganlens.measures.prdc import PRDC, ball_radii, prdc


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
    """

    def __init__(self, features: Tensor, k: int) -> None:
        self.features, self.k = features, min(k, len(features) - 1)
        self.variance = float(features.double().var(dim=0).sum())
        self._gaussian = fitted_gaussian(features)
        self._radii = ball_radii(features, self.k)

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
