"""What is said of samples that lie suspiciously close to training samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ganlens.explain.copying.quotients import QuotientsInSpace
from ganlens.probes.risk.acquittal import FEW_DIFFERENT, NOT_APART, TOO_FEW_UNSEEN, Acquittal
from ganlens.rules import Rule, Rules, Verdict, always


@dataclass(frozen=True)
class NearerAsAWhole:
    """The median quotient of generated and of real samples, in the space of that title."""

    generated: float
    real: float
    title: str


@dataclass(frozen=True, kw_only=True)
class Nearness(Acquittal):
    """How many samples lie suspiciously close, in the space where that stands out most.

    Attributes:
        share, surely: the share of generated samples, and the low end of its interval.
        real_share, expected: that of real samples that it never saw, and the share that is usual.
        title: of that space; empty where real samples coincide in all of them.
        titles: of all spaces.
        copying, raised: see the settings.
        as_a_whole: where its samples as a whole, not single ones, lie nearer to training samples than real ones do.
    """

    copying: float
    raised: float
    share: float = 0.0
    surely: float = 0.0
    real_share: float = 0.0
    expected: float = 1.0
    title: str = ""
    titles: tuple[str, ...] = ()
    as_a_whole: NearerAsAWhole | None = None

    @property
    def spaces(self) -> str:
        """All spaces in words."""
        return " and ".join(self.titles)


_CLOSE = (
    "{share:.1%} of its samples lie suspiciously close to a training sample, by {title}; of real ones that it never "
    "saw {real_share:.1%} do."
)

RULES = Rules(
    Nearness,
    TOO_FEW_UNSEEN,
    Rule(
        "real-samples-coincide",
        lambda nearness: not nearness.title,
        Verdict.NOT_BELIEVABLE,
        claim="Copying can't be judged: real samples lie as close as copies.",
        detail=(
            "Real samples that it never saw are no farther from each other, or from training samples, than a copy "
            "would be, by {spaces}."
        ),
    ),
    Rule(
        "copies",
        lambda nearness: nearness.surely > nearness.copying,
        Verdict.BAD,
        claim="It copies training samples: {share:.0%} lie suspiciously close to one.",
        detail=_CLOSE,
        advice="Look at the pairs, and don't release it. {way_out}.",
    ),
    Rule(
        "may-copy",
        lambda nearness: nearness.surely > nearness.raised * nearness.expected,
        Verdict.CAUTION,
        claim="It may copy some training samples.",
        detail=_CLOSE,
        advice="Look at the pairs: `ganlens probe nearest SUBJECT --shown 16`. If they are copies: {way_out}.",
    ),
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
    Rule(
        "no-sign",
        always,
        Verdict.GOOD,
        claim="No sign that it copies training samples.",
        detail=_CLOSE,
    ),
)

NO_PROOF = "That is no proof of privacy: rare or partial copies need other tests."


def remarks(rule: str, blind: Sequence[QuotientsInSpace]) -> list[str]:
    """What is left open.

    Args:
        blind: spaces in which nothing can be told.
    """
    where = " and ".join(space.title for space in blind)
    return [
        NO_PROOF if rule == "no-sign" else "",
        f"Nothing can be told by {where}, where real samples coincide." if blind else "",
    ]
