"""How far samples lie off the data's manifold, by what a code of the data can't redraw of them.

space = code_spaces(bank).autoencoder
errors = manifold_errors(bank, space, linear_mixtures(bank, count=1000, seed=0))
(errors.fake > errors.held_out.quantile(0.95)).double().mean()    # share off the manifold
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ganlens.explain.code.code_space import CodeSpace, code_spaces, reconstruction_errors
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
    """

    fake: Tensor
    held_out: Tensor
    mixtures: Tensor


def manifold_errors(
    bank: SampleBank, space: CodeSpace, mixtures: Tensor, held_out: int | None = None
) -> ManifoldErrors:
    """The errors of the bank's samples, of at most `held_out` real ones, and of mixtures [m, …]."""
    return ManifoldErrors(
        reconstruction_errors(bank, space, "fake"),
        reconstruction_errors(bank, space, "held_out", held_out),
        space.distance(mixtures, space.reconstruct(mixtures)),
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
