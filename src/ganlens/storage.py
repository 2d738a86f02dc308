"""Writing so that nothing is ever half there: to a temporary name beside the target, then a rename."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import torch
from pydantic import BaseModel, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from ganlens.errors import UserError
from ganlens.files import is_file, read_bytes, read_text
from ganlens.json_text import parse_json
from ganlens.partials import partial_names, remove, sweep_before
from ganlens.partials import sweep as sweep
from ganlens.printable import printable, shortened
from ganlens.system_errors import as_os_error, disk_errors, said_of
from ganlens.validation import first_fault

M = TypeVar("M", bound=BaseModel)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary name beside `path`; when the block ends well it becomes `path`, when it fails it is removed.

    The block may make a file or a folder at the temporary name. A folder that is already at `path` is replaced: at
    every moment either the old one or the new one is whole, under its own name or under one that `sweep` puts back.

    Raises:
        UserError: the disk is full or the place can't be written; what was at `path` is untouched.
    """
    path = Path(path)
    partial, old = partial_names(path)
    with disk_errors(path):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            sweep_before(path)
            yield partial
            if partial.is_dir():
                _put_folder(partial, path, old)
            else:
                partial.replace(path)
        except BaseException:
            remove(partial)
            raise


def _put_folder(partial: Path, path: Path, old: Path) -> None:
    """Give a whole folder its name; what has that name goes, if the renaming succeeds."""
    if not path.is_dir():
        partial.rename(path)
        return
    try:
        path.rename(old)
        partial.rename(path)
    except BaseException:
        if old.exists() and not path.exists():
            old.rename(path)
        raise
    remove(old)


def refuse_unwritable(path: Path, *, folder: bool) -> None:
    """See that a folder, or a file, can be made at `path`: asked before slow work, which would be lost. Leaves nothing.

    Raises:
        UserError: there is something of the other kind, or the disk refuses.
    """
    path = Path(path)
    with disk_errors(path):
        if path.exists() and path.is_dir() != folder:
            there, wanted = ("a file", "a folder") if folder else ("a folder", "a file")
            raise UserError(f"{printable(str(path))} is {there}; name {wanted} to write to")
        place = path if folder else path.parent
        new_folders = [p for p in (place, *place.parents) if not p.exists()]
        trial = partial_names(place / "trial" if folder else path)[0]
        try:
            place.mkdir(parents=True, exist_ok=True)
            trial.write_bytes(b"\n")  # not empty: a full disk still takes names
        finally:
            remove(trial)
            for parent in new_folders:
                with suppress(OSError):
                    parent.rmdir()


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file whole or not at all (flushed to disk before the rename).

    Raises:
        UserError: the disk is full or the place can't be written.
    """
    with replacing(path) as partial, partial.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def write_text(path: Path, text: str) -> None:
    """Write a text file in UTF-8, as `write_bytes`."""
    write_bytes(path, text.encode("utf-8"))


def append_text(path: Path, text: str) -> None:
    """Add to the end of a text file.

    Raises:
        UserError: the disk is full, or the file can't be written.
    """
    with disk_errors(path, again="go on with --resume"), Path(path).open("a", encoding="utf-8") as file:
        file.write(text)


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
    """Write named tensors as one safetensors file, whole or not at all.

    Raises:
        UserError: the disk is full or the place can't be written.
    """
    ready = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    with replacing(path) as partial:
        with partial.open(
            "wb"
        ) as file:  # as readable for others as every new file is; safetensors makes it 0600
            mode = os.fstat(file.fileno()).st_mode & 0o777
        try:
            # Empty metadata beside no tensors would make a file that can't be read back.
            save_file(ready, partial, metadata=dict(metadata) if metadata else None)
        except SafetensorError as error:
            if (refused := as_os_error(error)) is not None:
                raise refused from error
            raise
        partial.chmod(mode)
        with partial.open("rb+") as file:
            os.fsync(file.fileno())


def read_tensors(path: Path) -> dict[str, torch.Tensor]:
    """Read a safetensors file. One without tensors is an empty state.

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
        if _holds_no_tensors(Path(path)):
            return {}
        # What comes after a sound header (types that torch lacks, sizes that it can't have) safetensors passes on.
        reason = shortened(" ".join(str(error).split()), 200)
        raise UserError(
            f"{shown} is not a whole safetensors file ({reason}); it was cut or damaged"
        ) from error


def _holds_no_tensors(path: Path) -> bool:
    """Whether it is the file without tensors that versions before 0.2 wrote, whose header is not whole JSON."""
    if path.stat().st_size > 64:
        return False
    content = path.read_bytes()
    return (
        content[8:].strip() == b'{},"__metadata__":{}}'
        and int.from_bytes(content[:8], "little") == len(content) - 8
    )
