"""A number and what is known of its uncertainty, until it meets its baseline in a `Measurement`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from ganlens.measurement import Baseline, Better, Measurement


@dataclass(frozen=True)
class Interval:
    """Two ends, low ≤ high, and in words how they were found and at what level."""

    low: float
    high: float
    method: str

    def within(self, lowest: float = -math.inf, highest: float = math.inf) -> Interval:
        """The part of it in which a measure can lie at all: a share in 0…1, a distance from 0 up."""
        return Interval(max(self.low, lowest), min(self.high, highest), self.method)


@dataclass(frozen=True)
class Estimate:
    """A value with its interval, or with the reason why there is none.

    Attributes:
        interval: the interval; or, as "none: …", why no valid one is known.
    """

    value: float
    interval: Interval | str

    @property
    def low(self) -> float:
        """The interval's low end, or the value where there is no interval."""
        return self.interval.low if isinstance(self.interval, Interval) else self.value

    @property
    def high(self) -> float:
        """The interval's high end, or the value where there is no interval."""
        return self.interval.high if isinstance(self.interval, Interval) else self.value

    @property
    def method(self) -> str:
        """How the interval was found, or why there is none."""
        return self.interval.method if isinstance(self.interval, Interval) else self.interval

    def measurement(
        self,
        name: str,
        *,
        better: Better,
        baseline: float,
        what: str,
        unit: str = "",
        controls: Mapping[str, float] | None = None,
    ) -> Measurement:
        """The line of a finding that says it. There is no other way to one.

        Args:
            name: what was measured, with its feature space.
            baseline, what: the same measure on something known, and what that is.
            unit: of the value, the interval's ends and the baseline; empty for pure numbers.
            controls: the same measure on generators that cheat or fail, by what they are.
        """
        known = isinstance(self.interval, Interval)
        return Measurement(
            name=name,
            value=self.value,
            # Rounding may put the value a hair outside its own interval.
            low=min(self.low, self.value) if known else None,
            high=max(self.high, self.value) if known else None,
            interval=self.method,
            unit=unit,
            better=better,
            baseline=Baseline(value=baseline, what=what),
            controls=tuple(
                Baseline(value=score, what=control) for control, score in (controls or {}).items()
            ),
        )
