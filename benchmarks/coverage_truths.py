"""Distributions with known answers, and the answers: what `interval_coverage.py` draws from.

A biased measure has no interval for the distance of the *distributions*. What its interval has to contain is its
**expectation at that number of samples**: what endless repetitions of the same measurement would average. Here it
is worked out where it has a closed form.
"""

from __future__ import annotations

import math

import torch
from scipy import stats
from torch import Tensor

Rng = torch.Generator

ROWS, WIDTH = 200, 4
FAKE_MEAN, FAKE_DEVIATION = 0.5, 0.8
"""Of every feature of a fake; those of real rows are 0 and 1."""
MODE_SHARES = torch.tensor([0.4, 0.3, 0.2, 0.1], dtype=torch.float64)
MAP = torch.randn(6, 8, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
"""A linear generator of 8 latents: along a straight path its samples move ‖MAP(z′ − z)‖, which is 2‖MAP‖² squared
and on average."""


def normal(rng: Rng, rows: int = ROWS, width: int = WIDTH) -> Tensor:
    return torch.randn(rows, width, generator=rng, dtype=torch.float64)


def fakes(rng: Rng, rows: int = ROWS, width: int = WIDTH) -> Tensor:
    return FAKE_MEAN + FAKE_DEVIATION * normal(rng, rows, width)


def noisy_fakes(rng: Rng) -> Tensor:
    """Some of them among no real rows, and some real rows among none of them."""
    return FAKE_MEAN + 1.5 * FAKE_DEVIATION * normal(rng)


def factors_and_codes(rng: Rng, rows: int = 300) -> tuple[Tensor, Tensor]:
    """Three uniform factors, and a noisy code of each that hears a little of the next."""
    factors = torch.rand(rows, 3, generator=rng, dtype=torch.float64)
    codes = factors + 0.3 * factors.roll(1, dims=1) + 0.1 * normal(rng, rows, 3)
    return codes, factors


def draw_group(factor: int, groups: int, size: int, rng: Rng) -> Tensor:
    """Fresh groups that share one of three factors, for the scores of β-VAE and FactorVAE."""
    factors = torch.rand(groups, size, 3, generator=rng, dtype=torch.float64)
    factors[:, :, factor] = factors[:, :1, factor]
    return factors + 0.5 * torch.randn(factors.shape, generator=rng, dtype=torch.float64)


def expected_frechet_on_a_line(real: Tensor) -> float:
    """E (m − m_real)² + (s − s_real)² over `ROWS` fakes on a line: s falls short of σ by c₄."""
    n = ROWS
    shortfall = math.sqrt(2 / (n - 1)) * math.exp(math.lgamma(n / 2) - math.lgamma((n - 1) / 2))
    mean, deviation = float(real.mean()), float(real.std())
    moved = (FAKE_MEAN - mean) ** 2 + FAKE_DEVIATION**2 / n
    return moved + FAKE_DEVIATION**2 + deviation**2 - 2 * deviation * FAKE_DEVIATION * shortfall


def expected_frechet_of_two_samples_on_a_line() -> float:
    """The same over both sets: each deviation falls short by c₄, and each mean scatters by σ²/n."""
    n = ROWS
    shortfall = math.sqrt(2 / (n - 1)) * math.exp(math.lgamma(n / 2) - math.lgamma((n - 1) / 2))
    spread = 1 + FAKE_DEVIATION**2
    return FAKE_MEAN**2 + spread / n + spread - 2 * FAKE_DEVIATION * shortfall**2


def expected_cubic(mean_a: float, deviation_a: float, mean_b: float, deviation_b: float) -> float:
    """E (x·y/d + 1)³ of independent Gaussians with equal features, from the first three moments of x·y."""
    d, va, vb = WIDTH, deviation_a**2, deviation_b**2
    aa, bb, ab = d * mean_a**2, d * mean_b**2, d * mean_a * mean_b
    first = ab
    second = ab**2 + vb * aa + va * bb + d * va * vb
    third = ab**3 + 3 * ab * vb * aa + 3 * va * (ab * (bb + d * vb) + 2 * vb * ab)
    return 1 + 3 * first / d + 3 * second / d**2 + third / d**3


def expected_kernel_distance() -> float:
    fake = (FAKE_MEAN, FAKE_DEVIATION)
    return expected_cubic(*fake, *fake) + expected_cubic(0, 1, 0, 1) - 2 * expected_cubic(*fake, 0, 1)


def expected_mmd(sigma: float, scale: float) -> float:
    """Of the biased estimate: each row with itself counts 1."""

    def kernel(difference: float, variances: float) -> float:
        total = sigma**2 + variances
        return (sigma**2 / total) ** (WIDTH / 2) * math.exp(-WIDTH * difference**2 / (2 * total))

    within = kernel(0, 2) + kernel(0, 2 * FAKE_DEVIATION**2)
    across = kernel(FAKE_MEAN, 1 + FAKE_DEVIATION**2)
    return scale * (2 / ROWS + (1 - 1 / ROWS) * within - 2 * across)


def expected_distance_of_a_pair() -> float:
    """Of two rows of N(0, I): √2 times the mean of a χ of `WIDTH` degrees."""
    return 2 * math.exp(math.lgamma((WIDTH + 1) / 2) - math.lgamma(WIDTH / 2))


def expected_coverage(k: int) -> float:
    """Of equal distributions, any continuous ones: Naeem et al. 2020, equation 9."""
    return 1 - math.prod((ROWS - i) / (2 * ROWS - i) for i in range(1, k + 1))


def expected_kl(shares: Tensor, reference: Tensor) -> float:
    """Of counted shares, term by term over all counts."""
    counts = torch.arange(ROWS + 1)
    found = counts / ROWS
    total = 0.0
    for share, expected in zip(shares.tolist(), reference.tolist(), strict=True):
        chances = torch.from_numpy(stats.binom.pmf(counts.numpy(), ROWS, share))
        total += float((chances * (torch.xlogy(found, found) - found * math.log(expected))).sum())
    return total


def authentic_share_on_a_line(train: Tensor) -> float:
    """The chance that a fresh N(0, 1) draw is authentic, given training points [n, 1]."""
    points = train.flatten().sort().values
    gaps = points.diff()
    far = torch.full((1,), torch.inf, dtype=torch.float64)
    left, right = torch.cat([far, gaps]), torch.cat([gaps, far])
    reach = torch.minimum(left, right)
    low, high = points - torch.minimum(reach, left / 2), points + torch.minimum(reach, right / 2)
    return 1 - float((torch.special.ndtr(high) - torch.special.ndtr(low)).sum())
