"""Measures repeated on disjoint blocks of fresh samples, beside real ones and controls at the same number."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from ganlens.measures import Estimate, Interval, replicate_interval
from ganlens.subject import SampleBank
from ganlens.subject.controls import Control
from ganlens.subject.draws import Of

UNLIMITED = (-math.inf, math.inf)


@dataclass(frozen=True)
class Replicated:
    """One measure in one space.

    Attributes:
        fake, real: its value on each block of generated and of real training samples.
        others: its value on one block of others (controls, held-out samples), by what they are.
        limits: the lowest and the highest value it can have.
    """

    name: str
    fake: list[float]
    real: list[float]
    others: dict[str, float]
    limits: tuple[float, float] = UNLIMITED

    @property
    def value(self) -> float:
        return sum(self.fake) / len(self.fake)

    @property
    def reference(self) -> float:
        return sum(self.real) / len(self.real)

    @property
    def ratio(self) -> float:
        return self.value / max(self.reference, 1e-12)

    @property
    def interval(self) -> Interval | str:
        if len(self.fake) < 2:
            return "none: too few generated samples for a second disjoint block"
        if min(self.fake) == max(self.fake):
            return f"none: all {len(self.fake)} blocks scored the same, so their spread says nothing"
        return replicate_interval(self.fake).within(*self.limits)

    @property
    def estimate(self) -> Estimate:
        """The value with its interval, or why there is none."""
        return Estimate(self.value, self.interval)

    @property
    def low(self) -> float:
        """The interval's low end, or the value where there is none."""
        return self.estimate.low

    @property
    def high(self) -> float:
        """The interval's high end, or the value where there is none."""
        return self.estimate.high


def samples_in_blocks(bank: SampleBank, of: Literal["fake", "train"], n: int, replicates: int) -> int:
    """The samples in as many disjoint blocks of n as there are, and `replicates` at most."""
    have = bank.size if of == "fake" else len(bank.reals("train"))
    return n * min(replicates, have // n)


def replicate(
    bank: SampleBank,
    space: str,
    n: int,
    replicates: int,
    measure: Callable[[Tensor], dict[str, float]],
    *,
    others: Mapping[Of, str] | Mapping[Control, str],
    limits: Mapping[str, tuple[float, float]],
) -> dict[str, Replicated]:
    """Each measure on every block, by its name.

    Args:
        n: samples in a block.
        replicates: most blocks.
        measure: from features [n, d] to values by name.
        others: what else is measured once, and what a reader is told it is.
        limits: of those measures that have them.
    """

    def blocks(of: Literal["fake", "train"]) -> list[dict[str, float]]:
        features = bank.features(space, of, samples_in_blocks(bank, of, n, replicates))
        return [measure(block) for block in features.split(n)]

    fake, real = blocks("fake"), blocks("train")
    beside = {title: measure(bank.features(space, of, n)) for of, title in others.items()}
    return {
        name: Replicated(
            name,
            [values[name] for values in fake],
            [values[name] for values in real],
            {title: values[name] for title, values in beside.items()},
            limits.get(name, UNLIMITED),
        )
        for name in fake[0]
    }
