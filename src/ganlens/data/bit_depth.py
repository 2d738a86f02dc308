"""Deep pictures (16 and 32 bits, floating-point): one scale for all of a collection, from the values that it has.

A picture of 16 bits from a scanner that measures 12, a CT of −1000…1000, a float TIFF of 0…1: how bright a value is
meant can't be seen from one picture. So all deep pictures are looked through once, and what was found is kept.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ganlens.data.pictures import (
    PictureSource,
    Scale,
    Unreadable,
    deep_values,
    is_deep,
    opened_picture,
    strips,
)
from ganlens.errors import UserError
from ganlens.progress import Progress
from ganlens.storage import write_json

BATCH = 64
MOST_WORKERS = 16
USUAL_BITS = (10, 12, 14)
SHALLOW = (b"\xff\xd8\xff", b"GIF8", b"RIFF", b"BM")  # JPEG, GIF, WebP, BMP: 8 bits always
PNG = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True)
class Extremes:
    """The lowest and the highest value of some pictures, and the rows of pictures that have them."""

    low: float
    high: float
    lowest: int
    highest: int
    count: int

    def with_(self, other: Extremes) -> Extremes:
        """Of both together."""
        low, high = min(self, other, key=lambda e: e.low), max(self, other, key=lambda e: e.high)
        return Extremes(low.low, high.high, low.lowest, high.highest, self.count + other.count)


Depths = dict[str, Extremes]
"""By kind of picture: "whole" (16 and 32 bits), "real" (floating-point), "bytes"."""
Read = Callable[[int, int], Sequence[PictureSource]]
Examine = Callable[[PictureSource], tuple[str, float, float] | None]


def kept_depths(read: Read, count: int, file: Path, progress: Progress) -> Depths:
    """The extremes of all deep pictures, found once and kept in `file`.

    Args:
        read: where the pictures [start, stop) are; called in order, in this thread.
    """
    with suppress(OSError, ValueError, TypeError, AttributeError):
        kept = json.loads(file.read_text(encoding="utf-8"))
        return {kind: Extremes(**values) for kind, values in kept.items()}
    rows = [
        row
        for start in range(0, count, BATCH)
        for row, source in enumerate(read(start, min(start + BATCH, count)), start)
        if _may_be_deep(source)
    ]
    depths = _gathered(read, rows, _deep_extremes, progress) if rows else {}
    with suppress(OSError, UserError):  # found anew each time, then
        file.parent.mkdir(parents=True, exist_ok=True)
        write_json(file, {kind: asdict(extremes) for kind, extremes in depths.items()})
    return depths


def highest_byte(read: Read, count: int, progress: Progress) -> int:
    """The highest value in the pictures of 8 bits, at their own size."""
    extremes = _gathered(read, range(count), _byte_extremes, progress).get("bytes")
    return int(extremes.high) if extremes else 0


def scale_of(kind: str, extremes: Extremes, name: Callable[[int], str]) -> tuple[Scale, str | None]:
    """The scale for pictures of that kind, and what to tell of it (None: the full 16 bits, as anyone expects).

    Args:
        name: what the picture of a row is called.
    """
    low, high = extremes.low, extremes.high
    bits = next((b for b in USUAL_BITS if high < 2**b), 16)
    if low >= 0 and high <= 1:
        scale, meaning = Scale(0, 1), "0…1"
    elif kind == "real" and low >= -1 and high <= 1:
        scale, meaning = Scale(-1, 1), "−1…1"
    elif low >= 0 and high <= 255:
        scale, meaning = Scale(0, 255), "0…255"
    elif kind == "whole" and low >= 0 and high < 2**16:
        if bits == 16:
            return Scale(0, 65535), None
        scale, meaning = Scale(0, 2**bits - 1), f"{bits} bits, 0…{2**bits - 1}"
    elif low == high:
        scale, meaning = Scale(min(low, 0), max(high, 0)), "one shade"
    else:
        scale = Scale(low, high)
        meaning = (
            f"black to white, one scale for all (lowest in {name(extremes.lowest)}, highest in "
            f"{name(extremes.highest)}; rescale and save them as 8 or 16 bits for another)"
        )
    depth = "floating-point numbers" if kind == "real" else "16 or 32 bits"
    pictures = "one picture of" if extremes.count == 1 else f"{extremes.count:,} pictures of"
    return scale, f"{pictures} {depth} with values from {low:g} to {high:g} read as {meaning}"


def _gathered(read: Read, rows: Sequence[int], examine: Examine, progress: Progress) -> Depths:
    """The extremes that `examine` finds in the pictures of these rows, looked at in several threads."""
    depths: Depths = {}
    workers = min(os.cpu_count() or 1, MOST_WORKERS)
    running: dict[Future[Depths], int] = {}
    pool = ThreadPoolExecutor(workers, "depth")
    try:
        with progress.task("Looking for the range of values", total=len(rows)) as task:
            for start in range(0, len(rows), BATCH):
                batch = rows[start : start + BATCH]
                sources = [read(row, row + 1)[0] for row in batch]
                running[pool.submit(_of_batch, sources, batch, examine)] = len(batch)
                while len(running) >= 3 * workers or (start + BATCH >= len(rows) and running):
                    for future in wait(running, return_when=FIRST_COMPLETED).done:
                        _include(depths, future.result())
                        task.advance(running.pop(future))
    finally:
        pool.shutdown(cancel_futures=True)
    return depths


def _of_batch(sources: Sequence[PictureSource], rows: Sequence[int], examine: Examine) -> Depths:
    depths: Depths = {}
    for row, source in zip(rows, sources, strict=True):
        try:
            depth = examine(source)
        except Unreadable:  # decoding will name it
            continue
        if depth is not None:
            kind, low, high = depth
            _include(depths, {kind: Extremes(low, high, row, row, 1)})
    return depths


def _include(depths: Depths, further: Depths) -> None:
    for kind, extremes in further.items():
        depths[kind] = depths[kind].with_(extremes) if kind in depths else extremes


def _deep_extremes(source: PictureSource) -> tuple[str, float, float] | None:
    if not _may_be_deep(source):
        return None
    with opened_picture(source) as image:
        if not is_deep(image):
            return None
        ends = [(float(part.min()), float(part.max())) for part in _parts(image)]
    kind = "real" if image.mode == "F" else "whole"
    return kind, min(low for low, _ in ends), max(high for _, high in ends)


def _parts(image: Image.Image) -> Iterator[NDArray[np.generic]]:
    return (deep_values(image, top, bottom) for top, bottom in strips(image))


def _byte_extremes(source: PictureSource) -> tuple[str, float, float] | None:
    with opened_picture(source) as image:
        if is_deep(image):
            return None
        seen = image.convert("RGB") if image.mode == "P" else image
        ends = np.array(seen.getextrema()).reshape(-1, 2)
    return "bytes", float(ends[:, 0].min()), float(ends[:, 1].max())


def _may_be_deep(source: PictureSource) -> bool:
    """Whether a look at its first bytes leaves it open that the picture is deep: no more is read of most pictures."""
    try:
        head = source[:32] if isinstance(source, bytes) else _first_bytes(source)
    except OSError:
        return False
    if head.startswith(PNG):
        return len(head) > 25 and head[24] == 16 and head[25] == 0  # 16 bits, grey
    return not head.startswith(SHALLOW)


def _first_bytes(path: Path) -> bytes:
    if not path.is_file():
        return SHALLOW[0]
    with path.open("rb") as file:
        return file.read(32)
