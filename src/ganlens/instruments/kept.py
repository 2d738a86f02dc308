"""Where fitted networks (a labeller, an autoencoder) are kept, so that a second audit can load them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict
from torch import Tensor

from ganlens.errors import UserError
from ganlens.files import is_folder
from ganlens.printable import printable, shortened
from ganlens.progress import Progress
from ganlens.storage import read_model, read_tensors, replacing, write_json, write_tensors

T = TypeVar("T")

_TENSORS, _RECORD = "instrument.safetensors", "instrument.json"


class _Saved(BaseModel):
    """`instrument.json`: what the instrument is a function of, and what is known of it."""

    model_config = ConfigDict(extra="forbid")

    key: dict[str, Any]
    record: dict[str, Any]


def load_instrument(
    cache: Path | None,
    key: Mapping[str, Any],
    progress: Progress,
    rebuild: Callable[[dict[str, Tensor], dict[str, Any]], T],
) -> T | None:
    """What `rebuild` makes of the tensors and the record that were kept under exactly this key, or None.

    Args:
        cache: the folder instruments are kept in, one sub-folder each; None for nowhere.
        key: what the instrument is a function of: data fingerprint, seed, every setting. JSON values.
        progress: told when a damaged instrument has to be fitted again.
        rebuild: makes the instrument; what it raises means that the files are not those of this instrument.
    """
    if cache is None or not is_folder(folder := _folder(cache, key)):
        return None
    try:
        saved = read_model(folder / _RECORD, _Saved)
        if saved.key != json.loads(json.dumps(dict(key))):
            return None
        tensors = read_tensors(folder / _TENSORS)
        try:
            if not all(tensor.isfinite().all() for tensor in tensors.values() if tensor.is_floating_point()):
                raise ValueError("a weight is not finite")
            return rebuild(tensors, saved.record)
        except (AttributeError, KeyError, RuntimeError, TypeError, ValueError) as error:
            reason = shortened(" ".join(str(error).split()), 120)
            raise UserError(
                f"{printable(str(folder))} does not hold what the instrument needs ({reason}); it was edited or cut"
            ) from error
    except UserError as error:
        progress.warn(f"{error}; it is fitted again")
        return None


def save_instrument(
    cache: Path | None, key: Mapping[str, Any], tensors: Mapping[str, Tensor], record: Mapping[str, Any]
) -> None:
    """Keep an instrument's tensors and its record (plain JSON values) under `key`, whole or not at all.

    Raises:
        UserError: the disk is full or the folder can't be written.
    """
    if cache is None:
        return
    with replacing(_folder(cache, key)) as partial:
        partial.mkdir()
        write_tensors(partial / _TENSORS, tensors)
        write_json(partial / _RECORD, {"key": dict(key), "record": dict(record)})


def _folder(cache: Path, key: Mapping[str, Any]) -> Path:
    digest = hashlib.blake2b(json.dumps(dict(key), sort_keys=True).encode(), digest_size=6)
    return Path(cache) / digest.hexdigest()
