from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from PIL import Image

from ganlens.modality import Images, Points, modalities
from ganlens.modality.images import GUTTER, LESS, MORE, colours

images = Images()


def cells(picture: Image.Image, row: int, rows: int) -> list[tuple[int, int, int]]:
    """Colours met along the middle of one of `rows` rows, without the gutters, each once per cell."""
    pixels = np.asarray(picture)
    line = [tuple(int(v) for v in pixel) for pixel in pixels[int((row + 0.5) * len(pixels) / rows)]]
    met: list[tuple[int, int, int]] = []
    for before, here in zip([GUTTER, *line], line, strict=False):
        if here != GUTTER and here != before:
            met.append(here)  # type: ignore[arg-type]
    return met


def flat(*values: float, side: int = 4) -> torch.Tensor:
    return torch.tensor(values).view(-1, 1, 1, 1).expand(-1, 1, side, side)


def test_there_is_one_kind_of_images() -> None:
    assert modalities["images"] is Images
    assert Images() == Images() != Points()
    assert len({Images(), Images(), Points()}) == 2
    assert images.range == (-1, 1)


@pytest.mark.parametrize(
    ("shape", "accepted"),
    [((1, 8, 8), True), ((3, 8, 16), True), ((4, 8, 8), True), ((5, 8, 8), False), ((2,), False)],
)
def test_shapes(shape: tuple[int, ...], accepted: bool) -> None:
    assert images.accepts(shape) == accepted


def test_presets_follow_the_size() -> None:
    assert images.default_preset((1, 8, 8)) == images.default_preset((3, 16, 16)) == "small"
    assert images.default_preset((1, 16, 32)) == images.default_preset((3, 64, 64)) == "dcgan"


@pytest.mark.parametrize(
    ("shape", "width"),
    [
        ((1, 8, 8), 64),
        ((1, 32, 32), 1024),
        ((1, 64, 64), 1024),
        ((3, 32, 32), 768),
        ((3, 64, 64), 768),
        ((3, 128, 128), 768),
    ],
)
def test_raw_features_have_at_most_1024_numbers(shape: tuple[int, ...], width: int) -> None:
    assert images.raw_features(torch.zeros(2, *shape)).shape == (2, width)


def test_raw_features_are_block_means() -> None:
    samples = torch.randn(3, 1, 64, 64)
    blocks = samples.view(3, 32, 2, 32, 2).mean((2, 4)).flatten(1)
    torch.testing.assert_close(images.raw_features(samples), blocks)
    small = torch.randn(2, 3, 8, 8)
    assert torch.equal(images.raw_features(small), small.flatten(1))


def test_the_protocol_says_what_is_done() -> None:
    assert images.raw_protocol((1, 28, 28)) == "the 28×28 pixels as they are"
    assert images.raw_protocol((3, 64, 64)) == "pixels of 3 channels, area-averaged from 64×64 to 16×16"


def test_colours_cut_and_show_nan_as_black() -> None:
    shown = colours(flat(-1, 0, 1, 7, float("nan")))
    assert shown[:, 0, 0, 0].tolist() == [0, 128, 255, 255, 0]
    rgb = torch.tensor([1.0, -1.0, 0.0]).view(1, 3, 1, 1).expand(1, 3, 2, 2)
    assert colours(rgb)[0, 0, 0].tolist() == [255, 0, 128]


def test_transparency_shows_the_ground() -> None:
    opaque = torch.tensor([1.0, 1.0, 1.0, 1.0]).view(1, 4, 1, 1)
    clear = torch.tensor([1.0, 1.0, 1.0, -1.0]).view(1, 4, 1, 1)
    assert colours(opaque)[0, 0, 0].tolist() == [255, 255, 255]
    assert tuple(colours(clear)[0, 0, 0].tolist()) == GUTTER
    assert tuple(colours(torch.tensor([1.0, -1.0]).view(1, 2, 1, 1))[0, 0, 0].tolist()) == GUTTER


def test_a_grid_runs_row_by_row() -> None:
    picture = images.picture(flat(-1, 0, 1, 0.5, -0.5), columns=3)
    assert cells(picture, 0, 2) == [(0,) * 3, (128,) * 3, (255,) * 3]
    assert cells(picture, 1, 2) == [(191,) * 3, (64,) * 3]


def test_enlarging_is_by_whole_factors_and_leaves_pixels_square() -> None:
    sample = torch.rand(1, 1, 8, 8) * 2 - 1
    picture = np.asarray(images.picture(sample))[..., 0]
    inner = picture[2:-2, 2:-2]
    assert inner.shape == (256, 256)
    blocks = inner.reshape(8, 32, 8, 32)
    assert (blocks == blocks[:, :1, :, :1]).all()
    assert (blocks[:, 0, :, 0] == colours(sample)[0, ..., 0]).all()


@pytest.mark.parametrize(("count", "side"), [(64, 8), (64, 32), (100, 28), (4, 64), (16, 128)])
def test_pictures_are_large_but_fit_a_page(count: int, side: int) -> None:
    width = images.picture(torch.zeros(count, 1, side, side)).width
    assert 500 < width <= 1030


def test_large_images_are_shown_at_their_own_size() -> None:
    assert images.picture(torch.zeros(9, 3, 512, 512)).width == 3 * 512 + 4 * 2


def test_nothing_to_show_is_no_error() -> None:
    assert images.picture(torch.zeros(0, 1, 8, 8)).size == (1, 1)


def test_strips_have_a_row_per_sequence() -> None:
    sequences = torch.stack([flat(-1, 0, 1), flat(1, 0.5, -0.5)])
    picture = images.strips(sequences)
    assert cells(picture, 0, 2) == [(0,) * 3, (128,) * 3, (255,) * 3]
    assert cells(picture, 1, 2) == [(255,) * 3, (191,) * 3, (64,) * 3]


def test_pairs_lie_above_each_other_with_signed_differences_below() -> None:
    first, second = flat(0, 0, 0), flat(0, 0.8, -0.4)
    picture = images.pairs(first, second, difference=True)
    assert cells(picture, 0, 3) == [(128,) * 3] * 3
    assert cells(picture, 1, 3) == [(128,) * 3, (230,) * 3, (76,) * 3]
    same, brighter, darker = cells(picture, 2, 3)
    assert same == (247, 247, 247)
    assert brighter == MORE  # the largest departure has the full colour
    halfway = tuple(round((a + 247) / 2) for a in LESS)
    assert darker == pytest.approx(halfway, abs=1)


def test_tiny_differences_stay_pale() -> None:
    picture = images.pairs(flat(0), flat(0.001), difference=True)
    assert min(cells(picture, 2, 3)[0]) > 240


def test_many_pairs_go_on_below_and_stay_paired() -> None:
    first, second = flat(*([-1.0] * 17)), flat(*([1.0] * 17))
    pixels = np.asarray(images.pairs(first, second))[:, 8, 0]
    met = [int(b) for a, b in pairwise(pixels) if b != a and b in (0, 255)]
    assert met == [0, 255, 0, 255]


def test_pairs_of_different_batches_are_refused() -> None:
    with pytest.raises(ValueError, match="two batches of one shape"):
        images.pairs(torch.zeros(2, 1, 4, 4), torch.zeros(3, 1, 4, 4))


def test_small_edits_keep_shape_and_range_and_undo_each_other():
    shape = (3, 16, 16)
    samples = torch.rand(2, *shape, generator=torch.Generator().manual_seed(0)) * 2 - 1
    edits, rng = {edit.name: edit for edit in Images().small_edits(shape)}, torch.Generator().manual_seed(0)
    assert all(edit(samples, rng).shape == samples.shape for edit in edits.values())
    assert {edit.family for edit in edits.values()} == {"shift", "flip", "turn", "size", "light", "contrast"}
    flip = edits["a flip from left to right"]
    assert torch.equal(flip(flip(samples, rng), rng), samples)
    up, down = (edits[f"a shift by 2 pixels {way} and 1 to the left"](samples, rng) for way in ("up", "down"))
    assert torch.equal(up[..., :14, :15], samples[..., 2:, 1:])
    assert torch.equal(down[..., 2:, :15], samples[..., :14, 1:])
    turned = edits["a turn by 4° to the left"](edits["a turn by 4° to the right"](samples, rng), rng)
    plain = edits["a turn by 8° to the right"](samples, rng)
    inner = (slice(None), slice(None), slice(4, 12), slice(4, 12))
    assert (turned - samples)[inner].abs().mean() < (plain - samples)[inner].abs().mean()
