"""What is said of samples that lie as close to training samples as copies do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ganlens.probes.risk.acquittal import (
    DRAWN_APART,
    FEW_DIFFERENT,
    HARDLY_NOTICED,
    MAY_COPY,
    NOT_APART,
    TOO_FEW_UNSEEN,
    Acquittal,
    copies_rules,
)
from ganlens.rules import Rule, Rules, Verdict, always


@dataclass(frozen=True)
class NearerAsAWhole:
    """The median quotient of generated and of real samples, in the space of that title."""

    generated: float
    real: float
    title: str


@dataclass(frozen=True, kw_only=True)
class Nearness(Acquittal):
    """What was found, and what an acquittal would rest on.

    Attributes:
        titles: of all spaces.
        as_a_whole: where its samples as a whole, not single ones, lie nearer to training samples than real ones do.
    """

    titles: tuple[str, ...] = ()
    as_a_whole: NearerAsAWhole | None = None

    @property
    def spaces(self) -> str:
        """All spaces in words."""
        return " and ".join(self.titles)


RULES = Rules(
    Nearness,
    TOO_FEW_UNSEEN,
    Rule(
        "real-samples-coincide",
        lambda nearness: not nearness.seen.title,
        Verdict.NOT_BELIEVABLE,
        claim="Copying can't be judged: real samples lie as close as copies.",
        detail=(
            "Real samples that it never saw are no farther from each other, or from training samples, than a copy "
            "would be, by {spaces}."
        ),
    ),
    DRAWN_APART,
    *copies_rules(),
    MAY_COPY,
    Rule(
        "nearer-as-a-whole",
        lambda nearness: nearness.as_a_whole is not None,
        Verdict.CAUTION,
        claim="It may have learned its training samples too closely.",
        detail=(
            "Its samples lie {as_a_whole.generated:.2f} times as far from training samples as from unseen ones, real "
            "samples {as_a_whole.real:.2f} times, by {as_a_whole.title}."
        ),
        advice="Ask whether it remembers them: `ganlens probe memorisation SUBJECT`. {way_out}.",
    ),
    NOT_APART,
    FEW_DIFFERENT,
    HARDLY_NOTICED,
    Rule(
        "no-sign",
        always,
        Verdict.GOOD,
        claim="No sign that it copies training samples.",
        detail=(
            "{seen.close:.1%} of its samples lie as close to a training sample as copies do, of real ones that it "
            "never saw {seen.usual:.1%}, by {seen.title}; copies in {seen.noticed_from:.0%} of its samples would have "
            "shown."
        ),
    ),
)

NO_PROOF = "That is no proof of privacy: rare or partial copies need other tests."


def remarks(nearness: Nearness, rule: str, tried: Sequence[str], blind: Sequence[str]) -> list[str]:
    """What is left open.

    Args:
        rule: that holds.
        tried: families of the small changes behind which copies were looked for.
        blind: titles of the spaces in which nothing can be told.
    """
    quiet = rule == "no-sign"
    covered = [family for family in tried if family not in nearness.seen.passed_over]
    return [
        f"That holds for copies hidden by {', '.join(covered)} as well." if quiet and covered else "",
        nearness.seen.hidden_from_us if quiet else "",
        NO_PROOF if quiet else "",
        f"Nothing can be told by {' and '.join(blind)}, where real samples coincide." if blind else "",
    ]
