"""What is concluded of latent coordinates: rules in words, and numbers."""

from __future__ import annotations

from dataclasses import dataclass

from ganlens.explain.latent_attribution.exchange import WHOLE
from ganlens.explain.latent_attribution.indices import LatentIndices, lower_ends
from ganlens.measurement import Measurement
from ganlens.measures import Estimate
from ganlens.probes.shared_rules import Untrained, untrained_does_as_well
from ganlens.rules import Rule, Rules, Verdict, always

LISTED = 5


@dataclass(frozen=True)
class Evidence:
    """What the coordinates explain, and what that is judged by.

    Attributes:
        many: see `LatentAttributionSettings`.
    """

    attribution: LatentIndices
    many: float

    @property
    def count(self) -> int:
        """Coordinates, or blocks of them, that explain some part."""
        return len({block for block, _ in self.attribution.claims})

    @property
    def share(self) -> float:
        """Of all coordinates."""
        return self.count / len(self.attribution.blocks)

    @property
    def grouped(self) -> bool:
        return len(self.attribution.blocks[0]) > 1

    @property
    def coordinate(self) -> str:
        """What is exchanged at once."""
        return "block of coordinates" if self.grouped else "coordinate"

    @property
    def coordinates_explain(self) -> str:
        if self.count == 1:
            return f"{self.coordinate} explains"
        return f"{'blocks of coordinates' if self.grouped else 'coordinates'} each explain"

    @property
    def foremost(self) -> str:
        """The coordinate farthest above its reference."""
        return self.attribution.named(self._pair[0])

    @property
    def explained(self) -> float:
        """Its share of the variance of the part that it explains best."""
        return self.attribution.total(*self._pair).value

    @property
    def surely(self) -> float:
        """The low end of that share's interval, which the reference is held against."""
        return max(float(lower_ends(self.attribution.own)[self._pair]), 0.0)

    @property
    def part(self) -> str:
        target = self.attribution.targets[self._pair[1]]
        return "all that varies" if target == WHOLE else f"how {target} varies"

    @property
    def what_random(self) -> str:
        return self.attribution.what_random

    @property
    def by_random(self) -> float:
        """What the reference explains of that part at most."""
        return float(self.attribution.reference[self._pair[1]])

    @property
    def untrained(self) -> Untrained:
        """The pairs of coordinate and part, which stand where no coordinate of an untrained twin explains as much."""
        before, indices = self.attribution.claims_before_twins, self.attribution
        block, target = before[0] if before else (0, 0)
        return Untrained(
            len(before),
            len(indices.claims),
            max(float(lower_ends(indices.own)[block, target]), 0.0),
            indices.untrained,
            indices.refits.because,
        )

    @property
    def remark(self) -> str:
        """How many that is of how many."""
        size = len(self.attribution.blocks)
        each = f"{self.coordinate}s".replace("block of coordinatess", "blocks of coordinates")
        return (
            f"Of {size} latent {each} {self.count} {'does' if self.count == 1 else 'do'} more than the reference for "
            "some part of the samples."
        )

    @property
    def _pair(self) -> tuple[int, int]:
        """The believable (block, target) farthest above its reference, or where none is, the one nearest to it."""
        if self.attribution.claims:
            return self.attribution.claims[0]
        above = lower_ends(self.attribution.own) - self.attribution.reference
        block, target = divmod(int(above.argmax()), above.shape[1])
        return block, target


FOREMOST = "Foremost, {foremost} explains {explained:.0%} of {part}; {what_random} {by_random:.0%}."

RULES = Rules(
    Evidence,
    untrained_does_as_well("coordinates", "Of one part of its samples its best coordinate surely explains"),
    Rule(
        "no-better-than-random",
        lambda e: not e.count,
        Verdict.NOT_BELIEVABLE,
        claim="No latent {coordinate} by itself explains a part of its samples.",
        detail="Foremost, {foremost} surely explains {surely:.0%} of {part}; {what_random} {by_random:.0%}.",
        advice="What it knows lies along other directions: `ganlens probe directions SUBJECT`.",
    ),
    Rule(
        "many-explain",
        lambda e: e.share >= e.many,
        Verdict.GOOD,
        claim="{count:.0f} latent {coordinates_explain} a part of its samples.",
        detail=FOREMOST,
    ),
    Rule(
        "few-explain",
        always,
        Verdict.GOOD,
        claim="Only {count:.0f} latent {coordinates_explain} a part of its samples.",
        detail=FOREMOST,
        advice="What else it knows lies along other directions: `ganlens probe directions SUBJECT`.",
    ),
)


def measurements_of(result: LatentIndices) -> list[Measurement]:
    """How many pairs of coordinate and part hold, and the indices of the foremost."""
    lines = [
        Estimate(result.share, "none: pairs are not independent of each other").measurement(
            "pairs of coordinate and part that hold",
            unit="share of pairs",
            better="higher",
            baseline=result.level / result.own.indices.total.numel(),
            what="expected where the axes are directions like any other",
        )
    ]
    largest = int(result.own.indices.total[:, 0].argmax())
    for block, target in dict.fromkeys([(largest, 0), *result.claims[:LISTED]]):
        lines.append(
            result.total(block, target).measurement(
                f"total index of {result.named(block)}, {result.targets[target]}",
                unit="share of variance",
                better="neither",
                baseline=float(result.reference[target]),
                what=result.what_random,
                controls={
                    f"any coordinate of the same network, {called}, for any part{result.refits.counted_how}": index
                    for called, index in result.refits.figures(float).items()
                },
            )
        )
    return lines
