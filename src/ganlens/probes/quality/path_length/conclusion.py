"""What is concluded from how samples change along ways through the latent space."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import Field

from ganlens.explain.paths.lengths import PathLength
from ganlens.measures import binomial_interval
from ganlens.probes.probe import ProbeSettings, threshold
from ganlens.rules import Rule, Rules, Verdict, always

FEWEST = 16


class PathLengthSettings(ProbeSettings):
    paths: int = Field(500, ge=FEWEST, description="Ways whose speed is measured at a random place")
    walked: int = Field(100, ge=FEWEST, description="Ways that are walked in steps, looking for tears")
    epsilon: float = Field(1e-4, gt=0, le=0.1, description="Share of the way over which a speed is measured")
    shown: int = Field(6, ge=1, le=16, description="Steepest ways to show")
    stops: int = threshold(
        3,
        "Good up to the path length of a way over this many unrelated samples: an arc through the data passes some",
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
    often: float = threshold(0.05, "Bad where surely more than this share of the ways is torn", ge=0, lt=1)


@dataclass(frozen=True)
class Evidence:
    """What the words are about.

    Attributes:
        walked: ways that were walked.
        torn, faded_torn: how many of them are torn, and how many of the same ends faded into each other.
        length: in the first feature space; None where the samples don't move smoothly, which happens on torn ways.
    """

    settings: PathLengthSettings
    walked: int
    torn: int
    faded_torn: int
    length: PathLength | None

    @property
    def often_torn(self) -> bool:
        return binomial_interval(self.torn, self.walked).low > self.settings.often

    @property
    def torn_share(self) -> float:
        return self.torn / self.walked

    @property
    def ratio(self) -> float:
        """The path length as a multiple of the shortest possible."""
        return self._measured.ratio

    @property
    def surely(self) -> float:
        """The multiple that it surely reaches."""
        return self._measured.interval.low / self._measured.straight

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
        "often-torn",
        lambda e: e.torn > 0 and e.often_torn,
        Verdict.BAD,
        "Its latent space is torn: {torn_share:.0%} of ways jump at once.",
        "On {torn} of {walked} ways it jumps from one sample to another at once; the same ends faded into each other "
        "never do.",
        "See whether it stores its training samples: `ganlens probe memorisation SUBJECT`.",
    ),
    Rule(
        "torn",
        lambda e: e.torn > 0,
        Verdict.CAUTION,
        "Its latent space is torn in places.",
        "On {torn} of {walked} ways it jumps from one sample to another at once; the same ends faded into each other "
        "never do.",
        "Look at the tears in the figures; stay within one side of them where ways between samples matter.",
    ),
    Rule(
        "smooth",
        lambda e: e.ratio <= _over(e.settings.stops),
        Verdict.GOOD,
        "It changes smoothly as its latent moves.",
        LENGTH,
    ),
    Rule(
        "wild",
        lambda e: e.surely > _over(e.settings.many_stops),
        Verdict.BAD,
        "It changes wildly as its latent moves.",
        LENGTH,
        "Train longer, or take another checkpoint; until then a small step of its latent is no small change.",
    ),
    Rule(
        "wanders",
        always,
        Verdict.CAUTION,
        "It wanders as its latent moves.",
        LENGTH,
        "Look at the steepest ways in the figures; take shorter steps where ways between samples matter.",
    ),
)
