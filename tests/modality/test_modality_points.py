from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from PIL import Image

from ganlens.modality import Points, modalities
from ganlens.modality.points import BLUE, ORANGE, SIDE, _along, _limits, _ticks

points = Points()


def where(picture: Image.Image, colour: tuple[int, int, int]) -> np.ndarray:
    """(column, row) of all pixels below the legend that are exactly of that colour."""
    pixels = np.asarray(picture)
    rows, columns = np.nonzero((pixels == colour).all(-1))
    inside = rows > 34
    return np.stack([columns[inside], rows[inside]], axis=1)


def place(picture: Image.Image, colour: tuple[int, int, int] = BLUE) -> np.ndarray:
    return where(picture, colour).mean(0)


def test_what_points_are() -> None:
    assert modalities["points"] is Points
    assert points.range is None
    assert [points.accepts(shape) for shape in ((2,), (1,), (1024,), (1025,), (1, 2))] == [
        True,
        True,
        True,
        False,
        False,
    ]
    assert points.default_preset((2,)) == "points"


def test_raw_features_are_the_coordinates() -> None:
    samples = torch.randn(5, 3, dtype=torch.float64)
    assert torch.equal(points.raw_features(samples), samples.float())
    assert points.raw_protocol((3,)) == "the 3 coordinates as they are"


def test_x_goes_right_y_goes_up_and_both_in_equal_units() -> None:
    corners = torch.tensor([[-1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    spots = where(points.picture(corners), BLUE)
    left, right = spots[spots[:, 0].argmin()], spots[spots[:, 0].argmax()]
    top, bottom = spots[spots[:, 1].argmin()], spots[spots[:, 1].argmax()]
    assert right[0] - left[0] == pytest.approx(bottom[1] - top[1], abs=1)
    assert left[1] == pytest.approx(right[1], abs=2)
    only_up = torch.tensor([[0.0, 0.0], [0.0, 1.0], [0.0, 1.0], [0.0, 0.9]])
    assert place(points.picture(only_up))[1] < SIDE / 2 - 50


def test_what_is_no_number_is_left_out_and_moves_nothing() -> None:
    good = torch.randn(50, 2)
    bad = torch.tensor([[math.nan, 0.0], [math.inf, 1.0], [0.0, -math.inf]])
    assert points.picture(torch.cat([good, bad])).tobytes() == _with_dots_of(good, 53).tobytes()
    assert points.picture(bad).size == (SIDE, SIDE)
    assert len(where(points.picture(bad), BLUE)) == 0


def _with_dots_of(samples: torch.Tensor, count: int) -> Image.Image:
    """The picture of `samples`, with dots as large as `count` points have (repeats change no pixel)."""
    repeated = torch.cat([samples, samples[:1].expand(count - len(samples), -1)])
    return points.picture(repeated)


@pytest.mark.parametrize("shift", [0.0, 1e6, -1e30])
@pytest.mark.parametrize("spread", [0.0, 1e-20, 1.0, 1e30])
def test_any_finite_cloud_can_be_drawn(shift: float, spread: float) -> None:
    samples = torch.tensor([[shift, shift], [shift + spread, shift], [shift, shift - spread]])
    assert len(where(points.picture(samples), BLUE)) > 20
    assert len(where(points.picture(samples[:1].expand(3, 2)), BLUE)) > 20


def test_other_widths_show_their_first_two_coordinates() -> None:
    wide = torch.randn(20, 5)
    assert points.picture(wide).tobytes() == points.picture(wide[:, :2]).tobytes()
    line = torch.tensor([[-1.0], [2.0]])
    assert points.picture(line).tobytes() == points.picture(torch.tensor([[-1.0, 0.0], [2.0, 0.0]])).tobytes()


def test_strips_run_from_dark_to_yellow() -> None:
    path = torch.stack([torch.linspace(-1, 1, 21), torch.zeros(21)], dim=1)[None]
    picture = points.strips(path)
    assert place(picture, _along(0.0))[0] < 120
    assert place(picture, _along(1.0))[0] > 640
    assert place(picture, _along(0.5))[0] == pytest.approx((54 + SIDE - 18) / 2, abs=25)


def test_pairs_show_both_ends_and_an_arrow_for_the_difference() -> None:
    first, second = torch.tensor([[-1.0, 0.0]]), torch.tensor([[1.0, 0.5]])
    plain, marked = points.pairs(first, second), points.pairs(first, second, difference=True)
    for picture in (plain, marked):
        assert place(picture, BLUE)[0] < place(picture, ORANGE)[0]
        assert place(picture, BLUE)[1] > place(picture, ORANGE)[1]
    assert plain.tobytes() != marked.tobytes()
    with pytest.raises(ValueError, match="two batches of one shape"):
        points.pairs(first, second[:, :1])


@pytest.mark.parametrize(
    ("low", "high", "wanted"),
    [
        (-1.1, 1.1, [-1, -0.5, 0, 0.5, 1]),
        (0, 60, [0, 10, 20, 30, 40, 50, 60]),
        (2e-9, 8e-9, [2e-9, 3e-9, 4e-9, 5e-9, 6e-9, 7e-9, 8e-9]),
    ],
)
def test_ticks_are_round_numbers(low: float, high: float, wanted: list[float]) -> None:
    assert _ticks(low, high) == pytest.approx(wanted)


def test_limits_hold_every_point_with_a_margin() -> None:
    (x_low, x_high), (y_low, y_high) = _limits(np.array([[0.0, 0.0], [10.0, 2.0]]))
    assert (x_low, x_high) == pytest.approx((-0.5, 10.5))
    assert (y_low, y_high) == pytest.approx((1 - 5.5, 1 + 5.5))
