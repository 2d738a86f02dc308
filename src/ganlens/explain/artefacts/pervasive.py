"""Artefacts of nearly all samples, none of which need be unusual: where the whole of their distribution has moved.

A blurred landscape is no softer than a soft one; but where every soft one is softer still, they are all blurred.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ganlens.explain.artefacts.resemblance import coarse, nearest_rows, paler
from ganlens.explain.artefacts.search import (
    LOOKED_UP,
    MOST_RESEMBLED,
    Artefact,
    Pool,
    Reference,
    fisher_p_values,
)
from ganlens.explain.artefacts.trace import PRECEDENCE, Kind

QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)
"""Where two distributions are compared. Samples that lack one kind, or have a narrower range, are moved at one end."""
WHOLE: tuple[Kind, ...] = (
    "checkerboard",
    "stripes",
    "missing colour",
    "copied colour",
    "noise",
    "blur",
    "grey wash",
)
"""Artefacts of a whole sample, that more or less of can be in each."""
MOST = 0.5
"""Share of samples that must be free of the artefacts already named, and that one must be in."""
FEWEST = 50


def with_pervasive(reference: Reference, other: Pool, named: Sequence[Artefact]) -> list[Artefact]:
    """The artefacts that were named sample by sample, and the one that nearly all samples have, if there is one.

    Every quantile of its trace is moved by as much as is seen: of the samples as they are, and of what each has
    beyond the real training samples that resemble it, so that more of one kind of sample is no artefact. One that was
    named in few samples and is in nearly all of them is said of all.
    """
    columns = torch.tensor(
        [column for column, trace in enumerate(reference.panel.traces) if trace.kind in WHOLE]
    )
    if not len(columns) or len(reference.held_out.numbers) < FEWEST:
        return list(named)
    moved = _moved(reference, other, columns)
    for kind in PRECEDENCE:
        apart = [artefact for artefact in named if artefact.kind != kind]
        free = ~torch.stack([artefact.has for artefact in apart]).any(dim=0) if apart else None
        of_kind = [
            (float(seen), int(column))
            for column, seen in zip(columns, moved, strict=True)
            if seen >= 1 and reference.panel.traces[int(column)].kind == kind
        ]
        if not of_kind or (free is not None and int(free.sum()) < MOST * len(free)):
            continue
        _, column = max(of_kind)
        artefact = _artefact(reference, other, column, tests=len(columns))
        if artefact is not None:
            same = [each for each in named if each.kind == kind and each.trace.where == artefact.trace.where]
            if any(each.share.value >= artefact.share.value for each in same):
                return list(named)
            rest = [each for each in named if each not in same]
            return sorted([artefact, *rest], key=lambda each: -each.share.value)
    return list(named)


def _moved(reference: Reference, other: Pool, columns: Tensor) -> Tensor:
    """[k] by how many times what is seen each column is moved at the quantile at which it is moved least."""
    trace = reference.panel.traces[int(columns[0])]
    training = reference.training.numbers[:MOST_RESEMBLED, columns]
    among = coarse(reference.training.samples[: len(training)], trace)

    def quantiles(pool: Pool) -> tuple[Tensor, Tensor]:
        numbers, at = pool.numbers[:, columns], torch.tensor(QUANTILES)
        alike = nearest_rows(coarse(pool.samples[: len(numbers)], trace), among)
        beyond_alike = numbers - training[alike].median(dim=1).values
        return numbers.quantile(at, dim=0), beyond_alike.quantile(at, dim=0)

    (own, own_beyond), (real, real_beyond) = quantiles(other), quantiles(reference.held_out)
    least = torch.minimum(own - real, own_beyond - real_beyond).amin(dim=0)
    return least / reference.panel.visible[columns]


def _artefact(reference: Reference, other: Pool, column: int, tests: int) -> Artefact | None:
    """What more than the median real sample is; None where that is not sure, or of too few samples."""
    column_of = torch.tensor([column])
    held_out, numbers = reference.held_out.numbers[:, column], other.numbers[:, column]
    median = held_out.median()
    has, real = numbers > median, held_out > median
    (p,) = fisher_p_values(has.sum()[None], len(has), real.sum()[None], len(real))
    artefact = Artefact(
        reference.panel.traces[column],
        column_of,
        median[None],
        has,
        real,
        0.0,
        reference.standard.level,
        float((held_out < numbers.median()).float().mean()),
    )
    sure = p * tests * len(QUANTILES) <= 1 - reference.standard.level
    if not sure or artefact.share.value < MOST:
        return None
    return artefact if artefact.kind != "grey wash" or _washed(reference, other, artefact) else None


def _washed(reference: Reference, other: Pool, artefact: Artefact) -> bool:
    """Whether it is the whole of the samples that is paler, not what is darkest or brightest alone."""
    samples = other.samples[artefact.has.nonzero().flatten()[:LOOKED_UP]]
    training = reference.training.samples[:MOST_RESEMBLED]
    alike = nearest_rows(coarse(samples, artefact.trace), coarse(training, artefact.trace))[:, 0]
    return paler(samples, training[alike])
