"""The whole search: over all samples and within each class, of generated samples or of real ones in their place."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from scipy import stats
from torch import Tensor

from ganlens.explain.spread.axes import Axis, AxisTable
from ganlens.explain.spread.comparison import Comparison, compare
from ganlens.explain.spread.explanation import (
    FaultReport,
    class_weights,
    effective,
    leading,
    tell_apart,
)
from ganlens.explain.spread.faults import TESTS, Fault, Limits, faults
from ganlens.instruments.labeller import is_skilled
from ganlens.subject import SampleBank
from ganlens.subject.draws import Of

FEWEST_OF_CLASS = 50
"""Generated and training samples of a class, each, below which it is not looked at by itself."""

FEWEST_COMPARED = 10
"""The same below which nothing is even shown beside it."""


@dataclass(frozen=True)
class ClassFault:
    """A fault that one class has and the samples all together do not explain.

    Attributes:
        fault: the one that explains most of what is off in the class.
        all: everything that is.
    """

    class_name: str
    class_number: int
    fault: Fault
    all: tuple[Fault, ...]


@dataclass(frozen=True)
class Search:
    """What the samples of one side differ in from training samples.

    Attributes:
        report: over all samples.
        in_classes: within single classes, the furthest off first.
        classes: how many of them were looked at.
        by_class: all axes within each class that has a few samples on both sides.
    """

    report: FaultReport
    in_classes: tuple[ClassFault, ...]
    classes: int
    by_class: Mapping[int, Comparison]

    @property
    def count(self) -> int:
        """How many faults there are that no other explains."""
        return len(self.report.explained) + len(self.in_classes)


def search_spread(
    bank: SampleBank, table: AxisTable, of: Of, limits: Limits, *, labeller_skill: float
) -> Search:
    """What the samples of `of` differ in from training samples, along all axes and within all classes.

    Half of the level goes to all samples together, half to the classes. Classes with other shares than the data's are
    no matter of spread: training samples are weighted to have them as well. Nor is what sets the classes apart: every
    value counts from the middle of its class's training samples on, or a cause that is smaller than that would be lost
    in it.

    Args:
        labeller_skill: classes are told apart where the labeller is surely better than this (see `is_skilled`).
    """
    side, real = table.columns(of), table.columns("train")
    labelled = _classes(bank, table, of, labeller_skill)
    half = replace(limits, level=limits.level / 2)
    if labelled is None:
        return Search(tell_apart(side, real, table.axes, half), (), 0, {})
    own, train, names = labelled
    middles = _middles(real, train, len(names))
    sides = _Sides(side - middles[own], real - middles[train], own, train, names, table.axes, half)
    weights = class_weights(sides.own, sides.train, len(sides.names))
    report = tell_apart(side, real, table.axes, half, weights)
    alone = sides.faults_alone(report, weights)
    if alone:
        report = sides.told_of_rest(report, {entry.class_number for entry in alone}, weights)
    in_classes = [*alone, *sides.faults_of_classes(report.weights, {entry.class_number for entry in alone})]
    in_classes.sort(key=lambda entry: -entry.fault.excess)
    return Search(report, tuple(in_classes), len(sides.large_enough(weights)), sides.by_class(weights))


@dataclass(frozen=True)
class _Sides:
    """Both sides along all axes, and the classes of their samples.

    Attributes:
        side, real: [n, c] and [m, c].
        own, train: classes [n] and [m] of the same.
    """

    side: Tensor
    real: Tensor
    own: Tensor
    train: Tensor
    names: Sequence[str]
    axes: Sequence[Axis]
    limits: Limits

    @property
    def least(self) -> Tensor:
        return torch.tensor([axis.least for axis in self.axes], dtype=torch.float64)

    def large_enough(self, weights: Tensor, fewest: int = FEWEST_OF_CLASS) -> list[int]:
        """The classes that have samples enough on both sides."""
        return [
            number
            for number in range(len(self.names))
            if min(int((self.own == number).sum()), effective(weights[self.train == number])) >= fewest
        ]

    def by_class(self, weights: Tensor) -> dict[int, Comparison]:
        """All axes within each class that has a few samples on both sides."""
        return {
            number: self._within(number, weights) for number in self.large_enough(weights, FEWEST_COMPARED)
        }

    def faults_of_classes(self, weights: Tensor, apart_from: set[int]) -> list[ClassFault]:
        """Of every class the fault that explains most of what is off in it."""
        numbers = [number for number in self.large_enough(weights) if number not in apart_from]
        comparisons = [self._within(number, weights) for number in numbers]
        by_class = faults(comparisons, self.axes, self.limits) if comparisons else ()
        entries = []
        for number, of_class in zip(numbers, by_class, strict=True):
            if of_class:
                here, there = self.own == number, self.train == number
                foremost, _ = leading(self.side[here], self.real[there], weights[there], self.axes, of_class)
                entries.append(ClassFault(self.names[number], number, foremost, of_class))
        return entries

    def faults_alone(self, report: FaultReport, weights: Tensor) -> list[ClassFault]:
        """The faults of classes without which all other samples are as they should be along what was report."""
        if not report.explained:
            return []
        by_class = self.faults_of_classes(weights, set())
        alone: dict[int, ClassFault] = {}
        for entry in report.explained:
            number = entry.leading.number
            guilty = [c for c in by_class if number in {fault.number for fault in c.all}]
            if not guilty or len(guilty) > len(self.large_enough(weights)) / 2:
                continue
            here, there = self._rest({c.class_number for c in guilty})
            rest = compare(self.side[here], self.real[there], self.least, weights[there])
            (left,) = faults([rest], self.axes, self.limits)
            if number not in {fault.number for fault in left}:
                alone |= {c.class_number: c for c in guilty}
        return list(alone.values())

    def told_of_rest(self, report: FaultReport, guilty: set[int], weights: Tensor) -> FaultReport:
        """What is wrong over the samples of all other classes; comparisons stay those of all samples."""
        here, there = self._rest(guilty)
        rest = tell_apart(self.side[here], self.real[there], self.axes, self.limits, weights[there])
        weights = weights.index_put((there,), rest.weights)
        return replace(rest, comparison=report.comparison, at_fault=report.at_fault, weights=weights)

    def _within(self, number: int, weights: Tensor) -> Comparison:
        here, there = self.own == number, self.train == number
        return compare(self.side[here], self.real[there], self.least, weights[there])

    def _rest(self, guilty: set[int]) -> tuple[Tensor, Tensor]:
        """Which samples are of no such class: [n] and [m] bool."""
        numbers = torch.tensor(sorted(guilty))
        return ~torch.isin(self.own, numbers), ~torch.isin(self.train, numbers)


def least_seen(comparison: Comparison, limits: Limits) -> Tensor:
    """The spread [c], as a share of the data's, from which on down its smallness would surely be seen along each axis.

    As far as the test of the spread goes with these numbers of samples; cuts and shifts are seen besides.
    """
    tests = TESTS * len(comparison.log_ratio)
    z = float(stats.norm.isf(limits.level / 2 / tests))
    n, m = comparison.counts
    usual = comparison.error.maximum(torch.tensor(math.sqrt((math.pi / 2 - 1) * (1 / n + 1 / m))))
    return (math.log(limits.narrow) - z * usual).exp()


def _classes(
    bank: SampleBank, table: AxisTable, of: Of, skill: float
) -> tuple[Tensor, Tensor, Sequence[str]] | None:
    """Classes [n] and [m] of the samples on both sides by the labeller, and their names; None where it can't tell."""
    labeller = bank.labeller
    if labeller is None or not is_skilled(labeller, skill):
        return None
    own, train = (bank.predictions(which, table.count(which))[0] for which in (of, "train"))
    return own[table.from_row :] if of == "fake" else own, train, labeller.class_names


def _middles(real: Tensor, labels: Tensor, classes: int) -> Tensor:
    """The medians [k, c] of training samples [m, c] by class; of a class with next to none, those of all."""
    whole = real.median(dim=0).values
    rows = [real[labels == number] for number in range(classes)]
    return torch.stack(
        [of_class.median(dim=0).values if len(of_class) >= FEWEST_COMPARED else whole for of_class in rows]
    )


def named(axes: Sequence[Axis]) -> list[int]:
    """The numbers of the axes whose names say what varies."""
    return [number for number, axis in enumerate(axes) if axis.nameable]
