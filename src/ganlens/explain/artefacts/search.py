"""Which artefacts samples have surely more often than real ones, each told once, by its most particular name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import torch
from scipy import stats
from torch import Tensor

from ganlens.data import SampleArray
from ganlens.explain.artefacts.panel import Panel
from ganlens.explain.artefacts.resemblance import coarse, nearest_rows, paler, share_repeated
from ganlens.explain.artefacts.trace import BY_CHANCE, PRECEDENCE, SCATTERED, Kind, Trace
from ganlens.measures import ALARM_LEVEL, Estimate, Interval, difference_of_shares, holm, share_estimate

LOOSE = 0.5
"""A sample may have a fault already named from this quantile of the real ones on: it has more of it than most."""
FEWEST_LEFT = 20
"""Samples without the faults already named, below which no further one is looked for."""
LOOKED_UP, MOST_RESEMBLED = 300, 4000
"""Samples with a fault whose nearest real ones are looked up, and among how many."""
MOST_REPEATED = 0.5
"""Share of samples with an artefact that may be repetitions of each other."""
WITHIN = 0.8
"""Of the samples with one artefact, the share that has another too, from which the one is nearly only where the other
is."""

EDGES = {2: "two edges", 3: "three edges", 4: "all edges"}
"""A border along more than one edge."""


@dataclass(frozen=True)
class Standard:
    """What artefacts are held to.

    Attributes:
        usual: quantile of real training samples beyond which a trace counts.
        level: of the whole search: with 1 − level it names anything where there is no difference.
        least_excess: by how large a share of samples it must exceed that of real ones.
        elsewhere: times that a spot must be more frequent at its place than at others.
        most_alike: of the real samples that resemble those with a fault, the share that may have it too.
    """

    usual: float = 0.99
    level: float = ALARM_LEVEL
    least_excess: float = 0.02
    elsewhere: float = 3.0
    most_alike: float = 0.25


STANDARD = Standard()


@dataclass(frozen=True, eq=False)
class Artefact:
    """One thing that samples have more often than real ones.

    Attributes:
        trace: by which it is told, or the strongest of several.
        columns: of the panel, all that show it.
        thresholds: of these, beyond any of which a sample has it.
        has: [n] which samples have it.
        held_out: [m] which held-out real ones have it.
        alike: of the real samples that resemble those with it, the share that have it too.
        level: of `excess`.
        outdone: None where each sample that has it is beyond what is usual. Where nearly all samples have it and none
            need be unusual, `has` are those beyond the median real one, and this is the share of held-out ones that
            the median generated one is beyond.
        by_excess: whether real samples may have it by accident, so that the share is what exceeds those.
        plain: [n] in which samples it is beyond the thresholds; None: in all that have it.
    """

    trace: Trace
    columns: Tensor
    thresholds: Tensor
    has: Tensor
    held_out: Tensor
    alike: float
    level: float = ALARM_LEVEL
    outdone: float | None = None
    by_excess: bool = False
    plain: Tensor | None = None

    @property
    def stands_out(self) -> Tensor:
        """[n] in which samples it is beyond the thresholds."""
        return self.has if self.plain is None else self.plain

    @property
    def kind(self) -> Kind:
        return self.trace.kind

    @property
    def called(self) -> str:
        """What and where: "a bright spot at the top right", "noise"."""
        trace = self.trace
        if trace.kind == "spot":
            return f"a {trace.tone} spot at {trace.where}"
        if trace.kind == "border":
            return f"a {trace.tone} border along {trace.where}"
        if trace.kind == "stripes":
            return f"{trace.where} stripes"
        if trace.kind in ("missing colour", "copied colour"):
            return f"{'a lack' if trace.kind == 'missing colour' else 'sameness'} of {trace.where}"
        return f"a {trace.kind}" if trace.kind in ("checkerboard", "grey wash") else trace.kind

    @property
    def share(self) -> Estimate:
        """Of samples that have it; where nearly all do, so many that no fewer could move the distribution so far."""
        if self.outdone is None and not self.by_excess:
            return share_estimate(int(self.has.sum()), len(self.has))
        excess, rest = self.excess, max(1 - self.real_share, 1 / len(self.held_out))
        method = f"{excess.method}, over the real samples without it"
        return Estimate(
            excess.value / rest, Interval(max(-1.0, excess.low / rest), min(1.0, excess.high / rest), method)
        )

    @property
    def real_share(self) -> float:
        """Of held-out real samples that have it."""
        return float(self.held_out.float().mean())

    @property
    def excess(self) -> Estimate:
        """By how much the one share exceeds the other."""
        return difference_of_shares(
            int(self.has.sum()), len(self.has), int(self.held_out.sum()), len(self.held_out), self.level
        )


@dataclass(frozen=True)
class Pool:
    """Samples with what was read off them.

    Attributes:
        samples: [n, c, h, w].
        numbers: [n, k] of the panel.
    """

    samples: SampleArray | Tensor
    numbers: Tensor


@dataclass(frozen=True)
class Reference:
    """What is usual in real samples.

    Attributes:
        thresholds: [k] beyond which a trace counts, from training samples.
        loose: [k] the same at a lower quantile.
        held_out: other real samples, which say how often it is beyond.
        training: those that others' nearest neighbours are looked for among.
    """

    panel: Panel
    thresholds: Tensor
    loose: Tensor
    held_out: Pool
    training: Pool
    standard: Standard = field(default_factory=Standard)


def reference_of(panel: Panel, training: Pool, held_out: Pool, standard: Standard) -> Reference:
    """What is usual, by training samples and by held-out ones."""
    ordered = training.numbers.sort(dim=0).values
    last = len(ordered) - 1
    at = ordered[min(last, int(standard.usual * last + 1))]
    loose = ordered[min(last, int(LOOSE * last + 1))]
    # Where all real samples are alike, the smallest departure would count: it has to be visible.
    thresholds = at + panel.visible
    return Reference(
        panel, thresholds, torch.minimum(loose + panel.visible, thresholds), held_out, training, standard
    )


def search(reference: Reference, other: Pool) -> list[Artefact]:
    """The artefacts of other samples, the most frequent first. What an earlier one explains is not named again."""
    beyond, beyond_real = (
        other.numbers > reference.thresholds,
        reference.held_out.numbers > reference.thresholds,
    )
    candidates = _sure(reference, beyond, beyond_real)
    left = torch.ones(len(beyond), dtype=torch.bool)
    artefacts: list[Artefact] = []
    groups = _grouped(reference.panel.traces, candidates)
    for kind in PRECEDENCE:
        waiting = [columns for columns in groups if reference.panel.traces[int(columns[0])].kind == kind]
        while waiting:
            columns = max(waiting, key=lambda each: int(beyond[left][:, each].any(dim=1).sum()))
            waiting = [each for each in waiting if each is not columns]
            has, real = beyond[:, columns].any(dim=1), beyond_real[:, columns].any(dim=1)
            if not _still_there(reference.standard, has[left], real, len(has), len(groups)):
                continue
            alike = _share_alike(reference, other, columns, left & has)
            if alike > reference.standard.most_alike:
                continue
            strongest = int(columns[beyond[left][:, columns].sum(dim=0).argmax()])
            trace = reference.panel.traces[strongest]
            if kind == "border":
                columns = _edges(reference.panel.traces, columns, waiting, beyond)
                trace = replace(trace, where=_edges_in_words(reference.panel.traces, columns))
                has, real = beyond[:, columns].any(dim=1), beyond_real[:, columns].any(dim=1)
            artefacts.append(
                Artefact(
                    trace,
                    columns,
                    reference.thresholds[columns],
                    has,
                    real,
                    alike,
                    reference.standard.level,
                )
            )
            left &= (other.numbers[:, columns] <= reference.loose[columns]).all(dim=1)
    named = [artefact for artefact in artefacts if not _left_by_chance(artefact, artefacts)]
    return sorted(named, key=lambda artefact: -artefact.share.value)


def _left_by_chance(artefact: Artefact, artefacts: Sequence[Artefact]) -> bool:
    """Whether scattered pixels left it: it is nearly only where they are, in a minority of those samples."""
    return artefact.kind in BY_CHANCE and any(
        int((artefact.has & other.has).sum()) >= WITHIN * int(artefact.has.sum())
        and int(artefact.has.sum()) <= int(other.has.sum()) / 2
        for other in artefacts
        if other.kind in SCATTERED
    )


def _grouped(traces: Sequence[Trace], candidates: Sequence[int]) -> list[Tensor]:
    """Columns that show one artefact together; each spot is one for itself."""
    groups: dict[tuple[str, ...], list[int]] = {}
    for column in candidates:
        trace = traces[column]
        alone = str(column) if trace.kind == "spot" else ""
        groups.setdefault((trace.kind, trace.where, trace.tone, alone), []).append(column)
    return [torch.tensor(columns) for columns in groups.values()]


def _edges(traces: Sequence[Trace], first: Tensor, others: Sequence[Tensor], beyond: Tensor) -> Tensor:
    """The columns of an edge with a line, and of further ones with such a line in mostly the same samples."""
    has = beyond[:, first].any(dim=1)
    same = [
        columns
        for columns in others
        if traces[int(columns[0])].tone == traces[int(first[0])].tone
        and int((has & beyond[:, columns].any(dim=1)).sum()) >= WITHIN * int(has.sum())
    ]
    return torch.cat([first, *same])


def _edges_in_words(traces: Sequence[Trace], columns: Tensor) -> str:
    """The edges that these columns tell of."""
    edges = list(dict.fromkeys(traces[int(column)].where for column in columns))
    return edges[0] if len(edges) == 1 else EDGES[len(edges)]


def _sure(reference: Reference, beyond: Tensor, beyond_real: Tensor) -> list[int]:
    """The columns whose share surely and noticeably exceeds the real one; of spots those at a place of their own."""
    counts, real, standard = beyond.sum(dim=0), beyond_real.sum(dim=0), reference.standard
    p_values = fisher_p_values(counts, len(beyond), real, len(beyond_real))
    corrected = holm(dict(enumerate(p_values)))
    excess = counts / len(beyond) - real / len(beyond_real)
    sure = [
        column
        for column, p in corrected.items()
        if p <= 1 - standard.level and float(excess[column]) >= standard.least_excess
    ]
    return [column for column in sorted(sure) if _at_its_place(reference, excess, column)]


def fisher_p_values(counts: Tensor, trials: int, real: Tensor, of_real: int) -> list[float]:
    """Fisher's exact test, one-sided: that samples have a trace no more often than real ones."""
    both = (counts + real).numpy()
    tails: list[float] = stats.hypergeom.sf(counts.numpy() - 1, trials + of_real, both, trials).tolist()
    return tails


def _at_its_place(reference: Reference, excess: Tensor, column: int) -> bool:
    """Whether a spot is at one place rather than anywhere; true of other traces."""
    traces, standard = reference.panel.traces, reference.standard
    trace = traces[column]
    if trace.kind != "spot" or trace.box is None:
        return True
    family = (reference.panel.family_of == reference.panel.family_of[column]).nonzero().flatten().tolist()
    far = [other for other in family if _apart(trace, traces[other])]
    if not far:
        return True
    typical = float(excess[torch.tensor(far)].clamp(min=0).mean())
    return float(excess[column]) >= standard.elsewhere * typical


def _apart(first: Trace, second: Trace) -> bool:
    """Whether at least one cell lies between two spots."""
    if first.box is None or second.box is None:
        return False
    a, b = first.box, second.box
    tall, wide = a[1] - a[0], a[3] - a[2]
    return abs(a[0] - b[0]) > 2 * tall or abs(a[2] - b[2]) > 2 * wide


def _still_there(standard: Standard, left: Tensor, real: Tensor, trials: int, tests: int) -> bool:
    """Whether samples without the faults already named [m] have it surely more often than real ones [r]."""
    if len(left) < FEWEST_LEFT:
        return False
    (p,) = fisher_p_values(left.sum()[None], len(left), real.sum()[None], len(real))
    excess = (float(left.sum()) - len(left) * float(real.float().mean())) / trials
    return p * tests <= 1 - standard.level and excess >= standard.least_excess


def _share_alike(reference: Reference, other: Pool, columns: Tensor, has: Tensor) -> float:
    """Of the real samples that resemble, but for the artefact, those that have it: the share that have it as well.

    Where a generator makes more of a kind of which real samples have it too, that is no artefact; nor is what
    samples have at one place because they are repetitions of each other: then it is 1.
    """
    rows = has.nonzero().flatten()[:LOOKED_UP]
    trace = reference.panel.traces[int(columns[0])]
    numbers = reference.training.numbers[:MOST_RESEMBLED]
    samples, training = other.samples[rows], reference.training.samples[: len(numbers)]
    with_it, real = coarse(samples, trace), coarse(training, trace)
    if trace.kind == "grey wash" and not paler(samples, training[nearest_rows(with_it, real)[:, 0]]):
        return 1.0  # what is darkest or brightest in others is not in these, and the rest is as strong as in others
    if trace.box is not None and share_repeated(with_it, real) > MOST_REPEATED:
        return 1.0
    beyond = (numbers[:, columns] > reference.thresholds[columns]).any(dim=1)
    return float(beyond[nearest_rows(with_it, real)].float().mean())
