"""One picture file, of whatever kind, as a square of RGB bytes."""

from __future__ import annotations

import io
import statistics
import warnings
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

PictureSource = Path | bytes
"""Where a picture is: a file, or the file's content."""

GREY_TOLERANCE = 2
SMALLEST_DEFAULT, LARGEST_DEFAULT = 8, 64


class Unreadable(Exception):
    """A file that is no picture, or a damaged one; the message says why in a few words."""


def decode_picture(source: PictureSource, size: int) -> tuple[NDArray[np.uint8], bool]:
    """The centre square of a picture, resampled (bicubic, anti-aliased) to `size` pixels.

    The camera's orientation (EXIF) is applied, transparency is laid over white, 16-bit values keep their high
    byte, CMYK and palettes become RGB; of an animation the first frame is taken.

    Returns:
        RGB bytes [3, size, size], and whether the picture is grey (its channels equal to within 2 of 255).

    Raises:
        Unreadable: the file is missing, damaged, cut short or no picture.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's remarks on odd files; what fails is reported by name
            with Image.open(_opened(source)) as image:
                # JPEG: decode at an eighth, quarter or half where that still leaves twice the size asked for.
                image.draft(None, (2 * size, 2 * size))
                upright = ImageOps.exif_transpose(image)
                colour = _as_rgb(upright)
    except Exception as error:  # a damaged file can make a decoder raise anything at all
        raise Unreadable(_reason(error)) from error
    width, height = colour.size
    side = min(width, height)
    left, top = (width - side) / 2, (height - side) / 2
    square = colour.resize((size, size), Image.Resampling.BICUBIC, box=(left, top, left + side, top + side))
    pixels = np.asarray(square).transpose(2, 0, 1)
    spread = pixels.max(axis=0).astype(np.int16) - pixels.min(axis=0)
    return np.ascontiguousarray(pixels), bool(spread.max() <= GREY_TOLERANCE)


def usual_size(sources: Iterable[PictureSource]) -> tuple[int, int] | None:
    """A size for pictures whose user named none: the power of two, 8 to 64, up to the median short side.

    Returns:
        (size, median short side), or None if no header could be read.
    """
    sides = []
    for source in sources:
        try:
            with Image.open(_opened(source)) as image:
                sides.append(min(image.size))
        except Exception:  # decoding will name it
            continue
    if not sides:
        return None
    median = int(statistics.median(sides))
    size = LARGEST_DEFAULT
    while size > max(median, SMALLEST_DEFAULT):
        size //= 2
    return size, median


def _opened(source: PictureSource) -> Path | io.BytesIO:
    return io.BytesIO(source) if isinstance(source, bytes) else source


def _as_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I") or image.mode == "F":
        return _from_deep(image)
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        opaque = Image.new("RGBA", image.size, "white")
        opaque.alpha_composite(image.convert("RGBA"))
        return opaque.convert("RGB")
    return image.convert("RGB")


def _from_deep(image: Image.Image) -> Image.Image:
    """16-bit, 32-bit and floating-point grey, brought to 0…255."""
    values = np.asarray(image, dtype=np.float64)
    if not np.isfinite(values).all():
        raise ValueError("it has values that are no finite numbers")
    if image.mode.startswith("I;16") or (image.mode == "I" and values.max() > 255):
        values = values / 257
    elif image.mode == "F" and values.max() <= 1:
        values = values * 255
    return Image.fromarray(np.rint(values.clip(0, 255)).astype(np.uint8)).convert("RGB")


def _reason(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return "the file is gone"
    if isinstance(error, PermissionError):
        return "no permission to read it"
    text = " ".join(str(error).split())
    if "cannot identify image file" in text:
        return "not a picture"
    if "truncated" in text:
        return "cut short"
    return text[:80] or type(error).__name__
