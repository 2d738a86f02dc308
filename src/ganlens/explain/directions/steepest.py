"""How much of each reading a direction could move at most: along the direction in which it rises fastest."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from scipy.sparse.csgraph import connected_components
from torch import Tensor

from ganlens.explain.code.interventions import axis_directions
from ganlens.explain.directions.audit import halves, slopes_of
from ganlens.explain.directions.follow import Course

ALIKE = 0.9
"""|Cosine| of the steepest directions of two readings from which nothing moves the one without the other."""


@dataclass(frozen=True)
class Steepest:
    """What no direction can be expected to exceed, and which readings no direction can part.

    Attributes:
        square: [r] squared mean shift of each reading along its own steepest direction, on the measuring starts;
            None where the space is too wide for a regression, so that nobody knows.
        kinds: [r] int64, a number for each kind of reading. Readings of one kind move together or not at all.
    """

    square: Tensor | None
    kinds: Tensor


def steepest(course: Course, rows: Tensor, readings: Tensor) -> Steepest:
    """Regress readings [n, r] on standardised points [n, z], and follow what comes of it as any direction.

    Following, and not the regression's slopes: far from the start a reading reaches its end, and a direction
    must not be blamed for that.
    """
    fastest = axis_directions(rows, readings)
    along, (_, measuring) = course.along, halves(len(course.points))
    ways = course.without_code().follow(fastest.unit)
    shifts = [
        float(slopes_of(way, along).of(measuring).shift[:, place].mean()) for place, way in enumerate(ways)
    ]
    return Steepest(
        torch.tensor(shifts, dtype=torch.float64).square(), kinds_of(fastest.unit, course.panel.of_classes)
    )


def unknown_steepest(of_classes: Tensor) -> Steepest:
    """Where nothing can be regressed: the odds of classes [r] bool are one kind, all else each its own."""
    return Steepest(None, kinds_of(torch.eye(len(of_classes), dtype=torch.float64), of_classes))


def kinds_of(units: Tensor, of_classes: Tensor) -> Tensor:
    """Kinds [r] of readings by their steepest directions [r, z]: chains of those that are `ALIKE`.

    The odds of classes [r] bool are one kind in any case, being sides of one thing.
    """
    alike = (units @ units.T).abs() > ALIKE
    alike |= of_classes[:, None] & of_classes
    _, kinds = connected_components(alike.numpy(), directed=False)
    return torch.from_numpy(kinds).long()
