"""From a measure's result to a line of a finding, in one call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from ganlens.finding import Baseline, Measurement
from ganlens.measures import Interval


def measured(
    name: str,
    value: float,
    interval: Interval | str,
    *,
    better: Literal["higher", "lower", "neither"],
    baseline: float,
    what: str,
    unit: str = "",
    controls: Mapping[str, float] | None = None,
) -> Measurement:
    """A measurement with its interval, or with a sentence that says why there is none.

    Args:
        interval: the measure's interval; widened to hold `value` where rounding put that a hair outside.
        baseline, what: the same measure on something known, and what that is.
        controls: the same measure on generators that cheat or fail, by what they are.
    """
    others = tuple(Baseline(value=score, what=who) for who, score in (controls or {}).items())
    reference = Baseline(value=baseline, what=what)
    if isinstance(interval, str):
        return Measurement(
            name=name,
            value=value,
            interval=interval,
            unit=unit,
            better=better,
            baseline=reference,
            controls=others,
        )
    return Measurement(
        name=name,
        value=value,
        low=min(interval.low, value),
        high=max(interval.high, value),
        interval=interval.method,
        unit=unit,
        better=better,
        baseline=reference,
        controls=others,
    )
