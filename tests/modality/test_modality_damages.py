"""Planted damage: everyone sees it, it is measured by each picture's own contrast, and the kinds that have no own get
noise."""

import pytest
import torch

from ganlens.instruments.sight import planted_sight
from ganlens.modality import Images, Points
from ganlens.modality.picture_damages import GRAIN, LOSS


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def moved(before: torch.Tensor, after: torch.Tensor) -> torch.Tensor:
    """How far each picture's pixels moved, root mean square, in shares of its contrast."""
    contrast = (before - before.mean(dim=(2, 3), keepdim=True)).square().mean(dim=(1, 2, 3)).sqrt()
    return (after - before).square().mean(dim=(1, 2, 3)).sqrt() / contrast


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 17, 24), (4, 32, 32)])
@pytest.mark.parametrize("contrast", [0.02, 0.5])
def test_damage_is_as_strong_as_the_contrast_asks(shape, contrast):
    pictures = contrast * torch.randn(20, *shape, generator=rng())
    noise, blur, mosaic = Images().damages(shape)
    torch.testing.assert_close(
        moved(pictures, noise(pictures, rng(1))), torch.full((20,), GRAIN), atol=0.1, rtol=0
    )
    for edit in (blur, mosaic):
        assert (moved(pictures, edit(pictures, rng())) >= LOSS).all()


def test_smooth_pictures_are_blurred_further_until_it_shows():
    places = torch.linspace(-1, 1, 32)
    smooth = (places[:, None] * 2 + places[None]).sin()[None, None].repeat(4, 1, 1, 1)
    _, blur, mosaic = Images().damages((1, 32, 32))
    for edit in (blur, mosaic):
        assert (moved(smooth, edit(smooth, rng())) > 0.2).all()


def test_each_picture_is_damaged_by_its_own_measure():
    """A batch changes nothing: a faint picture beside a strong one is damaged as it is alone."""
    pictures = torch.randn(6, 1, 12, 12, generator=rng()) * torch.linspace(0.01, 1, 6).view(-1, 1, 1, 1)
    for edit in Images().damages((1, 12, 12))[1:]:
        together = edit(pictures, rng())
        torch.testing.assert_close(together[2:3], edit(pictures[2:3], rng()))


def test_a_picture_of_one_colour_stays_and_tiny_ones_get_noise_alone():
    flat = torch.full((2, 3, 8, 8), 0.3)
    for edit in Images().damages((3, 8, 8)):
        torch.testing.assert_close(edit(flat, rng()), flat)
    assert [edit.name for edit in Images().damages((1, 2, 2))] == ["noise"]


def test_other_kinds_get_noise_as_wide_as_their_spread():
    points = torch.randn(4000, 3, generator=rng()) * torch.tensor([0.1, 1.0, 10.0])
    (noise,) = Points().damages((3,))
    spoiled = noise(points, rng(1))
    torch.testing.assert_close((spoiled - points).std(dim=0), points.std(dim=0), rtol=0.05, atol=0)


def test_a_space_that_averages_noise_away_is_found_blind_and_one_that_sees_is_not():
    coarse = torch.rand(400, 1, 2, 2, generator=rng()) * 1.6 - 0.8
    pictures = coarse.repeat_interleave(6, dim=2).repeat_interleave(6, dim=3)
    train, held_out = pictures[:200], pictures[200:]

    def quarters(samples: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.adaptive_avg_pool2d(samples, 2).flatten(1)

    blind = planted_sight(quarters, train, held_out, Images(), seed=0)
    seeing = planted_sight(Images().raw_features, train, held_out, Images(), seed=0)
    assert "noise" in blind.unseen and not blind.sees
    assert "noise" not in seeing.unseen
    assert seeing.damages[0].gap > 10 * blind.damages[0].gap


def test_with_too_few_samples_nothing_is_planted_and_no_space_is_refused():
    sight = planted_sight(lambda x: x, torch.randn(20, 3), torch.randn(20, 3), Points(), seed=0)
    assert sight.damages == () and sight.sees


def test_a_space_in_which_all_samples_are_one_is_blind():
    points = torch.randn(200, 3, generator=rng())
    sight = planted_sight(lambda x: torch.zeros(len(x), 2), points[:100], points[100:], Points(), seed=0)
    assert sight.unseen == ("noise",)
