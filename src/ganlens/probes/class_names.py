"""Names of classes in sentences: they come from the data, and may be anything."""

from __future__ import annotations

from collections.abc import Sequence

LONGEST = 3
"""Words of a name that a claim has room for."""


def quoted(name: str) -> str:
    """The name between quotation marks, cut where it is too long for a claim."""
    words = name.split()
    return f"“{' '.join(words[:LONGEST])}…”" if len(words) > LONGEST else f"“{' '.join(words)}”"


def listed(names: Sequence[str], most: int) -> str:
    """The first `most` names, and how many more there are: “a”, “b” and 3 more."""
    text = ", ".join(f"“{name}”" for name in names[:most])
    return f"{text} and {len(names) - most} more" if len(names) > most else text


def samples_of(names: Sequence[str]) -> str:
    """One class by its name, several by their number: “a”, or 3 classes."""
    return quoted(names[0]) if len(names) == 1 else f"{len(names)} classes"
