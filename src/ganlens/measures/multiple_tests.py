"""Several tests at once: what each p-value is worth when the smallest of many is looked for."""

from __future__ import annotations

from collections.abc import Mapping


def holm(p_values: Mapping[int, float]) -> dict[int, float]:
    """What is each p-value worth among so many? Holm's step-down correction.

    Rejecting all that are at most a level rejects a true null, one or more, with at most that probability,
    whatever the tests' dependence.

    Args:
        p_values: of each test, by its number.

    Returns:
        Corrected p-values by the same numbers, each at least its own and at most 1.

    Source: Holm 1979.
    """
    adjusted: dict[int, float] = {}
    largest = 0.0
    for rank, (number, p) in enumerate(sorted(p_values.items(), key=lambda item: item[1])):
        largest = max(largest, min(1.0, p * (len(p_values) - rank)))
        adjusted[number] = largest
    return adjusted
