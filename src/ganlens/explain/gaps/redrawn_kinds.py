"""Is a missing kind beyond the generator, or only rare? Real samples of it, inverted, beside ordinary ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ganlens.explain.gaps.kinds import Counted, StatisticsTable
from ganlens.explain.inversion.redrawing import Redrawn, cannot_be_searched, redraw, redrawn
from ganlens.progress import Progress
from ganlens.subject import SampleBank
from ganlens.subject.draws import Of

KINDS = 4
"""The most kinds whose samples are inverted: those that the data have most of."""
MEMBERS = 8
ORDINARY = 24
"""Real samples in general, and own samples, that set the references."""
WORSE = 2.0
"""A kind can't be redrawn where its median error is so many times that of ordinary real samples, and beyond
WORST_OWN of the errors of own samples."""
WORST_OWN = 0.95
OWN_AT_MOST = 0.1
"""Mean error of own samples beyond which the search says nothing of anything."""


@dataclass(frozen=True)
class Attempt:
    """Real samples of one kind and what became of them.

    Attributes:
        beyond: whether they can't be redrawn; None where the search can't tell: it finds not even own samples, or
            redraws ordinary real samples as badly.
        error, ordinary, own: median errors of the kind's samples and of ordinary real ones, and the error that
            WORST_OWN of own samples stay below, in shares of the data's variance.
    """

    counted: Counted
    redrawn: Redrawn
    beyond: bool | None
    error: float
    ordinary: float
    own: float


def attempts(
    bank: SampleBank,
    table: StatisticsTable,
    lacking: Sequence[Counted],
    *,
    steps: int,
    seed: int,
    progress: Progress,
    worse: float = WORSE,
    worst_own: float = WORST_OWN,
    own_at_most: float = OWN_AT_MOST,
) -> list[Attempt]:
    """Invert real samples of the kinds that are made too rarely.

    Args:
        lacking: those kinds.
        steps: of each search; none are tried at 0.
        worse, worst_own: a kind is beyond the generator where its median error is so many times that of ordinary real
            samples, and beyond the error that `worst_own` of own samples stay below.
        own_at_most: mean error of own samples beyond which the search says nothing of anything; and of a kind above
            which it is not redrawn.
    """
    if not lacking or not steps or cannot_be_searched(bank):
        return []

    own = redrawn(bank, "own", ORDINARY, space="z", steps=steps, progress=progress)
    ordinary = redrawn(bank, "held_out", ORDINARY, space="z", steps=steps, progress=progress)
    limit, usual = float(own.errors.quantile(worst_own)), float(ordinary.errors.median())
    all_labels = bank.real_labels("train")
    chosen = sorted(lacking, key=lambda c: c.other_share - c.real_share)[:KINDS]
    members = [typical(table, counted, "train", MEMBERS) for counted in chosen]
    rows = torch.cat(members)
    labels = None if all_labels is None else all_labels[rows]
    samples = bank.reals("train")[rows]
    together = redraw(bank, samples, labels, space="z", steps=steps, seed=seed, progress=progress)
    results, start = [], 0
    for counted, of_kind in zip(chosen, members, strict=True):
        tried = together.those(slice(start, start + len(of_kind)))
        start += len(of_kind)
        error = float(tried.errors.median())
        beyond: bool | None = error > limit and error > worse * usual
        if float(own.errors.mean()) > own_at_most or (not beyond and error > max(limit, own_at_most)):
            beyond = None
        results.append(Attempt(counted, tried, beyond, error, usual, limit))
    return results


def typical(table: StatisticsTable, counted: Counted, of: Of, most: int) -> Tensor:
    """Rows of the kind's medoid among the samples of `of` and its nearest, at most `most`."""
    members = counted.kind.belongs(table.rows(of)[:, counted.kind.column]).nonzero().flatten()
    features = table.features(of)[members].double()
    distance = (features - features.mean(dim=0)).square().sum(dim=1)
    chosen: Tensor = members[distance.argsort(stable=True)[:most]]
    return chosen


def errors_of(tried: list[Attempt]) -> Tensor:
    """Median error of each kind tried: [k]."""
    return torch.tensor([attempt.error for attempt in tried])
