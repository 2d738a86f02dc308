"""Which axes surely and noticeably vary otherwise than the data's, and in what way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor

from ganlens.explain.spread.axes import Axis
from ganlens.explain.spread.comparison import OUTER, Comparison
from ganlens.measures import holm

Kind = Literal[
    "hardly varies",
    "is cut off above",
    "is cut off below",
    "varies too little",
    "varies too much",
    "is too high",
    "is too low",
    "is overdone",
]
PLAINEST: tuple[Kind, ...] = get_args(Kind)
"""What explains best first: a cause that stands still moves much else, and nothing that has moved makes it still."""

TESTS = 5
"""Of each axis: narrow, wide, cut off at either end, and fallen elsewhere."""
BEYOND_A_CUT = 2.0
"""An axis is cut off at one end alone where fewer than this multiple of what a mere cut leaves lies far out at the
other: more, and all of it has moved."""
MOVED_BY_A_CUT = 0.75
"""And where it has moved by this share of what a mere cut moves it, or more."""
MOVED = 0.1
"""It has moved to one side where one sample exceeds one of the other set in half of the cases and so much more."""


@dataclass(frozen=True)
class Limits:
    """How far a difference must surely go to be one that matters.

    Attributes:
        hardly, narrow, wide: ratios of spreads below which an axis hardly varies or varies too little, and above which
            it varies too much.
        cut: share of real samples beyond what generated ones reach.
        elsewhere: share of generated samples that would have to lie elsewhere.
        level: probability of finding anything where nothing is wrong.
    """

    hardly: float
    narrow: float
    wide: float
    cut: float
    elsewhere: float
    level: float


@dataclass(frozen=True)
class Fault:
    """One axis that varies otherwise.

    Attributes:
        number: of the axis in its table.
        kind: in what way.
        ratio, ratio_ends: of the spreads, and its 95 % interval.
        lost: share of real samples beyond the end at which it is cut off (of both ends, where that is not the kind).
        excess: share of generated samples that would have to lie elsewhere.
        stretch, within: where those are, or within which they aren't; shares of generated and of real samples there.
        p_value: the least of its tests', corrected for all of them.
    """

    number: int
    axis: Axis
    kind: Kind
    ratio: float
    ratio_ends: tuple[float, float]
    lost: float
    excess: float
    stretch: tuple[float, float]
    within: tuple[float, float]
    p_value: float


def faults(
    comparisons: Sequence[Comparison], axes: Sequence[Axis], limits: Limits
) -> tuple[tuple[Fault, ...], ...]:
    """The axes at fault in each comparison, the furthest off first; all tests of all comparisons corrected together."""
    p_values = torch.stack([_p_values(comparison, limits) for comparison in comparisons])
    flat = holm(dict(enumerate(p_values.flatten().tolist())))
    corrected = torch.tensor(list(dict(sorted(flat.items())).values()), dtype=torch.float64)
    by_comparison = corrected.reshape(p_values.shape)
    return tuple(
        _judged(comparison, axes, values, limits)
        for comparison, values in zip(comparisons, by_comparison, strict=True)
    )


def _p_values(comparison: Comparison, limits: Limits) -> Tensor:
    """[TESTS, c] p-values of no difference that matters."""
    return torch.stack(
        [
            comparison.p_narrow(limits.narrow),
            comparison.p_wide(limits.wide),
            *comparison.p_lost(limits.cut),
            comparison.p_elsewhere(limits.elsewhere),
        ]
    )


def _judged(
    comparison: Comparison, axes: Sequence[Axis], p_values: Tensor, limits: Limits
) -> tuple[Fault, ...]:
    sure = p_values <= limits.level
    at_fault = [
        _fault(comparison, axis, number, sure[:, number], float(p_values[:, number].min()), limits)
        for number, axis in enumerate(axes)
        if bool(sure[:, number].any())
    ]
    return tuple(sorted(at_fault, key=lambda fault: -fault.excess))


def _fault(
    comparison: Comparison, axis: Axis, number: int, sure: Tensor, p_value: float, limits: Limits
) -> Fault:
    kind = _kind(comparison, number, sure, limits)
    above, below = float(comparison.lost_above[number]), float(comparison.lost_below[number])
    lost = {"is cut off above": above, "is cut off below": below}.get(kind, above + below)
    at, error = comparison.log_ratio[number], comparison.error[number]
    low, high = (float((at + sign * 1.96 * error).exp()) for sign in (-1, 1))
    start, end = comparison.stretch[number].tolist()
    own, real = comparison.within[number].tolist()
    return Fault(
        number,
        axis,
        kind,
        float(at.exp()),
        (low, high),
        lost,
        float(comparison.excess[number]),
        (start, end),
        (own, real),
        p_value,
    )


def _kind(comparison: Comparison, number: int, sure: Tensor, limits: Limits) -> Kind:
    """In what way an axis is off, by the tests [TESTS] that are sure; the plainest first."""
    narrow, wide, above, below, elsewhere = sure.tolist()
    ratio = float(comparison.ratio[number])
    if (narrow or elsewhere) and ratio <= limits.hardly:
        return "hardly varies"
    if above != below and _is_a_cut(comparison, number, above=above):
        return "is cut off above" if above else "is cut off below"
    moved = float(comparison.above[number]) - 0.5
    if narrow or (above and below) or ((above or below) and ratio < 1 and abs(moved) <= MOVED):
        return "varies too little"
    if (wide or bool(comparison.outside[number])) and abs(moved) <= MOVED and ratio > 1:
        return "varies too much"
    if abs(moved) > MOVED:
        return "is too high" if moved > 0 else "is too low"
    return "varies too much" if wide else "is overdone"


def _is_a_cut(comparison: Comparison, number: int, *, above: bool) -> bool:
    """Whether one end is missing and the rest lies as it did: no more far out at the other end, and all of it moved by
    about as much as a cut moves it; what is drawn together from both ends stays where it was."""
    lost, far = (
        (comparison.lost_above, comparison.far_below)
        if above
        else (comparison.lost_below, comparison.far_above)
    )
    left = max(1 - float(lost[number]), OUTER)
    away = (0.5 - float(comparison.above[number])) * (1 if above else -1)
    by_a_cut = float(lost[number]) / 2
    return away >= MOVED_BY_A_CUT * by_a_cut and float(far[number]) <= BEYOND_A_CUT * OUTER / left
