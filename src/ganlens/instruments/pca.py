"""Principal components: the linear autoencoder that every learned one has to beat."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from ganlens.errors import UserError
from ganlens.randomness import torch_generator

Chunks = Callable[[], Iterator[Tensor]]
"""Goes through all samples [b, …] once, from the start, each time it is called."""

_LARGEST_EXACT = 1024
_EXTRA_DIRECTIONS = 16
_POWER_ITERATIONS = 5


class PrincipalComponents(nn.Module):
    """Codes and reconstructions by the directions of largest variance.

    Args:
        sample_shape: shape of one sample, d values.
        width: how many components, k.
        bounds: lowest and highest value [*sample_shape] of each number, which reconstructions are clipped to; None for
            no clipping.

    Attributes:
        mean: [d].
        components: [k, d] orthonormal rows, by falling variance; each one's largest entry is positive.
        deviations: [k] standard deviation of the samples along each component.
        total_deviation: [] root mean variance of all values of a sample.
    """

    mean: Tensor
    components: Tensor
    deviations: Tensor
    total_deviation: Tensor
    low: Tensor
    high: Tensor

    def __init__(
        self, sample_shape: tuple[int, ...], width: int, bounds: tuple[Tensor, Tensor] | None = None
    ) -> None:
        super().__init__()
        values = math.prod(sample_shape)
        if not 1 <= width <= values:
            raise UserError(
                f"a code of width {width} can't be made of samples with {values} values; choose 1…{values}"
            )
        self.sample_shape = tuple(sample_shape)
        self.width = width
        self.bounded = bounds is not None
        low, high = (torch.empty(0), torch.empty(0)) if bounds is None else bounds
        self.register_buffer("low", low.flatten(), persistent=False)
        self.register_buffer("high", high.flatten(), persistent=False)
        self.register_buffer("mean", torch.zeros(values))
        self.register_buffer("components", torch.eye(width, values))
        self.register_buffer("deviations", torch.ones(width))
        self.register_buffer("total_deviation", torch.ones(()))

    def encode(self, samples: Tensor) -> Tensor:
        """Coordinates [n, k] of samples [n, …], in the samples' own units."""
        return (samples.flatten(1) - self.mean) @ self.components.T

    def unclipped(self, codes: Tensor) -> Tensor:
        """The linear reconstruction [n, d] of codes [n, k]."""
        return self.mean + codes @ self.components

    def decode(self, codes: Tensor) -> Tensor:
        """Reconstructions [n, …] of codes [n, k], clipped to the range of the samples if they have one."""
        return self.clipped(self.unclipped(codes)).reshape(-1, *self.sample_shape)

    def clipped(self, rows: Tensor) -> Tensor:
        """Rows [n, d] within the bounds of the samples, if they have any."""
        return rows.clamp(self.low, self.high) if self.bounded else rows

    def forward(self, samples: Tensor) -> Tensor:
        """Reconstructions [n, …] of samples [n, …]."""
        return self.decode(self.encode(samples))


def fit_principal_components(
    chunks: Chunks,
    sample_shape: tuple[int, ...],
    width: int,
    *,
    bounds: tuple[Tensor, Tensor] | None = None,
    seed: int = 0,
) -> PrincipalComponents:
    """The `width` directions of largest variance, in memory bounded by a chunk.

    Exact up to 1,024 values a sample (covariance and its eigenvectors); beyond, by subspace iteration from a
    random start drawn by `seed`, with extra directions (Halko et al., 2011, arXiv 0909.4061, section 4.5).

    Raises:
        UserError: no such width, fewer than two samples, or samples that are all the same.
    """
    pca = PrincipalComponents(sample_shape, width, bounds)
    values = math.prod(sample_shape)
    mean, total_variance = _moments(chunks, values)
    if total_variance <= 0:
        raise UserError("the samples are all the same; there is nothing an autoencoder could tell apart")
    if values <= _LARGEST_EXACT:
        variances, directions = _exact(chunks, mean)
    else:
        variances, directions = _subspace(chunks, mean, width, seed)
    components = directions[:, :width].T
    largest = components.gather(1, components.abs().argmax(dim=1, keepdim=True))
    pca.components.copy_(components * largest.sign())
    pca.mean.copy_(mean)
    pca.total_deviation.fill_(math.sqrt(total_variance / values))
    pca.deviations.copy_(variances[:width].clamp(min=0).sqrt())
    return pca


def _moments(chunks: Chunks, values: int) -> tuple[Tensor, float]:
    count, total = 0, torch.zeros(values, dtype=torch.float64)
    for chunk in chunks():
        count += len(chunk)
        total += chunk.flatten(1).sum(dim=0, dtype=torch.float64)
    if count < 2:
        raise UserError(f"an autoencoder needs two samples or more, found {count}")
    mean = (total / count).float()
    squares = sum(float((chunk.flatten(1) - mean).square().sum(dtype=torch.float64)) for chunk in chunks())
    if not math.isfinite(squares):
        raise UserError("the samples' values are too large for 32-bit numbers to square; scale them down")
    return mean, squares / count


def _exact(chunks: Chunks, mean: Tensor) -> tuple[Tensor, Tensor]:
    """All variances and directions [d, d], falling."""
    count, covariance = 0, torch.zeros(len(mean), len(mean), dtype=torch.float64)
    for chunk in chunks():
        centred = chunk.flatten(1) - mean
        covariance += (centred.T @ centred).double()
        count += len(chunk)
    variances, directions = torch.linalg.eigh(covariance / count)
    return variances.flip(0), directions.flip(1)


def _subspace(chunks: Chunks, mean: Tensor, width: int, seed: int) -> tuple[Tensor, Tensor]:
    """The leading variances and directions [d, ≥ width], falling."""
    size = min(width + _EXTRA_DIRECTIONS, len(mean))
    rng = torch_generator(seed, "principal components")
    basis = torch.linalg.qr(torch.randn(len(mean), size, generator=rng))[0]
    for _ in range(_POWER_ITERATIONS):
        image, count = torch.zeros_like(basis), 0
        for chunk in chunks():
            centred = chunk.flatten(1) - mean
            image += centred.T @ (centred @ basis)
            count += len(chunk)
        # The symmetric small problem of the same pass orders the directions (Rayleigh–Ritz).
        small = basis.T @ image / count
        variances, rotation = torch.linalg.eigh((small + small.T).double() / 2)
        directions = basis @ rotation.flip(1).float()
        basis = torch.linalg.qr(image)[0]
    return variances.flip(0), directions
