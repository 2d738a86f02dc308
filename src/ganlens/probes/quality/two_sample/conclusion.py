"""What is concluded from how well a classifier tells generated samples from real ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from ganlens.measures import ALARM_LEVEL, Interval, TwoSampleTest
from ganlens.probes.probe import ProbeSettings, threshold
from ganlens.rules import Rule, Rules, Verdict, always
from ganlens.subject.controls import CONTROLS

FEWEST = 32
"""With fewer samples a classifier has too little to learn from, and too few to be tried on."""
GUESSING = 0.5


class TwoSampleSettings(ProbeSettings):
    compared: int = Field(1000, ge=FEWEST, description="Most samples of each kind")
    folds: int = Field(
        5, ge=2, le=20, description="Parts, each told by a classifier that learned from the rest"
    )
    classifier: Literal["quadratic", "linear", "nearest", "trees"] = Field(
        "quadratic",
        description="What learns: logistic regression on features, squares and contrasts, or on features alone; "
        "a vote of neighbours; boosted trees",
    )
    shown: int = Field(12, ge=1, le=32, description="Samples to show of each kind")
    close: float = threshold(
        0.65,
        "Where the accuracy may reach this, samples are too few to prove much: what can't be told may still differ",
        ge=0.5,
        le=1,
    )
    far: float = threshold(
        0.75,
        "Bad surely above this accuracy: an accuracy of three quarters says that half lies elsewhere",
        ge=0.5,
        le=1,
    )
    unfair: float = threshold(
        0.6,
        "Not believable where training samples are surely told from held-out ones above this accuracy: then the "
        "held-out ones are no fair reference",
        ge=0.5,
        le=1,
    )
    chance: float = threshold(
        1 - ALARM_LEVEL,
        "Samples are told where the chance of guessing as many, times the number of feature spaces, is at most this",
        gt=0,
        lt=1,
    )


@dataclass(frozen=True)
class SpaceTests:
    """One feature space: what the classifier made of generated, of training and of the controls' samples, each
    against the same held-out ones."""

    name: str
    title: str
    fake: TwoSampleTest
    train: TwoSampleTest
    controls: dict[str, TwoSampleTest]

    @property
    def floor(self) -> float:
        """What a generator without a fault is expected to score."""
        return max(GUESSING, self.train.accuracy)

    def tells(self, chance: float) -> bool:
        """Whether the classifier surely tells generated samples: better than the reference, and than guessing."""
        return self.fake.interval.low > self.floor and self.fake.p_value <= chance

    @property
    def gaussian(self) -> TwoSampleTest:
        """The same test of one Gaussian with the data's covariance."""
        return self.controls[CONTROLS["underfit"]]

    @property
    def sees_failure(self) -> bool:
        """Whether the same test tells the one Gaussian from the data; where it doesn't, silence proves nothing."""
        return self.gaussian.interval.low > self.floor


@dataclass(frozen=True)
class ClassTest:
    """How often samples that the labeller calls one class are taken for generated: those that are, and real ones.
    The intervals hold together for both and all classes."""

    name: str
    fake: float
    fake_interval: Interval
    real: float | None
    real_interval: Interval

    @property
    def gap(self) -> float:
        """By how much more often, at least, the generated ones are."""
        return self.fake_interval.low - self.real_interval.high


@dataclass(frozen=True)
class Evidence:
    """What the words are about.

    Attributes:
        spaces: each feature space, the one that is judged first.
        classes: each class in that space; empty where no labeller names them.
        compared: samples of each kind.
    """

    settings: TwoSampleSettings
    spaces: Sequence[SpaceTests]
    classes: Sequence[ClassTest]
    compared: int

    @property
    def main(self) -> SpaceTests:
        return self.spaces[0]

    @property
    def guessing(self) -> float:
        return GUESSING

    @property
    def others(self) -> list[SpaceTests]:
        """Further spaces that tell generated samples."""
        return [space for space in self.spaces[1:] if space.tells(self._chance)]

    @property
    def told(self) -> bool:
        """Whether generated samples are told in the space that is judged first."""
        return self.main.tells(self._chance)

    @property
    def _chance(self) -> float:
        """What chance may do in one of the spaces."""
        return self.settings.chance / len(self.spaces)

    @property
    def other(self) -> SpaceTests:
        """The one of `others` that surely tells most."""
        return max(self.others, key=lambda space: space.fake.interval.low)

    @property
    def remarks(self) -> list[str]:
        """By what generated samples are given away most."""
        if not self.told:
            return []
        remarks = []
        widest = max(self.classes, key=lambda c: c.gap, default=None)
        if widest is not None and widest.real is not None and widest.gap > 0:
            remarks.append(
                f"Most of all it is given away by “{widest.name}”: the classifier recognises {widest.fake:.0%} of "
                f"these, and takes {widest.real:.0%} of the real ones for generated."
            )
        best = max(self.spaces, key=lambda space: space.fake.interval.low)
        if best.fake.interval.low > self.main.fake.interval.high:
            remarks.append(f"By {best.title} the classifier is right {best.fake.accuracy:.0%} of the time.")
        return remarks


RIGHT = (
    "The classifier is right {main.fake.accuracy:.0%} of the time; guessing gives {guessing:.0%}, and unseen real "
    "samples in their place {main.train.accuracy:.0%}."
)
BY_WHAT = "The figures show by what; for the kinds that are missing or invented, ask `ganlens probe missed SUBJECT`."

RULES = Rules(
    Evidence,
    Rule(
        "unfair-reference",
        lambda e: e.main.train.interval.low > e.settings.unfair,
        Verdict.NOT_BELIEVABLE,
        "Training samples themselves can be told from held-out ones.",
        "The same classifier tells training from held-out samples {main.train.accuracy:.0%} of the time, guessing "
        "{guessing:.0%}, so the held-out ones are no fair reference.",
        "Split the data into training and held-out samples at random, and ask again.",
    ),
    Rule(
        "easily-told",
        lambda e: e.told and e.main.fake.interval.low > e.settings.far,
        Verdict.BAD,
        "A classifier easily tells its samples from real ones.",
        RIGHT,
        BY_WHAT,
    ),
    Rule(
        "told",
        lambda e: e.told,
        Verdict.CAUTION,
        "A classifier can tell its samples from real ones.",
        RIGHT,
        BY_WHAT,
    ),
    Rule(
        "told-by-other-features",
        lambda e: bool(e.others),
        Verdict.CAUTION,
        "Looked at otherwise, a classifier can tell its samples from real ones.",
        "By {other.title} the classifier is right {other.fake.accuracy:.0%} of the time, by {main.title} "
        "{main.fake.accuracy:.0%}; guessing gives {guessing:.0%}.",
        "See what gives it away there: `ganlens probe two-sample SUBJECT --features {other.name}`.",
    ),
    Rule(
        "blind-test",
        lambda e: not e.main.sees_failure,
        Verdict.GOOD,
        "A classifier can't tell its samples, but this test is weak.",
        "The classifier is right {main.fake.accuracy:.0%} of the time, but of one Gaussian with the data's covariance "
        "{main.gaussian.accuracy:.0%}; guessing gives {guessing:.0%}.",
        "Ask with more samples (`--samples 20000 --compared 5000`) or another classifier (`--two-sample-classifier "
        "trees`).",
    ),
    Rule(
        "too-few-samples",
        lambda e: e.main.fake.interval.high >= e.settings.close,
        Verdict.GOOD,
        "Of so few samples, a classifier can't tell them from real ones.",
        "The classifier is right {main.fake.accuracy:.0%} of the time, and may be right in up to "
        "{main.fake.interval.high:.0%}; guessing gives {guessing:.0%}.",
        "Ask with more samples (`--samples 20000 --compared 5000`), and with more held-out ones in the data.",
    ),
    Rule(
        "not-told",
        always,
        Verdict.GOOD,
        "A classifier can't tell its samples from real ones.",
        "The classifier is right {main.fake.accuracy:.0%} of the time; guessing gives {guessing:.0%}, and one Gaussian "
        "with the data's covariance {main.gaussian.accuracy:.0%}.",
    ),
)
