"""What is concluded from how different samples are from one another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import Field

from ganlens.instruments.labeller import Labeller
from ganlens.probes.class_names import listed, quoted, samples_of
from ganlens.probes.probe import ProbeSettings, threshold
from ganlens.probes.quality.diversity.class_diversity import ClassDiversity, poorest
from ganlens.probes.quality.replicated import Replicated
from ganlens.probes.shared_rules import (
    labeller_skill_for_features,
    labeller_skill_for_names,
    labeller_too_weak,
)
from ganlens.rules import Rule, Rules, Verdict, always

FEWEST = 32
"""With fewer samples in a block it can't be said how many different ones there are."""
VENDI = "Vendi score"
DISTANCE = "Mean distance between samples"
NEAREST = "Distance to the most alike sample (median)"
IN_WORDS = {
    VENDI: "the Vendi score",
    DISTANCE: "the mean distance between two samples",
    NEAREST: "the distance to the most alike sample",
}
NAMED = 4


class DiversitySettings(ProbeSettings):
    block: int = Field(1000, ge=FEWEST, description="Most samples in a block")
    replicates: int = Field(8, ge=2, le=50, description="Disjoint blocks each measure is repeated on")
    shown: int = Field(8, ge=1, le=16, description="Pairs, and samples of the poorest class, to show")
    lost: float = threshold(
        0.5,
        "Bad surely below this multiple of the real value, in all or within a class: half is gone",
        ge=0,
        le=1,
    )
    less: float = threshold(
        0.8,
        "Fewer below this multiple of the real value in all, or surely below it within a class: sets of real "
        "samples scatter less",
        ge=0,
        le=1,
    )
    more: float = threshold(
        1.25,
        "More unlike above this multiple in all, or surely above it within a class: as much above as `less` is below",
        ge=1,
    )
    labeller_skill: float = labeller_skill_for_features()
    naming_skill: float = labeller_skill_for_names()


@dataclass(frozen=True)
class Aspect:
    """One respect in which samples differ, in words, as a multiple of the real value."""

    words: str
    ratio: float


@dataclass(frozen=True)
class Evidence:
    """What the words are about.

    Attributes:
        measures: in the first feature space: Vendi score, mean distance and distance to the most alike.
        classes: each class in each feature space; empty where none can be judged.
        labeller: whose features the first space has; None where it is another space.
    """

    settings: DiversitySettings
    measures: Sequence[Replicated]
    classes: Sequence[ClassDiversity]
    labeller: Labeller | None

    @property
    def labeller_skill(self) -> float:
        return self.settings.labeller_skill

    @property
    def below(self) -> list[Replicated]:
        """The measures below the mark."""
        return [row for row in self.measures if row.ratio < self.settings.less]

    @property
    def above(self) -> list[Replicated]:
        """The measures above the mark."""
        return [row for row in self.measures if row.ratio > self.settings.more]

    @property
    def poor(self) -> list[ClassDiversity]:
        """Classes whose samples are surely more alike than real ones."""
        return [c for c in self.classes if c.high < self.settings.less]

    @property
    def rich(self) -> list[ClassDiversity]:
        """Classes whose samples are surely more unlike than real ones."""
        return [c for c in self.classes if c.low > self.settings.more]

    @property
    def lost(self) -> list[str]:
        """The measures that surely lose too much, by the near ends: real blocks scatter too."""
        return [
            row.name for row in self.measures if row.high / max(min(row.real), 1e-12) < self.settings.lost
        ]

    @property
    def class_lost(self) -> bool:
        return any(c.high < self.settings.lost for c in self.poor)

    @property
    def least(self) -> Aspect:
        """Where it falls shortest of the real samples: in all, or else within a class."""
        return min(self._aspects(self.below, self.poor), key=lambda aspect: aspect.ratio)

    @property
    def most(self) -> Aspect:
        """Where it exceeds the real samples most: in all, or else within a class."""
        return max(self._aspects(self.above, self.rich), key=lambda aspect: aspect.ratio)

    @property
    def poorest(self) -> ClassDiversity:
        return poorest(self.poor)

    @property
    def richest(self) -> ClassDiversity:
        return max(self.rich, key=lambda c: c.low)

    @property
    def of_poor(self) -> str:
        """The class of which samples are too alike, or how many such classes there are."""
        return samples_of(_names(self.poor))

    @property
    def of_rich(self) -> str:
        """The class of which samples are too unlike, or how many such classes there are."""
        return samples_of(_names(self.rich))

    @property
    def ratios(self) -> str:
        """What the measures are, as multiples of the real ones."""
        values = [f"{row.ratio:.2f}" for row in self.measures]
        return f"{', '.join(values[:-1])} and {values[-1]}"

    @property
    def remarks(self) -> list[str]:
        """What a careful reader wants to know of the classes."""
        remarks = []
        if self.poor:
            remarks.append(f"Surely less than {self.settings.less:g}× as far apart: {_within(self.poor)}.")
        if self.rich:
            remarks.append(f"Surely more than {self.settings.more:g}× as far apart: {_within(self.rich)}.")
        if self.classes and not self.poor:
            count = len({c.label for c in self.classes})
            remarks.append(f"In none of {count} classes are its samples surely more alike than real ones.")
        return remarks

    @staticmethod
    def _aspects(rows: Sequence[Replicated], classes: Sequence[ClassDiversity]) -> list[Aspect]:
        in_all = [Aspect(IN_WORDS[row.name], row.ratio) for row in rows]
        return in_all or [Aspect(f"the distance within {quoted(c.name)}", c.quotient) for c in classes]


def _names(classes: Sequence[ClassDiversity]) -> list[str]:
    """The classes, each once, though several feature spaces show it."""
    return list(dict.fromkeys(c.name for c in classes))


def _within(classes: Sequence[ClassDiversity]) -> str:
    """The classes, and the feature spaces where it shows."""
    titles = dict.fromkeys(c.title for c in classes)
    return f"{listed(_names(classes), NAMED)} ({' and '.join(titles)})"


LEAST = "At the least, {least.words} is {least.ratio:.2f} times that of real training samples."
MOST = "At the most, {most.words} is {most.ratio:.2f} times that of real training samples."
CLASS = (
    "Two of {poorest.quoted} are {poorest.quotient:.2f} times as far apart as two real ones of that class."
)
MISSES = "See which kinds are missing: `ganlens probe missed SUBJECT`; take an earlier checkpoint, or train longer."
UNLIKE = "See whether that is noise: `ganlens probe two-sample SUBJECT` shows what real samples lack."

RULES = Rules(
    Evidence,
    labeller_too_weak(),
    Rule(
        "again-and-again",
        lambda e: e.lost == [NEAREST],
        Verdict.BAD,
        "It makes much the same samples again and again.",
        LEAST,
        "See whether these are training samples: `ganlens probe memorisation SUBJECT`; then train longer.",
    ),
    Rule(
        "far-fewer",
        lambda e: bool(e.lost),
        Verdict.BAD,
        "It makes far fewer different samples than the data hold.",
        LEAST,
        MISSES,
    ),
    Rule(
        "far-fewer-in-a-class",
        lambda e: e.class_lost,
        Verdict.BAD,
        "Its samples of {of_poor} are far too alike.",
        CLASS,
        MISSES,
    ),
    Rule(
        "different-otherwise",
        lambda e: bool((e.below or e.poor) and (e.above or e.rich)),
        Verdict.CAUTION,
        "Its samples differ in another way than real ones do.",
        "At the least, {least.words} is {least.ratio:.2f} times that of real training samples, and at the most, "
        "{most.words} {most.ratio:.2f} times.",
        UNLIKE,
    ),
    Rule(
        "fewer",
        lambda e: bool(e.below),
        Verdict.CAUTION,
        "It makes fewer different samples than the data hold.",
        LEAST,
        MISSES,
    ),
    Rule(
        "fewer-in-a-class",
        lambda e: bool(e.poor),
        Verdict.CAUTION,
        "Its samples of {of_poor} are more alike than real ones.",
        CLASS,
        MISSES,
    ),
    Rule(
        "more-unlike",
        lambda e: bool(e.above),
        Verdict.CAUTION,
        "Its samples differ more than real ones do, as with noise.",
        MOST,
        UNLIKE,
    ),
    Rule(
        "more-unlike-in-a-class",
        lambda e: bool(e.rich),
        Verdict.CAUTION,
        "Its samples of {of_rich} differ more than real ones do.",
        "Two of {richest.quoted} are {richest.quotient:.2f} times as far apart as two real ones of that class.",
        UNLIKE,
    ),
    Rule(
        "as-different",
        always,
        Verdict.GOOD,
        "Its samples are as different from one another as real ones.",
        "Vendi score, mean distance and distance to the most alike sample are {ratios} times those of real training "
        "samples.",
    ),
)
