"""The heavy measures, each against the package or the textbook route that people use instead."""

from __future__ import annotations

import warnings
from functools import partial
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ganlens.bench.timed_comparison import Workload
from ganlens.measures import frechet_distance, kernel_distance, prdc


def workloads(*, scale: float = 1.0) -> dict[str, Workload]:
    """Every piece of work by its short name.

    Args:
        scale: 1 for the full sizes; smaller ones shrink the numbers of rows for a trial.
    """
    n, many, subsets = (max(64, round(scale * size)) for size in (10_000, 50_000, 100))
    size = max(32, round(scale * 1000))
    every = [
        Workload(
            "prdc",
            partial(_pair, n, n, 512),
            _prdc,
            _prdc_package if find_spec("prdc") else None,
            "the `prdc` package",
            operations=2.0 * 512 * (2 * n * n),  # a set's distances to itself are symmetric: half of them
            tolerance=1e-6,
            goal="5× faster, at most 300 MiB",
        ),
        Workload(
            "prdc-large",
            partial(_pair, many, many, 512),
            _prdc,
            operations=2.0 * 512 * (2 * many * many),
            goal="at most 1 GiB, at least 60 % of the matrix-product rate",
        ),
        Workload(
            "frechet",
            partial(_pair, n, n, 2048),
            _frechet,
            _frechet_by_sqrtm,
            "moments and scipy's `sqrtm`",
            tolerance=1e-6,
            goal="5× faster",
        ),
        Workload(
            "kernel",
            partial(_pair, n, n, 2048),
            partial(_kernel, subsets, size),
            partial(_kernel_by_torchmetrics, subsets, size) if find_spec("torchmetrics") else None,
            "`torchmetrics`",
            goal="3× faster",
        ),
    ]
    return {work.name: _titled(work, n, many, subsets, size) for work in every}


def _titled(work: Workload, n: int, many: int, subsets: int, size: int) -> Workload:
    titles = {
        "prdc": f"precision, recall, density, coverage of {n:,} × 512",
        "prdc-large": f"precision, recall, density, coverage of {many:,} × 512",
        "frechet": f"Fréchet distance, {n:,} × 2,048",
        "kernel": f"kernel distance, {n:,} × 2,048: {subsets} subsets of {size:,}, ours all rows",
    }
    return Workload(**{**vars(work), "name": titles[work.name]})


def _pair(n: int, m: int, width: int) -> tuple[Tensor, Tensor]:
    """Two sets of features that differ a little, with a spectrum that falls as real features' do."""
    rng = torch.Generator().manual_seed(0)
    scales = torch.arange(1, width + 1).float().pow(-0.5)
    real = torch.randn(n, width, generator=rng) * scales
    fake = torch.randn(m, width, generator=rng) * (1.05 * scales) + 0.1 * scales
    return real, fake


def _prdc(real: Tensor, fake: Tensor) -> list[float]:
    result = prdc(real, fake, k=5)
    return [result.precision, result.recall, result.density, result.coverage]


def _prdc_package(real: Tensor, fake: Tensor) -> list[float]:
    from contextlib import redirect_stdout
    from io import StringIO

    from prdc import compute_prdc

    with redirect_stdout(StringIO()):
        result = compute_prdc(real_features=real.numpy(), fake_features=fake.numpy(), nearest_k=5)
    return [float(result[name]) for name in ("precision", "recall", "density", "coverage")]


def _frechet(real: Tensor, fake: Tensor) -> list[float]:
    return [frechet_distance(fake, real)]


def _frechet_by_sqrtm(real: Tensor, fake: Tensor) -> list[float]:
    from scipy import linalg

    (mean_a, cov_a), (mean_b, cov_b) = (
        (x.mean(axis=0), np.cov(x, rowvar=False)) for x in (real.double().numpy(), fake.double().numpy())
    )
    root = linalg.sqrtm(cov_a @ cov_b)
    distance = np.square(mean_a - mean_b).sum() + np.trace(cov_a + cov_b - 2 * np.real(root))
    return [float(distance)]


def _kernel(subsets: int, size: int, real: Tensor, fake: Tensor) -> list[float]:
    rng = torch.Generator().manual_seed(0)
    return [kernel_distance(real, fake, rng=rng, subsets=subsets, subset_size=size)]


def _kernel_by_torchmetrics(subsets: int, size: int, real: Tensor, fake: Tensor) -> list[float]:
    from torchmetrics.image.kid import KernelInceptionDistance

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it keeps all features in memory
        metric: Any = KernelInceptionDistance(
            feature=_Identity(real.shape[1]), subsets=subsets, subset_size=size
        )
    metric.update(real, real=True)
    metric.update(fake, real=False)
    mean, _ = metric.compute()
    return [float(mean)]


class _Identity(nn.Module):
    """Features that are features already, in the form torchmetrics asks for."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.num_features = width

    def forward(self, features: Tensor) -> Tensor:
        return features
