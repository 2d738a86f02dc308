"""`idx:DIR`: image collections in the files of MNIST (IDX), compressed or not."""

from __future__ import annotations

import gzip
import math
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

import numpy as np
import torch
from numpy.typing import NDArray

from ganlens.data.dataset import DataOptions, Dataset, SampleArray, Split, split_rows
from ganlens.data.duplicates import first_equals, sample_digests, shared_note
from ganlens.data.grey_levels import spread_masks
from ganlens.data.resize import fit_images
from ganlens.data.source_arguments import refuse_count, require_argument
from ganlens.data.sources import sources
from ganlens.errors import UserError
from ganlens.limits import ARRAY_BYTES
from ganlens.modality import Images
from ganlens.printable import printable
from ganlens.progress import Progress

IMAGES_MAGIC = 0x0803  # unsigned bytes, 3 axes
LABELS_MAGIC = 0x0801  # unsigned bytes, 1 axis
READ_AT_ONCE = 2**24
PREFIXES = {"train": ("train",), "test": ("t10k", "test")}


@dataclass(frozen=True)
class IdxPart:
    """One half of an IDX collection: images [n, h, w] and, if there is a file of them, labels [n]."""

    images: NDArray[np.uint8]
    labels: NDArray[np.int64] | None


@sources.register("idx")
def idx(argument: str | None, options: DataOptions, progress: Progress) -> Dataset:
    """idx:DIR, images in MNIST's file format (train-images-idx3-ubyte[.gz] …): MNIST, Fashion-MNIST …"""
    folder = Path(require_argument("idx", argument, "DIR"))
    refuse_count("idx", options)
    train, test = read_idx_folder(folder)
    parts = [part for part in (train, test) if part is not None]
    if test is not None and test.images.shape[1:] != train.images.shape[1:]:
        raise UserError(
            f"idx: the train images in {printable(str(folder))} are {_by(train.images)}, the test images "
            f"{_by(test.images)}; they must have one size"
        )
    class_values = np.unique(
        np.concatenate([p.labels for p in parts if p.labels is not None] or [np.empty(0, int)])
    )
    images, spread = spread_masks(np.concatenate([p.images for p in parts])[:, None])
    images, resized = fit_images(images, options, "idx")
    notes = [*([spread] if spread else []), *resized]
    digests = sample_digests(SampleArray(images))

    def split(rows: NDArray[np.int64], labels: NDArray[np.int64] | None) -> Split:
        classes = None if labels is None else torch.from_numpy(np.searchsorted(class_values, labels))
        return Split(SampleArray(images, rows), classes)

    if test is not None:
        first = len(train.images)
        train_split = split(np.arange(first), train.labels)
        held_out = split(np.arange(first, first + len(test.images)), test.labels)
        if (train.labels is None) != (test.labels is None):
            without = "train" if train.labels is None else "test"
            notes.append(f"there is no file of labels for the {without} images")
        shared = shared_note(digests[:first], digests[first:])
        notes += [shared] if shared else []
    else:
        train_rows, held_rows = split_rows(
            len(images), options.held_out, options.split_seed, train.labels, first_equals(digests)
        )
        train_split = split(train_rows, None if train.labels is None else train.labels[train_rows])
        held_out = split(held_rows, None if train.labels is None else train.labels[held_rows])
        notes.append(f"there are no test files: {len(held_rows)} of the train images are held out")
    return Dataset(
        name=f"idx:{folder.resolve().name}",
        modality=Images(),
        train=train_split,
        held_out=held_out,
        class_names=tuple(str(value) for value in class_values),
        notes=tuple(notes),
    )


def read_idx_folder(folder: Path) -> tuple[IdxPart, IdxPart | None]:
    """The train files of a folder and, where there are any, its test files.

    Raises:
        UserError: the folder has no train images, a file is damaged, or images and labels don't match.
    """
    shown = printable(str(folder))
    if not folder.is_dir():
        raise UserError(
            f"idx: {shown} is not a folder; give the folder that holds train-images-idx3-ubyte[.gz]"
        )
    train = _read_part(folder, "train")
    if train is None:
        there = sorted(path.name for path in folder.iterdir())[:8]
        raise UserError(f"idx: {shown} has no train-images-idx3-ubyte[.gz]; it has {there or 'no files'}")
    return train, _read_part(folder, "test")


def read_idx(path: Path, magic: int) -> NDArray[np.uint8]:
    """The array in one IDX file (unsigned bytes), decompressed on the way if its name ends in .gz.

    Format: two zero bytes, the type (8: unsigned byte), the number of axes, then each axis' length as a
    big-endian 32-bit integer, then the values, last axis fastest (Y. LeCun, C. Cortes, C. Burges: the MNIST
    database). No more is read, or decompressed, than the header says.

    Raises:
        UserError: the magic number is another, the file is shorter or longer than its header says, or that is more
            than the limit `ARRAY_BYTES`.
    """
    shown = printable(str(path))
    try:
        with cast(IO[bytes], gzip.open(path)) if path.suffix == ".gz" else path.open("rb") as file:
            shape = _shape(file, magic, shown)
            count = math.prod(shape)
            ARRAY_BYTES.check(count, f"idx: {shown} ({_times(shape)})")
            there = None if path.suffix == ".gz" else path.stat().st_size - file.tell()
            content = _exactly(file, count) if there in (None, count) else b""
            more = bool(file.read(1)) if there is None else False
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(
            f"idx: {shown} can't be read ({error}); it was cut or damaged, copy it again"
        ) from error
    if len(content) != count or more:
        actual = f"{there:,}" if there is not None else "more" if more else f"{len(content):,}"
        raise UserError(
            f"idx: {shown} should hold {count:,} values ({_times(shape)}) but has {actual}; it was cut or damaged, "
            "copy it again"
        )
    return np.frombuffer(content, dtype=np.uint8).reshape(shape)


def _shape(file: IO[bytes], magic: int, shown: str) -> tuple[int, ...]:
    """The lengths of the axes, from the header."""
    axes = magic & 0xFF
    header = file.read(4 + 4 * axes)
    actual = int.from_bytes(header[:4], "big")
    if len(header) < 4 + 4 * axes or actual != magic:
        raise UserError(
            f"idx: {shown} starts with the magic number {actual} where {magic} was expected; it is not an IDX "
            f"file of {'images' if axes == 3 else 'labels'}"
        )
    shape = tuple(int(n) for n in np.frombuffer(header, dtype=">u4", count=axes, offset=4))
    if 0 in shape:
        raise UserError(f"idx: {shown} is empty ({_times(shape)})")
    return shape


def _exactly(file: IO[bytes], count: int) -> bytearray:
    """So many bytes, or as many as there are. Memory is taken as they come."""
    content = bytearray()
    while piece := file.read(min(READ_AT_ONCE, count - len(content))):
        content += piece
    return content


def _times(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape))


def _read_part(folder: Path, part: str) -> IdxPart | None:
    images_path = _find(folder, part, "images", "idx3")
    if images_path is None:
        return None
    images = read_idx(images_path, IMAGES_MAGIC)
    labels_path = _find(folder, part, "labels", "idx1")
    if labels_path is None:
        return IdxPart(images, None)
    labels = read_idx(labels_path, LABELS_MAGIC).astype(np.int64)
    if len(labels) != len(images):
        raise UserError(
            f"idx: {images_path.name} has {len(images):,} images but {labels_path.name} has {len(labels):,} "
            f"labels; the two files in {printable(str(folder))} don't belong together"
        )
    return IdxPart(images, labels)


def _find(folder: Path, part: str, content: str, element: str) -> Path | None:
    for prefix in PREFIXES[part]:
        for joint in ("-", "."):  # some copies write train-images.idx3-ubyte
            for ending in ("", ".gz"):
                path = folder / f"{prefix}-{content}{joint}{element}-ubyte{ending}"
                if path.is_file():
                    return path
    return None


def _by(images: NDArray[np.uint8]) -> str:
    return f"{images.shape[1]}×{images.shape[2]}"
