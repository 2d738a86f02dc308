import math

import pytest
import torch

from ganlens.explain.paths.latent_paths import between, looks_gaussian, pair_up
from ganlens.subject import SampleBank, Subject

PLACES = torch.linspace(0, 1, 5)


@pytest.mark.parametrize("angle", [0.0, 1.0, math.pi / 2, math.pi])
def test_a_spherical_way_keeps_its_length_and_turns_evenly(angle):
    start = torch.tensor([[2.0, 0.0]]).expand(5, 2)
    end = 2 * torch.tensor([[math.cos(angle), math.sin(angle)]]).expand(5, 2)
    way = between(start, end, PLACES, spherical=True)
    assert torch.allclose(way[0], start[0]) and torch.allclose(way[-1], end[-1], atol=1e-6)
    if angle < math.pi:  # opposite points span no circle: a straight line is taken
        assert torch.allclose(way.norm(dim=1), torch.full((5,), 2.0))
        turned = torch.atan2(way[:, 1], way[:, 0])
        assert torch.allclose(turned, torch.linspace(0, angle, 5), atol=1e-6)
    else:
        assert torch.allclose(way[:, 0], torch.linspace(2, -2, 5), atol=1e-6)


def test_each_row_goes_its_own_way_in_latents_of_any_shape():
    rng = torch.Generator().manual_seed(0)
    start, end = torch.randn(2, 5, 3, 2, 1, generator=rng).unbind()
    straight = between(start, end, PLACES, spherical=False)
    assert torch.allclose(straight[2], (start[2] + end[2]) / 2, atol=1e-6)
    assert straight.shape == start.shape and straight.dtype == start.dtype
    round_about = between(start, end, PLACES, spherical=True)
    lengths = start.flatten(1).norm(dim=1) * (1 - PLACES) + end.flatten(1).norm(dim=1) * PLACES
    assert torch.allclose(round_about.flatten(1).norm(dim=1), lengths, rtol=1e-5)
    assert torch.equal(round_about[4], between(start[4:], end[4:], PLACES[4:], spherical=True)[0])


def test_a_latent_of_length_zero_goes_straight():
    start, end = torch.zeros(1, 2), torch.ones(1, 2)
    assert torch.equal(between(start, end, torch.tensor([0.5]), spherical=True), torch.full((1, 2), 0.5))


@pytest.mark.parametrize(
    ("draw", "gaussian"),
    [
        (torch.randn, True),
        (lambda *shape, generator: torch.rand(*shape, generator=generator), False),
        (lambda *shape, generator: 2 * torch.randn(*shape, generator=generator), False),
        (lambda *shape, generator: torch.randint(0, 9, shape, generator=generator), False),
    ],
)
def test_gaussian_latents_are_known_by_their_moments(draw, gaussian):
    for seed in range(20):
        assert looks_gaussian(draw(500, 8, generator=torch.Generator().manual_seed(seed))) is gaussian


def test_a_handful_of_numbers_is_not_taken_for_gaussian():
    assert not looks_gaussian(torch.randn(15, 16, generator=torch.Generator().manual_seed(0)))


def test_pairs_are_made_of_the_banks_first_samples():
    bank = SampleBank(Subject.wrap(torch.nn.Identity(), latent=4), samples=21)
    ways = pair_up(bank, 8)
    assert ways.first.tolist() == list(range(8)) and ways.last.tolist() == list(range(8, 16))
    assert torch.equal(ways.start, bank.latents(8)) and ways.labels is None
    assert len(pair_up(bank, 50)) == 10  # all but the odd one
    start, end = ways.ends(torch.tensor([3, 1]))
    assert torch.equal(start, bank.latents()[[3, 1]]) and torch.equal(end, bank.latents()[[11, 9]])
    assert torch.equal(ways.end_features("raw")[1], bank.latents()[8:16])
    assert torch.equal(ways.samples(torch.tensor([2]), torch.ones(1)), bank.latents()[10:11])
