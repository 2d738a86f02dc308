"""Samples moved along an axis of places."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor

from ganlens.modality.edit import Edit
from ganlens.modality.places import Axis

STEPS = (-2, -1, 1, 2)


def shifted(samples: Tensor, axis: int, steps: int) -> Tensor:
    """Samples [n, …] moved to later places of an axis (counted with the batch); the border's value comes in."""
    if not steps:
        return samples
    length = samples.shape[axis]
    moved = samples.roll(steps, axis)
    reach = min(abs(steps), length)
    source, start = (0, 0) if steps > 0 else (length - 1, length - reach)
    border = samples.narrow(axis, source, 1)
    moved.narrow(axis, start, reach).copy_(border.expand_as(moved.narrow(axis, start, reach)))
    return moved


def shifts(grid: tuple[Axis, ...], sample_shape: tuple[int, ...]) -> tuple[Edit, ...]:
    """Shifts by one and two steps along each axis of places that has more than four of them."""
    return tuple(
        Edit(_name(axis.name, steps), "shift", partial(_shifted, axis=axis.axis + 1, steps=steps))
        for axis in grid
        if sample_shape[axis.axis] > 2 * max(STEPS)
        for steps in STEPS
    )


def _name(axis: str, steps: int) -> str:
    unit, way = "step" if abs(steps) == 1 else "steps", "on" if steps > 0 else "back"
    return f"a shift by {abs(steps)} {unit} {way} along its {axis}"


def _shifted(samples: Tensor, rng: torch.Generator, *, axis: int, steps: int) -> Tensor:
    return shifted(samples, axis, steps)
