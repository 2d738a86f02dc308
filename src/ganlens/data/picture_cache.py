"""Decoded pictures on disk: decoded once, in parallel, and read from a mapped file ever after.

A collection larger than memory costs no memory: its pixels are one `.npy` file in the user's cache folder
(`GANLENS_CACHE`, else `$XDG_CACHE_HOME/ganlens`, else `~/.cache/ganlens`), which may be deleted whenever
nothing runs. While it is made it is called `<key>.partial`, and only the process that holds the lock works
on it; a process that is stopped in the middle leaves what it has done, and the next one goes on from there.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ganlens.data.pictures import PictureForm, PictureSource, Unreadable, decode_picture
from ganlens.errors import UserError
from ganlens.partials import discard, sweep
from ganlens.progress import Progress, Task
from ganlens.system_errors import FULL, disk_sentence

WAITING, COLOUR, GREY, UNREADABLE = range(4)
BATCH = 32
SAVE_EVERY = 64 * BATCH
MOST_WORKERS = 16
NAMED_AT_MOST = 10

Read = Callable[[int, int], Sequence[PictureSource]]
"""Where the pictures [start, stop) are; called in order, in the calling thread."""
Decoded = tuple[NDArray[np.uint8], bool] | Unreadable
Batch = tuple[int, list[Decoded]]  # the first row, and the pictures from there on


@dataclass(frozen=True)
class DecodedPictures:
    """Pictures in a mapped file.

    Attributes:
        pixels: [count, c, height, width]; 1 channel if every picture is or was made grey, else 3. Unreadable rows
            are black.
        rows: the rows that could be read.
        coloured: the rows of pictures that had colour.
        unreadable: row → why it couldn't be read.
    """

    pixels: NDArray[np.uint8]
    rows: NDArray[np.int64]
    coloured: NDArray[np.int64]
    unreadable: dict[int, str]

    def refuse_or_note(self, spec: str, names: Callable[[int], str], strict: bool) -> list[str]:
        """What to tell the user of the pictures that are left out.

        Raises:
            UserError: there are such pictures and `strict` is set, or fewer than two could be read.
        """
        if not self.unreadable:
            return []
        first = [f"{names(row)} ({why})" for row, why in list(self.unreadable.items())[:NAMED_AT_MOST]]
        more = len(self.unreadable) - len(first)
        listed = ", ".join(first) + (f" and {more} more" if more else "")
        counted = f"{len(self.unreadable)} of {len(self.pixels)} pictures can't be read"
        if strict:
            raise UserError(f"{spec}: {counted}: {listed}; mend or remove them, or read it without strict")
        if len(self.rows) < 2:
            raise UserError(f"{spec}: {counted}: {listed}; at least two must be readable")
        return [f"{counted} and are left out: {listed}"]


def cache_folder() -> Path:
    """Where decoded pictures are kept; the environment variable GANLENS_CACHE names another place."""
    if named := os.environ.get("GANLENS_CACHE"):
        return Path(named)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ganlens"


def decoded_pictures(
    key: str, read: Read, count: int, form: PictureForm, progress: Progress
) -> DecodedPictures:
    """Open the pictures kept under `key`, decoding them first if they aren't there yet.

    Args:
        key: changes when any picture, their order or `form` change; part of a file name.
        read: where the pictures are.
        count: how many there are.

    Raises:
        UserError: the cache folder can't be written, or its disk is full.
    """
    finished = cache_folder() / "pictures" / key
    try:
        finished.parent.mkdir(parents=True, exist_ok=True)
        try:
            if finished.exists():
                return _open(finished, count, form)
        except _Damaged as damage:
            progress.say(
                f"The decoded pictures in {finished} are damaged ({damage}): they are decoded again."
            )
        with _alone(finished, progress) as locked:
            sweep(finished.parent)
            with suppress(_Damaged):  # another process may have made or mended it meanwhile
                if finished.exists():
                    return _open(finished, count, form)
            discard(finished)
            _make(finished, locked, read, count, form, progress)
        return _open(finished, count, form)
    except _Damaged as damage:
        raise UserError(
            f"the decoded pictures in {finished} don't stay as they are written ({damage}): set GANLENS_CACHE to a "
            f"folder on another disk"
        ) from damage
    except OSError as error:
        if (sentence := _refused(error, count, form)) is None:
            raise
        raise UserError(sentence) from error


def _refused(error: OSError, count: int, form: PictureForm) -> str | None:
    """What the disk of the cache refuses, in a sentence; None where the error speaks of something else."""
    place, about = cache_folder(), error.filename
    if isinstance(about, str) and Path(about) != place and place not in Path(about).parents:
        return None
    if error.errno in FULL:
        need = count * 3 * form.height * form.width / 2**20
        return (
            f"no space left in {place} for {count:,} decoded pictures ({need:,.0f} MiB): free some, or set "
            f"GANLENS_CACHE to a folder on another disk"
        )
    sentence = disk_sentence(place, error)
    return sentence and (
        f"the cache folder {place} can't be written ({error.strerror}): set GANLENS_CACHE to one that can"
    )


@contextmanager
def _alone(finished: Path, progress: Progress) -> Iterator[bool]:
    """Hold the key's lock; yields False where there are no such locks (then nothing is resumed)."""
    try:
        import fcntl
    except ImportError:
        yield False
        return
    with finished.with_name(f"{finished.name}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress.say("Another process is decoding these pictures: waiting for it.")
            fcntl.flock(lock, fcntl.LOCK_EX)
        except OSError:  # a network disk without locks
            yield False
            return
        yield True


def _make(
    finished: Path, locked: bool, read: Read, count: int, form: PictureForm, progress: Progress
) -> None:
    mark = "partial" if locked else f"{uuid.uuid4().hex[:8]}.partial"
    partial = finished.with_name(f"{finished.name}.{mark}")
    try:
        with _Workshop(partial, count, form) as workshop:
            workshop.decode(read, progress)
        partial.rename(finished)
    except BaseException:
        if not locked:
            shutil.rmtree(partial, ignore_errors=True)
        raise


class _Workshop:
    """The cache of one collection while it is being made, or taken up again.

    `status.npy` says which pictures are done. It is written after the pixels it speaks of are on the disk, so
    that it never promises too much, even when the machine stops. Pixels are written as to any file: only who
    reads them later maps them.
    """

    def __init__(self, folder: Path, count: int, form: PictureForm) -> None:
        self._folder = folder
        self._form = form
        self._shape = (count, 3, form.height, form.width)
        self._unreadable: dict[int, str] = {}
        try:
            self._first_byte, self._status = self._taken_up()
        except Exception:  # nothing was left, or what was left is damaged
            shutil.rmtree(folder, ignore_errors=True)
            self._first_byte, self._status = self._begun()
        self._file = (folder / "pixels.npy").open("r+b")

    def __enter__(self) -> _Workshop:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()

    def decode(self, read: Read, progress: Progress) -> None:
        """Decode what is not done yet.

        Threads are enough: Pillow decodes and resamples without holding the GIL, and unlike processes they
        start at once and work in any script.
        """
        count = self._shape[0]
        workers = _workers()
        starts = [s for s in range(0, count, BATCH) if (self._status[s : s + BATCH] == WAITING).any()]
        running: set[Future[Batch]] = set()
        pool = ThreadPoolExecutor(workers, "decode")
        try:
            with progress.task("Decoding pictures", total=count) as task:
                task.advance(count - sum(min(BATCH, count - s) for s in starts))
                for start in starts:
                    sources = read(start, min(start + BATCH, count))
                    running.add(pool.submit(_decode_batch, start, sources, self._form))
                    if len(running) >= 3 * workers:
                        running = self._store_finished(running, task)
                while running:
                    running = self._store_finished(running, task)
        finally:
            pool.shutdown(cancel_futures=True)
            self._save()
        (self._folder / "unreadable.json").write_text(json.dumps(self._unreadable), encoding="utf-8")

    def _begun(self) -> tuple[int, NDArray[np.uint8]]:
        """Lay out the files; their blocks are taken now, so that a full disk shows before the work."""
        self._folder.mkdir()
        path = self._folder / "pixels.npy"
        pixels = np.lib.format.open_memmap(path, "w+", np.uint8, self._shape)
        first_byte = pixels.offset
        del pixels
        try:
            if hasattr(os, "posix_fallocate"):
                with path.open("r+b") as file:
                    os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
        except OSError as error:
            if error.errno in (*FULL, errno.EFBIG):
                shutil.rmtree(self._folder, ignore_errors=True)
                raise
        return first_byte, np.full(self._shape[0], WAITING, dtype=np.uint8)

    def _taken_up(self) -> tuple[int, NDArray[np.uint8]]:
        """Where the pixels begin in their file, and what an earlier process has done.

        Raises:
            Exception: nothing was left, or what was left is damaged; each way of damage has its own.
        """
        status: NDArray[np.uint8] = np.load(self._folder / "status.npy")
        pixels = np.lib.format.open_memmap(self._folder / "pixels.npy", "r")
        _expect(pixels.shape == self._shape and pixels.dtype == np.uint8, "left from another collection")
        _expect(status.shape == self._shape[:1] and status.dtype == np.uint8, "left from another collection")
        status[status > UNREADABLE] = WAITING
        status[status == UNREADABLE] = WAITING  # why it was is known only by trying again
        return pixels.offset, status

    def _store_finished(self, running: set[Future[Batch]], task: Task) -> set[Future[Batch]]:
        """Store the batches that are done; returns those that are not."""
        done, running = wait(running, return_when=FIRST_COMPLETED)
        for future in done:
            start, batch = future.result()
            pixels = np.zeros((len(batch), *self._shape[1:]), dtype=np.uint8)
            for number, decoded in enumerate(batch):
                if isinstance(decoded, Unreadable):
                    self._unreadable[start + number] = str(decoded)
                    self._status[start + number] = UNREADABLE
                else:
                    pixels[number], grey = decoded
                    self._status[start + number] = GREY if grey else COLOUR
            self._file.seek(self._first_byte + start * pixels[0].nbytes)
            self._file.write(pixels.tobytes())
            if start // SAVE_EVERY != (start + len(batch)) // SAVE_EVERY:
                self._save()
            task.advance(len(batch))
        return running

    def _save(self) -> None:
        self._file.flush()
        os.fsync(self._file.fileno())
        with (self._folder / "status.npy.new").open("wb") as file:
            np.save(file, self._status)
            file.flush()
            os.fsync(file.fileno())
        (self._folder / "status.npy.new").replace(self._folder / "status.npy")


def _workers() -> int:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores, MOST_WORKERS)


def _decode_batch(start: int, sources: Sequence[PictureSource], form: PictureForm) -> Batch:
    batch: list[Decoded] = []
    for source in sources:
        try:
            batch.append(decode_picture(source, form))
        except Unreadable as error:
            batch.append(error)
    return start, batch


class _Damaged(Exception):
    """Kept pictures that aren't as they were written; the message says in which file."""


def _open(finished: Path, count: int, form: PictureForm) -> DecodedPictures:
    """The pictures kept in a folder.

    Raises:
        _Damaged: a file is missing, cut, or of other pictures.
    """
    try:
        file = "status.npy"
        status = np.load(finished / file)
        _expect(status.shape == (count,) and status.dtype == np.uint8, "not one byte for each picture")
        _expect(bool(np.isin(status, (COLOUR, GREY, UNREADABLE)).all()), "not all are done")
        file = "pixels.npy"
        pixels = np.load(finished / file, mmap_mode="r")
        _expect(
            pixels.shape == (count, 3, form.height, form.width) and pixels.dtype == np.uint8,
            "not the pictures' shape",
        )
        file = "unreadable.json"
        reasons = json.loads((finished / file).read_text(encoding="utf-8"))
        unreadable = {int(row): str(why) for row, why in reasons.items()}
        _expect(
            sorted(unreadable) == np.flatnonzero(status == UNREADABLE).tolist(), "not the pictures left out"
        )
    except Exception as error:
        if isinstance(error, OSError) and not isinstance(error, (FileNotFoundError, IsADirectoryError)):
            raise  # the disk, not what is on it
        reason = str(error).strip().split("\n")[0][:80] or type(error).__name__
        reason = "it is missing" if isinstance(error, FileNotFoundError) else reason
        raise _Damaged(f"{file}: {reason}") from error
    rows = np.flatnonzero(status != UNREADABLE)
    coloured = np.flatnonzero(status == COLOUR)
    if form.grey or not len(coloured):
        pixels = pixels[:, :1]
    return DecodedPictures(pixels, rows, coloured, dict(sorted(unreadable.items())))


def _expect(holds: bool, otherwise: str) -> None:
    if not holds:
        raise ValueError(otherwise)
