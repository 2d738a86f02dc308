"""The name a direction deserves: "moves right", "makes a 4 a 9", with the evidence for it; or none.

A word is tested before it is said, on starts that had no part in choosing it: its reading must tell the two ends
apart, no other reading may move more, and the direction must be most of what moves it. What fails is called by what its
ends have in common ("brightens the picture, among other things"), or has no name at all. The strip shows it.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ganlens.explain.directions.audit import Baseline, Claim, Slopes, halves
from ganlens.explain.directions.follow import Followed
from ganlens.explain.readings.panel import Panel, with_article
from ganlens.measures import Estimate, share_estimate

MOSTLY = 0.5
"""Share of a class's newcomers that must come from one other class for the name to say so."""

UNNAMED = "an unnamed change"
IN_COMMON = 2
"""What the ends of an unnamed direction have in common is said in so many words at most."""

FEWEST_STARTS = 5
"""Starts of a class below which a name does not mention it."""


@dataclass(frozen=True)
class Flips:
    """Starts that became another class: how many of how many, as an estimate, and how many by chance.

    Attributes:
        into: the class they become.
        out_of: the class they come from, or None for all others.
        share: of the measuring starts that were not that class (or were `out_of`).
        by_random: the same share along random directions, turned to the side where that class's odds rise.
    """

    into: int
    out_of: int | None
    share: Estimate
    by_random: float

    @property
    def beats_random(self) -> bool:
        return self.share.low > self.by_random


@dataclass(frozen=True)
class Name:
    """What a direction does in a few words, what it does backwards, and the evidence.

    Attributes:
        fits: whether the words are the name of what it does, and not only something that its ends have in common.
    """

    text: str
    backwards: str
    evidence: str
    flips: Flips | None = None
    fits: bool = True


def name_of(
    claim: Claim,
    followed: Followed,
    randoms: list[Followed],
    panel: Panel,
    slopes: Slopes,
    baseline: Baseline,
) -> Name:
    """The name of a direction that points to the side of its claim, where its main reading rises."""
    tilts = told_apart_by(slopes)
    reading, standard = panel.readings[claim.reading], baseline.standard
    evidence = f"{reading.name} {claim.shift.value:+.2f} sd per sd ({claim.shift.low:+.2f} to {claim.shift.high:+.2f})"
    surely = claim.side * float(tilts[claim.reading]) >= 2 * standard.told - 1
    if not (surely and claim.rival <= 1 and claim.steepness >= standard.accounted and claim.fit.value > 0):
        return _in_common(panel, slopes, tilts, claim.side, standard.told)
    if reading.of_class is None:
        return Name(reading.rises, reading.falls, evidence)
    flips = flips_of(reading.of_class, claim, followed, randoms, panel)
    if flips is None or not flips.beats_random:
        return Name(reading.rises, reading.falls, evidence, flips)
    into = panel.classes[flips.into]
    origin = "others" if flips.out_of is None else panel.classes[flips.out_of]
    text = f"makes {origin if flips.out_of is None else with_article(origin)} {with_article(into)}"
    evidence = (
        f"{flips.share.value:.0%} of {'the ' if flips.out_of is None else ''}{origin} became {into} "
        f"({flips.share.low:.0%} to {flips.share.high:.0%}; random {flips.by_random:.0%}); {evidence}"
    )
    return Name(text, reading.falls, evidence, flips)


def told_apart_by(slopes: Slopes) -> Tensor:
    """How well each reading [r] tells the far end ahead from the far end behind, start by start, on the measuring
    starts: 1 always, 0 as often right as wrong, −1 always with the ends exchanged."""
    _, measuring = halves(len(slopes.gain))
    return slopes.gain[measuring].sign().mean(dim=0)


def _in_common(panel: Panel, slopes: Slopes, tilts: Tensor, side: float, share: float) -> Name:
    """What the ends have in common, each word tested; or that there is none."""
    _, measuring = halves(len(slopes.shift))
    moved = slopes.shift[measuring].square().mean(dim=0)
    sure = [int(r) for r in moved.argsort(descending=True) if abs(float(tilts[r])) >= 2 * share - 1]
    if not sure:
        return Name(UNNAMED, "undoes it", "no reading tells its ends apart", fits=False)
    ahead, behind, evidence = [], [], []
    for place in sure[:IN_COMMON]:
        reading, rises = panel.readings[place], side * float(tilts[place]) > 0
        ahead.append(reading.rises if rises else reading.falls)
        behind.append(reading.falls if rises else reading.rises)
        evidence.append(
            f"{reading.name} tells its ends apart at {(1 + abs(float(tilts[place]))) / 2:.0%} of starts"
        )
    return Name(
        f"{' and '.join(ahead)}, among other things", " and ".join(behind), "; ".join(evidence), fits=False
    )


def flips_of(
    into: int, claim: Claim, followed: Followed, randoms: list[Followed], panel: Panel
) -> Flips | None:
    """How many starts became the class at the far end, and out of which class most of them came."""
    choosing, measuring = halves(len(followed.readings))
    before, after = _ends(followed, claim.side, panel)
    new = (before != into) & (after == into)
    out_of = _commonest(before[choosing][new[choosing]], before[measuring])
    hits, of = _count(new[measuring], before[measuring], into, out_of)
    if of < FEWEST_STARTS:
        return None
    shares = []
    for other in randoms:
        rises = float((other.readings[choosing, -1] - other.readings[choosing, 0])[:, claim.reading].mean())
        other_before, other_after = _ends(other, 1.0 if rises >= 0 else -1.0, panel)
        flipped = (other_before != into) & (other_after == into)
        count, total = _count(flipped[measuring], other_before[measuring], into, out_of)
        shares.append(count / total)
    return Flips(into, out_of, share_estimate(hits, of), sum(shares) / len(shares))


def _ends(followed: Followed, side: float, panel: Panel) -> tuple[Tensor, Tensor]:
    """Classes [n] of the starts as they are and at the far end of the side."""
    middle = followed.readings.shape[1] // 2
    end = -1 if side > 0 else 0
    return panel.classes_of(followed.readings[:, middle]), panel.classes_of(followed.readings[:, end])


def _commonest(origins: Tensor, starts: Tensor) -> int | None:
    """The class that most of the newcomers came from, where that is one and enough starts are of it."""
    if len(origins) < 2:
        return None
    counts = torch.bincount(origins)
    most = int(counts.argmax())
    clear = float(counts[most]) / len(origins) >= MOSTLY
    return most if clear and int((starts == most).sum()) >= FEWEST_STARTS else None


def _count(new: Tensor, before: Tensor, into: int, out_of: int | None) -> tuple[int, int]:
    asked = before != into if out_of is None else before == out_of
    return int((new & asked).sum()), int(asked.sum())
