"""How far samples lie off the data's manifold, by what a code of the data can't redraw of them.

space = code_spaces(bank).autoencoder
errors = manifold_errors(bank, space, linear_mixtures(bank, count=1000, seed=0))
errors.share_beyond(0.05)    # share off the manifold, with its interval
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ganlens.explain.code.code_space import CodeSpace, code_spaces, reconstruction_errors
from ganlens.measures import Estimate, area_under_curve, share_above_quantile
from ganlens.randomness import torch_generator
from ganlens.subject import SampleBank

MIXED_SAMPLES = 64
"""Real samples in each linear mixture of the control."""

MOST_MIXTURES = 1000


@dataclass(frozen=True)
class ManifoldErrors:
    """Reconstruction errors through one code, in units of the data's variance.

    Attributes:
        fake, held_out: [n] of generated and of held-out real samples.
        mixtures: [m] of linear mixtures of real samples, which lie off the manifold if it is curved.
        weights: how much each held-out sample counts, as many as there are: see `kind_weights`.
    """

    fake: Tensor
    held_out: Tensor
    mixtures: Tensor
    weights: Tensor

    def share_beyond(self, share: float, level: float = 0.95, of: Tensor | None = None) -> Estimate:
        """What share of generated samples, or of the errors given, lies beyond the error that `share` of real samples
        exceed?"""
        errors = self.fake if of is None else of
        return share_above_quantile(errors, self.held_out, share, level, self.weights)

    def larger(self, level: float = 0.95) -> Estimate:
        """How often does a generated sample err more than a real one?"""
        return area_under_curve(self.fake, self.held_out, level, self.weights)


def manifold_errors(
    bank: SampleBank,
    space: CodeSpace,
    mixtures: Tensor,
    held_out: int | None = None,
    weights: Tensor | None = None,
) -> ManifoldErrors:
    """The errors of the bank's samples, of at most `held_out` real ones, and of mixtures [m, …].

    Args:
        weights: of the held-out samples; None: all count alike.
    """
    of_held_out = reconstruction_errors(bank, space, "held_out", held_out)
    return ManifoldErrors(
        reconstruction_errors(bank, space, "fake"),
        of_held_out,
        space.distance(mixtures, space.reconstruct(mixtures)),
        torch.full_like(of_held_out, 1 / len(of_held_out), dtype=torch.float64)
        if weights is None
        else weights,
    )


def linear_mixtures(bank: SampleBank, *, count: int, seed: int) -> Tensor:
    """Samples [count, …] with the data's mean and covariance that lie on no curved manifold: Gaussian by the
    central limit theorem. What a flat model can't tell from data, a model of the manifold must."""
    real = bank.reals("train")
    count = min(count, MOST_MIXTURES)
    rng = torch_generator(seed, "off-manifold", "linear mixtures")
    mean = code_spaces(bank).autoencoder.sample_mean
    parts = []
    for start in range(0, count, MIXED_SAMPLES):
        rows = torch.randint(len(real), (MIXED_SAMPLES,), generator=rng)
        centred = (real[rows] - mean).flatten(1)
        size = min(MIXED_SAMPLES, count - start)
        weights = torch.randn(size, MIXED_SAMPLES, generator=rng) / MIXED_SAMPLES**0.5
        parts.append((weights @ centred).unflatten(1, mean.shape) + mean)
    mixtures = torch.cat(parts)
    return bank.modality.clipped(mixtures)
