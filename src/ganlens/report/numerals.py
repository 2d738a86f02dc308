"""How a number is written for a person: few digits, and as many decimals as its interval supports."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ganlens.measurement import Measurement

NONE = "—"
_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True)
class WrittenMeasurement:
    """A measurement's numbers as text; `interval` is None where there is no interval.

    Attributes:
        controls: each control's number and what it is.
    """

    value: str
    interval: str | None
    reference: str
    controls: tuple[tuple[str, str], ...] = ()


def write_measurement(m: Measurement) -> WrittenMeasurement:
    """Write value, interval and reference with decimals that fit each other.

    With an interval, its half-width is shown to two digits, and no number to more than four significant ones:
    further digits of the value would pretend to a precision that the interval denies.
    """
    decimals = _decimals_from_interval(m)
    interval = None
    if m.low is not None and m.high is not None:
        interval = f"[{write_number(m.low, decimals)}, {write_number(m.high, decimals)}]"

    def write_beside(other: float) -> str:
        # A number far smaller than the value would be rounded to nothing by the value's decimals.
        shared = decimals is not None and (other == 0 or abs(other) >= 10.0 ** (1 - decimals))
        return write_number(other, decimals if shared else None)

    return WrittenMeasurement(
        value=write_number(m.value, decimals),
        interval=interval,
        reference=write_beside(m.baseline.value),
        controls=tuple((write_beside(control.value), control.what) for control in m.controls),
    )


def write_number(x: float, decimals: int | None = None) -> str:
    """Write one number: whole numbers whole, others with three or four significant digits, or `decimals`.

    Not-a-number and infinities, which only tables and plots may hold, are written as a dash.
    """
    if not math.isfinite(x):
        return NONE
    size = abs(x)
    if decimals is None and x == round(x) and size < 1e9:
        return _grouped(f"{x:.0f}")
    if size != 0 and (size < 1e-4 or size >= 1e6) and decimals is None:
        mantissa, exponent = f"{x:.2e}".split("e")
        return f"{_signed(mantissa)} × 10{str(int(exponent)).translate(_SUPERSCRIPT)}"
    if decimals is None:
        decimals = max(0, (4 if size >= 1 else 3) - 1 - math.floor(math.log10(size)))
    return _grouped(f"{x:.{decimals}f}")


def write_seconds(seconds: float) -> str:
    """Write a duration in the unit a person would use."""
    if seconds < 0.1:
        return "under 0.1 s"
    if seconds < 100:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s"


def write_cell(cell: str | float | int | None) -> str:
    """Write one cell of a table."""
    if cell is None:
        return NONE
    return write_number(cell) if isinstance(cell, (int, float)) and not isinstance(cell, bool) else str(cell)


def _decimals_from_interval(m: Measurement) -> int | None:
    """How many decimals the interval supports, or None where every number is better written on its own."""
    if m.low is None or m.high is None:
        return None
    numbers = (m.value, m.low, m.high)
    largest = max(abs(x) for x in numbers)
    whole = all(x == round(x) for x in numbers)
    if m.low == m.high or whole or largest < 1e-3 or largest >= 1e6:
        return None
    from_width = 1 - math.floor(math.log10((m.high - m.low) / 2))
    at_most = 3 - math.floor(math.log10(largest))
    return max(0, min(from_width, at_most))


def _grouped(digits: str) -> str:
    if abs(float(digits)) >= 10_000:
        whole, point, rest = digits.partition(".")
        digits = f"{int(whole):,}{point}{rest}"
    return _signed(digits)


def _signed(digits: str) -> str:
    if not digits.startswith("-"):
        return digits
    return "−" + digits[1:] if float(digits.replace(",", "")) != 0 else digits[1:]
