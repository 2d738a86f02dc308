"""What one measure of memorisation found, and what may be concluded from it: often less than it seems to say.

No measure tells copying from every other fault (Stein et al. 2023, arXiv 2306.04675). So each comes with the
scores of a generator that copies and of one that only fails, and with a reading that these may forbid.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from ganlens.measurement import Measurement
from ganlens.measures import Estimate, Interval
from ganlens.subject.controls import CONTROLS


class Reading(StrEnum):
    """What a piece of evidence says."""

    SIGN = "a sign of copying"
    NONE = "no sign of copying"
    MASKED = "no conclusion: its samples keep away from the data, which would hide copies"
    SHARED = "not counted: a mere Gaussian gives the same sign"
    BLIND = "not believable: a copycat goes unnoticed"


@dataclass(frozen=True)
class Score:
    """A measure's value, and how many standard deviations that lies from no copying, towards copying."""

    value: float
    deviations: float


@dataclass(frozen=True)
class Evidence:
    """One measure in one feature space.

    Attributes:
        measure: its name, as a reader meets it.
        space: the feature space's title, or "" where there is none.
        separates: whether generators that copy nothing score the same however bad they are. Where not, fakes
            that crowd or blur move the measure as copies do.
        generated: the generator's score; copycat, underfit: the controls'.
        reference, expectation: what to expect without copying, and why.
        interval: of the value, or why there is none.
    """

    measure: str
    space: str
    separates: bool
    generated: Score
    copycat: Score
    underfit: Score
    reference: float
    expectation: str
    interval: Interval | str
    better: Literal["higher", "lower", "neither"]
    unit: str = ""

    @property
    def name(self) -> str:
        """The measure with its space."""
        return f"{self.measure}, {self.space}" if self.space else self.measure

    def reading(self, threshold: float) -> Reading:
        """What it says where `threshold` standard deviations make a sign.

        Blind when the copycat gives none. Shared when the underfit control gives one as well.
        """
        if self.copycat.deviations < threshold:
            return Reading.BLIND
        if self.generated.deviations >= threshold:
            return Reading.SHARED if self.underfit.deviations >= threshold else Reading.SIGN
        if not self.separates and self.generated.deviations <= -threshold:
            return Reading.MASKED
        return Reading.NONE

    def measurement(self) -> Measurement:
        """The value beside its reference and both controls."""
        return Estimate(self.generated.value, self.interval).measurement(
            self.name,
            better=self.better,
            baseline=self.reference,
            what=self.expectation,
            unit=self.unit,
            controls={
                CONTROLS["copycat"]: self.copycat.value,
                CONTROLS["underfit"]: self.underfit.value,
            },
        )

    @property
    def chance(self) -> float:
        """One standard deviation of the value by chance alone; 0 where it is just what is expected."""
        away = self.generated.value - self.reference
        return abs(away / self.generated.deviations) if self.generated.deviations else 0.0

    def towards_copycat(self, value: float) -> float:
        """Where a value lies between no copying, 0, and the copycat, 1."""
        reach = self.copycat.value - self.reference
        return (value - self.reference) / reach if reach else 0.0
