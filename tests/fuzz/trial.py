"""What a reader does with damaged input: tried in a child process, so that a crash, a hang or a hunger for memory is
an answer too.

A target is how to write a small valid input and how it is read. Reading may succeed or raise a `UserError` of one
printable line; anything else *escapes*: another error, a crash, more than the time or the memory allowed, or a file
that is left half-written.
"""

from __future__ import annotations

import faulthandler
import json
import os
import random
import resource
import select
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from mutations import mutated

from ganlens.errors import UserError
from ganlens.printable import printable

SECONDS = 10.0
"""Longest time for one input."""
BYTES = 2**30
"""Most memory for one input, beyond what the process has at the start."""
LONGEST_LINE = 2500

Make = Callable[[Path], Path]
Read = Callable[[Path], None]


@dataclass(frozen=True)
class Escape:
    """Something that is neither success nor a `UserError` of one line, and the input that it takes."""

    target: str
    seed: int
    what: str


class Hang(BaseException):
    """The time is up."""


def damaged(original: bytes, target: str, seed: int) -> bytes:
    """The input of that seed: the same wherever and whenever it is made."""
    return mutated(original, random.Random(f"{target} {seed}"))


def escapes_of(name: str, target: tuple[Make, Read], seeds: Sequence[int]) -> list[Escape]:
    """Try a target on the damage of every seed, in child processes that are replaced when they die."""
    found, left = [], list(seeds)
    with tempfile.TemporaryDirectory(prefix="ganlens-fuzz-") as place:
        while left:
            done, escaped = _in_child(name, target, left, Path(place))
            found += escaped
            left = left[done:]
    return found


def _in_child(
    name: str, target: tuple[Make, Read], seeds: list[int], place: Path
) -> tuple[int, list[Escape]]:
    """How many seeds were tried before the child ended, and what escaped."""
    reading, writing = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.close(reading)
            _quiet()
            with os.fdopen(writing, "w") as out:
                for line in _tried(name, target, seeds, place / f"{os.getpid()}"):
                    out.write(json.dumps(line) + "\n")
                    out.flush()
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    os.close(writing)
    return _watched(child, reading, name, seeds)


def _watched(child: int, reading: int, name: str, seeds: list[int]) -> tuple[int, list[Escape]]:
    found, done, buffer, is_silent = [], 0, b"", False
    with os.fdopen(reading, "rb", buffering=0) as answers:
        while True:
            ready, _, _ = select.select([answers], [], [], 60 if done == 0 else SECONDS + 10)
            if not ready:
                is_silent = True
                os.kill(child, signal.SIGKILL)
                break
            piece = answers.read(65536)
            if not piece:
                break
            *lines, buffer = (buffer + piece).split(b"\n")
            for line in lines:
                answer = json.loads(line)
                done += 1
                if answer is not None:
                    found.append(Escape(name, seeds[done - 1], answer))
    _, status = os.waitpid(child, 0)
    if done < len(seeds):
        how = os.waitstatus_to_exitcode(status)
        what = "hangs and can't be interrupted" if is_silent else f"ends the process ({how})"
        found.append(Escape(name, seeds[done], what))
        done += 1
    return done, found


def _tried(name: str, target: tuple[Make, Read], seeds: list[int], folder: Path) -> Iterator[str | None]:
    """For each seed what escaped, or None."""
    make, read = target
    pristine = folder / "pristine"
    pristine.mkdir(parents=True)
    original = make(pristine)
    inner, content = original.relative_to(pristine), original.read_bytes()
    _limit_memory()
    os.chdir(folder)
    for seed in seeds:
        copy = folder / "copy"
        shutil.copytree(pristine, copy)
        (copy / inner).write_bytes(damaged(content, name, seed))
        yield _outcome(read, copy / inner, folder)
        shutil.rmtree(copy)


def _outcome(read: Read, path: Path, folder: Path) -> str | None:
    began = time.monotonic()
    signal.signal(signal.SIGALRM, _time_is_up)
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        try:
            read(path)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    except UserError as error:
        message = str(error)
        if printable(message) != message:
            return f"a message of several lines or with control characters: {message!r}"[:600]
        if len(message) > LONGEST_LINE:
            return f"a message of {len(message)} characters: {message[:200]}…"
    except Hang:
        return f"takes longer than {SECONDS:g} s"
    except MemoryError as error:
        return f"takes more than {BYTES >> 20} MiB: {error}"
    except BaseException as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        place = "/".join(where.filename.split("/")[-3:])
        return f"{type(error).__name__}: {str(error)[:200]!r} at {place}:{where.lineno}"
    left = [found.name for found in folder.rglob("*.partial")]
    if left:
        return f"leaves {left} behind"
    return None if time.monotonic() - began < SECONDS else f"takes longer than {SECONDS:g} s"


def _time_is_up(signum: int, frame: FrameType | None) -> None:
    raise Hang


def _limit_memory() -> None:
    pages = (
        int(Path("/proc/self/statm").read_text().split()[0]) if Path("/proc/self/statm").exists() else None
    )
    if pages is not None:
        most = pages * os.sysconf("SC_PAGE_SIZE") + BYTES
        resource.setrlimit(resource.RLIMIT_AS, (most, most))


def _quiet() -> None:
    """What damaged files make libraries say is not wanted."""
    warnings.simplefilter("ignore")
    faulthandler.disable()
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    if not os.environ.get("GANLENS_FUZZ_LOUD"):
        os.dup2(nowhere, 2)


def all_targets() -> dict[str, tuple[Make, Read]]:
    """The targets of every `targets_*.py` beside this file."""
    import importlib

    found: dict[str, tuple[Make, Read]] = {}
    for path in sorted(Path(__file__).parent.glob("targets_*.py")):
        targets: dict[str, Any] = importlib.import_module(path.stem).TARGETS
        found |= targets
    return found
