"""What a run remembers across a resume beside its networks: the best so far, alarms, averages under way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

_Count = Annotated[int, Field(ge=0, lt=2**63, strict=True)]


class Averages(BaseModel):
    """Running means of named numbers. Rows may differ in which names they have."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    sums: dict[str, float] = Field(default_factory=dict)
    counts: dict[str, _Count] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _pairs(self) -> Self:
        if self.sums.keys() != self.counts.keys() or not all(self.counts.values()):
            raise ValueError("expected a count from 1 on for every sum")
        return self

    def add(self, values: Mapping[str, float]) -> None:
        """One more row."""
        for name, value in values.items():
            self.sums[name] = self.sums.get(name, 0.0) + value
            self.counts[name] = self.counts.get(name, 0) + 1

    def means(self) -> dict[str, float]:
        """Each name's mean over the rows that have it; empty before the first row."""
        return {name: total / self.counts[name] for name, total in self.sums.items()}

    def clear(self) -> None:
        """Begin anew."""
        self.sums, self.counts = {}, {}


class WatchBookkeeping(BaseModel):
    """The best values the watch has seen, and which alarms have gone off."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    raised: list[str] = Field(default_factory=list)
    diversity: float = 0.0
    coverage: float = 0.0
    gradient: float = 0.0


class Bookkeeping(BaseModel):
    """Everything of the kind, saved in each checkpoint's `state.json`.

    Attributes:
        evaluations: scheduled ones so far.
        best, best_step: value and step of the best scheduled evaluation; since_best: how many came after it.
        seconds: of training so far.
        since_look: averages of the steps' terms since the last scheduled evaluation.
        since_line: the same since the last line of the log.
    """

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    evaluations: _Count = 0
    best: float | None = None
    best_step: _Count | None = None
    since_best: _Count = 0
    seconds: float = Field(0.0, ge=0)
    watch: WatchBookkeeping = Field(default_factory=WatchBookkeeping)
    since_look: Averages = Field(default_factory=Averages)
    since_line: Averages = Field(default_factory=Averages)
