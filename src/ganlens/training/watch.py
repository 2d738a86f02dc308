"""Looking out for the ways a GAN fails, and saying so once each, early and in plain words.

Every rule compares the run with itself or with held-out data; the thresholds are settings (`watch.…`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from ganlens.config import WatchConfig
from ganlens.training.bookkeeping import WatchBookkeeping
from ganlens.training.evaluate import Evaluation


@dataclass(frozen=True)
class Alarm:
    """One failure seen coming.

    Attributes:
        kind: "collapse", "divergence", "saturation" or "copying".
        message: what was seen, with the numbers, and what to try.
    """

    kind: str
    message: str


@dataclass
class Signals:
    """Averages of the steps since the last look."""

    real_logits: float
    fake_logits: float
    advantage: float
    generator_gradient: float


@dataclass
class Watch:
    """Compares each look with the best so far, which it notes in `bookkeeping` for the next look and for a resume."""

    config: WatchConfig
    bookkeeping: WatchBookkeeping = field(default_factory=WatchBookkeeping)

    def look(self, evaluation: Evaluation, signals: Signals, evaluations: int) -> list[Alarm]:
        """The alarms that go off now and have not before.

        Args:
            evaluations: how many there have been before this one; the first is too early to compare.
        """
        alarms = [
            alarm
            for alarm in (
                self._divergence(signals),
                self._saturation(signals),
                self._collapse(evaluation) if evaluations > 0 else None,
                self._copying(evaluation),
            )
            if alarm is not None and alarm.kind not in self.bookkeeping.raised
        ]
        self.bookkeeping.raised += [alarm.kind for alarm in alarms]
        self.bookkeeping.diversity = max(self.bookkeeping.diversity, evaluation.diversity)
        self.bookkeeping.coverage = max(self.bookkeeping.coverage, evaluation.coverage)
        if math.isfinite(signals.generator_gradient):
            self.bookkeeping.gradient = max(self.bookkeeping.gradient, signals.generator_gradient)
        return alarms

    def _collapse(self, evaluation: Evaluation) -> Alarm | None:
        # A ratio above the real data's own (1) is noise, and falling from it is no collapse.
        best = min(self.bookkeeping.diversity, 1.0)
        if evaluation.diversity < self.config.diversity * best:
            symptom = (
                f"generated samples differ from each other {evaluation.diversity:.0%} as much as real ones do "
                f"({best:.0%} at best)"
            )
        elif (
            self.bookkeeping.coverage > 0.1
            and evaluation.coverage < self.config.diversity * self.bookkeeping.coverage
        ):
            symptom = (
                f"they cover {evaluation.coverage:.0%} of the real samples "
                f"({self.bookkeeping.coverage:.0%} at best)"
            )
        else:
            return None
        return Alarm(
            "collapse",
            f"collapse: {symptom}. The best checkpoint is kept. Try a larger R1 and R2 (objective.r1, objective.r2), "
            "packing (objective.pack=2), or half the learning rates.",
        )

    def _divergence(self, signals: Signals) -> Alarm | None:
        size = max(abs(signals.real_logits), abs(signals.fake_logits))
        if size <= self.config.logits:
            return None
        return Alarm(
            "divergence",
            f"divergence: the discriminator's outputs have grown to {size:.0f} on average "
            f"(watch.logits={self.config.logits:g}). "
            "Try a gradient penalty (objective.r1, objective.gradient_penalty), spectral norm "
            "(discriminator.spectral_norm=true) or a smaller discriminator learning rate.",
        )

    def _saturation(self, signals: Signals) -> Alarm | None:
        vanished = signals.generator_gradient < self.config.gradient * self.bookkeeping.gradient
        if signals.advantage <= self.config.advantage or not vanished:
            return None
        return Alarm(
            "saturation",
            f"saturation: the discriminator is right {(1 + signals.advantage) / 2:.1%} of the time and the generator's "
            f"gradient has fallen to {signals.generator_gradient:.2g} (it was {self.bookkeeping.gradient:.2g}). "
            "Try the relativistic or non-saturating loss, instance noise (objective.instance_noise=0.1), "
            "schedule.adapt=true, or fewer discriminator steps.",
        )

    def _copying(self, evaluation: Evaluation) -> Alarm | None:
        # Far from all data, many samples can share one nearest neighbour, which says nothing: copies are close as well.
        if (
            evaluation.copying < self.config.copying
            or evaluation.copying_above <= 0
            or evaluation.nearest_train >= 1
        ):
            return None
        return Alarm(
            "copying",
            f"copying: the nearest real sample is a training sample far more often than chance allows (excess "
            f"{evaluation.copying:.0%}, where 0 % is none and 100 % a copier), "
            f"at {evaluation.nearest_train:.0%} of the distance that held-out samples keep. "
            "Try augmentation (augment.translation=0.125), "
            "more data, a smaller discriminator, or an earlier checkpoint; `ganlens probe nearest` shows the pairs.",
        )
