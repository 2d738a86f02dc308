"""A number as a finding shows it: with its interval, or why there is none, and what it is to be read against."""

from __future__ import annotations

import math
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, field_validator, model_validator

Better = Literal["higher", "lower", "neither"]
"""Which way a number is better; "neither" for numbers that describe."""


class Baseline(BaseModel):
    """The same measure on something whose answer is known: what the number has to be read against."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    value: float
    what: str


class Measurement(BaseModel):
    """One number, its uncertainty and its reference. There is no number here without a baseline.

    Made by `ganlens.measures.Estimate.measurement`, and by nothing else: so each has an interval or says why not.

    Attributes:
        name: what was measured, with its feature space ("Fréchet distance, labeller features").
        low, high: ends of the interval, or both None where no valid interval is known.
        interval: how the interval was computed ("95 %, exact binomial") or, without one, why there is none.
        unit: of `value`, `low`, `high` and the baseline; empty for pure numbers.
        better: which way is better; "neither" for numbers that describe.
        controls: what it would be for generators that cheat or fail, in the same place.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    value: float
    low: float | None = None
    high: float | None = None
    interval: str
    unit: str = ""
    better: Better
    baseline: Baseline
    controls: tuple[Baseline, ...] = ()

    @field_validator("value", "low", "high")
    @classmethod
    def _finite(cls, value: float | None) -> float | None:
        if value is not None and not math.isfinite(value):
            raise ValueError("a measurement must be a finite number")
        return value

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if (self.low is None) != (self.high is None):
            raise ValueError(f"{self.name}: an interval has two ends or none")
        if self.low is not None and self.high is not None and self.low > self.high:
            raise ValueError(
                f"{self.name}: the interval's low end {self.low} is above its high end {self.high}"
            )
        return self
