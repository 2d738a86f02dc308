"""One picture file, of whatever kind, as RGB bytes of one form."""

from __future__ import annotations

import functools
import io
import stat
import statistics
import threading
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from ganlens.errors import UserError
from ganlens.limits import PICTURE_PIXELS
from ganlens.printable import printable

PictureSource = Path | bytes
"""Where a picture is: a file, or the file's content."""

GREY_TOLERANCE = 2
SMALLEST_DEFAULT, LARGEST_DEFAULT = 8, 64


FORMATS = ("PNG", "JPEG", "MPO", "BMP", "DIB", "GIF", "WEBP", "TIFF", "AVIF", "JPEG2000", "TGA", "PPM", "ICO")
"""What is opened, whatever a file's name says. Pillow knows more, and for some of these runs other programs."""
STRIP_PIXELS = 2**20
"""A large picture is worked on in strips of so many pixels."""
PIXELS_AT_ONCE = 64_000_000
"""All threads together hold pictures of so many pixels (16 bytes a pixel or fewer); a larger one is worked on alone."""


class Unreadable(Exception):
    """A file that is no picture, or a damaged one; the message says why in a few words."""


@dataclass(frozen=True)
class Scale:
    """Which values are black and white; between them it is linear, beyond them there is nothing."""

    black: float
    white: float

    def levels(self, values: NDArray[np.generic]) -> NDArray[np.uint8]:
        """Values of any type as 0…255."""
        share = (values.astype(np.float64) - self.black) / (self.white - self.black)
        levels: NDArray[np.uint8] = np.rint(share.clip(0, 1) * 255).astype(np.uint8)
        return levels


@dataclass(frozen=True)
class PictureForm:
    """What pictures are brought to; all of a collection alike.

    Attributes:
        height, width: in pixels.
        grey: whether coloured ones become grey (luminance, ITU-R 601-2).
        whole: the scale of pictures of 16 and 32 bits.
        real: the scale of floating-point pictures.
        top: the value of white in pictures of 8 bits; 1 in masks of 0 and 1.
    """

    height: int
    width: int
    grey: bool = False
    whole: Scale = Scale(0, 65535)
    real: Scale = Scale(0, 1)
    top: int = 255


def decode_picture(source: PictureSource, form: PictureForm) -> tuple[NDArray[np.uint8], bool]:
    """The centre of a picture, resampled (bicubic, anti-aliased) to the form's height and width.

    The camera's orientation (EXIF) is applied, transparency is laid over white, CMYK and palettes become RGB; of an
    animation the first frame is taken.

    Returns:
        RGB bytes [3, height, width], and whether the picture is grey (its channels equal to within 2 of 255).

    Raises:
        Unreadable: the file is missing, damaged, cut short, no picture, or has more pixels than `PICTURE_PIXELS`.
    """
    with opened_picture(source, draft=(2 * form.width, 2 * form.height)) as image:
        ImageOps.exif_transpose(image, in_place=True)
        colour = _as_rgb(image, form)
        if form.top != 255:
            colour = colour.point([min(255, level * 255 // form.top) for level in range(256)] * 3)
        width, height = colour.size
        across = min(width, height * form.width / form.height)
        down = min(height, width * form.height / form.width)
        left, top = (width - across) / 2, (height - down) / 2
        box = (left, top, left + across, top + down)
        fitted = colour.resize((form.width, form.height), Image.Resampling.BICUBIC, box=box)
    pixels = np.asarray(fitted).transpose(2, 0, 1)
    spread = pixels.max(axis=0).astype(np.int16) - pixels.min(axis=0)
    if form.grey:
        pixels = np.broadcast_to(np.asarray(fitted.convert("L")), pixels.shape)
    return np.ascontiguousarray(pixels), bool(spread.max() <= GREY_TOLERANCE)


@contextmanager
def opened_picture(source: PictureSource, *, draft: tuple[int, int] | None = None) -> Iterator[Image.Image]:
    """A picture whose size is known to be within the limit, with room for its pixels.

    Args:
        draft: (width, height) that suffice; a JPEG is decoded at an eighth, quarter or half of its size where that
            still leaves so much.

    Raises:
        Unreadable: also for whatever a decoder raises inside the block; a damaged file can make it raise anything.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's remarks on odd files; what fails is reported by name
            _let_pillow_open()
            with Image.open(_opened(source), formats=_formats()) as image:
                _check_pixels(image.size)
                if draft is not None:
                    image.draft(None, draft)
                with _ROOM.of(image.width * image.height):
                    yield image
    except (Unreadable, UserError):
        raise
    except Exception as error:
        raise Unreadable(_reason(error)) from error


def usual_size(sources: Iterable[PictureSource]) -> tuple[int, int] | None:
    """A size for pictures whose user named none: the power of two, 8 to 64, up to the median short side.

    Returns:
        (size, median short side), or None if no header could be read.
    """
    sides = []
    for source in sources:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                _let_pillow_open()
                with Image.open(_opened(source), formats=_formats()) as image:
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


class _Room:
    """Room for so many pixels, shared by all threads."""

    def __init__(self, pixels: int) -> None:
        self._all = self._free = pixels
        self._changed = threading.Condition()

    @contextmanager
    def of(self, pixels: int) -> Iterator[None]:
        """Wait for room for `pixels` (or for all of it), and hold it inside the block."""
        taken = min(pixels, self._all)
        with self._changed:
            self._changed.wait_for(lambda: self._free >= taken)
            self._free -= taken
        try:
            yield
        finally:
            with self._changed:
                self._free += taken
                self._changed.notify_all()


_ROOM = _Room(PIXELS_AT_ONCE)


def _opened(source: PictureSource) -> Path | io.BytesIO:
    if isinstance(source, bytes):
        return io.BytesIO(source)
    if not stat.S_ISREG(source.stat().st_mode):  # opening a named pipe would wait for ever
        raise Unreadable("no regular file")
    return source


@functools.cache
def _formats() -> tuple[str, ...]:
    """Those of `FORMATS` that this Pillow was built with."""
    Image.init()
    return tuple(name for name in FORMATS if name in Image.OPEN)


def _let_pillow_open() -> None:
    """Pillow refuses large pictures by a limit of its own; where ours was raised above it, ours holds."""
    own = Image.MAX_IMAGE_PIXELS
    if own is not None and PICTURE_PIXELS.value > own:
        Image.MAX_IMAGE_PIXELS = PICTURE_PIXELS.value


def _check_pixels(size: tuple[int, int]) -> None:
    width, height = size
    if width * height > PICTURE_PIXELS.value:
        raise Unreadable(
            f"{width:,}×{height:,} pixels, over the limit; {PICTURE_PIXELS.variable}={width * height} would allow it"
        )


def _as_rgb(image: Image.Image, form: PictureForm) -> Image.Image:
    if is_deep(image):
        return _from_deep(image, form.real if image.mode == "F" else form.whole)
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        return _over_white(image)
    return image.convert("RGB")


def is_deep(image: Image.Image) -> bool:
    """Whether its values are of 16 or 32 bits, or floating-point."""
    return image.mode.startswith("I") or image.mode == "F"


def _over_white(image: Image.Image) -> Image.Image:
    opaque = Image.new("RGB", image.size)
    for top, bottom in strips(image):
        box = (0, top, image.width, bottom)
        strip = image.crop(box)
        white = Image.new("RGBA", strip.size, "white")
        white.alpha_composite(strip.convert("RGBA"))
        opaque.paste(white.convert("RGB"), box)
    return opaque


def _from_deep(image: Image.Image, scale: Scale) -> Image.Image:
    levels = Image.new("L", image.size)
    for top, bottom in strips(image):
        box = (0, top, image.width, bottom)
        levels.paste(Image.fromarray(scale.levels(deep_values(image, top, bottom))), box)
    return levels.convert("RGB")


def deep_values(image: Image.Image, top: int, bottom: int) -> NDArray[np.generic]:
    """The values [rows, width] of some rows of a deep picture.

    Raises:
        ValueError: some are NaN or infinite.
    """
    values: NDArray[np.generic] = np.asarray(image.crop((0, top, image.width, bottom)))
    if not np.isfinite(values).all():
        raise ValueError("it has values that are no finite numbers")
    return values


def strips(image: Image.Image) -> Iterator[tuple[int, int]]:
    """First row and row after the last of each strip."""
    step = max(1, STRIP_PIXELS // image.width)
    return ((top, min(top + step, image.height)) for top in range(0, image.height, step))


def _reason(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return "the file is gone"
    if isinstance(error, PermissionError):
        return "no permission to read it"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    text = " ".join(str(error).split())
    if "cannot identify image file" in text:
        return "not a picture"
    if "truncated" in text:
        return "cut short"
    if isinstance(error, Image.DecompressionBombError):
        return f"far more pixels than the limit of {PICTURE_PIXELS.value:,} ({PICTURE_PIXELS.variable})"
    return printable(text[:80]) or type(error).__name__
