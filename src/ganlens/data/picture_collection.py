"""From a list of pictures (files, or rows of a hub data set) to a Dataset: form, decoding, labels, split."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from numpy.typing import NDArray

from ganlens.data.bit_depth import highest_byte, kept_depths, scale_of
from ganlens.data.dataset import DataOptions, Dataset, SampleArray, Split, split_rows
from ganlens.data.duplicates import first_equals, kept_digests, shared_note
from ganlens.data.grey_levels import dark_note, highest_level
from ganlens.data.picture_cache import DecodedPictures, Read, cache_folder, decoded_pictures
from ganlens.data.pictures import LARGEST_DEFAULT, PictureForm, usual_size
from ganlens.errors import UserError
from ganlens.modality import Images
from ganlens.progress import Progress

HEADERS_READ = 1000
DECODING_VERSION = 2  # raise it when `decode_picture` gives other pixels, so that no old cache is opened
FEW = 0.1
"""Where fewer pictures than this share are coloured, they are told of: the others are tripled for them."""


@dataclass(frozen=True)
class Collection:
    """Pictures that are not decoded yet, and what is known of them.

    Attributes:
        spec: as the user wrote it, for messages.
        name: of the data set.
        identity: changes when a picture, or the order, changes; the form is added to it.
        held_out: [n] which pictures are held out; if none (or all) are, some are chosen by the options.
        read: where the pictures [start, stop) are.
        picture_name: what a picture is called in a message.
        labels: [n] class numbers into `class_names`, or None.
        nothing: what there is where there are no pictures.
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
    nothing: str = "no pictures"


def open_collection(collection: Collection, options: DataOptions, progress: Progress) -> Dataset:
    """Decode the pictures (once; see `data.cache`) and split them.

    Raises:
        UserError: there are fewer than two (readable) pictures, or unreadable ones and `strict` is set.
    """
    count = len(collection.held_out)
    if count < 2:
        contents = collection.nothing if not count else f"one picture only ({collection.picture_name(0)})"
        raise UserError(f"{collection.spec} has {contents}; it needs at least two")
    notes = list(collection.notes)
    form, notes_of_form = _form(collection, options, progress)
    key, decoded, seen = _with_masks_spread(collection, form, progress)
    notes += notes_of_form + seen
    missing = decoded.refuse_or_note(collection.spec, collection.picture_name, options.strict)
    rows, held_out = decoded.rows, collection.held_out[decoded.rows]
    labels, class_names, vanished = _classes_present(collection, rows)
    notes += [*vanished, *missing, *_colour_notes(collection, decoded, options)]
    digests = kept_digests(
        SampleArray(decoded.pixels, rows), cache_folder() / "pictures" / key / "digests.npy"
    )
    if held_out.any() and not held_out.all():
        parts = np.flatnonzero(~held_out), np.flatnonzero(held_out)
        shared = shared_note(*(digests[part] for part in parts))
        notes += [shared] if shared else []
    else:
        parts = split_rows(len(rows), options.held_out, options.split_seed, labels, first_equals(digests))
    pixels = decoded.pixels
    if options.channels == 3:
        pixels = np.broadcast_to(pixels, (count, 3, *pixels.shape[2:]))
    train, held = (
        Split(SampleArray(pixels, rows[part]), None if labels is None else torch.from_numpy(labels[part]))
        for part in parts
    )
    return Dataset(collection.name, Images(), train, held, class_names, notes=tuple(notes))


def _form(collection: Collection, options: DataOptions, progress: Progress) -> tuple[PictureForm, list[str]]:
    """What the pictures are brought to, and what to tell of it where it was not asked for."""
    notes = []
    size = options.size
    if size is None:
        size, median = _default_size(collection)
        height, width = options.shape_of(size)
        notes.append(
            f"resampled to {height}×{width}: the median short side is {median} pixels; size sets another"
        )
    height, width = options.shape_of(size)
    form = PictureForm(height, width, grey=options.channels == 1)
    digest = hashlib.blake2b(repr((DECODING_VERSION, collection.identity)).encode(), digest_size=12)
    kept = cache_folder() / "pictures" / f"{digest.hexdigest()}.depth.json"
    for kind, depths in kept_depths(collection.read, len(collection.held_out), kept, progress).items():
        scale, note = scale_of(kind, depths, collection.picture_name)
        form = replace(form, real=scale) if kind == "real" else replace(form, whole=scale)
        notes += [note] if note else []
    return form, notes


def _with_masks_spread(
    collection: Collection, form: PictureForm, progress: Progress
) -> tuple[str, DecodedPictures, list[str]]:
    """The pictures in that form and their key; masks of 0 and 1 as black and white; and what to tell of that.

    Shrinking can blacken a mask, so where nothing is above 1, the pictures are looked at in their own size.
    """
    key, decoded = _decoded(collection, form, progress)
    highest = highest_level(decoded.pixels)
    if highest <= 1:
        highest = highest_byte(collection.read, len(collection.held_out), progress)
    if highest == 1:
        key, decoded = _decoded(collection, replace(form, top=1), progress)
        return key, decoded, ["values from 0 to 1 read as 0…1"]
    dark = dark_note(highest)
    return key, decoded, [dark] if dark else []


def _decoded(collection: Collection, form: PictureForm, progress: Progress) -> tuple[str, DecodedPictures]:
    """The pictures in that form, and the key that they are kept under."""
    identity = repr((DECODING_VERSION, form, collection.identity)).encode()
    shown = f"{form.height}" if form.height == form.width else f"{form.height}x{form.width}"
    key = f"{shown}-{hashlib.blake2b(identity, digest_size=12).hexdigest()}"
    return key, decoded_pictures(key, collection.read, len(collection.held_out), form, progress)


def _default_size(collection: Collection) -> tuple[int, int]:
    """(size, median short side) from up to 1,000 headers spread over the collection."""
    count = len(collection.held_out)
    step = max(1, count // HEADERS_READ)
    sources = (collection.read(row, row + 1)[0] for row in range(0, count, step))
    return usual_size(sources) or (LARGEST_DEFAULT, 0)


def _classes_present(
    collection: Collection, rows: NDArray[np.int64]
) -> tuple[NDArray[np.int64] | None, tuple[str, ...], list[str]]:
    """Labels of `rows` and the names they point to, without classes that no readable picture has, which are told of."""
    if collection.labels is None:
        return None, (), []
    present, labels = np.unique(collection.labels[rows], return_inverse=True)
    gone = [collection.class_names[number] for number in np.setdiff1d(collection.labels, present)]
    notes = [f"no picture of the class {', '.join(gone)} can be read"] if gone else []
    return labels.astype(np.int64), tuple(collection.class_names[number] for number in present), notes


def _colour_notes(collection: Collection, decoded: DecodedPictures, options: DataOptions) -> list[str]:
    """What to tell where channels were asked for that the pictures don't have, or a few pictures bring all to three."""
    coloured, count = len(decoded.coloured), len(decoded.rows)
    if options.channels == 1:
        return [f"{coloured:,} coloured pictures were made grey"] if coloured else []
    if options.channels == 3 and not coloured:
        return ["grey pictures were repeated in three channels"]
    if options.channels is None and 0 < coloured < FEW * count:
        named = ", ".join(collection.picture_name(row) for row in decoded.coloured[:3].tolist())
        more = f" and {coloured - 3:,} more" if coloured > 3 else ""
        return [
            f"{coloured:,} of {count:,} pictures {'is' if coloured == 1 else 'are'} coloured ({named}{more}), so all "
            "have three channels; channels=1 makes them grey"
        ]
    return []
