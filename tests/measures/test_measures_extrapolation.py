from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import linalg
from torch import Tensor

from ganlens.errors import UserError
from ganlens.measures import frechet_distance
from ganlens.measures.extrapolation import (
    ExtrapolatedDistance,
    _evenly_spaced,
    _first_size,
    frechet_distance_extrapolated,
)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=generator(seed), dtype=torch.float64)


def standard(n: int, width: int) -> Tensor:
    """n samples whose empirical mean is exactly 0 and covariance the identity: a reference without bias."""
    centred = random(n, width, seed=99)
    centred = centred - centred.mean(dim=0)
    return centred @ torch.linalg.inv(torch.linalg.cholesky(centred.T @ centred / (n - 1))).T


def by_square_root(a: np.ndarray, b: np.ndarray) -> float:
    """The textbook formula with scipy's matrix square root."""
    cov_a, cov_b = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    root = linalg.sqrtm(cov_a @ cov_b).real
    return float(((a.mean(axis=0) - b.mean(axis=0)) ** 2).sum() + np.trace(cov_a + cov_b - 2 * root))


def replicates(real: Tensor, n: int, scale: float, shift: float, count: int) -> list[ExtrapolatedDistance]:
    return [
        frechet_distance_extrapolated(
            real, random(n, real.shape[1], seed=seed) * scale + shift, rng=generator(seed)
        )
        for seed in range(count)
    ]


def test_agrees_with_matrix_square_roots_and_a_polynomial_fit():
    real, fake = random(300, 6), random(400, 6, seed=1) @ random(6, 6, seed=2) + 0.2
    found = frechet_distance_extrapolated(real, fake, rng=generator(7), sizes=6, smallest=50)
    rng, distances = generator(7), []
    for size in (50, 120, 190, 260, 330, 400):
        rows = torch.randperm(400, generator=rng)[:size]
        distances.append(by_square_root(real.numpy(), fake[rows].numpy()))
    slope, value = np.polyfit([1 / size for size in found.sizes], distances, 1)
    assert found.sizes == (50, 120, 190, 260, 330, 400)
    assert found.distances == pytest.approx(distances, rel=1e-8)
    assert (found.value, found.slope) == (pytest.approx(value, rel=1e-7), pytest.approx(slope, rel=1e-7))


def test_two_gaussians_are_at_their_true_distance_where_the_plain_one_overstates_it():
    truth = 8 * 0.25**2 + 8 * (1.3 - 1) ** 2
    found = replicates(standard(500, 8), 1000, 1.3, 0.25, 60)
    values = torch.tensor([x.value for x in found])
    plain = torch.tensor([x.distances[-1] for x in found])
    assert abs(float(values.mean()) - truth) < 3 * float(values.std()) / 60**0.5
    assert float(plain.mean()) - truth > 4 * float(plain.std()) / 60**0.5


@pytest.mark.parametrize(("n", "low", "high"), [(320, -0.2, -0.03), (64, -0.45, -0.15), (32, -0.5, -0.1)])
def test_few_samples_a_feature_leave_the_bias_that_is_stated(n: int, low: float, high: float):
    found = replicates(standard(200, 32), n, 1.0, 0.0, 30)  # 10, 2 and 1 rows a feature
    left = sum(x.value for x in found) / sum(x.distances[-1] for x in found)
    assert low < left < high


def test_all_of_the_generated_set_comes_last_and_the_real_set_is_always_whole():
    real, fake = random(90, 5), random(200, 5, seed=1) * 2
    found = frechet_distance_extrapolated(real, fake, rng=generator())
    assert found.sizes[-1] == 200
    assert found.distances[-1] == pytest.approx(frechet_distance(real, fake), rel=1e-12)
    swapped = frechet_distance_extrapolated(fake, real, rng=generator())
    assert swapped.sizes[-1] == 90
    assert swapped.distances[-1] == pytest.approx(found.distances[-1], rel=1e-12)


def test_a_generator_with_a_single_sample_has_no_bias_to_remove():
    real = standard(100, 4)
    fake = torch.full((60, 4), 3.0, dtype=torch.float64)
    found = frechet_distance_extrapolated(real, fake, rng=generator())
    assert found.distances == pytest.approx([4 * 9 + 4] * 15, rel=1e-12)  # the shift, and all variances
    assert found.value == pytest.approx(40, rel=1e-12)
    assert found.slope == pytest.approx(0, abs=1e-9)


def test_the_real_rows_replayed_come_out_below_zero():
    real = random(400, 8)
    found = [
        frechet_distance_extrapolated(
            real, real[torch.randperm(400, generator=generator(seed))], rng=generator(100 + seed)
        )
        for seed in range(20)
    ]
    assert [x.distances[-1] for x in found] == pytest.approx([0] * 20, abs=1e-10)
    # Subsets of n out of 400 differ by slope · (1/n − 1/400): the line passes through 0 at n = 400, not at ∞.
    at_infinity = torch.tensor([x.value / (x.slope / 400) for x in found])
    assert float(at_infinity.mean()) == pytest.approx(-1, abs=4 * float(at_infinity.std()) / 20**0.5)
    assert float(at_infinity.max()) < 0


def test_a_generator_that_is_farther_off_scores_higher():
    real, fake = random(1000, 8), random(1000, 8, seed=1)
    shifted = [
        frechet_distance_extrapolated(real, fake + shift, rng=generator()).value for shift in (0.0, 0.5, 1.0)
    ]
    assert shifted == sorted(shifted)
    for collapsed_or_noisy in (fake * 0.1, fake * 2):
        assert frechet_distance_extrapolated(real, collapsed_or_noisy, rng=generator()).value > shifted[1]


def test_the_default_sizes_are_those_of_the_paper_in_its_setting():
    fifty_thousand = torch.empty(50_000, 2048, device="meta")
    assert _first_size(fifty_thousand) == 5000
    assert _evenly_spaced(50_000, 5000, 15) == tuple(np.linspace(5000, 50_000, 15).astype(int).tolist())
    # Two rows a feature where a tenth is less than that, and never over half.
    assert _first_size(torch.empty(10_000, 2048, device="meta")) == 4096
    assert _first_size(torch.empty(3000, 2048, device="meta")) == 1500


def test_chunk_size_does_not_matter_and_the_generator_decides_the_rows(monkeypatch: pytest.MonkeyPatch):
    real, fake = random(200, 10), random(300, 10, seed=1)
    before = frechet_distance_extrapolated(real, fake, rng=generator(3))
    monkeypatch.setattr("ganlens.measures.feature_matrix.VALUES_AT_ONCE", 97)
    again = frechet_distance_extrapolated(real, fake, rng=generator(3))
    other = frechet_distance_extrapolated(real, fake, rng=generator(4))
    assert again.distances == pytest.approx(before.distances, rel=1e-10)
    assert again.value == pytest.approx(before.value, abs=1e-9)
    assert other.value != before.value


def test_bad_input_is_refused_in_one_sentence():
    a = random(100, 3)
    holed = a.clone()
    holed[41, 2] = torch.nan
    with pytest.raises(UserError, match="found 15 from 5; give more samples or ask for fewer sizes"):
        frechet_distance_extrapolated(a, a[:10], rng=generator())
    with pytest.raises(UserError, match="at least 2 different sizes between 2 and the 100 rows of fake"):
        frechet_distance_extrapolated(a, a, rng=generator(), sizes=1)
    with pytest.raises(UserError, match="found 15 from 1"):
        frechet_distance_extrapolated(a, a, rng=generator(), smallest=1)
    with pytest.raises(UserError, match="real has 3 features a row and fake has 2"):
        frechet_distance_extrapolated(a, a[:, :2], rng=generator())
    with pytest.raises(UserError, match="fake: row 41 holds NaN"):
        frechet_distance_extrapolated(a, holed, rng=generator())
    with pytest.raises(UserError, match="real: expected floating-point features"):
        frechet_distance_extrapolated(a.long(), a, rng=generator())
