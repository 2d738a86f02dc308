"""Families of planted worlds, by name: pictures and points whose causes, classes and faults are written down.

One of them is held back: it is developed against by nobody, and is asked only where `--held-back` says so.
"""

from __future__ import annotations

from collections.abc import Sequence

from ganlens.errors import UserError
from planted.families.cloud import Cloud
from planted.families.family import Cause, Family, Level
from planted.families.figures import Figures
from planted.families.ring import Ring
from planted.families.scenes import Scenes
from planted.families.strokes import Strokes
from planted.families.tiles import Tiles

__all__ = ["FAMILIES", "Cause", "Family", "Level", "chosen_families"]

FAMILIES: dict[str, Family] = {
    family.name: family for family in (Figures(), Strokes(), Scenes(), Ring(), Cloud(), Tiles())
}


def chosen_families(names: Sequence[str], *, held_back: bool) -> list[Family]:
    """The families of those names, all where none is given; one that is held back only where that is said.

    Raises:
        UserError: there is none of that name, or it is held back.
    """
    families = []
    for name in names or FAMILIES:
        if name not in FAMILIES:
            raise UserError(f"there is no family {name!r}; there are {', '.join(FAMILIES)}")
        family = FAMILIES[name]
        if family.held_back and not held_back:
            if names:
                raise UserError(f"{name} is held back until the end: ask it with --held-back")
            continue
        families.append(family)
    return families
