"""Twins of a generator that learned nothing: what every explanation of it is fitted to as well.

    for twin in twins(bank).each:
        twin.called                    # "with its weights shuffled", "freshly initialised"
        twin.bank.fakes(500)           # samples; its latents are those of `bank`
        twin.subject.layers

An explanation that is *fitted* to a generator can't be checked by trying the fitted one on a twin, where it fails
whether or not anything was learned. The whole procedure is repeated on the twin, and a claim stands only where the
generator's surpasses it.

Source: Adebayo et al. 2018 (arXiv 1810.03292), the model-randomisation check, carried over to generators.
"""

from __future__ import annotations

import weakref
from dataclasses import dataclass
from typing import Literal

import torch

from ganlens.errors import UserError
from ganlens.randomness import derive_seed
from ganlens.subject.randomised import not_randomised, randomised
from ganlens.subject.reinitialised import not_reinitialised, reinitialised
from ganlens.subject.sample_bank import SampleBank
from ganlens.subject.subject import Subject

SAMPLES = 1000
"""Of a twin, at most: enough for a procedure to find what there is to find, and so few that a check stays cheap."""
TRIED = 16
"""Samples of a twin that must be usable, or it is left out: shuffled weights may overflow."""

Kind = Literal["shuffled", "fresh"]

CALLED: dict[Kind, str] = {"shuffled": "with its weights shuffled", "fresh": "freshly initialised"}

UNUSABLE = "it makes no samples that can be used"


@dataclass(frozen=True)
class Twin:
    """A generator with the same parts, and nothing learned.

    Attributes:
        kind: how it came about.
        subject: like the one under examination, with the same data, discriminator and classifier; "z" is its only
            named space.
        bank: its samples, at most `SAMPLES`, from the latents of the examined one's bank. Real samples, features of
            these and instruments are shared with that one.
    """

    kind: Kind
    subject: Subject
    bank: SampleBank

    @property
    def called(self) -> str:
        """What it is, after "the same network"."""
        return CALLED[self.kind]


@dataclass(frozen=True)
class Twins:
    """The twins of one generator.

    Attributes:
        each: one with its weights shuffled, one freshly initialised, as far as they can be made.
        because: why there are not both, as the end of "because …"; empty where there are.
    """

    each: tuple[Twin, ...]
    because: str = ""

    def __bool__(self) -> bool:
        return bool(self.each)


_of_bank: weakref.WeakKeyDictionary[SampleBank, Twins] = weakref.WeakKeyDictionary()


def twins(bank: SampleBank) -> Twins:
    """The twins of a bank's generator: made when first asked for, and shared by all questions."""
    known = _of_bank.get(bank)
    if known is None:
        known = _of_bank[bank] = _made(bank)
    return known


def further_twins(bank: SampleBank, kind: Kind, count: int) -> list[Twin]:
    """More twins of a kind, by other draws; none where it can't be more. They are not kept."""
    more = (_twin(bank, kind, number) for number in range(1, count + 1))
    return [twin for twin in more if twin is not None]


def _made(bank: SampleBank) -> Twins:
    subject = bank.subject
    shuffled = _twin(bank, "shuffled", 0)
    if shuffled is None and randomised(subject, 0) is None:
        return Twins((), not_randomised(subject))  # what can't be copied can't be initialised either
    fresh = _twin(bank, "fresh", 0)
    reasons = [] if shuffled is not None else [f"{CALLED['shuffled']} {UNUSABLE}"]
    if fresh is None:
        reasons.append(not_reinitialised(subject) or f"{CALLED['fresh']} {UNUSABLE}")
    return Twins(tuple(twin for twin in (shuffled, fresh) if twin is not None), "; ".join(reasons))


def _twin(bank: SampleBank, kind: Kind, number: int) -> Twin | None:
    seed = derive_seed(bank.seed, "twins", kind, number)
    make = randomised if kind == "shuffled" else reinitialised
    try:
        subject = make(bank.subject, seed)
        if subject is None:
            return None
        own = SampleBank(
            subject,
            samples=min(SAMPLES, bank.size),
            seed=bank.seed,
            device=bank.device,
            batch=bank.batch,
            beside=bank,
        )
        usable = torch.isfinite(own.fakes(min(TRIED, own.size)).tensor()).all()
    except UserError:
        return None
    return Twin(kind, subject, own) if bool(usable) else None
