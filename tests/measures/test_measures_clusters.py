from __future__ import annotations

import pytest
import torch
from torch import Tensor

from ganlens.errors import UserError
from ganlens.measures import Clusters, k_means, medoids


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def planted(offset: float = 0.0) -> tuple[Tensor, Tensor]:
    """Three tight groups of 30, 20 and 10 points, shuffled, and which group each belongs to."""
    centres = torch.tensor([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]])
    truth = torch.tensor([0] * 30 + [1] * 20 + [2] * 10)[torch.randperm(60, generator=generator(1))]
    return centres[truth] + 0.1 * torch.randn(60, 2, generator=generator(2)) + offset, truth


@pytest.mark.parametrize("offset", [0.0, 1e4])
def test_planted_groups_are_found_largest_first(offset: float):
    points, truth = planted(offset)
    found = k_means(points, 3, generator())
    assert torch.equal(found.labels, truth)
    for group in range(3):
        members = points[truth == group].double()
        torch.testing.assert_close(found.centres[group], members.mean(dim=0))
    expected = sum(
        float((members - members.mean(dim=0)).square().sum())
        for members in (points[truth == group].double() for group in range(3))
    )
    assert found.inertia == pytest.approx(expected)


def test_points_on_a_line_by_hand():
    points = torch.tensor([[0.0], [1.0], [2.0], [10.0], [12.0]])
    found = k_means(points, 2, generator())
    assert found.labels.tolist() == [0, 0, 0, 1, 1]
    assert found.centres.flatten().tolist() == pytest.approx([1.0, 11.0])
    assert found.inertia == pytest.approx(2 + 2)
    assert medoids(points, found)[0].item() == 1


def test_one_group_is_the_mean_and_as_many_as_points_are_the_points():
    points = torch.randn(12, 3, generator=generator(5))
    one = k_means(points, 1, generator())
    torch.testing.assert_close(one.centres[0], points.double().mean(dim=0))
    every = k_means(points, 12, generator())
    assert every.inertia == pytest.approx(0.0, abs=1e-20)
    assert sorted(every.labels.tolist()) == list(range(12))


def test_restarts_keep_the_best_descent():
    points = torch.randn(300, 2, generator=generator(5))
    alone = [k_means(points, 12, generator(seed), restarts=1).inertia for seed in range(4)]
    rng = generator(0)
    first = k_means(points, 12, rng, restarts=1).inertia
    assert first == alone[0]
    assert k_means(points, 12, generator(0), restarts=8).inertia <= first
    assert k_means(points, 12, generator(0), restarts=20).inertia <= min(alone) * 1.02


def test_every_point_belongs_to_the_nearest_centre():
    points = torch.randn(200, 4, generator=generator(5))
    found = k_means(points, 7, generator())
    nearest = torch.cdist(points.double(), found.centres).argmin(dim=1)
    assert torch.equal(found.labels, nearest)
    sizes = torch.bincount(found.labels)
    assert sizes.tolist() == sorted(sizes.tolist(), reverse=True)


def test_fewer_distinct_points_than_groups_give_fewer_groups():
    points = torch.tensor([[1.0, 1.0], [4.0, 5.0]]).repeat(6, 1)[:11]
    found = k_means(points, 5, generator())
    torch.testing.assert_close(found.centres, torch.tensor([[1.0, 1.0], [4.0, 5.0]]).double())
    assert found.inertia == pytest.approx(0.0, abs=1e-20)
    assert k_means(torch.ones(8, 3), 4, generator()).centres.tolist() == [[1.0, 1.0, 1.0]]


def test_the_medoid_is_the_member_with_the_least_squared_distance_to_all():
    points, truth = planted()
    rows = medoids(points, k_means(points, 3, generator()))
    squared = torch.cdist(points.double(), points.double()).square()
    for group in range(3):
        members = (truth == group).nonzero().squeeze(1)
        assert rows[group] == members[squared[members][:, members].sum(dim=1).argmin()]


def test_the_same_generator_gives_the_same_groups():
    points = torch.randn(100, 3, generator=generator(5))
    first, second = k_means(points, 6, generator(9)), k_means(points, 6, generator(9))
    assert torch.equal(first.labels, second.labels)
    assert torch.equal(first.centres, second.centres)


def test_bad_requests_are_refused():
    points = torch.randn(5, 2, generator=generator())
    for call, message in (
        (
            lambda: k_means(points, 6, generator()),
            "k must lie between 1 and 5, the points there are, found 6",
        ),
        (lambda: k_means(points, 0, generator()), "found 0"),
        (lambda: k_means(points, 2, generator(), restarts=0), "at least 1 restart"),
        (lambda: k_means(points / 0, 2, generator()), "points: row 0 holds NaN or an infinite value"),
        (
            lambda: medoids(points, Clusters(torch.zeros(1, 2), torch.zeros(4, dtype=torch.int64), 0.0)),
            "the clusters are of 4 points of width 2, not of these 5",
        ),
    ):
        with pytest.raises(UserError, match=message):
            call()
