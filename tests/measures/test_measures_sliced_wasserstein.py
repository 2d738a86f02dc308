from __future__ import annotations

import sys

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor

from ganlens.errors import UserError
from ganlens.measures import frechet_distance
from ganlens.measures.sliced_wasserstein import sliced_wasserstein


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=generator(seed), dtype=torch.float64)


def directions(count: int, width: int, seed: int) -> np.ndarray:
    """What the function draws from a generator of this seed."""
    rng = generator(seed)
    drawn = np.stack([torch.randn(width, generator=rng, dtype=torch.float64).numpy() for _ in range(count)])
    return drawn / np.linalg.norm(drawn, axis=1, keepdims=True)


def on_a_line(a: np.ndarray, b: np.ndarray, order: int) -> float:
    """The mean move to the power of the order, every value repeated until both sets are equally long."""
    return float((np.abs(np.sort(np.repeat(a, len(b))) - np.sort(np.repeat(b, len(a)))) ** order).mean())


def test_one_feature_is_the_exact_distance_on_a_line_also_between_unequal_numbers():
    a, b = random(37, 1), random(23, 1, seed=1) * 2 + 0.5
    expected = stats.wasserstein_distance(a[:, 0].numpy(), b[:, 0].numpy())
    assert sliced_wasserstein(a, b, rng=generator(), projections=3, order=1) == pytest.approx(
        expected, rel=1e-12
    )
    squared = on_a_line(a[:, 0].numpy(), b[:, 0].numpy(), 2)
    assert sliced_wasserstein(a, b, rng=generator(), projections=3) == pytest.approx(squared**0.5, rel=1e-12)


def test_two_against_three_points_by_hand():
    # In sixths: 0 0 0 6 6 6 against 0 0 3 3 9 9; moves of 0, 0, 3, 3, 3 and 3.
    a, b = torch.tensor([[0.0], [6.0]]), torch.tensor([[3.0], [9.0], [0.0]])
    assert sliced_wasserstein(a, b, rng=generator(), order=1) == pytest.approx(2, rel=1e-12)
    assert sliced_wasserstein(a, b, rng=generator(), order=2) == pytest.approx(6**0.5, rel=1e-12)


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("m", [30, 18])
def test_agrees_with_every_direction_on_its_own(m: int, order: int):
    a, b = random(30, 4), random(m, 4, seed=1) + 0.3
    values = [on_a_line((a.numpy() @ v), (b.numpy() @ v), order) for v in directions(20, 4, seed=5)]
    found = sliced_wasserstein(a, b, rng=generator(5), projections=20, order=order)
    assert found == pytest.approx(np.mean(values) ** (1 / order), rel=1e-10)


def test_a_shift_is_seen_at_its_length_over_the_root_of_the_dimension():
    width, count = 10, 2000
    a, shift = random(50, width), torch.linspace(-1, 2, width, dtype=torch.float64)
    squared = sliced_wasserstein(a, a + shift, rng=generator(), projections=count) ** 2
    exact = np.mean((directions(count, width, seed=0) @ shift.numpy()) ** 2)
    assert squared == pytest.approx(exact, rel=1e-10)
    # The squared cosine of a random direction is Beta(½, (d−1)/2): mean 1/d, variance 2(d−1)/(d²(d+2)).
    length = float(shift @ shift)
    error = length * (2 * (width - 1) / (width**2 * (width + 2)) / count) ** 0.5
    assert abs(squared - length / width) < 3 * error


def test_a_set_twice_as_wide_is_at_its_own_size_over_the_root_of_the_dimension():
    a = random(400, 8)
    a = a - a.mean(dim=0)
    found = sliced_wasserstein(a, 2 * a, rng=generator(), projections=4000)
    assert found**2 == pytest.approx(float(a.square().sum(dim=1).mean()) / 8, rel=0.01)


@pytest.mark.parametrize("n", [10, 64, 500])
def test_identical_sets_are_at_distance_zero_even_with_fewer_rows_than_columns(n: int):
    a = (random(n, 64) * 3 + 100).float()
    shuffled = a[torch.randperm(n, generator=generator(1))]
    for order in (1, 2):
        assert sliced_wasserstein(a, a, rng=generator(), projections=20, order=order) == 0
        assert sliced_wasserstein(a, shuffled, rng=generator(), projections=20, order=order) <= 1e-12
    twice = a.repeat_interleave(2, dim=0)
    assert sliced_wasserstein(a, twice, rng=generator(), projections=20) <= 1e-12
    constant = torch.full((n, 3), 7.0)
    assert sliced_wasserstein(constant, constant, rng=generator(), projections=20) == 0


def test_an_offset_the_chunks_and_the_directions_at_once_do_not_matter(monkeypatch: pytest.MonkeyPatch):
    a, b = random(60, 7), random(45, 7, seed=1) + 0.2
    before = sliced_wasserstein(a, b, rng=generator(2), projections=50)
    assert sliced_wasserstein(a + 1e6, b + 1e6, rng=generator(2), projections=50) == pytest.approx(
        before, rel=1e-7
    )
    module = sys.modules[sliced_wasserstein.__module__]  # its name may stand for the function
    monkeypatch.setattr(module, "VALUES_AT_ONCE", 7 * 105)
    monkeypatch.setattr("ganlens.measures.feature_matrix.VALUES_AT_ONCE", 31)
    shuffled = a[torch.randperm(60, generator=generator(3))]
    assert sliced_wasserstein(shuffled, b, rng=generator(2), projections=50) == pytest.approx(
        before, rel=1e-12
    )
    assert sliced_wasserstein(b, a, rng=generator(2), projections=50) == pytest.approx(before, rel=1e-12)


def test_a_difference_in_shape_that_the_frechet_distance_cannot_see():
    a = torch.tensor([[-1.0], [1.0]], dtype=torch.float64).repeat(300, 1)  # two points
    b = random(600, 1)
    b = (b - b.mean()) / b.std() * a.std()
    assert frechet_distance(a, b) <= 1e-12
    # Of order 2: E(|x| − 1)² = 2 − 2·√(2/π) for a Gaussian, but for the sample.
    found = sliced_wasserstein(a, b, rng=generator(), projections=1)
    assert found**2 == pytest.approx(2 - 2 * (2 / np.pi) ** 0.5, rel=0.1)


def test_few_samples_overstate_and_fall_as_one_over_the_root():
    few, many = (
        sum(
            sliced_wasserstein(
                random(n, 6, seed=s), random(n, 6, seed=s + 50), rng=generator(), projections=60
            )
            for s in range(20)
        )
        for n in (50, 800)
    )
    assert few / many == pytest.approx(4, rel=0.15)


def test_shifted_collapsed_and_noisy_sets_score_higher():
    real, fake = random(500, 8), random(500, 8, seed=1)

    def score(x: Tensor) -> float:
        return sliced_wasserstein(real, x, rng=generator(), projections=200)

    shifted = [score(fake + shift) for shift in (0.0, 0.5, 1.0)]
    assert shifted == sorted(shifted)
    for order in (1, 2):
        close = sliced_wasserstein(real, fake, rng=generator(), order=order)
        for far in (fake * 0.1, fake * 2):
            assert sliced_wasserstein(real, far, rng=generator(), order=order) > 5 * close


def test_bad_input_is_refused_in_one_sentence():
    a = random(10, 3)
    holed = a.clone()
    holed[4, 1] = torch.inf
    for call, message in (
        (lambda: sliced_wasserstein(a, a, rng=generator(), projections=0), "at least 1 projection, found 0"),
        (lambda: sliced_wasserstein(a, a, rng=generator(), order=3), "order must be 1 or 2, found 3"),
        (lambda: sliced_wasserstein(a, a[:, :2], rng=generator()), "a has 3 features a row and b has 2"),
        (lambda: sliced_wasserstein(a, a[:1], rng=generator()), "b: expected at least 2 rows, found 1"),
        (lambda: sliced_wasserstein(holed, a, rng=generator()), "a: row 4 holds NaN or an infinite value"),
        (lambda: sliced_wasserstein(a, a.int(), rng=generator()), "b: expected floating-point features"),
    ):
        with pytest.raises(UserError, match=message):
            call()
