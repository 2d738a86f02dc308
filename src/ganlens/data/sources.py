"""`open_dataset`: from a short name to a Dataset. Each source is one file of this folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import ValidationError

from ganlens.data.dataset import DataOptions, Dataset
from ganlens.errors import UserError
from ganlens.limits import PICTURE_PIXELS
from ganlens.printable import shortened
from ganlens.progress import Progress, Silent
from ganlens.registry import Registry, nearest_names
from ganlens.system_errors import said_of
from ganlens.validation import first_fault

Source = Callable[[str | None, DataOptions, Progress], Dataset]
"""Opens what stands behind the name: `source(argument, options, progress)`, where `argument` is the part of
the name after the colon ("DIR" in "idx:DIR"), or None."""

sources: Registry[Source] = Registry("data set", "ganlens.data", "ganlens.datasets")


def read_options(options: Mapping[str, Any]) -> DataOptions:
    """What is asked of a source beside its name, checked.

    Raises:
        UserError: there is no such option, or a value is not of its kind.
    """
    try:
        return DataOptions.model_validate(options)
    except ValidationError as error:
        fault = first_fault(error)
        if fault.unknown:
            known = nearest_names(fault.key, list(DataOptions.model_fields))
            raise UserError(f"there is no data option {fault.key!r}. {known}") from None
        raise UserError(f"data option {fault.key}: {fault.expected} (got {fault.found})") from None


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
    parsed = read_options(options)
    name, _, argument = spec.partition(":")
    if parsed.size is not None:
        PICTURE_PIXELS.check(parsed.size**2, f"size={parsed.size:,}")
    if "\0" in spec:
        raise UserError(f"data {shortened(repr(spec))}: a name or a path holds no zero characters")
    source = sources[name]
    try:
        return source(argument or None, parsed, progress or Silent())
    except OSError as error:
        raise UserError(f"data {shortened(spec, 300)}: {said_of(error)}") from error
    except MemoryError as error:
        raise UserError(f"data {shortened(spec, 300)} needs more memory than there is") from error
