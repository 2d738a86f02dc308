from __future__ import annotations

import math

import pytest
import torch
from scipy.spatial.distance import pdist
from torch import Tensor

from ganlens.errors import UserError
from ganlens.measures import diversity
from ganlens.measures.diversity import pairwise_diversity


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=generator(seed), dtype=torch.float64)


def test_three_points_on_a_line_by_hand():
    points = torch.tensor([[0.0], [3.0], [4.0]])  # 3, 4 and 1 apart
    assert pairwise_diversity(points) == pytest.approx(8 / 3, rel=1e-12)
    assert pairwise_diversity(points, squared=True) == pytest.approx(26 / 3, rel=1e-12)


@pytest.mark.parametrize("shape", [(80, 5), (20, 64)])
def test_agrees_with_scipy_over_all_pairs(shape: tuple[int, int]):
    features = random(*shape).float() + 2
    for metric, squared in (("euclidean", False), ("sqeuclidean", True)):
        expected = pdist(features.double().numpy(), metric).mean()
        assert pairwise_diversity(features, squared=squared) == pytest.approx(expected, rel=1e-12)


def test_five_gaussian_samples_estimate_the_expected_distance_without_bias():
    width = 6
    expected = 2 * math.gamma((width + 1) / 2) / math.gamma(width / 2)
    for squared, truth in ((False, expected), (True, 2 * width)):
        values = torch.tensor(
            [pairwise_diversity(random(5, width, seed=s), squared=squared) for s in range(400)]
        )
        assert abs(float(values.mean()) - truth) < 3 * float(values.std()) / 400**0.5
        # With each row's distance 0 to itself counted, a fifth would be missing.
        assert float(values.std()) / 400**0.5 < 0.02 * truth


def test_drawn_pairs_are_never_a_row_with_itself():
    points = torch.tensor([[0.0, 0.0], [3.0, 4.0]])
    assert pairwise_diversity(points, pairs=50, rng=generator()) == 5


def test_drawn_pairs_estimate_all_of_them():
    features = random(30, 8) * torch.linspace(0.1, 3, 30)[:, None]
    spread = pdist(features.numpy()).std()
    drawn = pairwise_diversity(features, pairs=20_000, rng=generator())
    assert abs(drawn - pairwise_diversity(features)) < 3 * spread / 20_000**0.5
    assert drawn != pairwise_diversity(features, pairs=20_000, rng=generator(1))


def test_tile_and_chunk_sizes_and_row_order_do_not_matter(monkeypatch: pytest.MonkeyPatch):
    features = random(100, 6)
    before = [
        pairwise_diversity(features),
        pairwise_diversity(features, squared=True),
        pairwise_diversity(features, pairs=500, rng=generator()),
    ]
    monkeypatch.setattr(diversity, "TILE", 13)
    monkeypatch.setattr(diversity, "VALUES_AT_ONCE", 41)
    monkeypatch.setattr("ganlens.measures.feature_matrix.VALUES_AT_ONCE", 41)
    shuffled = features[torch.randperm(100, generator=generator(3))]
    assert pairwise_diversity(shuffled) == pytest.approx(before[0], rel=1e-12)
    assert pairwise_diversity(shuffled, squared=True) == pytest.approx(before[1], rel=1e-12)
    assert pairwise_diversity(features, pairs=500, rng=generator()) == pytest.approx(before[2], rel=1e-12)


def test_copies_are_at_zero_and_an_offset_costs_few_digits():
    same = torch.full((50, 7), 0.1)
    assert pairwise_diversity(same) <= 1e-8
    assert pairwise_diversity(same, squared=True) <= 1e-16
    assert pairwise_diversity(same, pairs=10, rng=generator()) == 0
    features = random(60, 5)
    assert pairwise_diversity(features + 1e6) == pytest.approx(pairwise_diversity(features), rel=1e-7)
    # Two groups of copies, of 20 and 30: 2·20·30 of the 50·49 ordered pairs are √5·1000 apart, the others 0.
    groups = torch.cat([torch.zeros(20, 5), torch.full((30, 5), 1000.0)])
    assert pairwise_diversity(groups) == pytest.approx(1200 / 2450 * 5**0.5 * 1000, rel=1e-7)


def test_collapsed_samples_score_lower_and_noisy_ones_higher():
    real = torch.eye(8)[torch.arange(200) % 8] * 5 + random(200, 8) * 0.3
    collapsed = torch.eye(8)[torch.arange(200) % 2] * 5 + random(200, 8) * 0.3
    noisy = real + random(200, 8, seed=1) * 2
    for squared in (False, True):
        low, middle, high = (pairwise_diversity(x, squared=squared) for x in (collapsed, real, noisy))
        assert low < 0.8 * middle < 0.8 * 0.9 * high


def test_bad_input_is_refused_in_one_sentence():
    good = random(40, 4)
    holed = good.clone()
    holed[9, 1] = torch.nan
    for call, message in (
        (lambda: pairwise_diversity(holed), "features: row 9 holds NaN"),
        (lambda: pairwise_diversity(good.long()), "expected floating-point features"),
        (lambda: pairwise_diversity(good[:1]), "expected at least 2 rows, found 1"),
        (lambda: pairwise_diversity(good, pairs=0, rng=generator()), "expected at least 1 pair, found 0"),
        (lambda: pairwise_diversity(good, pairs=5), "give rng, a torch.Generator"),
        (lambda: pairwise_diversity(good, squared=True, pairs=5), "closed form; leave out pairs"),
    ):
        with pytest.raises(UserError, match=message):
            call()
