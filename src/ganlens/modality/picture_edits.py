"""Small changes of a picture that keep what it shows: behind them a copy is still a copy."""

from __future__ import annotations

import math
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional

from ganlens.modality.edit import Edit
from ganlens.modality.shifts import shifted

TURNS = (-8.0, -4.0, 4.0, 8.0)
"""Degrees, to the left below 0."""
SIZES = {"a crop": 1.12, "a smaller size": 0.9}
LIGHTS = {"more light": 0.2, "less light": -0.2}
"""What is added to every value, of −1…1."""
CONTRASTS = {"more contrast": 1.25, "less contrast": 0.8}
WIDE = 12
"""A side of so many pixels may be moved by two of them; a shorter one by one, which is as much for it."""
SMALLEST = 6
"""A shorter side has nothing that could be turned or enlarged a little."""


def picture_edits(sample_shape: tuple[int, ...]) -> tuple[Edit, ...]:
    """Flips, shifts, both together, turns, sizes, light and contrast, for pictures [n, c, h, w] in −1…1.

    An alpha channel (the second of 2, the fourth of 4) is moved with the others and keeps its values.
    """
    height, width = sample_shape[1:]
    down, across = (2 if side >= WIDE else 1 if side > 2 else 0 for side in (height, width))
    steps = [(y, x) for y in range(-down, down + 1) for x in range(-across, across + 1)]
    edits = [Edit(_shift_name(y, x), "shift", partial(_moved, down=y, across=x)) for y, x in steps if y or x]
    if width > 1:
        edits += [
            Edit(_flip_name(y, x), "flip", partial(_moved, down=y, across=x, flipped=True)) for y, x in steps
        ]
    if min(height, width) >= SMALLEST:
        edits += [Edit(_turn_name(angle), "turn", partial(_placed, angle=angle)) for angle in TURNS]
        edits += [Edit(name, "size", partial(_placed, size=size)) for name, size in SIZES.items()]
    edits += [Edit(name, "light", partial(_recoloured, added=added)) for name, added in LIGHTS.items()]
    edits += [Edit(name, "contrast", partial(_recoloured, times=times)) for name, times in CONTRASTS.items()]
    return tuple(edits)


def _shift_name(down: int, across: int) -> str:
    """In words: "a shift by 1 pixel up and 2 to the left"."""
    ways = (
        (abs(down), "down" if down > 0 else "up"),
        (abs(across), "to the right" if across > 0 else "to the left"),
    )
    (first, way), *rest = [(by, way) for by, way in ways if by]
    unit = "pixel" if first == 1 else "pixels"
    return f"a shift by {first} {unit} {way}" + "".join(f" and {by} {other}" for by, other in rest)


def _flip_name(down: int, across: int) -> str:
    flip = "a flip from left to right"
    return f"{flip} and {_shift_name(down, across)}" if down or across else flip


def _turn_name(angle: float) -> str:
    return f"a turn by {abs(angle):g}° to the {'left' if angle < 0 else 'right'}"


def _moved(samples: Tensor, rng: torch.Generator, *, down: int, across: int, flipped: bool = False) -> Tensor:
    """Moved by whole pixels, after a flip or not; what comes in at a border repeats it."""
    samples = samples.flip(-1) if flipped else samples
    return shifted(shifted(samples, samples.ndim - 2, down), samples.ndim - 1, across)


def _placed(samples: Tensor, rng: torch.Generator, *, angle: float = 0.0, size: float = 1.0) -> Tensor:
    """Turned about the centre by degrees, to the right above 0, and enlarged; borders are repeated."""
    height, width = samples.shape[-2:]
    cosine, sine = math.cos(math.radians(angle)) / size, math.sin(math.radians(angle)) / size
    ratio = width / height
    matrix = torch.tensor(
        [[cosine, sine / ratio, 0.0], [-sine * ratio, cosine, 0.0]],
        dtype=samples.dtype,
        device=samples.device,
    )
    grid = functional.affine_grid(matrix.expand(len(samples), 2, 3), list(samples.shape), align_corners=False)
    return functional.grid_sample(samples, grid, padding_mode="border", align_corners=False)


def _recoloured(samples: Tensor, rng: torch.Generator, *, added: float = 0.0, times: float = 1.0) -> Tensor:
    """Lighter, or of more contrast about each picture's own mean."""
    channels = samples.shape[1]
    colours = channels - 1 if channels in (2, 4) else channels
    colour = samples[:, :colours]
    mean = colour.mean(dim=(1, 2, 3), keepdim=True)
    changed = mean + times * (colour - mean) + added
    return torch.cat([changed, samples[:, colours:]], dim=1)
