"""The name an attribute deserves: after the reading that moves most between its ends."""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor

from ganlens.explain.counterfactuals.attributes import Attributes
from ganlens.explain.counterfactuals.search_space import SearchSpace
from ganlens.explain.readings.panel import Panel

NOTICEABLE = 0.5
"""A reading has to move by this many standard deviations between the ends for an attribute to be named after it."""


def named(name: str, panel: Panel, low: Tensor, high: Tensor) -> str:
    """ "axis 2 (moves right)": what samples [n, …] with the attribute at its upper end do beside its lower end."""
    if not panel.readings:
        return name
    shift = (panel(high) - panel(low)).mean(dim=0)
    foremost = int(shift.abs().argmax())
    if float(shift[foremost].abs()) < NOTICEABLE:
        return name
    reading = panel.readings[foremost]
    return f"{name} ({reading.rises if shift[foremost] > 0 else reading.falls})"


def in_words(name: str) -> str:
    """ "moves right" of "axis 2 (moves right)"; the name itself where it says no more."""
    doing = name.partition(" (")[2].removesuffix(")")
    return doing or name


def with_names(
    space: SearchSpace, attributes: Attributes, panel: Panel, rows: Tensor, labels: Tensor | None
) -> Attributes:
    """The same attributes, named after what they do to the samples made from rows [n, d]."""
    names = []
    for place, name in enumerate(attributes.names):
        low, high = (space.samples(attributes.set_to(rows, place, end), labels) for end in (0, 1))
        names.append(named(name, panel, low, high))
    return replace(attributes, names=tuple(names))
