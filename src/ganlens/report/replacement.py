"""One audit takes another's place in a folder, as a whole, also where the process that did it was stopped half-way."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ganlens.system_errors import disk_errors

FINDINGS, REPORTS = "findings", ("report.html", "report.md", "report.json")
WHOLE = ".audit-whole"
"""A complete audit on its way to its place."""
_OLD = ".old"


def replace_audit(out: Path, aside: Path) -> None:
    """Put the audit that was written to the folder `aside`, on the same disk, in the place of the one in `out`.

    Raises:
        UserError: the disk refuses; `out` then holds the one or the other, or `finish` completes it.
    """
    with disk_errors(out), _one_at_a_time(out):
        _finish(out)
        aside.rename(out / WHOLE)  # from here on the new audit is the one that stays
        _finish(out)


def finish(out: Path) -> None:
    """Put a whole audit in its place that was stopped while it moved there. Nothing happens where there is none."""
    if (out / WHOLE).is_dir():
        with disk_errors(out), _one_at_a_time(out):
            _finish(out)


@contextmanager
def _one_at_a_time(folder: Path) -> Iterator[None]:
    """Keep other audits from moving into the folder meanwhile, where the disk has locks."""
    try:
        import fcntl
    except ImportError:
        yield
        return
    held = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):
            fcntl.flock(held, fcntl.LOCK_EX)
        yield
    finally:
        os.close(held)


def _finish(out: Path) -> None:
    whole = out / WHOLE
    if not whole.is_dir():
        return
    for name in (FINDINGS, *REPORTS):
        new, place = whole / name, out / name
        if not new.exists():
            continue
        if place.is_dir():
            place.rename(whole / f"{name}{_OLD}")
        new.replace(place)
    shutil.rmtree(whole)
