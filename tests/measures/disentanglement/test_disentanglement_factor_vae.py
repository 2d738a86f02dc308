from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from ganlens.data.sprites import HIGH, LOW, render_sprites
from ganlens.errors import UserError
from ganlens.measures import binomial_interval
from ganlens.measures.disentanglement import (
    FactorVAEScore,
    GroupDraw,
    draw_from_table,
    factor_vae_score,
    shuffled_codes,
)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def uniform_factors(num_factors: int, encode: Callable[[Tensor], Tensor]) -> GroupDraw:
    """Independent uniform factors, one of them copied within each group, and then their codes."""

    def draw(factor: int, groups: int, size: int, rng: torch.Generator) -> Tensor:
        factors = torch.rand(groups, size, num_factors, generator=rng, dtype=torch.float64) - 0.5
        factors[:, :, factor] = factors[:, :1, factor]
        return encode(factors)

    return draw


def score(
    encode: Callable[[Tensor], Tensor], num_factors: int = 3, votes: int = 600, **settings
) -> FactorVAEScore:
    codes = encode(torch.rand(2000, num_factors, generator=generator(1), dtype=torch.float64) - 0.5)
    draw = uniform_factors(num_factors, encode)
    settings = {"rng": generator(2), "train_votes": votes, "test_votes": votes, **settings}
    return factor_vae_score(codes, draw, num_factors, **settings)


def turned(degrees: float) -> Callable[[Tensor], Tensor]:
    angle = math.radians(degrees)
    turn = torch.tensor(
        [[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]], dtype=torch.float64
    )
    return lambda factors: factors @ turn.T


def test_codes_that_are_the_factors_score_one_in_any_order():
    found = score(lambda f: f[..., [2, 0, 1]] * torch.tensor([3.0, -1.0, 10.0]))
    assert (found.score, found.train_score) == (1, 1)
    assert found.factor_of_code.tolist() == [2, 0, 1]
    assert (found.correct, found.tested) == (600, 600)
    assert int(found.votes.sum()) == 600
    assert (found.votes > 0).int().tolist() == [[0, 0, 1], [1, 0, 0], [0, 1, 0]]


def test_votes_go_to_the_code_of_least_normalised_variance():
    # Code 0 is 100 times as large as code 1. Without the normalisation code 1 would win every vote.
    found = score(lambda f: f * torch.tensor([100.0, 1.0], dtype=torch.float64), num_factors=2)
    assert found.score == 1


def test_dead_codes_do_not_vote_and_active_codes_are_counted_not_all_codes():
    # Upstream reports the length of the mask where it means the number of codes that pass it.
    def encode(factors: Tensor) -> Tensor:
        faint = 0.1 * factors[..., :1]  # a standard deviation of .03
        return torch.cat([torch.zeros_like(faint), faint, factors], dim=-1)

    found = score(encode)
    assert found.active.tolist() == [False, False, True, True, True]
    assert found.active_codes == 3
    assert found.votes[:2].sum() == 0
    assert found.factor_of_code.tolist() == [-1, -1, 0, 1, 2]
    assert found.score == 1
    assert score(encode, smallest_std=0.01).active.tolist() == [False, True, True, True, True]


def test_a_constant_code_never_votes_however_small_the_smallest_deviation():
    found = score(lambda f: torch.cat([torch.full_like(f[..., :1], 0.1), f], dim=-1), smallest_std=0.0)
    assert found.active.tolist() == [False, True, True, True]
    assert found.score == 1


def test_without_an_active_code_the_score_is_zero():
    found = score(lambda f: 1e-3 * f)
    assert (found.score, found.correct, found.active_codes) == (0, 0, 0)
    assert found.factor_of_code.tolist() == [-1, -1, -1]


def test_copies_and_spread_factors_cost_nothing():
    assert score(lambda f: torch.cat([f, -f], dim=-1)).score == 1
    assert score(lambda f: torch.cat([f, f[..., :1].exp()], dim=-1)).score == 1


def test_a_code_of_two_factors_costs_one_of_them():
    # Codes x + y and z. Fixing x or y halves the variance of the first and leaves that of the second: both are
    # named alike, so that one of them is always right and the other always wrong.
    found = score(lambda f: torch.stack([f[..., 0] + f[..., 1], f[..., 2]], dim=-1), votes=1500)
    share = binomial_interval(found.correct, found.tested, level=0.999)
    assert share.low < 2 / 3 < share.high
    assert found.factor_of_code[1] == 2


def test_only_a_turn_of_about_45_degrees_is_seen():
    assert score(turned(20), num_factors=2).score == 1
    confused = score(turned(45), num_factors=2, votes=2000)
    share = binomial_interval(confused.correct, confused.tested, level=0.999)
    assert share.low < 0.5 < share.high


def test_codes_of_noise_score_chance():
    codes = torch.randn(2000, 4, generator=generator(5), dtype=torch.float64)

    def draw(factor: int, groups: int, size: int, rng: torch.Generator) -> Tensor:
        return torch.randn(groups, size, 4, generator=rng, dtype=torch.float64)

    found = factor_vae_score(codes, draw, 5, rng=generator(), train_votes=3000, test_votes=3000)
    share = binomial_interval(found.correct, found.tested, level=0.999)
    assert share.low < 1 / 5 < share.high


def test_a_table_gives_what_fresh_samples_give_and_its_shuffle_chance():
    factors = torch.randint(4, (3000, 3), generator=generator(1))
    codes = torch.stack([factors[:, 0] + factors[:, 1], factors[:, 2]], dim=1).double()
    settings = {"train_votes": 800, "test_votes": 800}
    found = factor_vae_score(codes, draw_from_table(codes, factors), 3, rng=generator(), **settings)
    assert found.score == pytest.approx(2 / 3, abs=0.06)
    floor = shuffled_codes(codes, generator(2))
    none = factor_vae_score(floor, draw_from_table(floor, factors), 3, rng=generator(), **settings)
    assert none.score == pytest.approx(1 / 3, abs=0.07)


def test_sprites_are_rendered_with_a_shared_factor_and_encoded_on_the_way():
    def measured(pictures: Tensor) -> Tensor:
        """Where the light of a picture lies, and how bright it is at most."""
        light = pictures.double()[:, 0]
        line = torch.linspace(-1, 1, light.shape[-1], dtype=torch.float64)
        total = light.sum(dim=(1, 2))
        right = (light.sum(dim=1) * line).sum(dim=1) / total
        down = (light.sum(dim=2) * line).sum(dim=1) / total
        return torch.stack([light.amax(dim=(1, 2)) / 100, down, right], dim=1)

    names = [3, 4, 5]  # x, y and shade

    def draw(factor: int, groups: int, size: int, rng: torch.Generator) -> Tensor:
        share = torch.rand(groups, size, 6, generator=rng, dtype=torch.float64)
        share[:, :, names[factor]] = share[:, :1, names[factor]]
        factors = (torch.from_numpy(LOW) + share * torch.from_numpy(HIGH - LOW)).flatten(0, 1)
        factors[:, 0] = factors[:, 0].floor()
        return measured(torch.from_numpy(render_sprites(factors, 16))).unflatten(0, (groups, size))

    codes = draw(0, 500, 1, generator(1))[:, 0]
    found = factor_vae_score(codes, draw, 3, rng=generator(), batch=16, train_votes=90, test_votes=90)
    assert found.score == 1
    assert found.factor_of_code.tolist() == [2, 1, 0]


def test_the_same_generator_gives_the_same_votes():
    def encode(factors: Tensor) -> Tensor:
        return factors @ torch.tensor(
            [[1.0, 0.9, 0.0], [0.8, 1.0, 0.3], [0.2, 0.4, 1.0]], dtype=torch.float64
        )

    first, again, other = (score(encode, rng=generator(seed)) for seed in (3, 3, 4))
    assert torch.equal(first.votes, again.votes)
    assert first.correct == again.correct
    assert not torch.equal(first.votes, other.votes)


def test_bad_requests_are_refused():
    codes = torch.randn(50, 3, generator=generator())
    draw = uniform_factors(3, lambda f: f)
    for call, message in (
        (lambda: factor_vae_score(codes, draw, 1, rng=generator()), "at least 2 factors"),
        (lambda: factor_vae_score(codes, draw, 3, rng=generator(), batch=1), "batches of 1"),
        (lambda: factor_vae_score(codes, draw, 3, rng=generator(), train_votes=0), "0 and 5000 votes"),
        (lambda: factor_vae_score(codes, draw, 3, rng=generator(), smallest_std=-1.0), "found .* -1.0"),
        (lambda: factor_vae_score(codes.long(), draw, 3, rng=generator()), "codes: expected floating-point"),
        (
            lambda: factor_vae_score(codes[:, :2], draw, 3, rng=generator()),
            "expected 2 codes a sample, found 3",
        ),
    ):
        with pytest.raises(UserError, match=message):
            call()
