from __future__ import annotations

import math
from itertools import combinations

import pytest
import torch
from torch import Tensor

from ganlens.errors import UserError
from ganlens.measures import distances
from ganlens.measures.distance_ratio import DistanceRatio, distance_ratio


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=generator(seed), dtype=torch.float64)


def compared(train: Tensor, held_out: Tensor, fake: Tensor, seed: int = 0) -> DistanceRatio:
    return distance_ratio(train, held_out, fake, rng=generator(seed))


def column(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)[:, None]


def test_points_on_a_line_by_hand():
    # To 0 and 10, against 4 and 20: 1 is nearer to 0, 3 to 4, 12 to 10, 13 to 10; 2 is in the middle.
    found = compared(column(0, 10), column(4, 20), column(1, 3, 12, 13, 2))
    assert found.ratio.tolist() == pytest.approx([1 / 3, 3, 2 / 8, 3 / 7, 1])
    assert found.nearer_to_train == pytest.approx(3.5 / 5)
    # Fakes nearest to the rows 0, 10, 4, 20: 1½, 2, 1½, 0. A random two of them hold 2½ on average.
    sums = torch.tensor([sum(pair) for pair in combinations([1.5, 2.0, 1.5, 0.0], 2)])
    assert found.z == pytest.approx((3.5 - 2.5) / float(sums.std(correction=0)))
    assert found.rows == 2


def test_copies_of_either_set_and_of_both():
    train, held_out = column(0, 10, 20), column(1, 11, 20)
    found = compared(train, held_out, column(10, 11, 20))
    assert found.ratio.tolist() == [0.0, math.inf, 1.0]
    assert found.nearer_to_train == 0.5
    assert found.z == 0.0


def test_the_z_is_that_of_all_exchanges_of_the_real_rows():
    train, held_out, fake = random(4, 2), random(4, 2, seed=1), random(9, 2, seed=2)
    found = compared(train, held_out, fake)
    real = torch.cat([train, held_out])
    chosen = list(combinations(range(8), 4))
    shares = torch.tensor(
        [
            compared(real[list(pick)], real[[i for i in range(8) if i not in pick]], fake).nearer_to_train
            for pick in chosen
        ]
    )
    assert float(shares.mean()) == pytest.approx(0.5)
    deviation = float(shares.double().std(correction=0))
    assert found.z == pytest.approx((found.nearer_to_train - 0.5) / deviation, rel=1e-5)


GENERATORS = {
    "the truth": lambda noise: noise,
    "noisy": lambda noise: 1.5 * noise,
    "crowded": lambda noise: 0.3 * noise,
    "shifted": lambda noise: noise + 1,
}


@pytest.mark.parametrize("kind", GENERATORS)
def test_without_copying_z_is_standard_normal_however_bad_the_generator(kind: str):
    zs, shares = [], []
    for seed in range(60):
        train, held_out = random(150, 6, seed=3 * seed + 1), random(150, 6, seed=3 * seed + 2)
        found = compared(train, held_out, GENERATORS[kind](random(150, 6, seed=3 * seed)))
        zs.append(found.z)
        shares.append(found.nearer_to_train)
    z, share = torch.tensor(zs), torch.tensor(shares)
    assert abs(float(z.mean())) < 3 / 60**0.5
    assert 0.75 < float(z.std()) < 1.25  # 99 % of 60 normal draws
    assert abs(float(share.mean()) - 0.5) < 3 * float(share.std()) / 60**0.5
    if kind == "crowded":  # where a binomial interval would be four times too narrow
        assert float(share.std()) > 4 * 0.5 / 150**0.5


def test_a_crowd_in_one_place_is_one_piece_of_evidence():
    # All fakes beside one training row: by a binomial test 12 standard deviations, here 1.
    train, held_out = random(100, 3), random(100, 3, seed=1)
    found = compared(train, held_out, train[:1] + 1e-3 * random(150, 3, seed=2))
    assert found.nearer_to_train == 1.0
    assert found.z == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize("noise", [0.0, 0.05])
def test_copying_is_found(noise: float):
    train, held_out = random(150, 6), random(150, 6, seed=1)
    found = compared(train, held_out, train + noise * random(150, 6, seed=2))
    assert found.nearer_to_train > 0.99
    assert found.z > 10
    assert float(found.ratio.median()) < 0.1
    part = compared(train, held_out, torch.cat([train[:30], random(120, 6, seed=3)]))
    assert part.z > 2


def test_the_larger_set_is_subsampled():
    train, held_out, fake = random(400, 3), random(50, 3, seed=1), random(80, 3, seed=2)
    found = compared(train, held_out, fake, seed=5)
    rows = torch.randperm(400, generator=generator(5))[:50]
    expected = torch.cdist(fake, train[rows]).amin(dim=1) / torch.cdist(fake, held_out).amin(dim=1)
    torch.testing.assert_close(found.ratio, expected)
    assert found.rows == 50
    exchanged = compared(held_out, train, fake, seed=5)
    torch.testing.assert_close(exchanged.ratio, 1 / expected)
    assert exchanged.z == pytest.approx(-found.z)


def test_neither_order_nor_tiles_nor_precision_matter(monkeypatch: pytest.MonkeyPatch):
    train, held_out, fake = random(60, 40).float(), random(60, 40, seed=1).float(), random(50, 40).float()
    before = compared(train, held_out, fake)
    monkeypatch.setattr(distances, "TILE", 7)
    after = compared(train.flip(0).double(), held_out.flip(0).double(), fake.flip(0).double())
    torch.testing.assert_close(after.ratio.flip(0), before.ratio)
    assert after.z == pytest.approx(before.z)


def test_bad_requests_are_refused():
    train, held_out, fake = random(8, 3), random(7, 3, seed=1), random(6, 3, seed=2)
    for call, message in (
        (lambda: compared(train, held_out[:1], fake), "held_out: expected at least 2 rows, found 1"),
        (lambda: compared(train, held_out, fake[:0]), "fake: expected at least 1 row"),
        (lambda: compared(train, held_out[:, :2], fake), "train has 3 features a row and held_out has 2"),
        (lambda: compared(train, held_out, fake[:, :2]), "train has 3 features a row and fake has 2"),
        (lambda: compared(train, held_out, fake / 0), "fake: row 0 holds NaN"),
        (lambda: compared(train, held_out.long(), fake), "held_out: expected floating-point"),
    ):
        with pytest.raises(UserError, match=message):
            call()
