"""What it is to simulate an interval: draw, find the interval, and see whether the truth lies inside.

Where a truth has no closed form it is the mean over repetitions of its own, so many that its own error does not
matter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from ganlens.measures import Interval, replicate_interval, subsample_interval

Rng = torch.Generator
Values = Callable[[Rng], tuple[float, ...]]

REPLICATES, REPEATS = 5, 25
EXPECTED = "its expectation at this n"


@dataclass(frozen=True)
class Trial:
    """One interval that a simulation found, and what it had to contain."""

    low: float
    high: float
    truth: float

    @property
    def held(self) -> bool:
        return self.low <= self.truth <= self.high


@dataclass(frozen=True)
class Case:
    """A measure, an interval, and what the interval has to contain.

    Attributes:
        measures: public names, with the field of the result; measured together.
        interval: the public name of what makes it, or what people do instead.
        truth: in words.
        claim: "holds" (93–97 %), "too wide" (more), "at least" (either), or "too narrow" (less): what ganlens
            says of it.
        cost: simulations are divided by it.
        exact: whether the truth has a closed form.
        run: simulations, draws for the truth, generator → the trials of each measure.
    """

    measures: tuple[str, ...]
    interval: str
    truth: str
    claim: str
    cost: int
    exact: bool
    run: Callable[[int, int, Rng], Iterator[tuple[Trial, ...]]]


def replicated(
    measures: tuple[str, ...],
    values: Values,
    truth: str = EXPECTED,
    *,
    exact: tuple[float, ...] | None = None,
    cost: int = 1,
) -> Case:
    """Student's t over independent repetitions of a measurement."""

    def run(simulations: int, draws: int, rng: Rng) -> Iterator[tuple[Trial, ...]]:
        truths = exact or _means(values, draws, rng)
        for _ in range(simulations):
            repeated = zip(*(values(rng) for _ in range(REPLICATES)), strict=True)
            yield trials_of([replicate_interval(found) for found in repeated], truths)

    return Case(measures, "replicate_interval", truth, "holds", cost, exact is not None, run)


def subsampled(
    measures: tuple[str, ...],
    sets: Callable[[Rng], tuple[Tensor, ...]],
    values: Callable[..., tuple[float, ...]],
    *,
    exact: tuple[float, ...] | None = None,
    claim: str = "holds",
    cost: int = 1,
) -> Case:
    """Subsamples without replacement of one draw of the sets."""

    def run(simulations: int, draws: int, rng: Rng) -> Iterator[tuple[Trial, ...]]:
        truths = exact or _means(lambda rng: values(*sets(rng)), draws, rng)
        for _ in range(simulations):
            yield trials_of(_subsample_intervals(sets(rng), values, rng), truths)

    what = "its expectation at this n, over all sets"
    return Case(measures, "subsample_interval", what, claim, cost, exact is not None, run)


def _subsample_intervals(
    sets: tuple[Tensor, ...], values: Callable[..., tuple[float, ...]], rng: Rng
) -> list[Interval]:
    """One for each of the values. All take the same subsamples, which are measured once."""
    seed = int(torch.randint(1 << 40, (), generator=rng))
    known: dict[bytes, tuple[float, ...]] = {}

    def measured(place: int, *rows: Tensor) -> float:
        key = b"".join(part.numpy().tobytes() for part in rows)
        if key not in known:
            known[key] = values(*(whole[part] for whole, part in zip(sets, rows, strict=True)))
        return known[key][place]

    return [
        subsample_interval(
            partial(measured, place),
            [len(whole) for whole in sets],
            estimate=estimate,
            rng=torch.Generator().manual_seed(seed),
            repeats=REPEATS,
        )
        for place, estimate in enumerate(values(*sets))
    ]


def direct(
    measure: str,
    interval: str,
    truth: str,
    once: Callable[[Rng], tuple[Interval, float]],
    *,
    claim: str = "holds",
    cost: int = 1,
) -> Case:
    """An interval whose truth is known for each simulation by itself."""

    def run(simulations: int, _: int, rng: Rng) -> Iterator[tuple[Trial, ...]]:
        for _simulation in range(simulations):
            found, known = once(rng)
            yield trials_of([found], [known])

    return Case((measure,), interval, truth, claim, cost, True, run)


def found_once(
    measure: str,
    interval: str,
    once: Callable[[Rng], Interval],
    values: Values | float,
    *,
    truth: str = EXPECTED,
    claim: str = "too narrow",
    cost: int = 1,
) -> Case:
    """An interval from one draw, whose truth is the same for all simulations: known, or the mean of `values`."""

    def run(simulations: int, draws: int, rng: Rng) -> Iterator[tuple[Trial, ...]]:
        truths = (values,) if isinstance(values, float) else _means(values, draws, rng)
        for _ in range(simulations):
            yield trials_of([once(rng)], truths)

    return Case((measure,), interval, truth, claim, cost, isinstance(values, float), run)


def _means(values: Values, draws: int, rng: Rng) -> tuple[float, ...]:
    return tuple(torch.tensor([values(rng) for _ in range(draws)]).double().mean(dim=0).tolist())


def trials_of(intervals: list[Interval], truths: tuple[float, ...] | list[float]) -> tuple[Trial, ...]:
    return tuple(Trial(i.low, i.high, truth) for i, truth in zip(intervals, truths, strict=True))
