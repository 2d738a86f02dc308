"""Where fitted networks (a labeller, an autoencoder) are kept, so that a second audit can load them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from ganlens.errors import UserError
from ganlens.progress import Progress
from ganlens.storage import read_json, read_tensors, replacing, write_json, write_tensors

_TENSORS, _RECORD = "instrument.safetensors", "instrument.json"


def load_instrument(
    cache: Path | None, key: Mapping[str, Any], progress: Progress
) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
    """The tensors and the record that were kept under exactly this key, or None.

    Args:
        cache: the folder instruments are kept in, one sub-folder each; None for nowhere.
        key: what the instrument is a function of: data fingerprint, seed, every setting. JSON values.
        progress: told when a damaged instrument has to be fitted again.
    """
    if cache is None or not (folder := _folder(cache, key)).exists():
        return None
    try:
        saved = read_json(folder / _RECORD)
        tensors = read_tensors(folder / _TENSORS)
    except UserError as error:
        progress.warn(f"{error}; it is fitted again")
        return None
    if not isinstance(saved, dict) or saved.get("key") != dict(key):
        return None
    return tensors, saved["record"]


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
