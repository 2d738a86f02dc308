"""From a list of pictures (files, or rows of a hub data set) to a Dataset: size, decoding, labels, split."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray

from ganlens.data.cache import Read, decoded_pictures
from ganlens.data.dataset import DataOptions, Dataset, SampleArray, Split, split_rows
from ganlens.data.pictures import LARGEST_DEFAULT, usual_size
from ganlens.errors import UserError
from ganlens.modality import Images
from ganlens.progress import Progress

HEADERS_READ = 1000
DECODING_VERSION = 1  # raise it when `decode_picture` gives other pixels, so that no old cache is opened


@dataclass(frozen=True)
class Collection:
    """Pictures that are not decoded yet, and what is known of them.

    Attributes:
        spec: as the user wrote it, for messages.
        name: of the data set.
        identity: changes when a picture, or the order, changes; the size is added to it.
        held_out: [n] which pictures are held out; if none (or all) are, some are chosen by the options.
        read: where the pictures [start, stop) are.
        picture_name: what a picture is called in a message.
        labels: [n] class numbers into `class_names`, or None.
    """

    spec: str
    name: str
    identity: str
    held_out: NDArray[np.bool_]
    read: Read
    picture_name: Callable[[int], str]
    labels: NDArray[np.int64] | None = None
    class_names: tuple[str, ...] = ()
    notes: list[str] = field(default_factory=list)


def open_collection(collection: Collection, options: DataOptions, progress: Progress) -> Dataset:
    """Decode the pictures (once; see `data.cache`) and split them.

    Raises:
        UserError: there are fewer than two (readable) pictures, or unreadable ones and `strict` is set.
    """
    count = len(collection.held_out)
    if count < 2:
        found = "no pictures" if not count else f"one picture only ({collection.picture_name(0)})"
        raise UserError(f"{collection.spec} has {found}; it needs at least two")
    notes = list(collection.notes)
    size = options.size
    if size is None:
        size, median = _default_size(collection)
        notes.append(
            f"resampled to {size}×{size}: the median short side is {median} pixels; size sets another"
        )
    identity = repr((DECODING_VERSION, size, collection.identity)).encode()
    key = f"{size}-{hashlib.blake2b(identity, digest_size=12).hexdigest()}"
    decoded = decoded_pictures(key, collection.read, count, size, progress)
    notes += decoded.refuse_or_note(collection.spec, collection.picture_name, options.strict)
    rows, held_out = decoded.rows, collection.held_out[decoded.rows]
    labels, class_names = _classes_present(collection, rows)
    if held_out.any() and not held_out.all():
        parts = np.flatnonzero(~held_out), np.flatnonzero(held_out)
    else:
        parts = split_rows(len(rows), options.held_out, options.split_seed, labels)
    train, held = (
        Split(
            SampleArray(decoded.pixels, rows[part]),
            None if labels is None else torch.from_numpy(labels[part]),
        )
        for part in parts
    )
    return Dataset(collection.name, Images(), train, held, class_names, notes=tuple(notes))


def _default_size(collection: Collection) -> tuple[int, int]:
    """(size, median short side) from up to 1,000 headers spread over the collection."""
    count = len(collection.held_out)
    step = max(1, count // HEADERS_READ)
    sources = (collection.read(row, row + 1)[0] for row in range(0, count, step))
    return usual_size(sources) or (LARGEST_DEFAULT, 0)


def _classes_present(
    collection: Collection, rows: NDArray[np.int64]
) -> tuple[NDArray[np.int64] | None, tuple[str, ...]]:
    """Labels of `rows` and the names they point to, without classes that no readable picture has."""
    if collection.labels is None:
        return None, ()
    present, labels = np.unique(collection.labels[rows], return_inverse=True)
    return labels.astype(np.int64), tuple(collection.class_names[number] for number in present)
