from __future__ import annotations

import math

import pytest
import torch
from scipy import stats
from torch import Tensor

from ganlens.errors import UserError
from ganlens.measures import distances
from ganlens.measures.copying_statistic import CopyingCell, CopyingStatistic, copying_statistic
from ganlens.measures.distance_ratio import distance_ratio


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=generator(seed), dtype=torch.float64)


def places(rows: int, counts: tuple[int, ...], seed: int) -> Tensor:
    """Points round three places far apart, so many in each."""
    centres = torch.tensor([[0.0, 0.0], [100.0, 0.0], [0.0, 100.0]], dtype=torch.float64)
    place = torch.arange(3).repeat_interleave(torch.tensor(counts))
    return centres[place] + random(rows, 2, seed=seed)


def test_cells_by_hand():
    # Cells round 0 and 100, of 3 and 2 training rows. Distances of 20 fakes and 20 unseen rows round 0: all
    # fakes nearer; round 100 all fakes farther, and half as many unseen rows as at 0 make half the weight.
    train = torch.tensor([[-1.0], [0.0], [1.0], [100.0], [101.0]], dtype=torch.float64)

    def beside(place: float, nearest: float, rows: int) -> Tensor:
        return place + nearest + 0.001 * torch.arange(rows, dtype=torch.float64)[:, None]

    held_out = torch.cat([beside(1, 0.5, 40), beside(101, 0.1, 20)])
    fake = torch.cat([beside(1, 0.1, 20), beside(101, 0.5, 30)])
    found = copying_statistic(train, held_out, fake, rng=generator(), cells=2)
    # U is 0 and its most: ± (nm/2) / √(nm (n + m + 1) / 12).
    below = -math.sqrt(3 * 20 * 40 / 61)
    above = math.sqrt(3 * 30 * 20 / 51)
    assert found.cells == (
        CopyingCell(3, 40, 20, pytest.approx(below)),
        CopyingCell(2, 20, 30, pytest.approx(above)),
    )
    assert found.statistic == pytest.approx((2 * below + above) / 3)
    assert found.deviation == pytest.approx(math.sqrt(4 / 9 + 1 / 9))
    assert found.z == pytest.approx(found.statistic / found.deviation)
    assert found.held_out_share == 1.0
    assert found.fake_cell.tolist() == [0] * 20 + [1] * 30


def test_one_cell_is_scipys_test_of_the_distances():
    train, held_out, fake = random(80, 3), random(60, 3, seed=1), 1.3 * random(50, 3, seed=2)
    found = copying_statistic(train, held_out, fake, rng=generator(), cells=1)
    to_train = [torch.cdist(points, train).amin(dim=1).numpy() for points in (fake, held_out)]
    theirs = stats.mannwhitneyu(*to_train, method="asymptotic", use_continuity=False, alternative="greater")
    assert stats.norm.sf(found.statistic) == pytest.approx(theirs.pvalue, rel=1e-9)
    assert found.z == found.statistic


def test_cells_without_enough_of_both_are_left_out():
    train = places(90, (40, 30, 20), seed=0)
    held_out = places(100, (60, 21, 19), seed=1)
    fake = places(100, (60, 10, 30), seed=2)
    found = copying_statistic(train, held_out, fake, rng=generator())
    assert [(c.train, c.held_out, c.fake) for c in found.cells] == [(40, 60, 60), (30, 21, 10), (20, 19, 30)]
    assert [c.z is None for c in found.cells] == [False, True, True]
    assert found.statistic == found.cells[0].z
    assert found.deviation == 1.0
    assert found.held_out_share == pytest.approx(0.6)
    nowhere = torch.full((50, 2), 1e4, dtype=torch.float64)
    with pytest.raises(UserError, match="none of 2 cells holds 20 held-out rows and 20 fakes"):
        copying_statistic(train[:40], held_out[60:], nowhere[:15], rng=generator(), cells=2)


def fresh(seed: int, make=lambda noise: noise, width: int = 5) -> CopyingStatistic:
    train, held_out = random(200, width, seed=3 * seed), random(150, width, seed=3 * seed + 1)
    fake = make(random(150, width, seed=3 * seed + 2))
    return copying_statistic(train, held_out, fake, rng=generator(seed))


def test_z_is_standard_normal_for_the_truth_and_the_statistic_is_narrower():
    found = [fresh(seed) for seed in range(120)]
    z = torch.tensor([f.z for f in found])
    assert abs(float(z.mean())) < 3 / 120**0.5
    assert 0.8 < float(z.std()) < 1.2  # 99.9 % of 120 normal draws: .79 … 1.22
    assert 0.5 < float(torch.tensor([f.statistic for f in found]).std()) < 0.72  # about 1/√3
    cells = torch.tensor([cell.z for f in found for cell in f.cells if cell.z is not None])
    assert len(cells) > 300
    assert abs(float(cells.mean())) < 3 / len(cells) ** 0.5
    assert 0.88 < float(cells.std()) < 1.12


def test_more_features_than_components_and_than_rows_change_no_truth():
    found = []
    for seed in range(40):
        train, held_out, fake = (random(60, 90, seed=3 * seed + i) for i in range(3))
        found.append(copying_statistic(train, held_out, fake, rng=generator(seed), cells=1, components=70).z)
    z = torch.tensor(found)
    assert abs(float(z.mean())) < 3 / 40**0.5
    assert 0.7 < float(z.std()) < 1.3


@pytest.mark.parametrize("noise", [0.0, 0.05])
def test_a_copycat_is_far_below_zero(noise: float):
    train, held_out = random(200, 5), random(150, 5, seed=1)
    fake = train[torch.randint(200, (150,), generator=generator(2))] + noise * random(150, 5, seed=3)
    found = copying_statistic(train, held_out, fake, rng=generator())
    assert found.z < -12
    assert all(cell.z < -5 for cell in found.cells if cell.z is not None)


def test_underfitting_is_far_above_zero():
    assert fresh(0, lambda noise: 1.5 * noise).z > 4
    assert fresh(0, lambda noise: noise + 1).z > 3
    # A single Gaussian for three groups
    train, held_out = places(150, (50, 50, 50), seed=0), places(150, (50, 50, 50), seed=1)
    blurred = train.mean(dim=0) + random(1000, 2, seed=2) @ torch.linalg.cholesky(train.T.cov()).T
    assert copying_statistic(train, held_out, blurred, rng=generator()).z > 10


def test_crowding_looks_like_copying_here_and_not_by_the_distance_ratio():
    train, held_out = random(200, 5), random(200, 5, seed=1)
    crowded = 0.3 * random(200, 5, seed=2)
    assert copying_statistic(train, held_out, crowded, rng=generator()).z < -5
    assert abs(distance_ratio(train, held_out, crowded, rng=generator()).z) < 2


def test_copies_in_one_place_and_blur_in_another_cancel_and_the_cells_show_it():
    train, held_out = places(150, (50, 50, 50), seed=0), places(150, (50, 50, 50), seed=1)
    fake = places(150, (50, 50, 50), seed=2)
    fake[:50] = train[:50]
    fake[50:100] = train[50:100] + 4 * random(50, 2, seed=3)
    found = copying_statistic(train, held_out, fake, rng=generator())
    assert abs(found.statistic) < 3
    z = {int(found.fake_cell[row]): found.cells[int(found.fake_cell[row])].z for row in (0, 50, 100)}
    copied, blurred, right = z.values()
    assert copied < -6
    assert blurred > 4
    assert abs(right) < 3


def test_equal_distances_count_half():
    # Whole numbers: held-out rows and fakes often coincide with a training row.
    train, held_out, fake = ((2 * random(n, 2, seed=s)).round() for n, s in ((100, 0), (80, 1), (80, 2)))
    found = copying_statistic(train, held_out, fake, rng=generator(), cells=1)
    to_train = [torch.cdist(points, train).amin(dim=1).numpy() for points in (fake, held_out)]
    theirs = stats.mannwhitneyu(*to_train, method="asymptotic", use_continuity=False, alternative="greater")
    assert stats.norm.sf(found.statistic) == pytest.approx(theirs.pvalue, rel=1e-9)
    same = copying_statistic(train, train, train, rng=generator())
    assert same.statistic == 0.0


def test_neither_order_nor_tiles_nor_precision_matter(monkeypatch: pytest.MonkeyPatch):
    train, held_out, fake = (places(150, (60, 50, 40), seed=s).float() for s in range(3))
    before = copying_statistic(train, held_out, fake, rng=generator())
    monkeypatch.setattr(distances, "TILE", 16)
    monkeypatch.setattr("ganlens.measures.feature_matrix.VALUES_AT_ONCE", 64)
    after = copying_statistic(
        train.flip(0).double(), held_out.flip(0).double(), fake.flip(0), rng=generator()
    )
    assert after.statistic == pytest.approx(before.statistic, abs=1e-9)
    assert after.cells == pytest.approx(before.cells)
    assert torch.equal(after.fake_cell.flip(0), before.fake_cell)


def test_constant_features_change_nothing():
    train, held_out, fake = (random(100, 4, seed=s) for s in range(3))
    constant = torch.full((100, 3), 0.1, dtype=torch.float64)
    before = copying_statistic(train, held_out, fake, rng=generator())
    wider = (torch.cat([points, constant], dim=1) for points in (train, held_out, fake))
    assert copying_statistic(*wider, rng=generator()).statistic == pytest.approx(before.statistic)
    nothing = copying_statistic(constant, constant, constant, rng=generator())
    assert nothing.statistic == 0.0
    assert nothing.cells == (CopyingCell(100, 100, 100, 0.0),)


def test_bad_requests_are_refused():
    train, held_out, fake = random(50, 3), random(40, 3, seed=1), random(40, 3, seed=2)

    def call(*sets: Tensor, **rest: int) -> CopyingStatistic:
        return copying_statistic(*sets, rng=generator(), **rest)

    for request, message in (
        (lambda: call(train, held_out, fake[:, :2]), "train has 3 features a row and fake has 2"),
        (lambda: call(train, held_out[:1], fake), "held_out: expected at least 2 rows"),
        (lambda: call(train, held_out, fake, cells=51), "k must lie between 1 and 50"),
        (lambda: call(train, held_out, fake, components=0), "at least 1 component, found 0"),
        (lambda: call(train, held_out, fake[:19]), "none of 3 cells holds 20 .* give more samples"),
        (lambda: call(train / 0, held_out, fake), "train: row 0 holds NaN"),
        (lambda: call(train, held_out.long(), fake), "held_out: expected floating-point"),
    ):
        with pytest.raises(UserError, match=message):
            request()
