"""How much of the 256 levels pictures use: masks of 0 and 1 become black and white, others near black are told of."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FEW_LEVELS = 32
CHUNK_BYTES = 2**24


def highest_level(pixels: NDArray[np.uint8], enough: int = FEW_LEVELS) -> int:
    """The highest value of all; or the first found that is `enough`, so that most pictures are never looked at."""
    highest = 0
    step = max(1, CHUNK_BYTES // max(1, int(np.prod(pixels.shape[1:]))))
    start = 0
    while start < len(pixels) and highest < enough:
        stop = start + (min(step, 64) if not start else step)
        highest = max(highest, int(pixels[start:stop].max(initial=0)))
        start = stop
    return highest


def spread_masks(pixels: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], str | None]:
    """Bytes that are all 0 or 1 as 0 and 255; and what to tell of these, or of others that are nearly black."""
    highest = highest_level(pixels)
    if highest == 1:
        return pixels * np.uint8(255), "values from 0 to 1 read as 0…1"
    return pixels, dark_note(highest)


def dark_note(highest: int) -> str | None:
    """What to tell of bytes whose highest value is `highest`."""
    if not 1 < highest < FEW_LEVELS:
        return None
    return (
        f"the pictures are nearly black: their values go up to {highest} of 255; if that is not meant (numbers of "
        "classes, another range), rescale them and save again"
    )
