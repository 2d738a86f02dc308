"""NPZ archives read warily: what an array asks for is known, and compared with what there is, before it is given."""

from __future__ import annotations

import math
import sys
import zipfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from ganlens.errors import UserError
from ganlens.limits import ARRAY_BYTES
from ganlens.printable import printable

READ_AT_ONCE = 2**24


@dataclass(frozen=True)
class Header:
    """What an array of the archive says of itself.

    Attributes:
        member: its file in the archive.
        begins: where its values begin there, in bytes.
    """

    member: str
    shape: tuple[int, ...]
    dtype: np.dtype[np.generic]
    column_first: bool
    begins: int

    @property
    def nbytes(self) -> int:
        """How many bytes its values take."""
        return math.prod(self.shape) * self.dtype.itemsize


@dataclass(frozen=True)
class Archive:
    """What is in an NPZ file: name → header, known without reading the arrays."""

    path: Path
    arrays: dict[str, Header]

    def read(self, name: str) -> NDArray[np.generic]:
        """The whole array.

        Raises:
            UserError: it takes more memory than the limit allows, its file holds more or fewer bytes than its header
                says, it holds Python objects, or it is damaged.
        """
        header = self.arrays[name]
        where = f'"npz:{printable(str(self.path))}": the array {name!r}'
        if header.dtype.hasobject:
            raise UserError(f"{where} holds Python objects, which are not read because they can carry code")
        ARRAY_BYTES.check(header.nbytes, where)
        with _damage_named(f"{where} can't be read ({{}}); the file was cut or damaged"):
            with zipfile.ZipFile(self.path) as archive, archive.open(header.member) as file:
                there = archive.getinfo(header.member).file_size - header.begins
                if there != header.nbytes:
                    raise ValueError(f"its header asks for {header.nbytes:,} bytes, its file has {there:,}")
                file.seek(header.begins)
                content = _read_bytes(file, header.nbytes)
            if header.dtype.kind == "U":
                _check_characters(content, header.dtype)
            values = np.frombuffer(content, dtype=header.dtype)
            if header.column_first:
                return values.reshape(header.shape[::-1]).T
            return values.reshape(header.shape)


def open_archive(path: Path) -> Archive:
    """List an NPZ file without reading its arrays.

    Raises:
        UserError: the file is missing or is no archive of NumPy arrays.
    """
    shown = printable(str(path))
    if not path.is_file():
        raise UserError(f'"npz:{shown}": there is no such file')
    sentence = f'"npz:{shown}" is not a whole NPZ archive ({{}}); make one with numpy.savez'
    with _damage_named(sentence), zipfile.ZipFile(path) as archive:
        members = [name for name in archive.namelist() if name.endswith(".npy")]
        twice = [name for name, count in Counter(members).items() if count > 1]
        if twice:
            raise ValueError(f"it holds {printable(twice[0])} more than once")
        return Archive(path, {name.removesuffix(".npy"): _header(archive, name) for name in members})


def _header(archive: zipfile.ZipFile, member: str) -> Header:
    with archive.open(member) as file:
        version = np.lib.format.read_magic(file)
        if version not in ((1, 0), (2, 0), (3, 0)):
            raise ValueError(f"{member} has version {version} of NumPy's format; 1, 2 and 3 are known")
        if version == (1, 0):
            shape, column_first, dtype = np.lib.format.read_array_header_1_0(file)
        else:
            shape, column_first, dtype = np.lib.format.read_array_header_2_0(file)
        if any(length < 0 for length in shape):
            raise ValueError(f"{member} has the shape {list(shape)}")
        return Header(member, tuple(map(int, shape)), dtype, column_first, file.tell())


def _read_bytes(file: IO[bytes], count: int) -> bytearray:
    """Exactly so many bytes. Memory is taken as they come."""
    content = bytearray()
    while len(content) < count:
        piece = file.read(min(READ_AT_ONCE, count - len(content)))
        if not piece:
            raise EOFError(f"it ends after {len(content):,} of {count:,} bytes")
        content += piece
    return content


def _check_characters(content: bytearray, dtype: np.dtype[np.generic]) -> None:
    """See that every character of words is one: NumPy keeps 32 bits of each, and Python breaks on others."""
    points = np.frombuffer(content, dtype=np.dtype("u4").newbyteorder(dtype.byteorder))
    if points.size and points.max() > sys.maxunicode:
        raise ValueError("it has characters that there are not")


@contextmanager
def _damage_named(sentence: str) -> Iterator[None]:
    """A UserError for whatever the readers raise on damaged files; `sentence` has a place for the reason.

    Zip, the decompressors and the parser of NumPy's headers have a dozen types of errors for it, encryption and
    unknown compression among them.
    """
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        reason = printable(" ".join(str(error).split()))[:200] or type(error).__name__
        raise UserError(sentence.replace("{}", reason)) from error
