"""Kinds of sample, and how often each occurs in the data and among what is generated.

What a kind is gets decided on one half of the training samples (where the clusters lie, where "very thick"
begins); shares are counted on the other half, on generated samples and on held-out ones. So nothing is counted on
the samples that chose the kinds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np
import torch
from scipy import stats
from torch import Tensor

from ganlens.explain.code.code_space import code_spaces, codes_of
from ganlens.instruments.labeller import is_skilled
from ganlens.measures import (
    ALARM_LEVEL,
    Estimate,
    Interval,
    difference_of_shares,
    holm,
    k_means,
    nearest_centre,
)
from ganlens.modality import Reading, read_all
from ganlens.randomness import torch_generator
from ganlens.subject import SampleBank
from ganlens.subject.draws import Of

TAIL = 0.05
"""Very little and very much: the outer 5 % of the data at each end."""
RARE = 0.01
"""Counts that fewer of the data have are no kind of their own."""
FEW_VALUES = 8
"""A column of whole numbers with at most so many values is a column of counts."""
NEVER = 0.1
"""A kind counts as never made where its share is at most a tenth of the data's."""
LEVEL = 1 - ALARM_LEVEL
"""Probability of naming any kind at all where there is no difference."""
MOSTLY = 0.6
"""A cluster is called after its commonest class from this share on."""
COUNT_UNIT = 0.5
"""The least standard deviation of a count in distances."""
CHUNK = 1024
SHAKEN, GREY_LEVEL, HOLDS = 2000, 2 / 255, 0.8
"""Real samples whose values are put off by up to one of 256 grey levels, and the share of those of a kind before or
after that must be of it both times: a kind that rounding makes or empties says nothing of a generator."""

Fault = Literal["never made", "under-made", "over-made"]


@dataclass(frozen=True)
class Kind:
    """One kind of sample.

    Attributes:
        name: what a person would call it.
        column: of the statistics' table it is read off.
        belongs: which rows of that column [n] are of the kind.
        nameable: whether a person would call it so; not where it is a cluster or an axis of a code.
    """

    name: str
    column: int
    belongs: Callable[[Tensor], Tensor]
    nameable: bool = True


@dataclass(frozen=True)
class Counted:
    """How often a kind occurs.

    Attributes:
        real, other: samples of it, of `of_real` and `of_other`.
        p_value: that the shares are the same (Fisher's exact test, two-sided), Holm-corrected over all kinds.
        fault: what is wrong with the other side, if anything is surely and noticeably wrong.
    """

    kind: Kind
    real: int
    of_real: int
    other: int
    of_other: int
    p_value: float
    fault: Fault | None

    @property
    def real_share(self) -> float:
        return self.real / self.of_real

    @property
    def other_share(self) -> float:
        return self.other / self.of_other

    @property
    def ratio(self) -> float:
        """The other share over the real one; a kind that no real sample has counts as half a sample."""
        return self.other_share / max(self.real_share, 0.5 / self.of_real)

    @property
    def relative(self) -> Estimate:
        """(other − real) / real, −1 and up, with the interval of the difference over the real share as counted."""
        difference = difference_of_shares(self.other, self.of_other, self.real, self.of_real)
        scale = max(self.real_share, 0.5 / self.of_real)
        return Estimate(
            difference.value / scale,
            Interval(max(-1.0, difference.low / scale), difference.high / scale, difference.method),
        )


class StatisticsTable:
    """All statistics of every sample: one column each, read once for each set of samples.

    Args:
        code_axes: how many axes of the autoencoder's code are statistics.
        readings: plain numbers of a sample, the user's among them.
    """

    def __init__(
        self, bank: SampleBank, readings: Sequence[Reading], *, samples: int, clusters: int, code_axes: int
    ) -> None:
        self._bank, self._readings, self._samples = bank, tuple(readings), samples
        self._axes = min(code_axes, code_spaces(bank).autoencoder.width) if code_axes else 0
        labeller = bank.labeller
        trusted = labeller is not None and is_skilled(labeller)
        self.class_names = labeller.class_names if labeller is not None and trusted else ()
        self._read: dict[str, Tensor] = {}
        self._centres: Tensor | None = None
        fitted = self.features("train")[0::2]
        rng = torch_generator(bank.seed, "cannot-generate", "clusters")
        self._centres = (
            k_means(fitted, min(clusters, len(fitted) // 10), rng, restarts=3, iterations=50).centres
            if clusters and len(fitted) >= 20
            else None
        )

    def features(self, of: Of) -> Tensor:
        """Features [n, d] in which clusters are looked for, and medoids."""
        return self._bank.features(self._bank.spaces[0], of, self._count(of))

    def rows(self, of: Of) -> Tensor:
        """Every statistic of the samples of `of`: [n, s]."""
        if of not in self._read:
            self._read[of] = self._table(of)
        return self._read[of]

    def fitted(self) -> Tensor:
        """The training samples that decide what a kind is: [n, s]."""
        return self.rows("train")[0::2]

    def counted(self) -> Tensor:
        """The training samples that are counted: [n, s]."""
        return self.rows("train")[1::2]

    def kinds(self) -> list[Kind]:
        """Every kind that the statistics tell apart."""
        fitted, column = self.fitted(), 0
        kinds: list[Kind] = []
        if self.class_names:
            kinds += [_exactly(f"class {name}", 0, value) for value, name in enumerate(self.class_names)]
            column += 1
        if self._centres is not None:
            kinds += [
                replace(
                    _exactly(self._cluster_name(cluster, fitted[:, column]), column, cluster), nameable=False
                )
                for cluster in range(len(self._centres))
            ]
            column += 1
        plain = self._plain()
        for number, statistic in enumerate(plain):
            of_one = _kinds_of(statistic, column, fitted[:, column])
            of_one = [kind for kind in of_one if self._holds(kind, number)]
            kinds += [replace(kind, nameable=number < len(plain) - self._axes) for kind in of_one]
            column += 1
        return kinds

    def _holds(self, kind: Kind, number: int) -> bool:
        """Whether samples are of a kind still when every value is off by a grey level: else rounding makes the kind."""
        shaken = self._shaken
        if shaken is None or number >= len(self._readings):
            return True
        before = kind.belongs(self.fitted()[: len(shaken), kind.column])
        after = kind.belongs(shaken[:, number])
        return int((before & after).sum()) >= HOLDS * max(int(before.sum()), int(after.sum()))

    @cached_property
    def _shaken(self) -> Tensor | None:
        """The readings [n, r] of training samples whose values are off by up to a grey level, as `fitted` begins.

        None where samples are not stored as grey levels: there is no telling what is little.
        """
        stored = self._bank.reals("train", self._count("train"))
        if stored.stored_type != np.uint8:
            return None
        rng = torch_generator(self._bank.seed, "cannot-generate", "shaken")
        chosen = stored.take(slice(0, 2 * SHAKEN, 2))
        return torch.cat(
            [
                read_all(
                    self._readings, chunk + GREY_LEVEL * (2 * torch.rand(chunk.shape, generator=rng) - 1)
                ).float()
                for chunk in chosen.chunks(CHUNK)
            ]
        )

    def vectors(self, of: Of) -> Tensor:
        """The statistics as vectors for distances: amounts in the data's standard deviations, classes and
        clusters as one column each: [n, d] float64."""
        rows, fitted = self.rows(of).double(), self.fitted().double()
        parts, column = [], 0
        for size in self._one_hot():
            parts.append(torch.nn.functional.one_hot(rows[:, column].long(), size).double())
            column += 1
        mean, deviation = fitted[:, column:].mean(dim=0), fitted[:, column:].std(dim=0)
        deviation[deviation < 1e-6] = 1.0  # the same in all the data: as it is
        # A count that hardly ever differs has next to no deviation: one odd sample would be the whole distance.
        # Nor is a spread that nobody notices a unit to measure in.
        least = torch.tensor([statistic.least for statistic in self._plain()], dtype=torch.float64)
        deviation = deviation.maximum(least)
        counts = torch.tensor([statistic.counts for statistic in self._plain()])
        deviation = torch.where(counts, deviation.clamp(min=COUNT_UNIT), deviation)
        return torch.cat([*parts, (rows[:, column:] - mean) / deviation], dim=1)

    def _one_hot(self) -> list[int]:
        sizes = [len(self.class_names)] if self.class_names else []
        return [*sizes, len(self._centres)] if self._centres is not None else sizes

    def _plain(self) -> list[Reading]:
        """What every column beyond classes and clusters is."""
        axes = [
            Reading(
                f"code axis {i + 1}",
                code_spaces(self._bank).autoencoder.coder.encode,
                i,
                high=f"samples very high on code axis {i + 1}",
                low=f"samples very low on code axis {i + 1}",
            )
            for i in range(self._axes)
        ]
        return [*self._readings, *axes]

    def _table(self, of: Of) -> Tensor:
        count = self._count(of)
        columns: list[Tensor] = []
        if self.class_names:
            columns.append(self._bank.predictions(of, count)[0].float()[:, None])
        if self._centres is not None:
            columns.append(nearest_centre(self.features(of), self._centres).float()[:, None])
        samples, stored = self._bank.samples(of, count), self._bank.reals("train")
        # The data's own rounding must not tell the two sides apart.
        chunks = (stored.rounded_alike(chunk) for chunk in samples.chunks(CHUNK))
        columns.append(torch.cat([read_all(self._readings, chunk).float() for chunk in chunks]))
        if self._axes:
            space = code_spaces(self._bank).autoencoder
            columns.append(codes_of(self._bank, space, of, count)[:, : self._axes].float())
        return torch.cat(columns, dim=1)

    def _count(self, of: Of) -> int:
        return len(self._bank.samples(of, 2 * self._samples if of == "train" else self._samples))

    def _cluster_name(self, cluster: int, places: Tensor) -> str:
        name = f"cluster {cluster + 1}"
        if not self.class_names:
            return name
        classes = self.fitted()[places == cluster, 0].long()
        counts = torch.bincount(classes, minlength=len(self.class_names))
        if not len(classes):
            return name
        mostly = int(counts.max()) >= MOSTLY * len(classes)
        return f"{name} (mostly {self.class_names[int(counts.argmax())]})" if mostly else f"{name} (mixed)"


def count(
    kinds: list[Kind],
    real: Tensor,
    other: Tensor,
    ratio: float,
    *,
    level: float = LEVEL,
    never: float = NEVER,
) -> list[Counted]:
    """How often does each kind occur on either side, and which differences are sure and noticeable?

    Args:
        real, other: statistics [n, s] and [m, s].
        ratio: shares that differ by less than this factor are not called a fault.
        level: probability of finding any fault where there is no difference.
        never: a kind counts as never made where its share is at most this share of the real one.
    """
    pairs = [
        (int(kind.belongs(real[:, kind.column]).sum()), int(kind.belongs(other[:, kind.column]).sum()))
        for kind in kinds
    ]
    p_values = holm(
        {
            number: float(stats.fisher_exact([[a, len(real) - a], [b, len(other) - b]]).pvalue)
            for number, (a, b) in enumerate(pairs)
        }
    )
    return [
        _judged(Counted(kind, a, len(real), b, len(other), p_values[number], None), ratio, level, never)
        for number, (kind, (a, b)) in enumerate(zip(kinds, pairs, strict=True))
    ]


def smallest_share_missed(kinds: int, of_real: int, of_other: int, level: float = LEVEL) -> float:
    """The smallest share of the data a kind can have for its absence among the others to be sure, 1 if none is."""
    for members in range(1, of_real + 1):
        table = [[members, of_real - members], [0, of_other]]
        if kinds * float(stats.fisher_exact(table).pvalue) <= level:
            return members / of_real
    return 1.0


def _judged(counted: Counted, ratio: float, level: float, never: float) -> Counted:
    fault: Fault | None = None
    if counted.p_value <= level:
        if counted.ratio <= never:
            fault = "never made"
        elif counted.ratio <= 1 / ratio:
            fault = "under-made"
        elif counted.ratio >= ratio:
            fault = "over-made"
    return replace(counted, fault=fault)


def _kinds_of(statistic: Reading, column: int, values: Tensor) -> list[Kind]:
    """What a statistic's values [n] in the data make of it: two ends, or a kind for every count."""
    distinct, sizes = values.unique(return_counts=True)
    if statistic.values:
        common = distinct[sizes >= RARE * len(values)].long().tolist()
        return [_exactly(f"{statistic.name} {statistic.values[value]}", column, value) for value in common]
    if len(distinct) == 2 and distinct.tolist() == [0, 1]:
        return [_exactly(statistic.name, column, 1)]
    whole = bool((values == values.round()).all()) and len(distinct) <= FEW_VALUES
    if statistic.counts or (whole and len(distinct) > 1):
        common = distinct[sizes >= RARE * len(values)].tolist()
        kinds = [_exactly(_counted_name(statistic.name, value), column, value) for value in common]
        most = max(common, default=0)
        return [*kinds, _above(f"samples with more than {most:.0f} {statistic.name}", column, most)]
    low, high = values.quantile(torch.tensor([TAIL, 1 - TAIL])).tolist()
    if low >= high:
        return []
    return [_below(statistic.low, column, low), _above(statistic.high, column, high)]


def _counted_name(name: str, value: float) -> str:
    return f"samples with {value:.0f} {name.removesuffix('s') if value == 1 else name}"


def _exactly(name: str, column: int, value: float) -> Kind:
    return Kind(name, column, lambda values: values == value)


def _below(name: str, column: int, end: float) -> Kind:
    return Kind(name, column, lambda values: values < end)


def _above(name: str, column: int, end: float) -> Kind:
    return Kind(name, column, lambda values: values > end)
