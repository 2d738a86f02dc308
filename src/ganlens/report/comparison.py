"""Where a measurement, its interval and its reference lie on one small axis."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ganlens.measurement import Measurement
from ganlens.report.numerals import write_measurement, write_number


@dataclass(frozen=True)
class Comparison:
    """A one-line picture of a measurement: positions in percent of an axis from `start` to `end`.

    Attributes:
        start, end: what stands at the axis' two ends.
        value, reference: where the value and the reference are.
        band: left edge and width of the interval, or None without one.
        sentence: the same picture for those who don't see it.
    """

    start: str
    end: str
    value: float
    reference: float
    band: tuple[float, float] | None
    sentence: str


def compare(m: Measurement) -> Comparison:
    """Place a measurement beside its reference. Every measurement has an axis of its own, with round ends."""
    marks = [m.value, m.baseline.value, *(x for x in (m.low, m.high) if x is not None)]
    start, end, step = _axis(min(marks), max(marks))

    def place(x: float) -> float:
        return round(100 * (x - start) / (end - start), 2)

    band = None
    if m.low is not None and m.high is not None:
        band = (place(m.low), round(place(m.high) - place(m.low), 2))
    decimals = max(0, -math.floor(math.log10(step))) if 1e-4 <= step < 1e6 else None
    if start == round(start) and end == round(end):
        decimals = 0
    return Comparison(
        start=_write_end(start, decimals),
        end=_write_end(end, decimals),
        value=place(m.value),
        reference=place(m.baseline.value),
        band=band,
        sentence=_sentence(m),
    )


def _axis(lowest: float, highest: float) -> tuple[float, float, float]:
    """Round ends a little beyond the marks, and the step they are multiples of; zero is one if near."""
    if 0 <= lowest <= 0.6 * highest:
        lowest = 0.0
    elif 0.6 * lowest >= highest and highest <= 0:
        highest = 0.0
    span = highest - lowest or abs(highest) or 1.0
    padding = 0.08 * span
    padded_low = lowest if lowest == 0 else lowest - padding
    padded_high = highest if highest == 0 and lowest < 0 else highest + padding
    step = _round_step((padded_high - padded_low) / 5)
    start, end = math.floor(padded_low / step) * step, math.ceil(padded_high / step) * step
    return (start, end, step) if end > start else (start, start + step, step)


def _round_step(rough: float) -> float:
    power = 10.0 ** math.floor(math.log10(rough))
    return float(next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * 0.999))


def _write_end(x: float, decimals: int | None) -> str:
    return write_number(x, decimals if x else 0).replace(".00 ×", " ×")


def _sentence(m: Measurement) -> str:
    written = write_measurement(m)
    reference = m.baseline.value
    if m.low is None or m.high is None:
        where = "equal to" if reference == m.value else "below" if reference < m.value else "above"
        return f"{written.value}, no interval; the reference {written.reference} is {where} it"
    where = "below" if reference < m.low else "above" if reference > m.high else "inside"
    interval = f"interval {written.interval}"
    return f"{written.value}, {interval}; the reference {written.reference} is {where} the interval"
