"""Artefacts that have a place: spots, borders, and specks, which are at any."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from ganlens.explain.artefacts.trace import Family, Trace, grain_of, mean_in_thirds, stacked

CELLS = 8
"""Spots are looked for in so many cells along each side: a spot need not sit on the same pixel every time."""
SEEN = 0.1
"""A difference of brightness, of 2 from black to white, that is seen where there should be none."""
SPECK, ABOVE_GRAIN = 0.3, 4.0
"""A speck is beyond all its neighbours by this, and by so many times the grain of its picture."""
AROUND = 5
"""Pixels along each side of what is all around a speck."""
DEPTHS = (2, 3, 4)
"""How many lines further in those stand that an edge must differ from, all of them: else it is one of many stripes."""


def spots(sample_shape: tuple[int, ...], named: Callable[[int, int], str]) -> list[Family]:
    """Brighter or darker than what is around it: for each size of spot, one family of cells.

    Args:
        named: the place of a pixel in words.
    """
    _, height, width = sample_shape
    cell = max(1, height // CELLS), max(1, width // CELLS)
    boxes = [
        (top, min(top + cell[0], height), left, min(left + cell[1], width))
        for top in range(0, height, cell[0])
        for left in range(0, width, cell[1])
    ]
    families = []
    for size in _sizes(min(height, width)):
        for sign, tone in ((1.0, "bright"), (-1.0, "dark")):
            traces = [
                Trace("spot", named((box[0] + box[1]) // 2, (box[2] + box[3]) // 2), tone, SEEN, box)
                for box in boxes
            ]
            families.append(Family(traces, _in_cells(size, sign, cell)))
    return families


def _sizes(side: int) -> list[int]:
    """Odd sizes of spots, up to a third of the side."""
    sizes = [1]
    while 2 * sizes[-1] + 1 <= side // 3:
        sizes.append(2 * sizes[-1] + 1)
    return sizes


def _in_cells(size: int, sign: float, cell: tuple[int, int]) -> Callable[[Tensor], Tensor]:
    def measure(samples: Tensor) -> Tensor:
        strength = standing_out(strongest(samples, sign), size)
        return functional.max_pool2d(strength, cell, ceil_mode=True).flatten(1)

    return measure


def strongest(samples: Tensor, sign: float) -> Tensor:
    """The brightest colour [n, 1, h, w] of each pixel; with sign −1 its darkest, negative."""
    return (sign * samples).amax(dim=1, keepdim=True)


def standing_out(samples: Tensor, size: int) -> Tensor:
    """By how much the mean of a square of `size` pixels is above the brightest pixel of the ring around it.

    Where the square reaches beyond the edge, what is outside counts as bright as the ring.

    Args:
        samples: [n, c, h, w].
        size: odd.

    Returns:
        [n, c, h, w], by the square's middle; at least 0.
    """
    reach = (size + 1) // 2
    means = samples
    if size > 1:
        means = functional.avg_pool2d(samples, size, 1, size // 2, count_include_pad=False)
    padded = functional.pad(samples, (reach, reach, reach, reach), value=float("-inf"))
    across, down = running_maximum(padded, 2 * reach + 1, 3), running_maximum(padded, 2 * reach + 1, 2)
    ring = torch.maximum(across[..., : -2 * reach, :], across[..., 2 * reach :, :])
    ring = torch.maximum(ring, torch.maximum(down[..., : -2 * reach], down[..., 2 * reach :]))
    inside = functional.avg_pool2d(torch.ones_like(samples[:1, :1]), size, 1, size // 2)
    return (means - ring).clamp_(min=0).mul_(inside)


def running_maximum(values: Tensor, length: int, dim: int) -> Tensor:
    """The largest of each `length` neighbours along `dim`, which gets shorter by length − 1."""
    covered = 1
    while covered < length:
        step = min(covered, length - covered)
        rest = values.shape[dim] - step
        values = torch.maximum(values.narrow(dim, 0, rest), values.narrow(dim, step, rest))
        covered += step
    return values


def borders(sample_shape: tuple[int, ...]) -> list[Family]:
    """An edge all along which the outermost line is brighter or darker than those further in; 0 where it is neither."""
    _, height, width = sample_shape
    sides = (("top", height), ("bottom", height), ("left", width), ("right", width))
    lines = [
        (side, [depth for depth in DEPTHS if depth <= length // 2], sign)
        for side, length in sides
        for sign in (1.0, -1.0)
    ]
    traces = [
        Trace(
            "border", f"the {side} edge", "bright" if sign > 0 else "dark", SEEN, _box_of(side, height, width)
        )
        for side, _, sign in lines
    ]

    def measure(samples: Tensor) -> Tensor:
        return stacked([_edge(samples, *line) for line in lines]).clamp(min=0)

    return [Family(traces, measure)] if min(height, width) >= 2 * DEPTHS[0] else []


def _edge(samples: Tensor, side: str, depths: list[int], sign: float) -> Tensor:
    """[n] by how much the outermost line exceeds those further in, in that third of it in which it does least."""
    turned = samples if side in ("top", "bottom") else samples.mT
    turned = turned if side in ("top", "left") else turned.flip(2)
    by_depth = [
        torch.stack(mean_in_thirds(sign * (turned[:, :, 0] - turned[:, :, depth]))).amin(dim=0)
        for depth in depths
    ]
    return torch.stack(by_depth).amin(dim=0).amax(dim=1)


def _box_of(side: str, height: int, width: int) -> tuple[int, int, int, int]:
    rows, columns = max(1, height // CELLS), max(1, width // CELLS)
    return {
        "top": (0, rows, 0, width),
        "bottom": (height - rows, height, 0, width),
        "left": (0, height, 0, columns),
        "right": (0, height, width - columns, width),
    }[side]


def specks() -> list[Family]:
    """How many pixels, in shares of a sample's, are far beyond all of their neighbours, which aren't on a line."""

    def measure(samples: Tensor) -> Tensor:
        limit = (ABOVE_GRAIN * grain_of(samples)).clamp(min=SPECK)[:, None, None, None]
        alone = torch.zeros_like(samples[:, :1], dtype=torch.bool)
        for sign in (1.0, -1.0):
            brightest = strongest(samples, sign)
            beyond = standing_out(brightest, 1)
            # The pixels beside one of a thin line stand out themselves; those beside a speck are as all around.
            around = functional.avg_pool2d(brightest, AROUND, 1, AROUND // 2, count_include_pad=False)
            alone |= (beyond > limit) & (beyond > brightest - beyond - around)
        return alone.flatten(1).float().mean(dim=1, keepdim=True)

    return [Family([Trace("specks")], measure)]
