"""What a source was asked for and can't use: said, not swallowed."""

from __future__ import annotations

import math

from ganlens.data.dataset import DataOptions
from ganlens.errors import UserError
from ganlens.limits import ARRAY_BYTES, PICTURE_PIXELS


def refuse_argument(source: str, argument: str | None) -> None:
    """Raise a UserError for "digits:something", where the source reads nothing."""
    if argument is not None:
        raise UserError(
            f"the data set {source!r} takes nothing after its name (got {source}:{argument}); write {source}"
        )


def require_argument(source: str, argument: str | None, form: str) -> str:
    """The argument, or a UserError that says what belongs after the colon (`form`: "DIR", "FILE")."""
    if argument is None:
        raise UserError(f"the data set {source!r} needs to know where: write {source}:{form}")
    return argument


def refuse_size(source: str, options: DataOptions) -> None:
    """Raise a UserError for `size`, `channels` and `aspect` where samples have none."""
    for name in ("size", "channels", "aspect"):
        if getattr(options, name) is not None:
            raise UserError(f"{source}: '{name}' is for images, and {source} is made of points; leave it out")


def refuse_aspect(source: str, options: DataOptions) -> None:
    """Raise a UserError for `aspect` where the pictures are made as squares."""
    if options.aspect is not None:
        raise UserError(f"{source}: its pictures are square; leave 'aspect' out")


def refuse_large(source: str, count: int, shape: tuple[int, ...], item_bytes: int = 1) -> None:
    """Raise a UserError for `count` samples of a shape that are more than one array may take, before they are made."""
    asked = f"{count:,} samples of {'×'.join(map(str, shape))}"
    if len(shape) == 3:
        PICTURE_PIXELS.check(shape[1] * shape[2], f"{source}: {asked}")
    ARRAY_BYTES.check(count * math.prod(shape) * item_bytes, f"{source}: {asked}")


def refuse_count(source: str, options: DataOptions) -> None:
    """Raise a UserError for `count` where the samples are given, not made."""
    if options.count is not None:
        raise UserError(
            f"{source}: 'count' is for data sets that are made on request, like sprites; leave it out"
        )
