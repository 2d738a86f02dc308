"""What is concluded from the classes of what it makes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from pydantic import Field
from torch import Tensor

from ganlens.instruments.labeller import Labeller
from ganlens.measures import Interval
from ganlens.probes.class_names import listed, quoted, samples_of
from ganlens.probes.probe import ProbeSettings, threshold
from ganlens.probes.shared_rules import BETTER_LABELS, labeller_skill_for_names, labeller_too_weak
from ganlens.rules import Rule, Rules, Verdict, always

NAMED = 6


class ModesSettings(ProbeSettings):
    replicates: int = Field(4, ge=2, le=50, description="Disjoint blocks the divergence is computed on")
    shown: int = Field(8, ge=1, le=20, description="Samples shown of each class")
    missing: float = threshold(
        0.2,
        "A class is missing surely below this multiple of its real share: a slip of the labeller makes a few",
        ge=0,
    )
    scarce: float = threshold(
        0.5, "A class is scarce surely below this multiple of its real share", ge=0, le=1
    )
    abundant: float = threshold(
        1.5,
        "A class is over-made surely above this multiple of its real share: as `cannot-generate` holds it, or one "
        "report would contradict itself",
        ge=1,
    )
    unsure: float = threshold(
        0.5, "A sample is of no clear class where the labeller is less confident than this of any", gt=0, le=1
    )
    unclear: float = threshold(
        0.1, "A caution where surely more than this share of samples is of no clear class", ge=0, le=1
    )
    unclear_ratio: float = threshold(
        3.0,
        "And surely more than this multiple of the real samples' share: real ones are unclear at times",
        ge=1,
    )
    obeys: float = threshold(
        0.95,
        "A caution where samples are of the class that was asked for surely less often than this share of how often "
        "the labeller recognises unseen real ones",
        gt=0,
        le=1,
    )
    disobeys: float = threshold(
        0.8,
        "Bad where they are surely less often than this share of it: a fifth of its labels are wrong",
        gt=0,
        le=1,
    )
    labeller_skill: float = labeller_skill_for_names()


@dataclass(frozen=True)
class Shares:
    """Per class: what the generator makes, between which limits, and what the real data have.

    Attributes:
        generated, real: [classes] shares of samples.
        intervals: of the generated shares; they hold for all classes together.
        settings: what counts as missing, scarce and over-made.
        times: [classes] how many times its real share a class surely is made, for all classes together.
        slips: [classes] share of samples of other classes that the labeller may call by this one's name.
    """

    generated: Tensor
    intervals: list[Interval]
    real: Tensor
    settings: ModesSettings
    times: Tensor
    slips: Tensor

    @property
    def low(self) -> Tensor:
        return torch.tensor([interval.low for interval in self.intervals], dtype=torch.float64)

    @property
    def high(self) -> Tensor:
        return torch.tensor([interval.high for interval in self.intervals], dtype=torch.float64)

    @property
    def missing(self) -> list[int]:
        return self._of_the_data(self.high < self.settings.missing * self.real)

    @property
    def none_made(self) -> bool:
        """Whether of each missing class no more samples are named than the labeller's slips make of none."""
        return bool(self.missing) and bool((self.generated <= self.slips)[self.missing].all())

    @property
    def scarce(self) -> list[int]:
        few = self.high < self.settings.scarce * self.real
        return self._of_the_data(few & (self.high >= self.settings.missing * self.real))

    @property
    def abundant(self) -> list[int]:
        return self._of_the_data(self.times > self.settings.abundant)

    def _of_the_data(self, chosen: Tensor) -> list[int]:
        """Which of the chosen classes the real data have at all."""
        return [int(i) for i in torch.nonzero(chosen & (self.real > 0)).flatten()]


@dataclass(frozen=True)
class Unclear:
    """Samples of no clear class: their share, which it surely exceeds, and that of held-out real samples."""

    share: float
    surely: float
    real: float


@dataclass(frozen=True)
class Obedience:
    """How often a conditional generator makes the class that it was asked for.

    Attributes:
        share: of its samples.
        at_most: what the share surely does not exceed.
        worst: the class that it makes least often when asked for it, with that share.
    """

    share: float
    at_most: float
    worst: tuple[str, float]


@dataclass(frozen=True)
class UnevenClass:
    """A class that is not made as often as it is real, with both shares."""

    name: str
    generated: float
    real: float


@dataclass(frozen=True)
class Evidence:
    """What the words are about.

    Attributes:
        names: of the classes.
        labeller: which names the class of a sample.
        obedience: None where nothing can be asked of the generator.
    """

    shares: Shares
    names: Sequence[str]
    unclear: Unclear
    labeller: Labeller
    obedience: Obedience | None = None

    @property
    def settings(self) -> ModesSettings:
        return self.shares.settings

    @property
    def labeller_skill(self) -> float:
        return self.settings.labeller_skill

    @property
    def many_unclear(self) -> bool:
        """Whether far more samples are of no clear class than of the real ones."""
        return self.unclear.surely > max(
            self.settings.unclear, self.settings.unclear_ratio * self.unclear.real
        )

    def obeys_less_than(self, share: float) -> bool:
        """Whether it surely makes the class that was asked for less often than that share of what could be recognised.

        The labeller may be worse than it was on held-out samples: the low end of its accuracy counts.
        """
        recognised = self.labeller.held_out_accuracy_interval[0]
        return self.obedience is not None and self.obedience.at_most < share * recognised

    @property
    def obeyed(self) -> float:
        assert self.obedience is not None
        return self.obedience.share

    @property
    def of_missing(self) -> str:
        return samples_of(self._named(self.shares.missing))

    @property
    def of_scarce(self) -> str:
        return samples_of(self._named(self.shares.scarce))

    @property
    def of_abundant(self) -> str:
        return samples_of(self._named(self.shares.abundant))

    @property
    def uneven(self) -> UnevenClass:
        """The class whose share is furthest from the real one, of the worst kind that there is."""
        shares = self.shares
        classes = shares.missing or [*shares.scarce, *shares.abundant]
        furthest = max(classes, key=lambda i: abs(float(shares.generated[i] - shares.real[i])))
        return UnevenClass(
            quoted(self.names[furthest]), float(shares.generated[furthest]), float(shares.real[furthest])
        )

    @property
    def remarks(self) -> list[str]:
        """All classes that are not made as often as they are real, and the unclear samples."""
        uneven = (
            ("Missing", self.shares.missing),
            ("Too few", self.shares.scarce),
            ("Too many", self.shares.abundant),
        )
        remarks = [f"{title}: {listed(self._named(classes), NAMED)}." for title, classes in uneven if classes]
        if self.many_unclear:
            remarks.append(
                f"{self.unclear.share:.0%} of its samples are of no clear class (real ones: {self.unclear.real:.1%})."
            )
        if self.obedience is not None and self.obeys_less_than(self.settings.obeys):
            name, share = self.obedience.worst
            remarks.append(
                f"It makes the class asked for {self.obedience.share:.1%} of the time, and least of all “{name}”: "
                f"{share:.0%}."
            )
        return remarks

    def _named(self, classes: Sequence[int]) -> list[str]:
        return [self.names[i] for i in classes]


UNEVEN = "Of what it makes {uneven.generated:.1%} is {uneven.name}, of the real data {uneven.real:.1%}."
CAN_IT = (
    "See whether it can make them at all: `ganlens probe cannot-generate SUBJECT`; then train longer, or take a "
    "checkpoint that did."
)
SORTED = (
    "Where shares matter, keep what is needed of each class: `finding.arrays['labels']` says which is which."
)

_OBEYED = (
    "By the labeller {obeyed:.1%} of its samples are of the class that was asked for; of unseen real ones it "
    "recognises {labeller.held_out_accuracy:.1%}."
)


RULES = Rules(
    Evidence,
    labeller_too_weak(BETTER_LABELS),
    Rule(
        "none-made",
        lambda e: e.shares.none_made,
        Verdict.BAD,
        "It never makes samples of {of_missing}.",
        "Of what it makes {uneven.generated:.1%} is called {uneven.name}, no more than slips of the labeller, and of "
        "the real data {uneven.real:.1%} is.",
        CAN_IT,
    ),
    Rule(
        "missing",
        lambda e: bool(e.shares.missing),
        Verdict.BAD,
        "It makes hardly any samples of {of_missing}.",
        UNEVEN,
        CAN_IT,
    ),
    Rule(
        "disobeys",
        lambda e: e.obeys_less_than(e.settings.disobeys),
        Verdict.BAD,
        "It makes the class asked for only {obeyed:.0%} of the time.",
        _OBEYED,
        "Don't take the label asked for as the sample's: `finding.arrays['labels']` holds the labeller's. The map "
        "shows what it makes instead; see that labels reach the generator, and train longer.",
    ),
    Rule(
        "uneven",
        lambda e: bool(e.shares.scarce and e.shares.abundant),
        Verdict.CAUTION,
        "It makes too few of some classes, too many of others.",
        UNEVEN,
        SORTED,
    ),
    Rule(
        "scarce",
        lambda e: bool(e.shares.scarce),
        Verdict.CAUTION,
        "It makes too few samples of {of_scarce}.",
        UNEVEN,
        SORTED,
    ),
    Rule(
        "over-made",
        lambda e: bool(e.shares.abundant),
        Verdict.CAUTION,
        "It makes too many samples of {of_abundant}.",
        UNEVEN,
        SORTED,
    ),
    Rule(
        "obeys-too-seldom",
        lambda e: e.obeys_less_than(e.settings.obeys),
        Verdict.CAUTION,
        "It makes the class asked for only {obeyed:.0%} of the time.",
        _OBEYED,
        "Keep the samples on which the labeller agrees (`finding.arrays['labels']`); the map shows what it makes "
        "instead.",
    ),
    Rule(
        "no-clear-class",
        lambda e: e.many_unclear,
        Verdict.CAUTION,
        "Many of its samples are of no clear class.",
        "{unclear.share:.0%} of its samples are of no clear class, {unclear.real:.1%} of held-out real ones.",
        "See what they are: `ganlens probe two-sample SUBJECT` shows the samples that are least like real ones.",
    ),
    Rule(
        "every-class",
        always,
        Verdict.GOOD,
        "It makes every class about as often as the data do.",
        "No class is surely made less than {settings.scarce:g} or more than {settings.abundant:g} times as often, by a "
        "labeller that is right on {labeller.held_out_accuracy:.0%} of unseen real samples.",
    ),
)
