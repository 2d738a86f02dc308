"""Progress in a terminal: live nested bars where there is one, plain lines where output goes to a file.

Everything here goes to stderr; stdout is kept for results. What is shown may hold names from anywhere: it is made
printable, and nothing in it is read as mark-up.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Column
from rich.text import Text

from ganlens.printable import printable
from ganlens.progress import Task

SECONDS_BETWEEN_LINES = 30.0
"""Without a terminal: a running task reports at most this often."""


class RichProgress:
    """Shows `ganlens.progress` to a person.

    Tasks inside tasks become bars below bars. When an outermost task ends, a line with its duration stays.

    Args:
        console: where to show; default: stderr.
    """

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True, highlight=False)
        self._live: Progress | None = None
        self._depth = 0

    def say(self, text: str) -> None:
        """One line that stays, above the bars."""
        self._console.print(Text(printable(text)), soft_wrap=True)

    def warn(self, text: str) -> None:
        """One line that stays and stands out, above the bars."""
        self._console.print(Text.assemble(("warning: ", "bold yellow"), printable(text)), soft_wrap=True)

    @contextmanager
    def task(self, description: str, total: float | None = None) -> Iterator[Task]:
        """A bar (or a few lines) that lives as long as the block."""
        began, description = time.monotonic(), printable(description)
        self._depth += 1
        try:
            if self._console.is_terminal:
                with self._bar(description, total) as bar:
                    yield bar
            else:
                if self._depth == 1:
                    self.say(f"{description} …")
                yield _Lines(self, description, total, began)
        finally:
            self._depth -= 1
        if self._depth == 0:
            self._console.print(
                Text.assemble(
                    ("✓ ", "green"), description, (f"  {_duration(time.monotonic() - began)}", "dim")
                ),
                soft_wrap=True,
            )

    @contextmanager
    def _bar(self, description: str, total: float | None) -> Iterator[Task]:
        outermost = self._live is None
        if self._live is None:
            self._live = _bars(self._console)
            self._live.start()
        live = self._live
        identity = live.add_task(f"{'  ' * (self._depth - 1)}{description}", total=total, note="")
        try:
            yield _Bar(live, identity)
        finally:
            live.remove_task(identity)
            if outermost:
                live.stop()
                self._live = None


def _bars(console: Console) -> Progress:
    fixed, rest = Column(no_wrap=True), Column(ratio=1, no_wrap=True, overflow="ellipsis")
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False, table_column=fixed),
        BarColumn(bar_width=24),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TextColumn("[dim]left[/dim]"),
        TimeRemainingColumn(elapsed_when_finished=False),
        TextColumn("{task.fields[note]}", style="dim", markup=False, table_column=rest),
        console=console,
        transient=True,
        refresh_per_second=4,
        expand=True,
    )


class _Bar:
    def __init__(self, live: Progress, identity: TaskID) -> None:
        self._live = live
        self._identity = identity

    def advance(self, amount: float = 1) -> None:
        self._live.advance(self._identity, amount)

    def note(self, text: str) -> None:
        self._live.update(self._identity, note=printable(text))


class _Lines:
    """A task without a terminal: a line now and then, so that a log shows that work goes on."""

    def __init__(self, progress: RichProgress, description: str, total: float | None, began: float) -> None:
        self._progress = progress
        self._description = description
        self._total = total
        self._done = 0.0
        self._note = ""
        self._last = began

    def advance(self, amount: float = 1) -> None:
        self._done += amount
        now = time.monotonic()
        if now - self._last >= SECONDS_BETWEEN_LINES:
            self._last = now
            share = f" {min(1.0, self._done / self._total):.0%}" if self._total else ""
            self._progress.say(f"  {self._description}:{share} {self._note}".rstrip())

    def note(self, text: str) -> None:
        self._note = text


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s"
