from __future__ import annotations

import pytest
import torch
from torch import Tensor

from ganlens.errors import UserError
from ganlens.measures import PRDC, ball_membership, distances, prdc
from ganlens.measures.prdc import ball_radii


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def by_definition(real: Tensor, fake: Tensor, k: int) -> PRDC:
    def every_distance(a: Tensor, b: Tensor) -> Tensor:
        return (a.double()[:, None] - b.double()[None]).square().sum(dim=2).sqrt()

    def radii(x: Tensor) -> Tensor:
        return every_distance(x, x).fill_diagonal_(torch.inf).sort(dim=1).values[:, k - 1]

    across = every_distance(real, fake)
    in_real, in_fake = across < radii(real)[:, None], across < radii(fake)[None]
    return PRDC(
        precision=float(in_real.any(dim=0).double().mean()),
        recall=float(in_fake.any(dim=1).double().mean()),
        density=float(in_real.sum(dim=0).double().mean()) / k,
        coverage=float(in_real.any(dim=1).double().mean()),
    )


@pytest.fixture
def small_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distances, "TILE", 16)


def test_points_on_a_line_by_hand():
    # k = 1. Real 0, 1, 3, 10: radii 1, 1, 2, 7. Fake 0.5, 2, 20: radii 1.5, 1.5, 18.
    real, fake = torch.tensor([[0.0], [1.0], [3.0], [10.0]]), torch.tensor([[0.5], [2.0], [20.0]])
    balls = ball_membership(real, fake, k=1)
    # 0.5 lies in the balls of 0 and 1. 2 lies in that of 3; it is on the ball of 1, not inside, and 8 from 10
    # whose radius is 7. 20 lies in none.
    assert balls.real_balls_around_fake.tolist() == [2, 1, 0]
    assert balls.fake_in_real_ball.tolist() == [True, True, True, False]
    # 0 and 1 are .5 from 0.5; 3 is 1 from 2; 10 is 10 from 20.
    assert balls.fake_ball_around_real.tolist() == [True, True, True, True]
    assert prdc(real, fake, k=1) == PRDC(precision=2 / 3, recall=1.0, density=1.0, coverage=3 / 4)


@pytest.mark.parametrize("width", [2, 40])
@pytest.mark.parametrize("k", [1, 5])
@pytest.mark.parametrize(("spread", "shift"), [(1.0, 0.0), (0.3, 0.2), (2.0, 0.0), (1.0, 3.0)])
def test_equals_the_definition(width: int, k: int, spread: float, shift: float, small_tiles: None):
    real, fake = random(70, width), random(60, width, seed=1) * spread + shift
    assert prdc(real, fake, k) == by_definition(real, fake, k)


def test_equals_the_definition_where_float32_products_would_be_noise(small_tiles: None):
    # Clusters 1e-4 of their distance from the mean across: squares differ in the eighth digit of the norms.
    centres = 1e4 * random(4, 40)
    real, fake = (
        centres.repeat(15, 1) + random(60, 40, seed=1),
        centres.repeat(15, 1) + random(60, 40, seed=2),
    )
    assert prdc(real, fake, 3) == by_definition(real, fake, 3)
    assert prdc(real, real[:30], 3) == by_definition(real, real[:30], 3)


def test_neither_tiles_nor_order_nor_float32_settings_matter(monkeypatch: pytest.MonkeyPatch):
    real, fake = random(200, 48), random(150, 48, seed=1) * 0.9
    before = prdc(real, fake)
    order = torch.randperm(200, generator=torch.Generator().manual_seed(3))
    assert prdc(real[order], fake.flip(0)) == before
    monkeypatch.setattr(distances, "TILE", 17)
    assert prdc(real, fake) == before
    previous = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    try:
        assert prdc(real, fake) == before
    finally:
        torch.set_float32_matmul_precision(previous)


def test_a_collapsed_generator_is_believable_and_covers_little():
    real, collapsed = random(300, 16), 0.05 * random(300, 16, seed=1)
    found = prdc(real, collapsed)
    assert found.precision == 1.0
    assert found.recall < 0.05
    assert found.density > 1.5


def test_a_noisy_generator_covers_much_and_is_not_believable():
    real, noisy = random(300, 16), 3 * random(300, 16, seed=1)
    found = prdc(real, noisy)
    assert found.precision < 0.05
    assert found.recall > 0.95
    assert found.density < 0.05
    assert found.coverage < 0.2


def test_a_dropped_half_of_the_data_halves_recall_and_coverage():
    left, right = random(150, 4), random(150, 4, seed=1) + 50
    found = prdc(torch.cat([left, right]), random(300, 4, seed=2))
    assert 0.4 < found.recall <= 0.5
    assert 0.4 < found.coverage <= 0.5
    assert found.precision > 0.9


@pytest.mark.parametrize("width", [3, 40])
def test_copies_of_the_data_cover_all_of_it(width: int):
    real = random(100, width)
    found = prdc(real, real.clone())
    assert (found.precision, found.recall, found.coverage) == (1.0, 1.0, 1.0)
    # Strictly nearer than the fifth neighbour: the copy itself and the first four. The fifth is on the ball.
    assert found.density == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize("width", [3, 40])
def test_points_repeated_more_than_k_times_have_empty_balls(width: int):
    real, fake = random(60, width), random(1, width, seed=1).repeat(30, 1)
    found = prdc(real, fake)
    assert found.recall == 0.0
    repeated = random(4, width).repeat(10, 1)
    assert prdc(repeated, repeated) == PRDC(0.0, 0.0, 0.0, 0.0)


def test_one_wild_sample_does_not_spoil_the_digits_of_the_others(small_tiles: None):
    real, fake = random(60, 40), random(50, 40, seed=1)
    fake[7] = 1e6
    real[9] = -1e6
    assert prdc(real, fake, 3) == by_definition(real, fake, 3)


@pytest.mark.parametrize("width", [2, 12])
def test_equal_distributions_score_their_expectation_in_any_dimension(width: int):
    n, m, k = 200, 100, 3
    scores = [prdc(random(n, width, seed=2 * s), random(m, width, seed=2 * s + 1), k) for s in range(60)]
    # Naeem et al. 2020, lemmas 1 and 2: density 1, coverage 1 − Π (n − i)/(n + m − i), i = 1 … k.
    uncovered = torch.tensor([(n - i) / (n + m - i) for i in range(1, k + 1)]).prod()
    for values, expected in (
        (torch.tensor([score.density for score in scores]), 1.0),
        (torch.tensor([score.coverage for score in scores]), 1 - float(uncovered)),
    ):
        assert abs(float(values.mean()) - expected) < 3 * float(values.std()) / len(scores) ** 0.5
        assert float(values.std()) / len(scores) ** 0.5 < 0.025


def test_features_that_carry_a_gradient_are_only_read():
    real, fake = random(20, 3).requires_grad_(), random(20, 3, seed=1)
    kept = real.detach().clone()
    assert prdc(real, fake) == prdc(kept, fake)
    assert torch.equal(real, kept)


def test_bad_requests_are_refused():
    real, fake = random(10, 3), random(6, 3)
    with pytest.raises(UserError, match="k must lie between 1 and 5, one less than the smaller set, found 6"):
        prdc(real, fake, 6)
    with pytest.raises(UserError, match="found 0"):
        prdc(real, fake, 0)
    with pytest.raises(UserError, match="real has 3 features a row and fake has 2"):
        prdc(real, fake[:, :2])
    with pytest.raises(UserError, match="fake: expected at least 2 rows, found 1"):
        prdc(real, fake[:1])
    with pytest.raises(UserError, match="real: expected floating-point features"):
        prdc(real.long(), fake)


def test_radii_that_are_known_already_change_nothing():
    real, fake = random(60, 8), random(50, 8, seed=1) + 0.3
    assert prdc(real, fake, 3, real_radii=ball_radii(real, 3)) == prdc(real, fake, 3)
    with pytest.raises(UserError, match="expected one for each of 60 reals"):
        prdc(real, fake, 3, real_radii=ball_radii(fake, 3))
