"""How far to train. It has no part in any schedule, so a run that goes on later is the run that never stopped."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from ganlens.training.state import TrainingState


@dataclass(frozen=True)
class Goal:
    """Where to stop; whichever comes first.

    Attributes:
        steps, images: counted from the run's beginning.
        minutes: counted from when this goal was made.
    """

    steps: int | None = None
    images: int | None = None
    minutes: float | None = None
    _started: float = field(default_factory=time.perf_counter, compare=False)

    def reached(self, state: TrainingState) -> str | None:
        """Why the run has gone far enough, in words, or None. The same in every process."""
        if self.steps is not None and state.step >= self.steps:
            return f"step {state.step:,} reached"
        if self.images is not None and state.images >= self.images:
            return f"{state.images:,} images reached"
        return None

    @property
    def is_late(self) -> bool:
        """Whether the minutes are up, by this process's clock."""
        return self.minutes is not None and self._seconds() >= self.minutes * 60

    def share(self, state: TrainingState) -> float:
        """How much of the way is behind us, 0…1, by the part of the goal that is nearest."""
        shares = [
            state.step / max(self.steps, 1) if self.steps is not None else 0.0,
            state.images / max(self.images, 1) if self.images is not None else 0.0,
            self._seconds() / max(self.minutes * 60, 1e-9) if self.minutes is not None else 0.0,
        ]
        return min(1.0, max(shares))

    def _seconds(self) -> float:
        return time.perf_counter() - self._started
