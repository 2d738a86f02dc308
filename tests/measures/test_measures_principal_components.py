from __future__ import annotations

import pytest
import torch
from sklearn.decomposition import PCA
from torch import Tensor

from ganlens.errors import UserError
from ganlens.measures import principal_components as module
from ganlens.measures.principal_components import principal_axes


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def spread(rows: int, width: int, seed: int = 0) -> Tensor:
    """Points whose standard deviations along mixed directions fall by 10 % from one to the next."""
    points = torch.randn(rows, width, generator=generator(seed), dtype=torch.float64)
    turn, _ = torch.linalg.qr(torch.randn(width, width, generator=generator(9), dtype=torch.float64))
    return points * 0.9 ** torch.arange(width) @ turn + 3


@pytest.fixture(params=["exact", "iterated"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "iterated":
        monkeypatch.setattr(module, "LARGEST_EXACT", 0)


def test_a_line_by_hand(way: None):
    # Along (3, 4)/5 from (1, 2).
    points = torch.tensor([[1.0, 2.0]]) + torch.tensor([[-1.0], [0.0], [1.0]]) * torch.tensor([[3.0, 4.0]])
    found = principal_axes(points, 1, generator())
    assert found.mean.tolist() == pytest.approx([1.0, 2.0])
    assert found.axes.abs().tolist() == [pytest.approx([0.6, 0.8])]
    assert found.coordinates(points).flatten().abs().tolist() == pytest.approx([5.0, 0.0, 5.0], abs=1e-12)


@pytest.mark.parametrize("rows", [300, 25])
def test_agrees_with_scikit_learn(way: None, rows: int):
    points = spread(rows, 60)
    theirs = torch.from_numpy(PCA(8, svd_solver="full").fit(points.numpy()).components_)
    found = principal_axes(points, 8, generator())
    torch.testing.assert_close((found.axes @ theirs.T).abs(), torch.eye(8).double(), atol=1e-4, rtol=0)
    torch.testing.assert_close(found.axes @ found.axes.T, torch.eye(8).double())
    torch.testing.assert_close(found.mean, points.mean(dim=0))


def test_chunks_and_order_do_not_matter(way: None, monkeypatch: pytest.MonkeyPatch):
    points = spread(100, 20)
    before = principal_axes(points, 3, generator()).coordinates(points)
    monkeypatch.setattr("ganlens.measures.feature_matrix.VALUES_AT_ONCE", 60)
    after = principal_axes(points.flip(0), 3, generator()).coordinates(points)
    torch.testing.assert_close(after.abs(), before.abs(), atol=1e-6, rtol=0)


def test_bad_requests_are_refused():
    for points, k, message in (
        (spread(5, 9), 5, "k must lie between 1 and 4, the directions there are, found 5"),
        (spread(9, 5), 6, "between 1 and 5"),
        (spread(9, 5), 0, "found 0"),
        (spread(9, 5) * float("nan"), 1, "points: row 0 holds NaN"),
    ):
        with pytest.raises(UserError, match=message):
            principal_axes(points, k, generator())
