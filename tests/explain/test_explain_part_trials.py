"""What a part of a sample is worth to a discriminator: planted ones that go by one part, by all, and by chance."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from ganlens.explain.attribution import Score
from ganlens.explain.attribution.damage_told import damage_told
from ganlens.explain.attribution.part_trials import FEWEST_PAIRS, Pairs, PartEffects, part_effects
from ganlens.explain.attribution.parts import PLACE, parts_of
from ganlens.measures import ALARM_LEVEL
from ganlens.modality import Aspect, Images
from ganlens.progress import Silent
from ganlens.subject.randomised import randomised_module

SIDE, COUNT = 16, 192


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def pictures(count: int, seed: int) -> Tensor:
    """Smooth colour noise, each picture with a grain and a light of its own: [n, 3, 16, 16] in −1…1."""
    rng = generator(seed)
    coarse = functional.interpolate(torch.randn(count, 3, 4, 4, generator=rng), SIDE, mode="bilinear")
    strength = 0.3 * torch.rand(count, 1, 1, 1, generator=rng)
    grain = strength * torch.randn(count, 3, SIDE, SIDE, generator=rng)
    light = 0.4 * torch.randn(count, 1, 1, 1, generator=rng)
    return torch.tanh(0.5 * coarse + grain + light)


class Judge(nn.Module):
    """A number [n] by a function of the pictures, behind one weight."""

    def __init__(self, number) -> None:
        super().__init__()
        self.number, self.weight = number, nn.Parameter(torch.ones(1))

    def forward(self, x: Tensor) -> Tensor:
        return self.weight * self.number(x)


def fine(x: Tensor) -> Tensor:
    """How much grain is left when every pixel's neighbours across are taken off."""
    return (x[..., 1:-1] - (x[..., 2:] + x[..., :-2]) / 2).square().mean(dim=(1, 2, 3)).log()


def red(x: Tensor) -> Tensor:
    return x[:, 0].square().mean(dim=(1, 2)) + x[:, 0, ::3].mean(dim=(1, 2))


def corner(x: Tensor) -> Tensor:
    return x[:, :, :5, -5:].sum(dim=(1, 2, 3))


def light(x: Tensor) -> Tensor:
    return x.mean(dim=(1, 2, 3))


@pytest.fixture(scope="module")
def pairs() -> Pairs:
    samples, is_real = pictures(2 * COUNT, seed=0), torch.rand(2 * COUNT, generator=generator(7)) > 0.4
    return Pairs(samples[:COUNT], samples[COUNT:], is_real[:COUNT], is_real[COUNT:])


@pytest.fixture(scope="module")
def parts() -> tuple[Aspect, ...]:
    return parts_of(Images(), pictures(200, seed=1))


def effects(number, pairs: Pairs, parts: tuple[Aspect, ...], *, seed: int = 0) -> PartEffects:
    judge = number if isinstance(number, nn.Module) else Judge(number)
    shuffled = randomised_module(judge, 5)
    assert shuffled is not None
    rng, task = generator(seed), Silent().task("", 1)
    with task as running:
        worth = part_effects(Score(judge), Score(shuffled), pairs, parts, rng, running, level=ALARM_LEVEL)
    assert worth is not None
    return worth


@pytest.mark.parametrize(
    ("number", "named", "family", "most_left"),
    [
        (red, {"the red channel"}, "colour", 1e-6),
        (corner, {"the upper right corner"}, PLACE, 1e-6),
        (light, {"brightness"}, "light", 0.01),
        (fine, {"fine detail", "texture"}, None, 0.15),
    ],
)
def test_what_is_the_only_thing_seen_is_the_foremost_part(pairs, parts, number, named, family, most_left):
    worth = effects(number, pairs, parts)
    foremost = worth.foremost
    assert foremost.part.name in named
    assert family is None or foremost.part.family == family
    assert foremost.left <= most_left
    assert foremost.surely_foretold > 0.7
    assert foremost.self_score == pytest.approx(1 - foremost.left / foremost.foretold.reference_infidelity)
    assert foremost.foretold.done_away.low >= foremost.surely_foretold
    assert foremost.surely_left >= foremost.foretold.infidelity.high
    # One weight has nothing to shuffle: the control does as the judge does.
    assert foremost.shuffled_left == pytest.approx(foremost.left, abs=1e-6)


def test_a_part_that_counts_alone_moves_all_and_one_that_counts_for_nothing_moves_nothing(pairs, parts):
    worth = {effect.part.name: effect for effect in effects(red, pairs, parts).searched}
    own, other = worth["the red channel"], worth["the blue channel"]
    assert own.by_real == pytest.approx(1) == own.by_generated
    assert own.removed == pytest.approx(1, abs=0.5)  # by then all numbers are one
    assert (other.left, other.by_real, other.by_generated, other.removed) == pytest.approx((1, 0, 0, 0))
    assert other.self_score == 0


def test_of_places_that_foretell_alike_the_smallest_speaks(pairs, parts):
    worth = {effect.part.name: effect for effect in effects(corner, pairs, parts).searched}
    for larger in ("the upper right quarter", "the upper half", "the right half"):
        assert worth[larger].left == pytest.approx(0, abs=1e-9)
    assert worth["the lower half"].left == pytest.approx(1)


def test_what_foretells_nearly_as_well_does_not_speak_where_another_part_is_exact(pairs):
    """A part that brings most of the red light along stands first, and surely leaves more than red itself."""

    def nearly(samples: Tensor, others: Tensor) -> Tensor:
        mixed = samples.clone()
        mixed[:, 0] = 0.9 * others[:, 0] + 0.1 * samples[:, 0]
        return mixed

    def exactly(samples: Tensor, others: Tensor) -> Tensor:
        return torch.cat([others[:, :1], samples[:, 1:]], dim=1)

    def first(*names: str) -> str:
        swaps = {"nearly": nearly, "exactly": exactly, "as exactly": exactly}
        tried = tuple(Aspect(name, name, torch.clone, swaps[name]) for name in names)
        return effects(lambda x: x[:, 0].mean(dim=(1, 2)), pairs, tried).foremost.part.name

    worth = effects(lambda x: x[:, 0].mean(dim=(1, 2)), pairs, (Aspect("nearly", "", torch.clone, nearly),))
    assert 0.95 < worth.foremost.self_score < 1
    assert first("nearly", "exactly") == "exactly"
    assert first("as exactly", "exactly") == "as exactly"


class Everything(nn.Module):
    """Goes by the whole picture: every value has a random weight."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        rng = generator(seed)
        self.weight = nn.Parameter(torch.randn(3 * SIDE * SIDE, generator=rng))

    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(1) @ self.weight


def test_one_with_random_weights_scores_as_the_judge_to_which_every_value_counts_alike():
    """White samples, so that places hold nothing but their own values: a channel is a third of the number."""
    rng = generator(2)
    samples = torch.randn(2 * COUNT, 3, SIDE, SIDE, generator=rng) / 3
    is_real = torch.ones(COUNT, dtype=torch.bool)
    white = Pairs(samples[:COUNT], samples[COUNT:], is_real, is_real)
    channels = [part for part in parts_of(Images(), samples[:100]) if part.name.endswith(" channel")]
    scores = []
    for seed in range(8):
        worth = effects(Everything(seed), white, tuple(channels), seed=seed)
        scores += [effect.foretold.done_away.value for effect in worth.searched]
        assert worth.foremost.foretold.reference_infidelity == pytest.approx(2 / 3, abs=0.01)
        assert worth.foremost.surely_foretold < 0.5
    assert torch.tensor(scores).mean().abs() < 0.05


def test_one_that_weighs_many_things_goes_by_no_part(pairs, parts):
    """Five that vary alike: another channel's light in each quarter, lighter or darker, and grain."""
    everyone = torch.cat([pairs.first, pairs.second])
    terms = (
        lambda x: x[:, 0, :8, :8].mean(dim=(1, 2)),
        lambda x: -x[:, 1, :8, 8:].mean(dim=(1, 2)),
        lambda x: -x[:, 2, 8:, :8].mean(dim=(1, 2)),
        lambda x: x[:, 0, 8:, 8:].mean(dim=(1, 2)),
        fine,
    )
    spreads = [term(everyone).std() for term in terms]
    worth = effects(lambda x: sum(term(x) / s for term, s in zip(terms, spreads, strict=True)), pairs, parts)
    assert worth.foremost.self_score < 0.5
    assert worth.foremost.surely_left > 0.3


def test_one_that_is_a_hash_of_the_picture_goes_by_nothing(pairs, parts):
    weights = 1e4 * torch.randn(3 * SIDE * SIDE, generator=generator(4))
    worth = effects(lambda x: torch.sin(x.flatten(1) @ weights), pairs, parts)
    assert max(effect.foretold.done_away.value for effect in worth.tested) < 0.35


def test_where_too_few_pairs_or_one_number_for_all_leave_nothing_to_try_it_says_nothing(pairs, parts):
    rng = generator(0)
    few = pairs.rows(slice(0, FEWEST_PAIRS - 1))
    with Silent().task("", 1) as task:
        assert part_effects(Score(Judge(red)), None, few, parts, rng, task, level=ALARM_LEVEL) is None
        same = Judge(lambda x: 0 * red(x))
        assert part_effects(Score(same), None, pairs, parts, rng, task, level=ALARM_LEVEL) is None


def test_a_part_for_which_it_gives_no_numbers_is_left_out(pairs, parts):
    """Numbers of grey pictures are no numbers; nothing else is ever grey."""

    def number(x: Tensor) -> Tensor:
        grey = (x - x.mean(dim=1, keepdim=True)).abs().amax(dim=(1, 2, 3)) < 1e-6
        return red(x).masked_fill(grey, torch.nan)

    lost = Aspect(
        "its colours", "lost", lambda x: x, lambda x, others: x.mean(dim=1, keepdim=True).expand_as(x)
    )
    worth = effects(number, pairs, (lost, *parts))
    assert "its colours" not in {effect.part.name for effect in worth.searched}
    assert worth.foremost.part.name == "the red channel"


def test_damage_is_told_by_one_that_sees_grain_and_not_by_one_that_sees_light():
    real, images = pictures(256, seed=3), Images()
    damages = images.damages((3, SIDE, SIDE))

    def told(number) -> dict[str, float]:
        results = damage_told(Score(Judge(number)), real, images, damages, 0, level=ALARM_LEVEL)
        return {result.name: result.surely for result in results}

    by_grain, by_light = told(lambda x: -fine(x)), told(light)
    assert list(by_grain) == [damage.name for damage in damages]
    assert by_grain["noise"] > 0.55 > 0.5 > max(by_light.values())
    assert damage_told(Score(Judge(light)), real[:3], images, damages, 0, level=ALARM_LEVEL) == []
