"""What is concluded from the distances between generated and real samples."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pydantic import Field

from ganlens.instruments.labeller import Labeller
from ganlens.probes.probe import ProbeSettings, threshold
from ganlens.probes.quality.replicated import Replicated
from ganlens.probes.shared_rules import labeller_skill_for_features, labeller_too_weak
from ganlens.rules import Rule, Rules, Verdict, always

FEWEST = 32
"""With fewer held-out samples the distances say nothing."""
FRECHET, KERNEL = "Fréchet distance", "Kernel distance"
KEPT_UP = ("Precision", "Recall", "Coverage")
"""The shares that a good generator keeps up with real samples in; density has no upper end."""
MISSES = "See which kinds it misses: `ganlens probe missed SUBJECT`; then train longer, or with more of them."
TOLD_BY = "See by what they are told from real ones: `ganlens probe two-sample SUBJECT`; then train longer."


class FidelitySettings(ProbeSettings):
    neighbours: int = Field(5, ge=1, le=50, description="k of precision, recall, density and coverage")
    replicates: int = Field(
        4, ge=2, le=20, description="Disjoint blocks of samples each measure is repeated on"
    )
    block: int = Field(2500, ge=FEWEST, description="Most samples in a block")
    close: float = threshold(
        2.0,
        "Good up to this multiple of the real samples' Fréchet distance, surely: two real sets scatter as much",
        ge=1,
    )
    near: float = threshold(
        4.0,
        "Good up to this multiple as measured, however wide the interval: few samples excuse no more",
        ge=1,
    )
    far: float = threshold(8.0, "Bad surely beyond this multiple: an eye tells such samples apart", ge=1)
    kept: float = threshold(
        0.8, "Good from this share of the real samples' precision, recall and coverage", gt=0, le=1
    )
    lost: float = threshold(
        0.5, "Bad below this share of their precision, recall or coverage: half of it is gone", ge=0, le=1
    )
    labeller_skill: float = labeller_skill_for_features()


@dataclass(frozen=True)
class Evidence:
    """What the words are about.

    Attributes:
        measures: each measure in the first feature space, by its name.
        labeller: whose features that space has; None where it is another space.
    """

    settings: FidelitySettings
    measures: Mapping[str, Replicated]
    labeller: Labeller | None

    @property
    def labeller_skill(self) -> float:
        return self.settings.labeller_skill

    @property
    def ratio(self) -> float:
        """The Fréchet distance as a multiple of the real samples'."""
        return self.measures[FRECHET].ratio

    @property
    def surely(self) -> float:
        """The multiple that it surely reaches: the near ends on both sides, since real blocks scatter as well."""
        return self.measures[FRECHET].low / max(max(self.measures[FRECHET].real), 1e-12)

    @property
    def precision(self) -> float:
        """How much of what it makes is realistic, as a share of what real samples score."""
        return self.measures["Precision"].ratio

    @property
    def reach(self) -> float:
        """How much of the real it makes, as a share of what real samples score: the lower of the two measures."""
        return self.measures[self._reach_name].ratio

    @property
    def reach_name(self) -> str:
        """The measure behind `reach`."""
        return self._reach_name.lower()

    @property
    def weakest(self) -> float:
        return min(self.precision, self.reach)

    @property
    def weakest_name(self) -> str:
        return "precision" if self.precision <= self.reach else self.reach_name

    @property
    def _reach_name(self) -> str:
        return min(("Recall", "Coverage"), key=lambda name: self.measures[name].ratio)


def _is_good(e: Evidence) -> bool:
    return e.surely <= e.settings.close and e.ratio <= e.settings.near and e.weakest >= e.settings.kept


def _short_of(mark: str, *shares: str) -> Callable[[Evidence], bool]:
    """Whether each of the evidence's shares is below the setting named `mark`."""
    return lambda e: all(getattr(e, share) < getattr(e.settings, mark) for share in shares)


BOTH = (
    "It keeps {precision:.0%} of real samples' precision and {reach:.0%} of their {reach_name}, at {ratio:.1f} "
    "times the Fréchet distance that real training samples have."
)
REACH = (
    "It keeps {reach:.0%} of the {reach_name} that real training samples have, which is how much of the real it "
    "makes, at {ratio:.1f} times their Fréchet distance."
)
PRECISION = (
    "It keeps {precision:.0%} of the precision that real training samples have, which is how much of what it makes "
    "is realistic, at {ratio:.1f} times their Fréchet distance."
)
DISTANCE = (
    "Its Fréchet distance is {ratio:.1f} times that of real training samples, and it keeps {weakest:.0%} of their "
    "{weakest_name}."
)

RULES = Rules(
    Evidence,
    labeller_too_weak(),
    Rule(
        "close", _is_good, Verdict.GOOD, "Its samples are close to the real ones, and cover them.", DISTANCE
    ),
    Rule(
        "unlike-and-narrow",
        _short_of("lost", "precision", "reach"),
        Verdict.BAD,
        "Much that it makes is unrealistic, and much that's real it misses.",
        BOTH,
        TOLD_BY,
    ),
    Rule(
        "narrow",
        _short_of("lost", "reach"),
        Verdict.BAD,
        "It makes only a part of what the real data hold.",
        REACH,
        MISSES,
    ),
    Rule(
        "unlike",
        _short_of("lost", "precision"),
        Verdict.BAD,
        "Much of what it makes is like nothing real.",
        PRECISION,
        TOLD_BY,
    ),
    Rule(
        "far",
        lambda e: e.surely > e.settings.far,
        Verdict.BAD,
        "Its samples are far from the real ones.",
        DISTANCE,
        TOLD_BY,
    ),
    Rule(
        "less-real-and-narrower",
        _short_of("kept", "precision", "reach"),
        Verdict.CAUTION,
        "Some that it makes is unrealistic, and some that's real it misses.",
        BOTH,
        TOLD_BY,
    ),
    Rule(
        "narrower",
        _short_of("kept", "reach"),
        Verdict.CAUTION,
        "It misses a part of what the real data hold.",
        REACH,
        MISSES,
    ),
    Rule(
        "less-real",
        _short_of("kept", "precision"),
        Verdict.CAUTION,
        "A part of what it makes is like nothing real.",
        PRECISION,
        TOLD_BY,
    ),
    Rule(
        "told-apart",
        always,
        Verdict.CAUTION,
        "Its samples are near the real ones, but not the same.",
        DISTANCE,
        TOLD_BY,
    ),
)
