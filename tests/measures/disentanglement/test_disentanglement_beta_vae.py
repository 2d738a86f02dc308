from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from ganlens.errors import UserError
from ganlens.measures import binomial_interval
from ganlens.measures.disentanglement import BetaVAEScore, GroupDraw, beta_vae_score, draw_from_table
from ganlens.measures.disentanglement.beta_vae import _points


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def uniform_factors(num_factors: int, encode: Callable[[Tensor], Tensor]) -> GroupDraw:
    def draw(factor: int, groups: int, size: int, rng: torch.Generator) -> Tensor:
        factors = torch.rand(groups, size, num_factors, generator=rng, dtype=torch.float64) - 0.5
        factors[:, :, factor] = factors[:, :1, factor]
        return encode(factors)

    return draw


def score(
    encode: Callable[[Tensor], Tensor], num_factors: int = 3, points: int = 600, **settings
) -> BetaVAEScore:
    settings = {"rng": generator(2), "train_points": points, "test_points": points, **settings}
    return beta_vae_score(uniform_factors(num_factors, encode), num_factors, **settings)


def test_points_are_mean_absolute_differences_of_pairs_that_share_the_factor():
    points, factors = _points(uniform_factors(2, lambda f: f), 2, 400, 32, generator())
    assert points.shape == (400, 2)
    assert factors.bincount().sum() == 400
    # |u − v| of two uniforms on a unit interval is 1/3 on average, and 0 for the factor that is shared.
    for factor in range(2):
        mean = points[factors == factor].mean(dim=0)
        assert mean[factor] == 0
        assert mean[1 - factor] == pytest.approx(1 / 3, abs=0.01)


def test_codes_that_are_the_factors_score_one_whatever_their_scales():
    assert score(lambda f: f).score == 1
    assert score(lambda f: 1e-6 * f).score == 1
    found = score(lambda f: f * torch.tensor([1e-6, 1.0, -1e6], dtype=torch.float64))
    assert (found.score, found.train_score, found.correct, found.tested) == (1, 1, 600, 600)


def test_a_factor_that_no_code_holds_costs_nothing():
    assert score(lambda f: f[..., 1:]).score == 1


def test_a_turn_is_seen_at_45_degrees_alone():
    def turned(degrees: float) -> Callable[[Tensor], Tensor]:
        angle = math.radians(degrees)
        turn = torch.tensor([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
        return lambda factors: factors @ turn.T.double()

    assert score(turned(30), num_factors=2).score > 0.99
    confused = score(turned(45), num_factors=2, points=2000)
    share = binomial_interval(confused.correct, confused.tested, level=0.999)
    assert share.low < 0.5 < share.high


def test_two_factors_that_share_a_code_equally_are_told_apart_by_chance():
    found = score(lambda f: torch.stack([f[..., 0] + f[..., 1], f[..., 2]], dim=-1), points=1500)
    share = binomial_interval(found.correct, found.tested, level=0.999)
    assert share.low < 2 / 3 < share.high


def test_codes_of_noise_and_constant_codes_score_chance():
    def draw(factor: int, groups: int, size: int, rng: torch.Generator) -> Tensor:
        noise = torch.randn(groups, size, 4, generator=rng, dtype=torch.float64)
        return torch.cat([noise, torch.full((groups, size, 1), 0.1)], dim=2)

    found = beta_vae_score(draw, 4, rng=generator(), train_points=2000, test_points=2000)
    share = binomial_interval(found.correct, found.tested, level=0.999)
    assert share.low < 1 / 4 < share.high


def test_pairs_of_a_table():
    factors = torch.randint(4, (500, 3), generator=generator(1))
    draw = draw_from_table(factors.double(), factors)
    assert beta_vae_score(draw, 3, rng=generator(), train_points=300, test_points=300).score == 1


def test_how_many_are_drawn_at_once_does_not_change_a_point(monkeypatch: pytest.MonkeyPatch):
    from ganlens.measures.disentanglement import beta_vae

    def draw(factor: int, groups: int, size: int, rng: torch.Generator) -> Tensor:
        drawn = torch.rand(groups, size, 2, generator=rng, dtype=torch.float64)
        drawn[:, :, factor] = drawn[:, :1, factor]
        return drawn

    together, _ = _points(draw, 2, 40, 8, generator())
    monkeypatch.setattr(beta_vae, "SAMPLES_AT_ONCE", 1)
    alone, _ = _points(draw, 2, 40, 8, generator())
    assert torch.equal(together, alone)


def test_bad_requests_are_refused():
    draw = uniform_factors(2, lambda f: f)
    widths = iter(range(1, 100))

    def changing(factor: int, groups: int, size: int, rng: torch.Generator) -> Tensor:
        return torch.rand(groups, size, next(widths), generator=rng)

    for call, message in (
        (lambda: beta_vae_score(draw, 1, rng=generator()), "at least 2 factors"),
        (lambda: beta_vae_score(draw, 2, rng=generator(), batch=0), "0 pairs"),
        (lambda: beta_vae_score(draw, 2, rng=generator(), train_points=1), "1 and 5000 points"),
        (lambda: beta_vae_score(changing, 2, rng=generator(), train_points=9), "different widths"),
    ):
        with pytest.raises(UserError, match=message):
            call()
