"""The randomisation check: in a generator with shuffled weights no direction may keep what it is said to do."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from ganlens.explain.directions.audit import Slopes, baseline_of, claim_of, slopes_of
from ganlens.explain.directions.examination import Judged, Outcome
from ganlens.explain.directions.walk import Walk
from ganlens.randomness import derive_seed, torch_generator
from ganlens.subject import Context, SampleBank, Subject
from ganlens.subject.randomised import not_randomised, randomised

MOST = 12
"""Claims that are checked: the best ones."""

TIMES = 3
"""Shuffled generators. One alone may do by chance what is claimed; a claim holds if it does in most of them."""

STARTS = 32
SAMPLES = 512


@dataclass(frozen=True)
class Shuffled:
    """Of `tried` claims, those that hold in shuffled generators as well; or why nothing was tried.

    `own` of them hold in the generator itself by the same procedure, which has fewer starts: what the check
    can see at all.
    """

    tried: int
    kept: list[Judged]
    own: int = 0
    because: str = ""


def check_on_shuffled(context: Context, outcome: Outcome) -> Shuffled:
    """Follow the best directions through the subject with shuffled weights, by the same procedure."""
    claimed = outcome.believable[:MOST]
    walk = outcome.course.walk
    if not claimed:
        return Shuffled(0, [], because="there is no claim to check")
    if walk.space.name != "z":
        return Shuffled(
            0, [], because=f"the space {walk.space.name} of a shuffled generator can't be reached"
        )
    held = [0] * len(claimed)
    for time in range(TIMES):
        left = TIMES - time
        # Once a claim has held too often or too seldom, the generators that are left can't change what is said.
        undecided = [place for place, times in enumerate(held) if 2 * times <= TIMES < 2 * (times + left)]
        if not undecided:
            break
        subject = randomised(walk.subject, derive_seed(context.seed, "directions", "shuffled", time))
        if subject is None:
            return Shuffled(0, [], because=not_randomised(walk.subject))
        holding = _hold(context, outcome, [claimed[place] for place in undecided], subject)
        for place, holds in zip(undecided, holding, strict=True):
            held[place] += holds
    kept = [judged for judged, times in zip(claimed, held, strict=True) if 2 * times > TIMES]
    return Shuffled(len(claimed), kept, _held_in_itself(context, outcome, claimed))


def _hold(context: Context, outcome: Outcome, claimed: list[Judged], subject: Subject) -> list[bool]:
    """Which claims hold in this subject: the same main reading, the same way, above its own random directions."""
    old = outcome.course
    bank = SampleBank(
        subject, samples=SAMPLES, seed=context.seed, device=old.walk.bank.device, features=["raw"]
    )
    walk = Walk(subject, bank, subject.spaces["z"], old.walk.scale, SAMPLES)
    panel = old.panel.measured_on(bank.fakes().tensor())
    labels = None if old.labels is None else old.labels[:STARTS]
    course = replace(old, walk=walk, panel=panel, points=old.points[:STARTS], labels=labels, code=None)
    randoms, slopes = (
        [slopes_of(way, course.along) for way in course.follow(units)]
        for units in (outcome.randoms, torch.stack([judged.unit for judged in claimed]))
    )
    return _compared(context, outcome, claimed, randoms, slopes)


def _held_in_itself(context: Context, outcome: Outcome, claimed: list[Judged]) -> int:
    """How many hold in the generator itself, by as few starts as the shuffled ones get."""
    rows = torch.arange(min(STARTS, len(outcome.course.points)))
    randoms = [slopes.of(rows) for slopes in outcome.random_slopes]
    slopes = [judged.slopes.of(rows) for judged in claimed]
    return sum(_compared(context, outcome, claimed, randoms, slopes))


def _compared(
    context: Context, outcome: Outcome, claimed: list[Judged], randoms: list[Slopes], slopes: list[Slopes]
) -> list[bool]:
    """Which claims these slopes bear out. How steep a direction could be is what it could in the generator
    itself, whose claim it is."""
    baseline = baseline_of(
        randoms, 0.0, outcome.baseline.best, outcome.baseline.kinds, outcome.baseline.standard
    )
    holds = []
    for judged, tried in zip(claimed, slopes, strict=True):
        rng = torch_generator(context.seed, "directions", "shuffled", judged.title)
        claim = claim_of(tried, baseline, rng)
        same = claim.reading == judged.claim.reading and claim.side > 0
        holds.append(same and claim.score.low > baseline.bar)
    return holds
