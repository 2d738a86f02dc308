"""The gate of every explanation: a generator that has learned nothing has nothing to explain.

A probe that explains what the generator learned derives its settings from `LearnedSettings`; then this is asked
before the probe itself, which is not run where the answer is no.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from ganlens.explain.resemblance import COMPARED, Resemblance, View, resemblance
from ganlens.finding import Finding
from ganlens.probes.probe import ProbeSettings, threshold
from ganlens.rules import Rule, Verdict

if TYPE_CHECKING:
    from ganlens.subject import SampleBank, Subject


class LearnedSettings(ProbeSettings):
    """Settings of a probe whose answer means something only of a generator that has learned something."""

    least_resemblance: float = threshold(
        0.5,
        "Share of its samples, of that of held-out real ones, that must be nearer to a real sample than to any of "
        "untrained twins: where most of them aren't, they have nothing to do with the data. 0: not asked",
        ge=0,
        lt=1,
    )

    before: ClassVar[str] = (
        "First it is asked whether its samples have anything to do with the data: not believable where, of them, less "
        "than {least_resemblance:.0%} of the share of held-out real samples are nearer to a real sample than to any "
        "that the same network makes with its weights shuffled or freshly drawn (not asked without real data, where "
        "its weights can't be reached, or where real samples are hardly told from those either); both as they are and "
        "about their own average."
    )


@dataclass(frozen=True)
class Gate:
    """What is known before anything is explained.

    Attributes:
        least: see `LearnedSettings.least_resemblance`.
    """

    subject: Subject
    resemblance: Resemblance
    least: float

    @property
    def view(self) -> View:
        """The view in which its samples come nearest to real ones."""
        return self.resemblance.nearest

    @property
    def train(self) -> str:
        """The command that trains it."""
        run = self.subject.run
        return f"ganlens train --resume --out {'RUN' if run is None else shlex.quote(str(run))}"


NOTHING_LEARNED: Rule[Gate] = Rule(
    "nothing-to-do-with-the-data",
    lambda gate: gate.resemblance.none(gate.least),
    Verdict.NOT_BELIEVABLE,
    claim="Its samples have nothing to do with the data yet.",
    detail="Of its samples {view.generated.value:.0%} are nearer to a real one than to any of the same network "
    "untrained, of held-out real samples {view.real.value:.0%}.",
    advice="Train it first, or make sure that its trained weights were loaded, and ask again: `{train}`.",
)
"""Not believable: whatever the procedure finds was there before the first step of training."""


def nothing_learned(settings: ProbeSettings, subject: Subject, bank: SampleBank) -> Finding | None:
    """What a probe says in place of its answer where the generator has learned nothing; else None."""
    if not isinstance(settings, LearnedSettings) or settings.least_resemblance == 0:
        return None
    gate = Gate(subject, resemblance(bank), settings.least_resemblance)
    if not NOTHING_LEARNED.holds(gate):
        return None
    return Finding.concluded(
        NOTHING_LEARNED.filled(gate),
        measurements=[
            gate.view.generated.measurement(
                "samples nearer to a real one than to any of untrained twins",
                unit="share of samples",
                better="higher",
                baseline=gate.view.real.value,
                what=f"held-out real samples, up to {COMPARED}",
                controls={"an untrained twin, at most": gate.view.of_twins},
            )
        ],
    )
