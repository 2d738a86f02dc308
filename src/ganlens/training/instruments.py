"""Instruments: small networks fitted to the data so that a generator can be measured with them, kept in a folder.

An instrument is read back only for the key it was kept under (the data's fingerprint, the settings, the seed); a damaged or
foreign one counts as none, since it can be fitted again.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from ganlens import storage
from ganlens.errors import UserError
from ganlens.progress import Progress

_WEIGHTS, _RECORD = "weights.safetensors", "instrument.json"


def load_instrument(
    folder: Path | None, key: Mapping[str, Any], progress: Progress
) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
    """The tensors and the record kept in `folder` under exactly this key, or None."""
    if folder is None or not (folder / _RECORD).is_file():
        return None
    try:
        kept = storage.read_json(folder / _RECORD)
        if kept["key"] != dict(key):
            return None
        return storage.read_tensors(folder / _WEIGHTS), dict(kept["record"])
    except (UserError, KeyError, TypeError) as error:
        progress.warn(f"the instrument in {folder} can't be read ({error}); it is fitted again")
        return None


def save_instrument(
    folder: Path | None, key: Mapping[str, Any], tensors: Mapping[str, Tensor], record: Mapping[str, Any]
) -> None:
    """Keep an instrument in `folder`, whole or not at all, in the place of what was there; nowhere if None.

    Args:
        key: what the instrument depends on, JSON-able.
        record: what is known of it, JSON-able.
    """
    if folder is None:
        return
    with storage.replacing(folder) as partial:
        partial.mkdir(parents=True)
        storage.write_tensors(partial / _WEIGHTS, tensors)
        storage.write_json(partial / _RECORD, {"key": dict(key), "record": dict(record)})
