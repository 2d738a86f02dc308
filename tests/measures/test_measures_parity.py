"""Equal to independent implementations of the same measures, at the sizes people use."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
from scipy import linalg
from torch import Tensor, nn

from ganlens.measures import frechet_distance, kernel_distance, prdc


def two_sets(n: int, m: int, width: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    rng = torch.Generator().manual_seed(seed)
    scales = torch.arange(1, width + 1).float().pow(-0.5)
    return (
        torch.randn(n, width, generator=rng) * scales,
        torch.randn(m, width, generator=rng) * (1.05 * scales) + 0.1 * scales,
    )


class Identity(nn.Module):
    """Features that are features already, in the form torchmetrics asks for."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.num_features = width

    def forward(self, features: Tensor) -> Tensor:
        return features


@pytest.mark.parametrize(("n", "m", "width", "k"), [(400, 300, 2, 3), (500, 700, 64, 5), (300, 300, 512, 1)])
def test_prdc_is_the_prdc_packages(n: int, m: int, width: int, k: int):
    package = pytest.importorskip("prdc", reason="the `prdc` package is not installed")
    real, fake = two_sets(n, m, width)
    found = prdc(real, fake, k)
    expected = package.compute_prdc(real.double().numpy(), fake.double().numpy(), nearest_k=k)
    for name in ("precision", "recall", "density", "coverage"):
        assert getattr(found, name) == pytest.approx(expected[name], abs=1e-6)


@pytest.mark.parametrize("width", [64, 512])
def test_frechet_is_torchmetrics(width: int):
    fid = pytest.importorskip("torchmetrics.image.fid", reason="torchmetrics is not installed")
    real, fake = two_sets(width + 100, width + 300, width)
    metric = fid.FrechetInceptionDistance(feature=Identity(width)).set_dtype(torch.float64)
    metric.update(real.double(), real=True)
    metric.update(fake.double(), real=False)
    assert frechet_distance(fake, real) == pytest.approx(float(metric.compute()), rel=1e-6)


@pytest.mark.parametrize("width", [64, 512])
def test_frechet_is_the_matrix_square_root(width: int):
    real, fake = two_sets(2 * width, 3 * width, width)
    (mean_a, cov_a), (mean_b, cov_b) = (
        (x.mean(axis=0), np.cov(x, rowvar=False)) for x in (real.double().numpy(), fake.double().numpy())
    )
    root = np.trace(np.real(linalg.sqrtm(cov_a @ cov_b)))
    expected = np.square(mean_a - mean_b).sum() + np.trace(cov_a) + np.trace(cov_b) - 2 * root
    assert frechet_distance(fake, real) == pytest.approx(float(expected), rel=1e-6)


@pytest.mark.slow
def test_frechet_at_2048_is_the_symmetric_square_roots():
    """Σₐ^½ Σ_b Σₐ^½ has the eigenvalues of Σₐ Σ_b and is symmetric, which is a second route at a bearable price."""
    real, fake = two_sets(2500, 2500, 2048)
    cov_a, cov_b = (torch.cov(x.double().T) for x in (real, fake))
    values, vectors = torch.linalg.eigh(cov_a)
    half = vectors * values.clamp_min(0).sqrt() @ vectors.T
    cross = torch.linalg.eigvalsh(half @ cov_b @ half).clamp_min(0).sqrt().sum()
    shift = (real.double().mean(dim=0) - fake.double().mean(dim=0)).square().sum()
    expected = shift + cov_a.trace() + cov_b.trace() - 2 * cross
    assert frechet_distance(fake, real) == pytest.approx(float(expected), rel=1e-6)


def test_kernel_distance_is_torchmetrics():
    """On all rows at once, where no subset is drawn by either."""
    kid = pytest.importorskip("torchmetrics.image.kid", reason="torchmetrics is not installed")
    real, fake = two_sets(300, 300, 256)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        metric = kid.KernelInceptionDistance(feature=Identity(256), subsets=1, subset_size=300)
    real, fake = real.double(), fake.double()  # in float32 its own sums keep three digits
    metric.update(real, real=True)
    metric.update(fake, real=False)
    mean, _ = metric.compute()
    rng = torch.Generator().manual_seed(0)
    assert kernel_distance(real, fake, rng=rng, subset_size=300) == pytest.approx(float(mean), rel=1e-9)
    single = kernel_distance(real.float(), fake.float(), rng=rng, subset_size=300)
    assert single == pytest.approx(float(mean), rel=1e-4)
