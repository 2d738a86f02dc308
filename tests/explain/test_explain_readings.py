"""What is read off samples: of pictures exact statistics, of a labeller log-odds, worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from ganlens.explain.readings.panel import class_log_odds, panel_of, with_article
from ganlens.modality.picture_drawn import picture_statistics
from ganlens.modality.picture_ground import background
from ganlens.modality.picture_readings import picture_readings
from ganlens.subject import SampleBank, Subject

DRAWN = (
    *("strength of what is drawn", "place across", "place down", "size", "weight", "lean", "stretch"),
    *("breadth", "height", "brightness"),
)
AT = {name: column for column, name in enumerate(DRAWN)}
BLACK = torch.tensor([-1.0])


def read(picture: Tensor, name: str) -> float:
    return float(picture_statistics(picture[None, None], BLACK)[0, AT[name]])


def box(top: int, left: int, height: int, width: int, value: float = 1.0, side: int = 20) -> Tensor:
    picture = torch.full((side, side), -1.0)
    picture[top : top + height, left : left + width] = value
    return picture


def test_a_box_moved_by_one_pixel_of_twenty_moves_by_a_twentieth_and_changes_nothing_else():
    before, after = box(5, 5, 4, 6), box(5, 6, 4, 6)
    change = picture_statistics(torch.stack([before, after])[:, None], BLACK).diff(dim=0)[0]
    wanted = torch.zeros(len(AT)).double()
    wanted[AT["place across"]] = 1 / 20
    assert torch.allclose(change, wanted, atol=1e-9)
    down = box(7, 5, 4, 6)
    assert read(down, "place down") - read(before, "place down") == pytest.approx(2 / 20)


def test_strength_size_stretch_and_weight_are_logarithms_of_what_they_say():
    plain = box(5, 5, 4, 4)
    assert read(plain, "strength of what is drawn") == pytest.approx(math.log(2))  # −1 to 1
    assert read(box(5, 5, 4, 4, 0.0), "strength of what is drawn") == pytest.approx(math.log(1))
    assert read(box(2, 2, 8, 8), "size") - read(plain, "size") == pytest.approx(math.log(2))
    assert read(box(5, 5, 4, 4), "stretch") == pytest.approx(0)
    assert read(box(5, 2, 4, 8), "stretch") == pytest.approx(math.log(2))
    hollow = box(4, 4, 10, 10)
    hollow[6:12, 6:12] = -1
    assert read(hollow, "weight") < read(box(4, 4, 10, 10), "weight") - 0.5


def test_a_stroke_that_goes_up_to_the_right_leans_right():
    stroke = torch.full((20, 20), -1.0)
    for row in range(4, 16):
        stroke[row, 13 - row // 2] = 1
    assert read(stroke, "lean") == pytest.approx(0.5, abs=0.05)
    assert read(stroke.flip(1), "lean") == pytest.approx(-0.5, abs=0.05)


def test_the_ground_is_the_colour_of_the_border_and_dark_ink_on_white_is_read_as_well():
    white = -box(5, 5, 4, 6)[None, None].repeat(3, 1, 1, 1)
    ground = background(white)
    assert ground.tolist() == [1]
    assert torch.allclose(
        picture_statistics(white, ground)[:, :-1],
        picture_statistics(-white, -ground)[:, :-1],
    )
    rises = {reading.name: reading.rises for reading in picture_readings(white)}
    assert rises["strength of what is drawn"] == "makes it darker"


def test_tints_are_read_off_pictures_in_colour():
    picture = torch.full((2, 3, 8, 8), -1.0)
    picture[0, :, 2:5, 2:5] = 0.5
    picture[1, 0, 2:5, 2:5] = 1.0
    picture[1, 1:, 2:5, 2:5] = 0.25
    change = {reading.name: float(reading(picture).diff()) for reading in picture_readings(picture)}
    assert change["red tint"] == pytest.approx(0.5)
    assert change["blue tint"] == pytest.approx(-0.25)


def test_log_odds_are_those_of_the_class_against_all_others():
    odds = class_log_odds(torch.tensor([[math.log(6), math.log(3), 0.0], [50.0, 0, 0]]))
    assert odds[0].tolist() == pytest.approx([math.log(6 / 4), math.log(3 / 7), math.log(1 / 9)])
    assert odds[1].tolist() == [12, -12, -12]  # certainty is cut


class Lamp:
    """Spots of one size on black: latents [n, 3] to the place across, the place down and the brightness."""

    latent_shape = (3,)

    def sample_latent(self, n: int, *, rng: torch.Generator) -> Tensor:
        return torch.randn(n, 3, generator=rng)

    def synthesize(self, latent: Tensor, labels: Tensor | None = None) -> Tensor:
        grid = torch.arange(12) - 5.5
        x, y = (torch.exp(-((grid - latent[:, i, None]) ** 2) / 3) for i in (0, 1))
        strength = 0.15 + 0.7 * torch.sigmoid(latent[:, 2])
        return 2 * (strength[:, None, None] * y[:, :, None] * x[:, None, :])[:, None] - 1


def test_a_panel_leaves_out_what_does_not_vary_and_what_others_say_already():
    subject = Subject.wrap(Lamp(), range=(-1.0, 1.0))
    bank = SampleBank(subject, samples=500)
    found = panel_of(bank, bank.fakes().tensor())
    names = [reading.name for reading in found.readings]
    assert names[:3] == ["strength of what is drawn", "place across", "place down"]
    assert "brightness" in found.left_out  # strength says it
    values = found(bank.fakes().tensor())
    assert torch.allclose(values.std(dim=0, correction=0), torch.ones(len(names)).double())
    # Readings do not depend on how many samples are read at once.
    assert torch.allclose(torch.cat([found(part) for part in bank.fakes().chunks(7)]), values)
    still = found.measured_on(bank.fakes(1).tensor().expand(9, -1, -1, -1))
    assert (still(bank.fakes().tensor()) == 0).all()  # a reading that never varies never changes


def test_articles():
    assert [with_article(word) for word in ("8", "3", "ellipse", "square")] == [
        "an 8",
        "a 3",
        "an ellipse",
        "a square",
    ]
