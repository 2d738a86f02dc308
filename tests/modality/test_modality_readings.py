"""What is read off pictures, on drawings whose hues, parts, stripes, spots, sides and textures are known."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from ganlens.modality import read_all
from ganlens.modality.picture_colours import Circle, hues, named_hue
from ganlens.modality.picture_ground import ink_of, own_grounds
from ganlens.modality.picture_light import side_statistics, spot_statistics
from ganlens.modality.picture_parts import part_statistics
from ganlens.modality.picture_patterns import pattern_statistics, texture_statistics
from ganlens.modality.picture_readings import picture_readings

PARTS = (
    *("area", "stroke width", "pieces", "holes", "largest", "smaller", "distance", "distance of smaller"),
    *("tilt", "length", "bend"),
)


def canvas(count: int = 1, channels: int = 1, side: int = 24, ground: float = -1.0) -> Tensor:
    return torch.full((count, channels, side, side), ground)


def parts_of(picture: Tensor) -> dict[str, float]:
    return dict(zip(PARTS, part_statistics(picture)[0].tolist(), strict=True))


def noisy(pictures: Tensor, strength: float = 0.02) -> Tensor:
    noise = torch.randn(pictures.shape, generator=torch.Generator().manual_seed(0))
    return (pictures + strength * noise).clamp(-1, 1)


def in_bytes(pictures: Tensor) -> Tensor:
    return ((pictures + 1) * 127.5).round() / 127.5 - 1


def blobs(count: int = 60, side: int = 24) -> Tensor:
    """Two soft spots [n, 1, side, side] of different strengths and places, some of them touching."""
    rng = torch.Generator().manual_seed(1)
    x, y, size, strength = (torch.rand(count, 2, 1, 1, generator=rng) for _ in range(4))
    grid = torch.arange(side) + 0.5
    across, down = grid - (4 + 16 * x), grid[:, None] - (4 + 16 * y)
    light = (0.4 + strength) * torch.exp(-(across.square() + down.square()) / (2 * (1.5 + size).square()))
    return light.amax(dim=1, keepdim=True).clamp(max=2) - 1


# ---- hue and ground


def test_hues_are_turns_round_the_circle_and_greys_have_none() -> None:
    colours = torch.tensor([[1.0, 0, 0], [1, 1, 0], [0, 1, 0], [0, 0, 1], [0.5, 0.1, 0.1], [0.3, 0.3, 0.3]])
    assert hues(colours)[:5].tolist() == pytest.approx([0, 1 / 6, 1 / 3, 2 / 3, 0])
    assert hues(colours)[5].isnan()
    assert [named_hue(turn) for turn in (0.98, 0.34, 0.65, 0.9)] == ["red", "green", "blue", "pink"]


def test_the_circle_is_cut_where_the_data_have_no_hues_and_its_ends_are_its_words() -> None:
    turns = torch.linspace(0, 2 / 3, 200)
    colours = torch.stack([torch.cos(2 * math.pi * (turns - k / 3)) for k in range(3)], dim=1)
    circle = Circle.of(colours, lambda rows: rows)
    assert circle is not None
    assert 2 / 3 < circle.cut < 1
    assert circle(colours).diff().allclose(turns.diff().double(), atol=1e-5)  # no jump: red is not both ends
    assert circle.words("it") == ("turns it from orange to blue", "turns it from blue to orange")
    assert Circle.of(torch.zeros(9, 3), lambda rows: rows) is None


def test_the_hue_of_what_is_drawn_and_that_of_its_ground_are_two_things() -> None:
    pictures = canvas(4, 3)
    pictures[:2, 0], pictures[2:, 2] = -0.4, -0.4  # a red ground, a blue one
    for number, channel in enumerate((0, 1, 0, 1)):  # a red box, a green one
        pictures[number, :, 8:16, 8:16] = -0.8
        pictures[number, channel, 8:16, 8:16] = 0.9
    values = {reading.name: reading(pictures) for reading in picture_readings(pictures)}
    ground, drawn = values["hue of the ground"], values["hue"]
    assert ground[0] == ground[1] != ground[2] == ground[3]
    assert float((drawn[0] - drawn[2]).abs()) < 0.02 < float((drawn[0] - drawn[1]).abs())
    assert float((drawn[0] - drawn[1]).abs()) == pytest.approx(1 / 3, abs=0.02)


def test_what_the_data_lack_is_not_read() -> None:
    grey = {reading.name for reading in picture_readings(blobs())}
    assert (
        not {"hue", "hue of the ground", "warmth", "brightness of the ground", "height of the horizon"} & grey
    )
    assert {"size", "pieces", "brightest spot's size", "balance of left and right"} <= grey
    assert "darkest spot's size" in {reading.name for reading in picture_readings(-blobs())}
    assert "hue" not in {reading.name for reading in picture_readings(blobs().expand(-1, 3, -1, -1))}


# ---- parts


def test_sizes_distances_and_tilt_of_parts_are_those_drawn() -> None:
    picture = canvas()
    picture[0, 0, 12:22, 7:17] = 1  # 100 pixels about (12, 17)
    picture[0, 0, 2:6, 2:6] = 0.5  # 16 about (4, 4)
    picture[0, 0, 5:8, 17:20] = 1  # 9 about (18.5, 6.5)
    read = parts_of(picture)
    assert (read["pieces"], read["holes"]) == (3, 0)
    assert read["largest"] == pytest.approx(10 / 24)
    assert read["smaller"] == pytest.approx(5 / 24)
    assert read["distance"] == pytest.approx(math.hypot(8, 13) / 24)
    assert read["distance of smaller"] == pytest.approx(math.hypot(14.5, 2.5) / 24)
    assert read["tilt"] == pytest.approx(math.sin(2 * math.atan2(2.5, 14.5)))  # clockwise: lower at the right
    assert parts_of(picture.flip(3))["tilt"] == pytest.approx(-read["tilt"])


def test_a_picture_of_one_part_has_no_distances_and_one_of_nothing_no_parts() -> None:
    picture = canvas()
    assert parts_of(picture)["pieces"] == parts_of(picture)["area"] == 0
    picture[0, 0, 4:9, 4:9] = 1
    read = parts_of(picture)
    assert math.isnan(read["distance"]) and math.isnan(read["tilt"])
    assert read["bend"] == pytest.approx(0)


def test_a_faint_drawing_has_the_parts_of_a_strong_one() -> None:
    pictures = blobs()
    strong, faint = part_statistics(pictures), part_statistics(0.3 * (pictures + 1) - 1)
    assert torch.allclose(strong, faint, atol=1e-5, equal_nan=True)


def test_what_bends_to_the_left_in_its_middle_has_its_ends_to_the_right() -> None:
    picture = canvas()
    for row in range(2, 22):
        middle = 8 + round(((row - 11.5) / 5) ** 2)
        picture[0, 0, row, middle : middle + 2] = 1
    assert parts_of(picture)["bend"] > 0.2
    assert parts_of(picture.flip(3))["bend"] == pytest.approx(-parts_of(picture)["bend"], abs=1e-5)


@pytest.mark.parametrize("changed", [in_bytes, noisy])
def test_the_number_of_parts_and_holes_survives_rounding_and_noise(changed) -> None:
    pictures = blobs(300)
    before, after = part_statistics(pictures), part_statistics(changed(pictures))
    for column in (2, 3):
        assert float((before[:, column] != after[:, column]).float().mean()) <= (
            0.0 if changed is in_bytes else 0.1
        )
    assert float((before[:, 2] - after[:, 2]).mean().abs()) < 0.05


def test_a_speck_is_no_part() -> None:
    picture = canvas()
    picture[0, 0, 4:12, 4:12] = 1
    picture[0, 0, 20, 20] = 1
    assert parts_of(picture)["pieces"] == 1


# ---- stripes and texture


def striped(cycles: float, angle: float, strength: float = 0.3) -> Tensor:
    """A bright box with stripes that lean to the right by an angle."""
    place = torch.arange(24) - 11.5
    wave = torch.cos(2 * math.pi * cycles / 24 * (place * math.cos(angle) + place[:, None] * math.sin(angle)))
    picture = canvas()
    picture[0, 0, 4:20, 4:20] = 0.2 + strength * wave[4:20, 4:20]
    return picture


@pytest.mark.parametrize("cycles", [3.0, 4.0, 5.5, 7.0])
def test_stripes_have_their_strength_and_frequency(cycles: float) -> None:
    strength, frequency, lean = pattern_statistics(striped(cycles, 0.0))[0].tolist()
    assert strength == pytest.approx(0.3, abs=0.06)
    assert math.exp(frequency) == pytest.approx(cycles, rel=0.12)
    assert lean == pytest.approx(0, abs=0.02)
    assert pattern_statistics(striped(cycles, 0.0, 0.15))[0, 0] == pytest.approx(strength / 2, rel=0.1)


def test_stripes_lean_as_they_are_drawn() -> None:
    right, left = (float(pattern_statistics(striped(5, angle))[0, 2]) for angle in (0.35, -0.35))
    assert right == pytest.approx(math.sin(0.7), abs=0.15)
    assert left == pytest.approx(-right, abs=1e-4)
    # To the right at the top, as what leans does: the brightest column of a lower row lies further left.
    rows = striped(5, 0.35)[0, 0, :, 9:15]
    assert int(rows[8].argmax()) >= int(rows[10].argmax())


def test_a_plain_box_has_no_stripes_and_a_line_has_no_inside() -> None:
    assert float(pattern_statistics(striped(5, 0.0, 0.0))[0, 0]) < 0.01
    line = canvas()
    line[0, 0, 3:21, 11:13] = 1
    assert pattern_statistics(line).isnan().all()


def test_texture_is_strong_or_fine_whatever_stands_on_it() -> None:
    noise = torch.randn(40, 1, 24, 24, generator=torch.Generator().manual_seed(0))
    smooth = torch.nn.functional.avg_pool2d(noise, 5, 1, 2)
    smooth = smooth / smooth.std() * noise.std()
    fine, coarse = texture_statistics(0.2 * noise), texture_statistics(0.2 * smooth)
    assert float(fine[:, 1].mean()) > float(coarse[:, 1].mean()) + 0.5
    louder = texture_statistics(0.4 * noise)
    assert float((louder - fine)[:, 0].mean()) == pytest.approx(math.log(2), abs=0.02)
    assert float((louder - fine)[:, 1].abs().max()) < 0.01
    assert texture_statistics(canvas(3)).isnan().all()


# ---- spots and sides


def test_the_brightest_spot_has_a_place_a_strength_and_a_size() -> None:
    picture = canvas(ground=-0.5)
    picture[0, 0, 3:8, 15:20] = 0.7  # five by five about (17.5, 5.5)
    across, down, strength, size = spot_statistics(picture)[0].tolist()
    assert (across, down) == pytest.approx((17.5 / 24, 5.5 / 24), abs=1e-6)
    assert strength == pytest.approx(1.2, abs=1e-6)
    assert size == pytest.approx(4.5 / 24, rel=0.15)
    assert torch.allclose(spot_statistics(-picture, darkest=True), spot_statistics(picture))
    assert spot_statistics(canvas())[0, :3].tolist() == [0.5, 0.5, 0]


def test_symmetry_and_balance_are_those_of_the_two_halves() -> None:
    picture = canvas()
    picture[0, 0, 8:12, 2:6], picture[0, 0, 8:12, 18:22] = 1, 1
    assert side_statistics(picture)[0, :2].tolist() == pytest.approx([0, 0])
    picture[0, 0, 8:12, 2:6] = 0  # half as strong at the left
    assert side_statistics(picture)[0, :2].tolist() == pytest.approx([1 / 3, 1 / 3])
    assert side_statistics(picture.flip(3))[0, :2].tolist() == pytest.approx([1 / 3, -1 / 3])


def test_the_horizon_is_where_the_rows_change() -> None:
    land = canvas(2, 3, ground=0.5)
    land[0, :, 9:], land[1, :, 15:] = -0.2, -0.2
    assert side_statistics(land)[:, 2].tolist() == pytest.approx([9 / 24, 15 / 24], abs=1e-3)
    assert side_statistics(land.transpose(2, 3))[:, 2].isnan().all()


# ---- all of them


def test_a_picture_stands_on_its_own_ground_and_what_nobody_notices_weighs_nothing() -> None:
    pictures = canvas(2)
    pictures[1] = 0.2
    pictures[:, :, 6:10, 6:10] = 1
    grounds = own_grounds(pictures)
    assert grounds[:, 0].tolist() == pytest.approx([-1, 0.2])
    assert torch.equal(ink_of(pictures, grounds) > 0, pictures[:, 0] == 1)
    assert float(ink_of(canvas() + 0.04, torch.tensor([-1.0])).max()) == 0


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_every_reading_is_a_number_has_words_for_both_ends_and_does_not_depend_on_the_others(
    channels,
) -> None:
    rng = torch.Generator().manual_seed(channels)
    pictures = (
        blobs(12).expand(-1, channels, -1, -1) + 0.3 * torch.rand(12, channels, 1, 1, generator=rng)
    ).clamp(max=1)
    readings = picture_readings(pictures)
    assert len({reading.name for reading in readings}) == len(readings)
    for reading in readings:
        assert (
            bool(reading.rises) == bool(reading.falls) and reading.rises != reading.falls
        ) or not reading.rises
        assert bool(reading.high) == bool(reading.low)
        assert reading.least > 0
    odd = torch.cat([pictures, canvas(1, channels), canvas(1, channels, ground=1.0)])
    together = read_all(readings, odd)
    assert together.isfinite().all()
    apart = torch.cat([read_all(readings, row[None]) for row in odd])
    assert torch.allclose(together, apart, atol=1e-5)
