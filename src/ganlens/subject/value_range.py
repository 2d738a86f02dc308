"""Values of samples in the house's −1…1 and in the range (low, high) that someone else's network knows."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from ganlens.errors import UserError
from ganlens.modality import Modality

ValueRange = tuple[float, float]


def checked_range(range: ValueRange, name: str) -> ValueRange:
    """The range as it was declared under that name.

    Raises:
        UserError: its first value is not the lower one.
    """
    if not range[0] < range[1]:
        raise UserError(f"{name}={range}: give the lowest value first, e.g. {name}=(0, 1)")
    return range


def check_network_range(range: ValueRange | None, role: str, network: Any, modality: Modality) -> None:
    """See that a range that was declared for a discriminator or a classifier can mean something.

    Args:
        role: "discriminator" or "classifier".
        network: the one that was given, or None.

    Raises:
        UserError: there is no such network, the samples have no range to map from, or the range is none.
    """
    if range is None:
        return
    name = f"{role}_range"
    if network is None:
        raise UserError(f"{name}={range} was given without a {role}")
    if modality.range is None:
        raise UserError(f"{name}={range}: {modality.name} have no range to map from; leave it out")
    checked_range(range, name)


def to_range(samples: Tensor, range: ValueRange | None) -> Tensor:
    """Samples in −1…1 as samples in `range`; None leaves them alone."""
    if range is None:
        return samples
    low, high = range
    return low + (samples + 1) * ((high - low) / 2)


def from_range(samples: Tensor, range: ValueRange | None) -> Tensor:
    """Samples in `range` as samples in −1…1; None leaves them alone."""
    if range is None:
        return samples
    low, high = range
    return (samples - low) * (2 / (high - low)) - 1
