"""Writing so that nothing is ever half there: to a temporary name beside the target, then a rename."""

from __future__ import annotations

import errno
import json
import os
import shutil
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import torch
from pydantic import BaseModel, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from ganlens.errors import UserError
from ganlens.files import is_file, read_bytes, read_text, said_of
from ganlens.json_text import parse_json
from ganlens.printable import printable, shortened
from ganlens.validation import first_fault

M = TypeVar("M", bound=BaseModel)

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary name beside `path`; when the block ends well it becomes `path`, when it fails it is removed.

    The block may make a file or a folder at the temporary name. A folder that is already at `path` is replaced.

    Raises:
        UserError: the disk is full or the place can't be written; what was at `path` is untouched.
    """
    path = Path(path)
    partial = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield partial
        if partial.is_dir() and path.exists():
            old = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.old.partial")
            path.rename(old)
            partial.rename(path)
            shutil.rmtree(old)
        else:
            partial.replace(path)
    except BaseException as error:
        _remove(partial)
        if isinstance(error, OSError) and error.errno in _FULL:
            raise UserError(
                f"no space left to write {path}: free some space and run the same command again"
            ) from error
        if isinstance(error, PermissionError):
            raise UserError(f"{path} can't be written: {error.strerror}; choose another folder") from error
        raise


def write_text(path: Path, text: str) -> None:
    """Write a text file whole or not at all (UTF-8, flushed to disk before the rename)."""
    with replacing(path) as partial, partial.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def append_text(path: Path, text: str) -> None:
    """Add to the end of a text file.

    Raises:
        UserError: the disk is full.
    """
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        if error.errno in _FULL:
            raise UserError(
                f"no space left to write {path}: free some space and go on with --resume"
            ) from error
        raise


def write_json(path: Path, value: Any) -> None:
    """Write JSON whole or not at all; NaN and infinity are refused, since JSON has none."""
    write_text(path, json.dumps(value, indent=2, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        UserError: the file is missing, no plain file, too large, or is not whole JSON.
    """
    try:
        return parse_json(read_text(path))
    except ValueError as error:
        raise UserError(
            f"{printable(str(path))} is not a whole JSON file ({error}); it was cut or edited"
        ) from error


def read_model(path: Path, model: type[M]) -> M:
    """Read a JSON file as one of our typed records.

    Raises:
        UserError: the file can't be read, or does not hold what the record needs (the first thing wrong).
    """
    values = read_json(path)
    try:
        return model.model_validate(values)
    except ValidationError as error:
        fault = first_fault(error)
        raise UserError(
            f"{printable(str(path))}: {fault.key or 'the whole'}: {fault.expected} (found {fault.found}); the file "
            "was cut or edited"
        ) from None


def write_tensors(
    path: Path, tensors: Mapping[str, torch.Tensor], metadata: Mapping[str, str] | None = None
) -> None:
    """Write named tensors as one safetensors file, whole or not at all."""
    ready = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    with replacing(path) as partial:
        try:
            save_file(ready, partial, metadata=dict(metadata or {}))
        except SafetensorError as error:
            if "No space left" in str(error) or "os error 28" in str(error):
                raise OSError(errno.ENOSPC, "No space left on device") from error
            raise


def read_tensors(path: Path) -> dict[str, torch.Tensor]:
    """Read a safetensors file.

    Raises:
        UserError: the file is missing, cut short or no safetensors file.
    """
    shown = printable(str(path))
    try:
        if not is_file(path):
            read_bytes(path)  # says why not
        tensors: dict[str, torch.Tensor] = load_file(path)
        return tensors
    except OSError as error:
        raise UserError(said_of(error, path)) from error
    except (SafetensorError, KeyError, RuntimeError, TypeError, ValueError, OverflowError) as error:
        # What comes after a sound header (types that torch lacks, sizes that it can't have) safetensors passes on.
        reason = shortened(" ".join(str(error).split()), 200)
        raise UserError(
            f"{shown} is not a whole safetensors file ({reason}); it was cut or damaged"
        ) from error


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
