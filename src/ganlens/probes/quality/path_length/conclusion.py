"""What is concluded from how samples change along ways through the latent space."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import Field
from torch import Tensor

from ganlens.explain.paths.kinds import TornKinds
from ganlens.explain.paths.lengths import PathLength
from ganlens.measures import ALARM_LEVEL, binomial_interval
from ganlens.probes.probe import ProbeSettings, threshold
from ganlens.probes.shared_rules import labeller_skill_for_names
from ganlens.rules import Rule, Rules, Verdict, always

FEWEST = 16


class PathLengthSettings(ProbeSettings):
    paths: int = Field(500, ge=FEWEST, description="Ways whose speed is measured at a random place")
    walked: int = Field(100, ge=FEWEST, description="Ways that are walked in steps, looking for tears")
    epsilon: float = Field(1e-4, gt=0, le=0.1, description="Share of the way over which a speed is measured")
    shown: int = Field(6, ge=1, le=16, description="Steepest ways to show")
    stops: int = threshold(
        3,
        "Caution surely beyond the path length of a way over this many unrelated samples: an arc through the data "
        "passes some",
        ge=0,
        le=100,
    )
    many_stops: int = threshold(
        7, "Bad surely beyond the path length of a way over this many unrelated samples", ge=0, le=1000
    )
    tear: float = threshold(
        0.1,
        "A way is torn where its steepest bit, a tiny part of it, holds a jump of this share of the mean distance "
        "between two samples: what is steep but smooth holds far less",
        gt=0,
        le=1,
    )
    often: float = threshold(
        0.05, "Bad where surely more than this share of the ways is torn within a class", ge=0, lt=1
    )
    still: float = threshold(
        0.5,
        "Bad where surely at more than this share of places nothing changes: it jumps and rests",
        gt=0,
        lt=1,
    )
    naming_skill: float = labeller_skill_for_names()


@dataclass(frozen=True)
class Evidence:
    """What the words are about.

    Attributes:
        walked: ways that were walked.
        torn, faded_torn: how many of them are torn, and how many of the same ends faded into each other.
        kinds: which of the tears lie between classes; None where nothing is torn or no labeller names classes.
        length: in the space that judges; None where the samples don't move smoothly, which happens on torn ways.
        away: [ways] which of the places have no other class near; None where no labeller names classes, or nothing is
            so fast that it matters.
    """

    settings: PathLengthSettings
    walked: int
    torn: int
    faded_torn: int
    kinds: TornKinds | None
    length: PathLength | None
    away: Tensor | None = None

    @property
    def rests(self) -> bool:
        """Whether nothing changes between its jumps, as where stored samples are looked up."""
        if self.length is None or not self.torn:
            return False
        still = binomial_interval(self.length.still, len(self.length.lengths), ALARM_LEVEL)
        return still.low > self.settings.still

    @property
    def still_share(self) -> float:
        """At what share of the places nothing changes."""
        return self._measured.still / len(self._measured.lengths)

    @property
    def within(self) -> int:
        """Torn ways whose tear surely parts no classes, the labeller's errors allowed for; 0 where that can't be
        told."""
        if self.kinds is None or self.kinds.chance_of_within > 1 - ALARM_LEVEL:
            return 0
        return self.kinds.within

    @property
    def often_within(self) -> bool:
        return binomial_interval(self.within, self.walked, ALARM_LEVEL).low > self.settings.often

    @property
    def within_share(self) -> float:
        return self.within / self.walked

    @property
    def torn_share(self) -> float:
        return self.torn / self.walked

    @property
    def ratio(self) -> float:
        """The path length as a multiple of the shortest possible."""
        return self._measured.ratio

    @property
    def surely(self) -> float:
        """The multiple that it surely reaches; 0 where there is no length."""
        return self.length.least / self.length.straight if self.length is not None else 0.0

    @property
    def hurries(self) -> bool:
        """Whether it is surely faster than a good way, wherever that may be."""
        return self.surely > _over(self.settings.stops)

    @property
    def surely_within(self) -> float:
        """The multiple that it surely reaches away from other classes, or anywhere if no classes are known."""
        if self.length is None or self.away is None or int(self.away.sum()) < FEWEST:
            return self.surely
        return min(self.surely, self.length.surely(self.away))

    @property
    def within_ratio(self) -> float:
        """Its path length away from other classes, as a multiple of the shortest possible."""
        assert self.away is not None
        return float(self._measured.lengths[self.away].mean()) / self._measured.straight

    @property
    def stopping_ratio(self) -> float:
        """The multiple of a way over as many unrelated samples as a good one may pass."""
        return self._measured.stopping / self._measured.straight

    @property
    def _measured(self) -> PathLength:
        assert self.length is not None  # without a tear there is a length
        return self.length


def _over(stops: int) -> int:
    """About how many times the shortest possible a way over so many unrelated samples is: its legs, squared."""
    return (stops + 1) ** 2


LENGTH = (
    "Its path length is {ratio:.1f} times the shortest possible, and that of a way over {settings.stops} unrelated "
    "samples {stopping_ratio:.1f} times."
)
WITHIN = (
    "On {torn} of {walked} ways it jumps at once, on {within} of them to another sample of the same class."
)
LOOK = "Look at the tears in the figures; stay within one side of them where ways between samples matter."

RULES = Rules(
    Evidence,
    Rule(
        "features-tear",
        lambda e: e.faded_torn > 0,
        Verdict.NOT_BELIEVABLE,
        "Its smoothness can't be measured: the measure itself jumps.",
        "The features jump on {faded_torn} of {walked} ways while one sample merely fades into another, where none "
        "should be torn.",
        "Ask again with features that change smoothly: `--features raw`.",
    ),
    Rule(
        "jumps-and-rests",
        lambda e: e.rests,
        Verdict.BAD,
        "It jumps from sample to sample, and rests in between.",
        "On {torn} of {walked} ways it jumps at once, and at {still_share:.0%} of the places nothing changes.",
        "See whether it stores its training samples: `ganlens probe memorisation SUBJECT`.",
    ),
    Rule(
        "often-torn",
        lambda e: e.within > 0 and e.often_within,
        Verdict.BAD,
        "Within a class it is torn: {within_share:.0%} of ways jump at once.",
        WITHIN,
        LOOK,
    ),
    Rule(
        "torn",
        lambda e: e.within > 0,
        Verdict.CAUTION,
        "Its latent space is torn in places, within a class.",
        WITHIN,
        LOOK,
    ),
    Rule(
        "torn-without-classes",
        lambda e: e.torn > 0 and e.kinds is None,
        Verdict.CAUTION,
        "Its latent space is torn: {torn_share:.0%} of ways jump at once.",
        "On {torn} of {walked} ways it jumps at once; no classes tell whether the data themselves are parted there.",
        LOOK,
    ),
    Rule(
        "wild",
        lambda e: e.surely_within > _over(e.settings.many_stops),
        Verdict.BAD,
        "It changes wildly as its latent moves.",
        LENGTH,
        "Train longer, or take another checkpoint; until then a small step of its latent is no small change.",
    ),
    Rule(
        "wanders",
        lambda e: e.surely_within > _over(e.settings.stops),
        Verdict.CAUTION,
        "It wanders as its latent moves.",
        LENGTH,
        "Look at the steepest ways in the figures; take shorter steps where ways between samples matter.",
    ),
    Rule(
        "hurries-between-classes",
        lambda e: e.torn == 0 and e.hurries,
        Verdict.GOOD,
        "It changes smoothly, and quickly only from class to class.",
        "Its path length is {ratio:.1f} times the shortest possible, where no other class is near {within_ratio:.1f} "
        "times, and that of a way over other samples {stopping_ratio:.1f} times.",
    ),
    Rule(
        "jumps-between-classes",
        lambda e: e.torn > 0,
        Verdict.GOOD,
        "It changes smoothly, but for jumps from class to class.",
        "On {torn} of {walked} ways it jumps at once, on {kinds.between} of them from one class to another, which the "
        "data hold apart.",
    ),
    Rule(
        "smooth",
        always,
        Verdict.GOOD,
        "It changes smoothly as its latent moves.",
        LENGTH,
    ),
)
