"""A named number that a person would read off a sample: brightness, lean, a column's value, loudness."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Reading:
    """One number of a sample, and how a person talks of it.

    What explains a sample by numbers (directions, kinds that are missing, concepts, shortcuts) uses those whose words
    it needs, and leaves out those that lack them.

    Attributes:
        name: of the number ("place across", "loudness", "age").
        source: samples [n, …] to numbers [n] or [n, k]; readings that are computed together share it.
        column: which of the k this one is.
        rises, falls: what a change does that raises or lowers it ("moves right", "moves left"); empty where no change
            should be named by it.
        high, low: what a person calls samples with very much or very little of it ("very bright samples"); empty where
            its ends are no kinds of their own.
        unit: of the number ("px", "Hz"); empty for a pure one.
        least: a spread over samples below this is nothing anyone notices, in the number's own unit.
        counts: whether its values are few and each is a kind of its own ("2 pieces", "colour red").
        values: what the values of such a reading are called, from 0 up; empty for plain numbers.
        differentiable: whether gradients pass from the number to the sample.
        of_class: index of the class whose log-odds it is, or None.
    """

    name: str
    source: Callable[[Tensor], Tensor]
    column: int = 0
    rises: str = ""
    falls: str = ""
    high: str = ""
    low: str = ""
    unit: str = ""
    least: float = 0.0
    counts: bool = False
    values: tuple[str, ...] = ()
    differentiable: bool = False
    of_class: int | None = None

    def __call__(self, samples: Tensor) -> Tensor:
        """The number [n] of each of the samples [n, …]."""
        source_values = self.source(samples)
        return source_values if source_values.ndim == 1 else source_values[:, self.column]


def columns_of(readings: Sequence[Reading], samples: Tensor) -> Tensor:
    """All readings [n, r] of samples [n, …] in the precision of their sources; what several share is computed once."""
    known: dict[int, Tensor] = {}
    columns = []
    for reading in readings:
        source = id(reading.source)
        if source not in known:
            known[source] = reading.source(samples)
        source_values = known[source]
        columns.append(source_values if source_values.ndim == 1 else source_values[:, reading.column])
    return torch.stack(columns, dim=1) if columns else torch.empty(len(samples), 0)


def read_all(readings: Sequence[Reading], samples: Tensor) -> Tensor:
    """All readings [n, r] float64 of samples [n, …]."""
    return columns_of(readings, samples).double()
