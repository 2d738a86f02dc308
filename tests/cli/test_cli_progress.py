from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from ganlens.cli import progress as module
from ganlens.cli.progress import RichProgress


def watched(terminal: bool) -> tuple[RichProgress, io.StringIO]:
    file = io.StringIO()
    return RichProgress(Console(file=file, force_terminal=terminal, width=100, color_system=None)), file


def lines(file: io.StringIO) -> list[str]:
    """What stays on the screen: of each line what came after the last return, with durations blanked."""
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "\r", file.getvalue())
    kept = [line.rstrip().split("\r")[-1] for line in text.split("\n")]
    return [re.sub(r"\d+\.\d s", "_ s", line) for line in kept if line.strip()]


def test_a_log_gets_a_line_at_the_start_and_one_at_the_end() -> None:
    progress, file = watched(terminal=False)
    with progress.task("fitting", 3) as task:
        for _ in range(3):
            task.advance()
            task.note("loss 0.1")
    assert lines(file) == ["fitting …", "✓ fitting  _ s"]


def test_a_log_gets_a_line_now_and_then_while_work_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(0, 1000, 20))
    monkeypatch.setattr(module.time, "monotonic", lambda: next(clock))
    progress, file = watched(terminal=False)
    with progress.task("fitting", 4) as task:
        task.note("loss 0.1")
        for _ in range(4):
            task.advance()
    assert lines(file)[1:-1] == ["  fitting: 50% loss 0.1", "  fitting: 100% loss 0.1"]


@pytest.mark.parametrize("terminal", [False, True])
def test_only_the_outermost_task_leaves_a_line(terminal: bool) -> None:
    progress, file = watched(terminal)
    with progress.task("auditing", 2), progress.task("[red]sampling", 10) as inner:
        inner.advance(5)
    kept = [line for line in lines(file) if line.startswith("✓")]
    assert kept == ["✓ auditing  _ s"]


@pytest.mark.parametrize("terminal", [False, True])
def test_words_stay_as_they_are_and_warnings_stand_out(terminal: bool) -> None:
    progress, file = watched(terminal)
    with progress.task("training"):
        progress.say("3 of [4] pictures")
        progress.warn("collapse: coverage fell to [5 %]")
    shown = lines(file)
    assert "3 of [4] pictures" in shown
    assert "warning: collapse: coverage fell to [5 %]" in shown


@pytest.mark.parametrize("terminal", [False, True])
def test_a_failing_task_leaves_no_tick_and_the_next_one_works(terminal: bool) -> None:
    progress, file = watched(terminal)
    with pytest.raises(RuntimeError), progress.task("first"):
        raise RuntimeError
    with progress.task("second"):
        pass
    assert [line for line in lines(file) if line.startswith("✓")] == ["✓ second  _ s"]


def test_a_long_note_is_cut_and_leaves_the_bars_whole() -> None:
    progress, file = watched(terminal=True)
    with progress.task("Auditing", 9) as outer:
        outer.note("why does this sample look the way it does, " * 5)
        with progress.task("Testing the order of the axes", 10) as inner:
            inner.advance(5)
            assert progress._live is not None
            progress._live.refresh()
    rows = [re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\r", "", line) for line in file.getvalue().split("\n")]
    row = next(line for line in rows if "Testing the order of the axes" in line and "50%" in line)
    assert row.count("━") == 12  # half of the bar
    assert any("Auditing" in line and "…" in line for line in rows)


@pytest.mark.parametrize("terminal", [False, True])
def test_names_from_anywhere_are_shown_as_text(terminal: bool) -> None:
    progress, file = watched(terminal)
    name, shown = "\x1b]0;x\x07[red]a[/red]\udce9", "\\x1b]0;x\\x07[red]a[/red]\\udce9"
    progress.say(name)
    progress.warn(name)
    with progress.task(name, 1) as task:
        task.note(name)
        task.advance()
    assert "\x1b]0" not in file.getvalue() and "\x07" not in file.getvalue()
    kept = lines(file)
    assert kept[0] == shown and kept[1] == f"warning: {shown}" and kept[-1] == f"✓ {shown}  _ s"
