"""The gap of few samples in many features: none of fresh real samples, and never less than none of narrower ones."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from ganlens.measures.frechet import frechet_distance
from ganlens.measures.replicates import ReplicateDifference
from ganlens.measures.resemblance import RealReference

BLOCKS, BLOCK = 6, 250


def rows(count: int, width: int, rng: torch.Generator) -> Tensor:
    """A Gaussian whose variances fall as 1/j: as flat a spectrum as pictures with fine texture have."""
    return torch.randn(count, width, generator=rng) / torch.arange(1, width + 1).sqrt()


def gap(width: int, change, seed: int = 0) -> tuple[ReplicateDifference, ReplicateDifference]:
    """The gap of changed real samples by `distance`, and by the Fréchet distance, over the real variance."""
    rng = torch.Generator().manual_seed(seed)
    reference = RealReference(rows(BLOCK, width, rng), 5)
    real = [rows(BLOCK, width, rng) for _ in range(BLOCKS)]
    fake = [change(rows(BLOCK, width, rng)) for _ in range(BLOCKS)]
    both = []
    for measure in (reference.distance, reference.frechet_distance):
        sides = ([measure(block) / reference.variance for block in side] for side in (fake, real))
        difference = ReplicateDifference.between(*sides)
        assert difference is not None
        both.append(difference)
    return both[0], both[1]


@pytest.mark.parametrize("width", [10, 300, 800])
def test_fresh_real_samples_have_no_gap(width: int) -> None:
    held = [gap(width, lambda block: block, seed)[0].interval(0.998) for seed in range(3)]
    assert all(interval.low <= 0 <= interval.high for interval in held)


@pytest.mark.parametrize("width", [10, 300, 800])
def test_samples_that_spread_less_have_one(width: int) -> None:
    """True gaps: (1 − 0.8)² = 0.04, and nearly 1 for copies of the mean."""
    narrow, by_frechet = gap(width, lambda block: 0.8 * block)
    assert narrow.interval().low > 0.02 and narrow.interval().high < 0.05
    assert (by_frechet.value < 0) == (width > BLOCK)  # why another distance is needed
    assert 0.85 < gap(width, lambda block: 1e-3 * block)[0].value <= 1


def test_a_shift_counts_in_full_wherever_it_lies() -> None:
    far = torch.zeros(300)
    far[-1] = 0.5
    rng = torch.Generator().manual_seed(1)
    variance = RealReference(rows(2000, 300, rng), 5).variance
    assert gap(300, lambda block: block + far)[0].value == pytest.approx(0.25 / variance, abs=0.01)


def test_of_few_features_it_is_the_frechet_distance_and_of_many_no_more() -> None:
    rng = torch.Generator().manual_seed(2)
    for width in (3, 32, 60):
        first, second = rows(400, width, rng), 1.3 * rows(400, width, rng) + 0.1
        distance, frechet = RealReference(first, 5).distance(second), frechet_distance(second, first)
        assert distance == pytest.approx(frechet, rel=1e-9) if width <= 32 else 0 < distance < frechet
