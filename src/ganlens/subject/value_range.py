"""Values of samples in the range of what they are and in the range (low, high) that someone else's network knows."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from ganlens.errors import UserError
from ganlens.modality import Modality

ValueRange = tuple[float, float]
PICTURES: ValueRange = (-1.0, 1.0)
"""The range of pictures."""


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


def mapped(samples: Tensor, given: ValueRange | None, wanted: ValueRange | None) -> Tensor:
    """Samples in the range `given` as samples in `wanted`; None for either leaves them alone."""
    if given is None or wanted is None:
        return samples
    return wanted[0] + (samples - given[0]) * ((wanted[1] - wanted[0]) / (given[1] - given[0]))
