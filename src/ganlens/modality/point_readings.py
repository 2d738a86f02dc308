"""What a person reads off points beside their coordinates: how far from the data's middle, and where about it."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ganlens.modality.reading import Reading
from ganlens.modality.turns import emptiest_place

LEAST_SHARE = 0.01
"""Of the usual distance from the middle: a smaller difference is nothing anyone notices."""
LEAST_TURN = 0.01
"""The same of an angle, in turns: 3.6 degrees."""
FEWEST = 2
"""Points below which there is no middle to speak of."""


def readings_about_the_middle(like: Tensor) -> tuple[Reading, ...]:
    """Distance from the mean of points [n, d] such as `like`, and in a plane the angle about it; none of a line."""
    if len(like) < FEWEST or like.shape[1] < 2:
        return ()
    about = AboutTheMiddle(like)
    distance = Reading(
        "distance from the middle",
        about,
        0,
        rises="moves away from the middle",
        falls="moves towards the middle",
        high="samples far from the middle",
        low="samples near the middle",
        least=LEAST_SHARE * float(about(like)[:, 0].mean()),
    )
    if like.shape[1] > 2:
        return (distance,)
    angle = Reading(
        "angle about the middle",
        about,
        1,
        rises="turns it counter-clockwise about the middle",
        falls="turns it clockwise about the middle",
        least=LEAST_TURN,
    )
    return distance, angle


class AboutTheMiddle:
    """Points [n, d] as seen from the mean of others [m, d]: distance and, in a plane, angle in turns from the cut."""

    def __init__(self, like: Tensor) -> None:
        self._middle = like.double().mean(dim=0)
        self._cut = emptiest_place(self._turns(like)) if like.shape[1] == 2 else 0.0

    def __call__(self, points: Tensor) -> Tensor:
        """[n, 1], in a plane [n, 2], float64."""
        distance: Tensor = torch.linalg.vector_norm(points.double() - self._middle.to(points.device), dim=1)
        if points.shape[1] != 2:
            return distance[:, None]
        return torch.stack([distance, (self._turns(points) - self._cut).remainder(1.0)], dim=1)

    def _turns(self, points: Tensor) -> Tensor:
        """Counter-clockwise from the first coordinate's axis, 0…1."""
        x, y = (points.double() - self._middle.to(points.device)).unbind(dim=1)
        turns: Tensor = (torch.atan2(y, x) / (2 * math.pi)).remainder(1.0)
        return turns
