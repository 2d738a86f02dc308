"""How long work reports itself, without knowing who is watching."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class Task(Protocol):
    """One bar: `advance` it, and optionally tell what is going on now."""

    def advance(self, amount: float = 1) -> None: ...
    def note(self, text: str) -> None: ...


class Progress(Protocol):
    """Whoever watches: a terminal, a notebook, a web page, or nobody (`Silent`)."""

    def say(self, text: str) -> None:
        """One line that stays."""

    def warn(self, text: str) -> None:
        """One line that stays and stands out."""

    @contextmanager
    def task(self, description: str, total: float | None = None) -> Iterator[Task]:
        """A bar that lives as long as the block. `total` is in the units `advance` counts; None when unknown."""
        yield ...  # type: ignore[misc]


class _NoTask:
    def advance(self, amount: float = 1) -> None:
        pass

    def note(self, text: str) -> None:
        pass


class Silent:
    """Nobody watches."""

    def say(self, text: str) -> None:
        pass

    def warn(self, text: str) -> None:
        pass

    @contextmanager
    def task(self, description: str, total: float | None = None) -> Iterator[Task]:
        yield _NoTask()
