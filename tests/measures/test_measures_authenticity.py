from __future__ import annotations

import math

import pytest
import torch
from scipy import stats
from torch import Tensor

from ganlens.errors import UserError
from ganlens.measures import distances
from ganlens.measures.authenticity import authenticity


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def by_definition(train: Tensor, fake: Tensor) -> Tensor:
    def every_distance(a: Tensor, b: Tensor) -> Tensor:
        return (a.double()[:, None] - b.double()[None]).square().sum(dim=2).sqrt()

    reach = every_distance(train, train).fill_diagonal_(torch.inf).min(dim=1).values
    nearest = every_distance(fake, train).min(dim=1)
    return nearest.values > reach[nearest.indices]


def test_points_on_a_line_by_hand():
    # Neighbours of 0, 1, 5 are 1, 1 and 4 away.
    train = torch.tensor([[5.0], [0.0], [1.0]])
    # 0.4 is nearest to 0; 2 to 1, at just its distance; 2.5 to 1 beyond it; 8 to 5 within; 5 is a copy.
    found = authenticity(train, torch.tensor([[0.4], [2.0], [2.5], [8.0], [5.0], [9.5]]))
    assert found.authentic.tolist() == [False, False, True, False, False, True]
    assert found.ratio.tolist() == pytest.approx([0.4, 1.0, 1.5, 0.75, 0.0, 1.125])
    assert found.nearest.tolist() == [1, 2, 2, 0, 0, 0]
    assert found.share == pytest.approx(2 / 6)
    expected = stats.binomtest(2, 6).proportion_ci(0.95, method="exact")
    assert (found.interval.low, found.interval.high) == pytest.approx((expected.low, expected.high))


@pytest.mark.parametrize("width", [2, 40])
def test_equals_the_definition(width: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(distances, "TILE", 16)
    train, fake = random(90, width), random(70, width, seed=1)
    found = authenticity(train, fake)
    assert torch.equal(found.authentic, by_definition(train, fake))
    assert 0 < found.share < 1


def test_fresh_draws_on_a_circle_are_authentic_one_time_in_three():
    # On a circle nothing is at an edge, and chords grow with arcs. The nearest training point is across the
    # smaller of the two gaps beside the fake; authentic if the gap behind that point is smaller still. Of
    # three exchangeable gaps the one behind is then the smallest: (1/3) / 1.
    shares = []
    for seed in range(60):
        angle = 2 * math.pi * torch.rand(300, generator=torch.Generator().manual_seed(seed)).double()
        circle = torch.stack([angle.cos(), angle.sin()], dim=1)
        shares.append(authenticity(circle[:100], circle[100:]).share)
    values = torch.tensor(shares)
    assert float(values.std()) / 60**0.5 < 0.01
    assert abs(float(values.mean()) - 1 / 3) < 3 * float(values.std()) / 60**0.5


def test_fresh_draws_on_a_surface_without_edges_score_its_closed_form():
    # Two points are each other's nearest with chance 6π / (8π + 3√3) in the plane (Pickard 1982).
    shares = []
    for seed in range(30):
        angles = 2 * math.pi * torch.rand(900, 2, generator=torch.Generator().manual_seed(seed)).double()
        torus = torch.cat([angles.cos(), angles.sin()], dim=1)
        shares.append(authenticity(torus[:600], torus[600:]).share)
    expected = 1 - 6 * math.pi / (8 * math.pi + 3 * math.sqrt(3))
    values = torch.tensor(shares)
    assert float(values.std()) / 30**0.5 < 0.01
    assert abs(float(values.mean()) - expected) < 3 * float(values.std()) / 30**0.5


def test_copies_are_not_authentic_with_noise_or_without():
    train = random(200, 8)
    assert authenticity(train, train.clone()).share == 0.0
    noisy = authenticity(train, train + 0.05 * random(200, 8, seed=1))
    assert noisy.share == 0.0
    assert torch.equal(noisy.nearest, torch.arange(200))
    half = torch.cat([train[:100], random(100, 8, seed=2)])
    fresh = authenticity(train, random(100, 8, seed=2)).share
    assert authenticity(train, half).share == pytest.approx(fresh / 2)


def test_noise_and_blur_raise_it():
    train = random(300, 5)
    fresh = authenticity(train, random(300, 5, seed=1)).share
    assert authenticity(train, 2 * random(300, 5, seed=1)).share > fresh + 0.15


def test_repeated_training_rows_count_once():
    train = random(100, 4)
    fake = torch.cat([train[:50] + 0.01 * random(50, 4, seed=1), random(50, 4, seed=2)])
    once = authenticity(train, fake)
    # By the letter all near copies of repeated rows would be authentic.
    assert by_definition(train.repeat(3, 1), fake)[:50].all()
    repeated = authenticity(train.repeat(3, 1), fake)
    assert torch.equal(repeated.authentic, once.authentic)
    assert not repeated.authentic[:50].any()
    assert torch.equal(repeated.ratio, once.ratio)
    assert torch.equal(repeated.nearest, once.nearest)  # the first of the equal rows


def test_negative_zero_is_zero():
    train = torch.tensor([[0.0, 1.0], [-0.0, 1.0], [3.0, 1.0]])
    assert authenticity(train, torch.tensor([[0.5, 1.0]])).ratio.tolist() == pytest.approx([1 / 6])


def test_neither_order_nor_tiles_matter_even_among_equal_distances(monkeypatch: pytest.MonkeyPatch):
    # Whole numbers: most points have several neighbours at the same distance.
    train, fake = (2 * random(80, 3)).round(), (2 * random(60, 3, seed=1)).round()
    before = authenticity(train, fake)
    order = torch.randperm(80, generator=torch.Generator().manual_seed(2))
    after = authenticity(train[order], fake.flip(0))
    assert torch.equal(after.ratio.flip(0), before.ratio)
    assert torch.equal(train[order][after.nearest.flip(0)], train[before.nearest])
    monkeypatch.setattr(distances, "TILE", 7)
    assert torch.equal(authenticity(train, fake).ratio, before.ratio)


def test_precision_does_not_matter_and_gradients_are_only_read():
    train, fake = random(50, 3).requires_grad_(), random(40, 3, seed=1)
    single = authenticity(train, fake)
    assert torch.equal(single.ratio, authenticity(train.detach().double(), fake.double()).ratio)
    assert not single.ratio.requires_grad


def test_fewer_rows_than_features_and_constant_features():
    train, fake = random(6, 30), random(5, 30, seed=1)
    wider = authenticity(
        torch.cat([train, torch.ones(6, 4)], dim=1), torch.cat([fake, torch.ones(5, 4)], dim=1)
    )
    torch.testing.assert_close(wider.ratio, authenticity(train, fake).ratio)


def test_bad_requests_are_refused():
    train, fake = random(10, 3), random(6, 3, seed=1)
    holed = fake.clone()
    holed[2, 0] = float("nan")
    for call, message in (
        (lambda: authenticity(train[:1].repeat(4, 1), fake), "train: expected at least 2 different rows"),
        (lambda: authenticity(train, fake[:0]), "fake: expected at least 1 row"),
        (lambda: authenticity(train, fake[:, :2]), "train has 3 features a row and fake has 2"),
        (lambda: authenticity(train, holed), "fake: row 2 holds NaN"),
        (lambda: authenticity(train.long(), fake), "train: expected floating-point"),
        (lambda: authenticity(train, fake, level=0.0), "level must lie between 0 and 1"),
    ):
        with pytest.raises(UserError, match=message):
            call()
