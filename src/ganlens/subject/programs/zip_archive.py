"""Zip archives from strangers (TorchScript, torch.export): read by us, and written anew for torch to read.

torch finds files in an archive by rules of its own (any case, the first of two, the folder of the first entry), so a
crafted archive can show one content to whoever checks it and another to torch. What torch reads is therefore a copy,
written from what was checked and from nothing else.
"""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from ganlens.errors import UserError
from ganlens.limits import ARCHIVE_FILES, ARRAY_BYTES, PROGRAM_BYTES
from ganlens.printable import printable

_ROOT = "archive"
"""The one folder that all files of a copy are in."""


def read_archive(path: Path) -> dict[str, bytes]:
    """The files of an archive by their names below its one folder.

    Raises:
        ValueError: it is no whole zip archive, or not one that torch writes; the message says why.
        UserError: it would unpack to more than the limit.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            entries = [entry for entry in archive.infolist() if not entry.is_dir()]
            ARCHIVE_FILES.check(len(entries), str(path))
            ARRAY_BYTES.check(sum(entry.file_size for entry in entries), str(path))
            packed = [entry for entry in entries if entry.compress_type != zipfile.ZIP_STORED]
            PROGRAM_BYTES.check(sum(entry.file_size for entry in packed), str(path))  # torch packs code alone
            names = [_below_root(entry.filename) for entry in entries]
            if len({name.lower() for name in names}) < len(names):
                raise ValueError("two of its files have one name")
            if len({entry.filename.split("/")[0] for entry in entries}) > 1:
                raise ValueError("its files are not in one folder")
            return {name: archive.read(entry) for name, entry in zip(names, entries, strict=True)}
    except (UserError, ValueError):
        raise
    except Exception as error:  # zipfile has one for each way of being damaged
        raise ValueError(str(error) or type(error).__name__) from error


@contextmanager
def written_anew(path: Path, files: Mapping[str, bytes]) -> Iterator[Path]:
    """For the block, an archive of these files under the name of `path`, in a folder of its own.

    Raises:
        UserError: the copy can't be written.
    """
    with tempfile.TemporaryDirectory(prefix="ganlens-") as folder:
        copy = Path(folder) / f"copy{path.suffix.lower()}"
        try:
            with zipfile.ZipFile(copy, "w", zipfile.ZIP_STORED) as archive:
                for name, content in files.items():
                    archive.writestr(f"{_ROOT}/{name}", content)
        except OSError as error:
            raise UserError(
                f"{path}: a copy of what was checked can't be written to {folder} ({error.strerror}); free some space, "
                "or set TMPDIR to a folder that has it"
            ) from error
        yield copy


def _below_root(name: str) -> str:
    parts = name.split("/")
    if len(parts) < 2 or "\\" in name or any(part in ("", ".", "..") for part in parts):
        raise ValueError(f"it has a file called {printable(name)[:80]!r}")
    return "/".join(parts[1:])
