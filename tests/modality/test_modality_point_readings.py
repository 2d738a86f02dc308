"""Where points lie about the middle of the data: on drawn points with known values."""

from __future__ import annotations

import math

import pytest
import torch

from ganlens.modality import Points
from ganlens.modality.point_readings import readings_about_the_middle


def on_a_circle(turns: torch.Tensor, radius: float = 2.0) -> torch.Tensor:
    angle = 2 * math.pi * turns
    return radius * torch.stack([angle.cos(), angle.sin()], dim=1) + torch.tensor([5.0, -1.0])


def test_distance_and_angle_of_known_points():
    like = on_a_circle(torch.arange(12) / 12)
    distance, angle = readings_about_the_middle(like)
    points = on_a_circle(torch.tensor([0.0, 0.25, 0.5]), radius=3.0)
    assert distance(points).tolist() == pytest.approx([3, 3, 3], abs=1e-5)
    steps = angle(points).diff().remainder(1.0)
    assert steps.tolist() == pytest.approx([0.25, 0.25], abs=1e-6)


def test_the_circle_is_cut_where_points_are_fewest():
    turns = 0.9 + 0.3 * torch.rand(200, generator=torch.Generator().manual_seed(1))  # across the axis
    like = on_a_circle(turns)
    points = torch.cat(
        [like, on_a_circle(torch.tensor([0.4, 0.7]))]
    )  # so that the middle is within the circle
    _, angle = readings_about_the_middle(points)
    order = angle(like).argsort()
    assert torch.equal(order, turns.argsort())


def test_a_line_has_no_middle_to_turn_about_and_many_coordinates_no_angle():
    assert readings_about_the_middle(torch.randn(20, 1)) == ()
    assert [reading.name for reading in readings_about_the_middle(torch.randn(20, 5))] == [
        "distance from the middle"
    ]
    assert [reading.name for reading in Points().readings(torch.empty(0, 2))] == [
        "coordinate 1",
        "coordinate 2",
    ]
    assert len(Points().readings(torch.randn(20, 40))) == 8
