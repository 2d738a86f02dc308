from __future__ import annotations

import pytest
import torch
from torch import Tensor

from ganlens.errors import UserError
from ganlens.measures import distances, nearest_neighbours


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def every_distance(queries: Tensor, references: Tensor) -> Tensor:
    return (queries.double()[:, None] - references.double()[None]).square().sum(dim=2).sqrt()


@pytest.fixture
def small_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distances, "TILE", 7)
    monkeypatch.setattr(distances, "EXACT_VALUES_AT_ONCE", 100)


def test_points_on_a_line_by_hand():
    queries, references = torch.tensor([[0.0], [10.0]]), torch.tensor([[1.0], [-2.0], [7.0], [30.0]])
    found, rows = nearest_neighbours(queries, references, 2)
    assert found.tolist() == [[1.0, 2.0], [3.0, 9.0]]
    assert rows.tolist() == [[0, 1], [2, 0]]


@pytest.mark.parametrize("width", [2, 40])  # below and above the width from which float32 narrows down
def test_equals_a_full_sort(width: int, small_tiles: None):
    queries, references = random(50, width), random(64, width, seed=1)
    expected, order = every_distance(queries, references).sort(dim=1)
    found, rows = nearest_neighbours(queries, references, 5)
    torch.testing.assert_close(found, expected[:, :5], rtol=1e-12, atol=0)
    assert torch.equal(rows, order[:, :5])


@pytest.mark.parametrize("approaching", [False, True])
@pytest.mark.parametrize("tile", [160, 640, 1000])
def test_a_set_against_itself_equals_a_full_sort_where_groups_are_searched_by_their_minima(
    tile: int, approaching: bool, monkeypatch: pytest.MonkeyPatch
):
    """Across tiles on and off the diagonal, whole and cut; with hardly a candidate in later tiles, and with many."""
    monkeypatch.setattr(distances, "TILE", tile)
    points = random(1500, 40)
    if approaching:  # each tile is nearer to the first rows than those before it
        points *= torch.linspace(3, 0.1, 1500)[:, None]
    points[1400] = points[3]
    full = every_distance(points, points)
    expected, order = full.clone().fill_diagonal_(torch.inf).sort(dim=1, stable=True)
    for references in (points, points.clone()):  # the second is searched as another set
        found, rows = nearest_neighbours(points, references, 5, exclude_self=True)
        torch.testing.assert_close(found, expected[:, :5], rtol=1e-12, atol=0)
        assert torch.equal(rows, order[:, :5])
    included, _ = nearest_neighbours(points, points, 2)
    assert torch.equal(included[:, 0], torch.zeros(1500, dtype=torch.float64))
    torch.testing.assert_close(included[:, 1], expected[:, 0], rtol=1e-12, atol=0)


@pytest.mark.parametrize("width", [2, 40])
def test_itself_is_excluded_but_a_copy_of_it_is_not(width: int, small_tiles: None):
    points = random(30, width)
    points[20] = points[3]
    found, rows = nearest_neighbours(points, points, 1, exclude_self=True)
    assert found[3].item() == found[20].item() == 0
    assert rows[3].item() == 20
    assert rows[20].item() == 3
    full = every_distance(points, points).fill_diagonal_(torch.inf)
    torch.testing.assert_close(found[:, 0], full.min(dim=1).values, rtol=1e-12, atol=0)
    included, _ = nearest_neighbours(points, points, 1)
    assert torch.equal(included, torch.zeros_like(included))


def test_tight_clusters_far_from_each_other_keep_their_digits(small_tiles: None):
    # Within a cluster squared distances are 1e-8 of the squared norms: float32 products alone would be noise.
    centres = 1e4 * random(3, 40)
    points = (centres.repeat(20, 1) + random(60, 40, seed=1)).double()
    found, rows = nearest_neighbours(points.float(), points.float(), 4, exclude_self=True)
    full = every_distance(points.float(), points.float()).fill_diagonal_(torch.inf)
    expected, order = full.sort(dim=1)
    torch.testing.assert_close(found, expected[:, :4], rtol=1e-12, atol=0)
    assert torch.equal(rows, order[:, :4])


def test_more_copies_than_candidates_are_all_at_distance_zero(small_tiles: None):
    points = random(3, 40).repeat(20, 1)
    found, rows = nearest_neighbours(points, points, 3, exclude_self=True)
    assert torch.equal(found, torch.zeros(60, 3, dtype=torch.float64))
    assert torch.equal(points[rows[:, 2]], points)
    assert not (rows == torch.arange(60)[:, None]).any()


def test_one_wild_row_does_not_spoil_the_others(small_tiles: None):
    points = random(60, 40)
    points[17] = 1e7
    expected, order = every_distance(points, points).fill_diagonal_(torch.inf).sort(dim=1)
    found, rows = nearest_neighbours(points, points, 3, exclude_self=True)
    torch.testing.assert_close(found, expected[:, :3], rtol=1e-12, atol=0)
    assert torch.equal(rows, order[:, :3])


def test_tile_size_does_not_matter(monkeypatch: pytest.MonkeyPatch):
    queries, references = random(100, 48), random(90, 48, seed=1)
    whole = nearest_neighbours(queries, references, 3)
    monkeypatch.setattr(distances, "TILE", 13)
    tiled = nearest_neighbours(queries, references, 3)
    assert torch.equal(whole.distances, tiled.distances)
    assert torch.equal(whole.indices, tiled.indices)


def test_shortened_float32_products_change_nothing():
    queries, references = random(100, 48), random(90, 48, seed=1)
    whole = nearest_neighbours(queries, references, 3)
    previous = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    try:
        assert torch.equal(nearest_neighbours(queries, references, 3).indices, whole.indices)
    finally:
        torch.set_float32_matmul_precision(previous)


def test_half_precision_and_all_neighbours():
    points = random(12, 5).half()
    found, rows = nearest_neighbours(points, points, 11, exclude_self=True)
    expected, order = every_distance(points, points).fill_diagonal_(torch.inf).sort(dim=1)
    torch.testing.assert_close(found, expected[:, :11], rtol=1e-12, atol=0)
    assert torch.equal(rows, order[:, :11])


def test_a_single_reference_is_enough():
    found, rows = nearest_neighbours(torch.tensor([[3.0, 4.0]]), torch.zeros(1, 2))
    assert found.tolist() == [[5.0]]
    assert rows.tolist() == [[0]]


def test_bad_requests_are_refused():
    points = random(5, 3)
    with pytest.raises(UserError, match="k must lie between 1 and 4, the neighbours there are, found 5"):
        nearest_neighbours(points, points, 5, exclude_self=True)
    with pytest.raises(UserError, match="between 1 and 5, the neighbours there are, found 6"):
        nearest_neighbours(points, points, 6)
    with pytest.raises(UserError, match="found 0"):
        nearest_neighbours(points, points, 0)
    with pytest.raises(UserError, match="found 4 queries and 5 references"):
        nearest_neighbours(points[:4], points, 1, exclude_self=True)
    with pytest.raises(UserError, match="queries has 2 features a row and references has 3"):
        nearest_neighbours(points[:, :2], points)
    with pytest.raises(UserError, match="queries: row 2 holds NaN"):
        nearest_neighbours(points.clone().index_fill_(0, torch.tensor([2]), float("nan")), points)
