"""What is concluded from how generated samples lie beside real ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

from pydantic import Field

from ganlens.explain.gaps.matched_kinds import MatchedKinds
from ganlens.instruments.labeller import Labeller
from ganlens.instruments.sight import GAP, LOST
from ganlens.measures import ALARM_LEVEL, holm
from ganlens.probes.probe import ProbeSettings, threshold
from ganlens.probes.quality.fidelity.compared import (
    COVERAGE,
    DENSITY,
    KEPT_UP,
    PRECISION,
    RECALL,
    Share,
    SpaceComparison,
)
from ganlens.probes.shared_rules import (
    labeller_skill_for_features,
    labeller_skill_for_names,
    labeller_too_weak,
)
from ganlens.rules import Rule, Rules, Verdict, always

FEWEST = 32
"""With fewer held-out samples the distances say nothing."""
MISSES = "See which kinds it misses: `ganlens probe missed SUBJECT`; then train longer, or with more of them."
TOLD_BY = "See by what they are told from real ones: `ganlens probe two-sample SUBJECT`; then train longer."
KINDS = "See which kinds it makes too often: `ganlens probe modes SUBJECT`; then train longer."


class FidelitySettings(ProbeSettings):
    neighbours: int = Field(5, ge=1, le=50, description="k of precision, recall, density and coverage")
    replicates: int = Field(
        16, ge=2, le=64, description="Most disjoint blocks of samples each measure is repeated on"
    )
    fewest_blocks: int = Field(
        4, ge=2, le=16, description="Blocks that few samples are cut into, so that their scatter is known"
    )
    block: int = Field(
        250,
        ge=FEWEST,
        description="Samples in a block, however many there are: neighbours are nearer among more",
    )
    close: float = threshold(
        0.03,
        "Close up to this share of the real variance beyond what real samples show: what an eye doesn't tell apart",
        gt=0,
        lt=1,
    )
    far: float = threshold(
        GAP, "Bad surely beyond this share of the real variance: as far as noise that everyone sees", gt=0
    )
    kept: float = threshold(
        0.8, "Good from this share of the real samples' precision, recall and coverage", gt=0, le=1
    )
    lost: float = threshold(
        LOST,
        "Bad surely below this share of their precision, recall or coverage: half of it is gone",
        ge=0,
        le=1,
    )
    labeller_skill: float = labeller_skill_for_features()
    naming_skill: float = labeller_skill_for_names()


@dataclass(frozen=True)
class Evidence:
    """What the words are about.

    Attributes:
        spaces: each feature space that may judge, the one named first leading.
        matched: the same with the kinds in equal shares; None where nothing is surely off.
        labeller: on whose features the answer rests; None where it rests on others.
    """

    settings: FidelitySettings
    spaces: Sequence[SpaceComparison]
    matched: MatchedKinds | None
    labeller: Labeller | None

    @property
    def labeller_skill(self) -> float:
        return self.settings.labeller_skill

    # ---- the distance

    @property
    def farthest(self) -> SpaceComparison:
        """The space in which it is furthest from the real samples."""
        return max(self.spaces, key=lambda space: space.gap_value)

    @property
    def gap(self) -> float:
        """How far it is from real samples beyond what these show themselves, as a share of the real variance."""
        return self.farthest.gap_value

    @property
    def gap_high(self) -> float:
        """What that surely doesn't exceed, in any space."""
        return max(space.gap_high for space in self.spaces)

    @cached_property
    def surely_off(self) -> bool:
        """Whether a gap is surely more than close."""
        return self._any_above(self.settings.close)

    @cached_property
    def surely_far(self) -> bool:
        return self._any_above(self.settings.far)

    def _any_above(self, mark: float) -> bool:
        chances = {i: space.chance_above(mark) for i, space in enumerate(self.spaces)}
        return min(holm(chances).values()) <= 1 - ALARM_LEVEL

    # ---- the shares

    @cached_property
    def short(self) -> set[str]:
        """The shares surely below what a good generator keeps, in any space."""
        return self._surely_below(self.settings.kept)

    @cached_property
    def gone(self) -> set[str]:
        """The shares of which surely too much is lost, in any space."""
        return self._surely_below(self.settings.lost)

    def _surely_below(self, mark: float) -> set[str]:
        rows = [(space, name) for space in self.spaces for name in KEPT_UP]
        corrected = holm({i: space.chance_below(name, mark) for i, (space, name) in enumerate(rows)})
        return {rows[i][1] for i, chance in corrected.items() if chance <= 1 - ALARM_LEVEL}

    @property
    def precision(self) -> float:
        """How much of what it makes is realistic, as a share of what real samples score, in the severest space."""
        return self._lowest(PRECISION).ratio

    @property
    def reach(self) -> float:
        """How much of the real it makes, as a share of what real samples score: the lower of the two measures."""
        return self._lowest(RECALL, COVERAGE).ratio

    @property
    def reach_name(self) -> str:
        """The measure behind `reach`."""
        return self._lowest(RECALL, COVERAGE).name.lower()

    @property
    def weakest(self) -> Share:
        """The share that falls shortest."""
        return self._lowest(*KEPT_UP)

    def _lowest(self, *names: str) -> Share:
        return min((space.share(name) for space in self.spaces for name in names), key=lambda s: s.ratio)

    @property
    def density(self) -> float:
        """Where samples crowd most: density as a multiple of the real one's."""
        return max(space.share(DENSITY).ratio for space in self.spaces)

    @property
    def crowded(self) -> bool:
        """Whether its samples lie in the middle of the real ones: dense, precise, within reach of all, and reaching
        none of the edges. That is what blur looks like, and no kind is missing."""
        return any(
            space.share(DENSITY).ratio > 1 / self.settings.kept
            and space.share(PRECISION).ratio >= self.settings.kept
            and space.share(COVERAGE).ratio >= self.settings.kept
            and space.chance_below(RECALL, self.settings.lost) <= (1 - ALARM_LEVEL) / len(self.spaces)
            for space in self.spaces
        )

    # ---- kinds, and what can't be seen

    @property
    def shares_alone(self) -> bool:
        """Whether the samples are like real ones kind by kind, and only how often each kind comes is off."""
        if self.matched is None or self.matched.gap is None or PRECISION in self.short:
            return False
        return self.matched.gap.value <= self.settings.close and self.matched.misplaced > self.matched.chance

    @property
    def unseen(self) -> list[str]:
        """The planted damage that passes for real in every space."""
        blind = [set(space.sight.unseen) for space in self.spaces]
        return sorted(set.intersection(*blind))

    @property
    def damage(self) -> str:
        """The first of it."""
        return self.unseen[0]


def _is_close(e: Evidence) -> bool:
    return e.gap_high <= e.settings.close and e.weakest.ratio >= e.settings.kept


def _shows_no_gap(e: Evidence) -> bool:
    """Few samples leave a wide interval: it is close as measured, and surely not bad."""
    return e.gap <= e.settings.close and e.gap_high <= e.settings.far and e.weakest.ratio >= e.settings.kept


def _among(shares: str, *names: str) -> Callable[[Evidence], bool]:
    """Whether any of the named shares is in the evidence's set of that name."""
    return lambda e: not getattr(e, shares).isdisjoint(names)


def _both(shares: str) -> Callable[[Evidence], bool]:
    """Whether precision and reach are both in that set."""
    return lambda e: _among(shares, PRECISION)(e) and _among(shares, RECALL, COVERAGE)(e)


BOTH = (
    "It keeps {precision:.0%} of real samples' precision and {reach:.0%} of their {reach_name}, and lies {gap:.1%} of "
    "the real variance beyond them."
)
REACH = (
    "It keeps {reach:.0%} of the {reach_name} that real training samples have, which is how much of the real it "
    "makes, and lies {gap:.1%} of the real variance beyond them."
)
CROWDED = (
    "They are {density:.1f} times as dense as real training samples and keep {reach:.0%} of their {reach_name}, though "
    "nearly all lie among real ones."
)
SHARES_OFF = (
    "It lies {gap:.1%} of the real variance beyond real samples, with the kinds in equal shares "
    "{matched.gap.value:.1%}; {matched.misplaced:.0%} of its samples would have to be of another kind."
)
PRECISE = (
    "It keeps {precision:.0%} of the precision that real training samples have, which is how much of what it makes "
    "is realistic, and lies {gap:.1%} of the real variance beyond them."
)
DISTANCE = (
    "Its distance exceeds that of real training samples by {gap:.1%} of the real variance, and it keeps "
    "{weakest.ratio:.0%} of their {weakest.called}."
)
WITHIN = (
    "Its distance exceeds that of real training samples by {gap:.1%} of the real variance, surely by no more "
    "than {gap_high:.1%}; up to {settings.close:.0%} is close."
)

RULES = Rules(
    Evidence,
    labeller_too_weak(),
    Rule(
        "unlike-and-narrow",
        _both("gone"),
        Verdict.BAD,
        "Much that it makes is unrealistic, and much that's real it misses.",
        BOTH,
        TOLD_BY,
    ),
    Rule(
        "crowded",
        lambda e: e.crowded,
        Verdict.BAD,
        "Its samples crowd in the middle of the real ones.",
        CROWDED,
        "Blurred samples do: look at them in `ganlens probe gallery SUBJECT`; then train longer.",
    ),
    Rule(
        "narrow",
        _among("gone", RECALL, COVERAGE),
        Verdict.BAD,
        "It makes only a part of what the real data hold.",
        REACH,
        MISSES,
    ),
    Rule(
        "unlike",
        _among("gone", PRECISION),
        Verdict.BAD,
        "Much of what it makes is like nothing real.",
        PRECISE,
        TOLD_BY,
    ),
    Rule(
        "shares-far-off",
        lambda e: e.surely_far and e.shares_alone,
        Verdict.BAD,
        "Its samples are fine one by one; their shares are far off.",
        SHARES_OFF,
        KINDS,
    ),
    Rule(
        "far",
        lambda e: e.surely_far,
        Verdict.BAD,
        "Its samples are far from the real ones.",
        DISTANCE,
        TOLD_BY,
    ),
    Rule(
        "shares-off",
        lambda e: e.surely_off and e.shares_alone,
        Verdict.CAUTION,
        "Its samples are fine one by one; their shares are off.",
        SHARES_OFF,
        KINDS,
    ),
    Rule(
        "less-real-and-narrower",
        _both("short"),
        Verdict.CAUTION,
        "Some that it makes is unrealistic, and some that's real it misses.",
        BOTH,
        TOLD_BY,
    ),
    Rule(
        "narrower",
        _among("short", RECALL, COVERAGE),
        Verdict.CAUTION,
        "It misses a part of what the real data hold.",
        REACH,
        MISSES,
    ),
    Rule(
        "less-real",
        _among("short", PRECISION),
        Verdict.CAUTION,
        "A part of what it makes is like nothing real.",
        PRECISE,
        TOLD_BY,
    ),
    Rule(
        "told-apart",
        lambda e: e.surely_off,
        Verdict.CAUTION,
        "Its samples are near the real ones, but not the same.",
        DISTANCE,
        TOLD_BY,
    ),
    Rule(
        "nothing-sees",
        lambda e: bool(e.unseen),
        Verdict.NOT_BELIEVABLE,
        "Real samples spoiled by {damage} pass for real: nothing shows.",
        "Planted in real samples, {damage} moves them by less than {settings.far:.0%} of the real variance and costs "
        "less than half of their precision, recall, density or coverage.",
        "Ask again with features that see it: `--features inception`, or a network of your own.",
    ),
    Rule(
        "close",
        _is_close,
        Verdict.GOOD,
        "In all, its samples are close to the real ones.",
        WITHIN,
    ),
    Rule(
        "no-gap-shows",
        _shows_no_gap,
        Verdict.GOOD,
        "No gap between its samples and the real ones shows.",
        WITHIN,
    ),
    Rule(
        "cannot-tell",
        always,
        Verdict.NOT_BELIEVABLE,
        "Too few samples to tell whether its samples are close.",
        WITHIN,
        "Take more samples (`--samples`), and more held-out ones where there are any.",
    ),
)
