"""Aspects of pictures: what is taken away is alike in all, what is swapped is the other's, and the rest stays."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from ganlens.modality import Aspect, Images, Points
from ganlens.modality.frequency_aspects import BANDS, band_mask, cosine_transform, in_band
from ganlens.modality.picture_aspects import strength
from ganlens.modality.picture_geometry import extent

SIDE = 16
BLACK = torch.full((3,), -1.0)


def block(
    colour: tuple[float, ...],
    *,
    top: int = 5,
    left: int = 5,
    side: int = 4,
    ground: tuple[float, ...] = (-1, -1, -1),
) -> Tensor:
    """A square of one colour on a ground."""
    picture = torch.tensor(ground, dtype=torch.float32)[:, None, None].expand(-1, SIDE, SIDE).clone()
    picture[:, top : top + side, left : left + side] = torch.tensor(colour, dtype=torch.float32)[
        :, None, None
    ]
    return picture


RED, BLUE, YELLOW = (1.0, -1.0, -1.0), (-1.0, -1.0, 1.0), (1.0, 1.0, -1.0)
LIKE = torch.stack(
    [
        block(RED),
        block(BLUE, top=9),
        block(YELLOW, left=9, side=6),
        block((0.2, 0.2, 0.2), top=2),
        block(RED, left=8),
        block(BLUE, left=3),
    ]
)


def aspect(name: str, like: Tensor = LIKE) -> Aspect:
    return next(each for each in Images().aspects(like) if each.name == name)


def swapped(name: str, own: Tensor, other: Tensor, like: Tensor = LIKE) -> Tensor:
    return aspect(name, like).swapped(own[None], other[None])[0]


def test_aspects_have_names_of_their_own_and_only_those_that_differ_are_there():
    named = [each.name for each in Images().aspects(LIKE)]
    assert named == [
        *("brightness", "contrast", "colour", "the red channel", "the green channel", "the blue channel"),
        *("position", "size", "coarse shape", "middle detail", "fine detail", "texture"),
        "the mix of colours",
    ]  # all stand on black: the background tells nothing
    grey = [each.name for each in Images().aspects(LIKE.mean(dim=1, keepdim=True))]
    without_colour = [name for name in named if "colour" not in name and "channel" not in name]
    assert grey == [*without_colour, "the mix of grey levels"]
    assert Images().aspects(LIKE[:1].expand(4, -1, -1, -1)) == ()
    assert Points().aspects(torch.rand(5, 2)) == ()


@pytest.mark.parametrize("each", Images().aspects(LIKE), ids=lambda each: each.name)
def test_every_aspect_keeps_shape_range_and_samples_and_its_own_is_no_change(each: Aspect):
    given = LIKE.clone()
    removed, mixed = each.removed(given), each.swapped(given, given.roll(1, dims=0))
    assert bool((given == LIKE).all())
    for changed in (removed, mixed):
        assert changed.shape == LIKE.shape and changed.dtype == LIKE.dtype
        assert float(changed.abs().max()) <= 1
    assert torch.allclose(each.swapped(given, given), given, atol=1e-5)


def test_a_swapped_colour_is_the_other_s_hue_at_its_own_place_and_brightness():
    assert torch.allclose(swapped("colour", LIKE[0], LIKE[1]), block(BLUE), atol=1e-5)
    # Yellow is brighter than any red: what is left is the reddest of that brightness.
    pale = swapped("colour", LIKE[2], LIKE[0])
    assert torch.allclose(pale, block((1.0, 0.0, 0.0), left=9, side=6), atol=1e-5)
    assert torch.allclose(aspect("colour").removed(LIKE[:1])[0], block((-1 / 3,) * 3), atol=1e-6)


def test_a_channel_is_exchanged_alone():
    mixed = swapped("the red channel", LIKE[0], LIKE[1])
    assert bool((mixed[0] == LIKE[1, 0]).all()) and bool((mixed[1:] == LIKE[0, 1:]).all())
    removed = aspect("the red channel").removed(LIKE)
    assert torch.allclose(removed[:, 0], LIKE[:, 0].mean(dim=0).expand(len(LIKE), -1, -1))
    assert bool((removed[:, 1:] == LIKE[:, 1:]).all())


def test_brightness_is_the_other_s_exactly_and_the_hue_stays():
    darker, brighter = swapped("brightness", LIKE[2], LIKE[0]), swapped("brightness", LIKE[0], LIKE[2])
    assert float(darker.mean()) == pytest.approx(float(LIKE[0].mean()), abs=1e-5)
    assert float(brighter.mean()) == pytest.approx(float(LIKE[2].mean()), abs=1e-5)
    assert torch.allclose(darker[0], darker[1]) and bool((darker[:, 0, 0] == -1).all())  # dimmer, on black
    removed = aspect("brightness").removed(LIKE)
    assert torch.allclose(removed.mean(dim=(1, 2, 3)), LIKE.mean().expand(len(LIKE)), atol=1e-5)


def test_on_a_light_ground_ink_gets_lighter_and_the_ground_stays():
    like = -LIKE
    mixed = swapped("brightness", like[2], like[0], like)
    assert float(mixed.mean()) == pytest.approx(float(like[0].mean()), abs=1e-5)
    assert torch.allclose(mixed[:, 0, 0], torch.ones(3))


def test_contrast_is_the_strength_of_what_is_drawn_on_a_ground_that_stays():
    faint = swapped("contrast", LIKE[2], LIKE[3])
    assert float(strength(faint[None], BLACK)) == pytest.approx(1.2, abs=1e-4)
    assert torch.allclose(faint, block((0.8, 0.8, -1), left=9, side=6), atol=1e-4)
    assert torch.allclose(
        strength(aspect("contrast").removed(LIKE[2:4]), BLACK), strength(LIKE, BLACK).mean(), atol=0.05
    )


def test_position_is_moved_in_whole_pixels_to_the_other_s_or_the_middle():
    assert torch.equal(swapped("position", LIKE[0], LIKE[1]), block(RED, top=9))
    assert torch.equal(aspect("position").removed(LIKE[1:2])[0], block(BLUE, top=6, left=6))


def test_size_is_the_other_s_and_the_place_stays():
    small, large = block(RED, top=6, left=6, side=4), block(BLUE, top=4, left=4, side=8)
    grown = extent(swapped("size", small, large)[None], BLACK)
    wanted = extent(large[None], BLACK)
    assert float(grown.size) == pytest.approx(float(wanted.size), rel=0.08)  # its edges are soft
    assert torch.allclose(grown.place, wanted.place, atol=0.01)


def test_the_background_is_the_other_s_and_what_stands_on_it_stays():
    like = torch.stack(
        [block(RED), block(RED, ground=(-0.5, 0.2, 0.2)), block(BLUE, ground=(-0.2, -0.2, -0.2))]
    )
    mixed = swapped("the background", like[0], like[1], like)
    assert torch.allclose(mixed, like[1], atol=1e-6)


def test_bands_add_up_and_hold_the_waves_that_they_should():
    waves = {
        name: torch.cos(math.pi / SIDE * count * (torch.arange(SIDE) + 0.5)).expand(1, 1, SIDE, SIDE)
        for name, count in (("coarse shape", 2), ("middle detail", 6), ("fine detail", 14))
    }
    for name, low, high in BANDS:
        mask = band_mask((1, SIDE, SIDE), (1, 2), low, high)
        for of, wave in waves.items():
            held = in_band(wave, mask, (1, 2))
            assert torch.allclose(held, wave if of == name else torch.zeros_like(wave), atol=1e-5)
    parts = [in_band(LIKE, band_mask((3, SIDE, SIDE), (1, 2), low, high), (1, 2)) for _, low, high in BANDS]
    assert torch.allclose(sum(parts) + LIKE.mean(dim=(2, 3), keepdim=True), LIKE, atol=1e-5)
    assert torch.allclose(cosine_transform(LIKE, (1, 2)).square().sum(), LIKE.square().sum(), rtol=1e-5)


def test_a_swapped_band_is_the_other_s():
    fine = 0.2 * torch.cos(math.pi / SIDE * 13 * (torch.arange(SIDE) + 0.5)).expand(3, SIDE, SIDE)
    plain, fine_grained = torch.zeros(3, SIDE, SIDE), fine
    like = torch.stack([plain, fine_grained, plain + 0.3])
    mixed = swapped("fine detail", plain + 0.3, fine_grained, like)
    assert torch.allclose(mixed, 0.3 + fine, atol=1e-5)
    assert float(mixed.mean()) == pytest.approx(0.3, abs=1e-5)  # the mean is no detail


def test_texture_is_how_strong_waves_are_and_not_where_they_lie():
    places = torch.arange(SIDE) * 2 * math.pi * 4 / SIDE
    stripes, shifted, faint = (
        a * torch.cos(places + b).expand(1, SIDE, SIDE) for a, b in ((0.8, 0.3), (0.8, 1.3), (0.2, 1.3))
    )
    like = torch.stack([stripes, faint, torch.zeros(1, SIDE, SIDE)])
    assert torch.allclose(swapped("texture", faint, stripes, like), shifted, atol=1e-4)


def test_a_palette_is_the_other_s_pixels_in_places_of_its_own():
    """Bright and dark change places nowhere: what was brightest takes the other's brightest value."""
    rng = torch.Generator().manual_seed(0)
    own, other = torch.rand(2, 1, SIDE, SIDE, generator=rng) * 2 - 1
    mixed = swapped("the mix of grey levels", own, other, torch.stack([own, other]))
    assert torch.equal(mixed.flatten().sort().values, other.flatten().sort().values)
    assert torch.equal(mixed.flatten().argsort(), own.flatten().argsort())
    # A red block beside a dark red one: it stays where it is and as large as it is.
    darker = block((0.2, -1.0, -1.0), top=9)
    mixed = swapped("the mix of colours", LIKE[0], darker)
    assert torch.allclose(mixed, block((0.2, -1.0, -1.0)), atol=1e-4)
    removed = aspect("the mix of grey levels", LIKE[:, :1]).removed(LIKE[:, :1])
    assert len(removed.flatten(1).sort(dim=1).values.unique(dim=0)) == 1


def test_alpha_stays():
    like = torch.cat([LIKE, torch.rand(len(LIKE), 1, SIDE, SIDE)], dim=1)
    for each in Images().aspects(like):
        assert torch.equal(each.swapped(like, like.roll(1, dims=0))[:, 3], like[:, 3])
        assert torch.equal(each.removed(like)[:, 3], like[:, 3])
