"""What the spread of samples is judged by."""

from __future__ import annotations

from pydantic import Field

from ganlens.explain.spread.faults import Limits
from ganlens.measures import ALARM_LEVEL
from ganlens.probes.probe import ProbeSettings, threshold
from ganlens.probes.shared_rules import labeller_skill_for_names


class SpreadSettings(ProbeSettings):
    compared: int = Field(5000, ge=100, description="Most samples of each kind")
    code_axes: int = Field(
        16, ge=0, le=64, description="Most axes of the code that are looked at; 0 for none"
    )
    shown: int = Field(12, ge=2, le=32, description="Samples in a strip")
    hardly: float = threshold(
        0.4, "It hardly varies where the spread is below this share of the data's", gt=0, lt=1
    )
    narrow: float = threshold(
        0.75, "It varies too little where the spread is surely below this share of the data's", gt=0, lt=1
    )
    wide: float = threshold(1.5, "It varies too much where the spread is surely above this multiple", gt=1)
    cut: float = threshold(
        0.05,
        "An end is cut off where surely more than this share of real samples lies beyond what it reaches",
        gt=0,
        lt=1,
    )
    elsewhere: float = threshold(
        0.1,
        "Values fall otherwise where surely more than this share of its samples would have to lie elsewhere: less "
        "than that hardly anyone would see",
        gt=0,
        lt=1,
    )
    bad: float = threshold(
        0.4, "Bad where more than this share of its samples would have to lie elsewhere", gt=0, le=1
    )
    nearly_all: float = threshold(
        0.8, "From this share of all readings and axes on it is no matter of single ones", gt=0, le=1
    )
    weak: float = threshold(
        0.5,
        "Said where in fewer than this share of the readings half of the spread missing would have been seen",
        ge=0,
        le=1,
    )
    nothing_wrong: float = threshold(
        0.5,
        "Not believable where held-out real samples come out with this share of the generator's faults or more",
        gt=0,
        le=1,
    )
    level: float = threshold(
        round(1 - ALARM_LEVEL, 6), "Probability of finding any fault where there is none", gt=0, lt=1
    )
    labeller_skill: float = labeller_skill_for_names()

    @property
    def limits(self) -> Limits:
        """The thresholds of the tests."""
        return Limits(self.hardly, self.narrow, self.wide, self.cut, self.elsewhere, self.level)
