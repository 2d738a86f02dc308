"""What an inversion makes small, one number a sample, so that no sample's search depends on its neighbours'."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

Map = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Weights:
    """How much each term of the objective counts. All terms are means over their numbers.

    Attributes:
        pixel: squared difference of the samples, in units of the variance of what the generator makes.
        features: squared difference of their features, in units of the features' variance.
        encoder: squared distance, in standard deviations, between the point and what the encoder reads from
            its sample: keeps the point where the encoder has seen points before.
        prior: half the point's squared distance, in standard deviations, from the mean point: for Gaussian
            latents −log p per number, up to a constant.

    Source: Zhu et al. 2020 (arXiv 2004.00049) for the encoder term.
    """

    pixel: float = 1.0
    features: float = 0.2
    encoder: float = 0.003
    prior: float = 0.001


@dataclass(frozen=True)
class Objective:
    """The terms for one batch of targets.

    Attributes:
        targets: [n, …] the samples to be made.
        variance: of a value of a generated sample.
        features: the map whose distance counts, or None; `described` [n, d] are the targets' features and
            `feature_variance` that of a number of generated samples' features.
        encode: standardised points [n, z] of samples [n, …], or None.
        bounded: the prior has no slope inside its bounds, so it is left out.
    """

    targets: Tensor
    weights: Weights
    variance: float
    features: Map | None = None
    described: Tensor | None = None
    feature_variance: float = 1.0
    encode: Map | None = None
    bounded: bool = False

    def __call__(self, samples: Tensor, points: Tensor) -> Tensor:
        """The objective [n] of `samples` [n, …] made from standardised `points` [n, z]."""
        return self.of_rows(samples, points, torch.arange(len(samples), device=samples.device))

    def of_rows(self, samples: Tensor, points: Tensor, rows: Tensor) -> Tensor:
        """The same where sample i is to resemble target `rows[i]`."""
        weights = self.weights
        apart = (samples - self.targets[rows]).flatten(1).square().mean(dim=1)
        total = weights.pixel * apart / self.variance
        if self.features is not None and self.described is not None and weights.features:
            seen = self.features(samples).flatten(1)
            total = total + weights.features * (seen - self.described[rows]).square().mean(dim=1) / (
                self.feature_variance
            )
        if self.encode is not None and weights.encoder:
            total = total + weights.encoder * (self.encode(samples) - points).square().mean(dim=1)
        if weights.prior and not self.bounded:
            total = total + weights.prior * 0.5 * points.square().mean(dim=1)
        return total
