"""`open_dataset`: from a short name to a Dataset. Each source is one file of this folder."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic import ValidationError

from ganlens.data.dataset import DataOptions, Dataset
from ganlens.errors import UserError
from ganlens.printable import printable
from ganlens.progress import Progress, Silent
from ganlens.registry import Registry

Source = Callable[[str | None, DataOptions, Progress], Dataset]
"""Opens what stands behind the name: `source(argument, options, progress)`, where `argument` is the part of
the name after the colon ("DIR" in "idx:DIR"), or None."""

sources: Registry[Source] = Registry("data set", "ganlens.data")


def open_dataset(spec: str, *, progress: Progress | None = None, **options: Any) -> Dataset:
    """Open a data set by its short name.

    Args:
        spec: "digits", "sprites", "ring", "grid", "idx:DIR", "npz:FILE[:array]", "folder:DIR", …
            (`ganlens list datasets` prints them all).
        progress: who watches a long decode.
        options: the fields of `DataOptions`: `size`, `channels`, `aspect`, `count`, `held_out`, `split_seed`,
            `strict`.

    Raises:
        UserError: there is no such source, or what it was pointed at can't be read.
    """
    try:
        parsed = DataOptions(**options)
    except ValidationError as error:
        first = error.errors()[0]
        raise UserError(
            f"data option {'.'.join(map(str, first['loc']))}: {first['msg']} (got {first['input']!r})"
        ) from None
    name, _, argument = spec.partition(":")
    source = sources[name]
    try:
        return source(argument or None, parsed, progress or Silent())
    except OSError as error:
        place = str(error.filename or "")
        at = f" ({printable(place)})" if place and place not in spec else ""
        why = printable(error.strerror or str(error))[:300]
        raise UserError(
            f"{printable(spec)[:300]} can't be read: {why}{at}; mend that and try again"
        ) from error
    except MemoryError as error:
        raise UserError(f"{printable(spec)[:300]} needs more memory than there is") from error
