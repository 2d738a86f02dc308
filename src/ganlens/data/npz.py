"""`npz:FILE[:array]`: images or points in a NumPy archive."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ganlens.data.class_labels import Unusable, Values, label_values, numbered
from ganlens.data.dataset import DataOptions, Dataset, SampleArray, Split, split_rows
from ganlens.data.duplicates import first_equals, sample_digests, shared_note
from ganlens.data.grey_levels import dark_note
from ganlens.data.npz_archive import Archive, open_archive
from ganlens.data.resize import fit_images
from ganlens.data.source_arguments import refuse_count, refuse_size, require_argument
from ganlens.data.sources import sources
from ganlens.errors import UserError
from ganlens.modality import Images, Modality, Points
from ganlens.printable import printable
from ganlens.progress import Progress

USUAL_NAMES = ("images", "train_images", "x_train")
TEST_NAMES = {"train_images": "test_images", "x_train": "x_test"}
LABEL_WORDS = ("labels", "label", "y", "targets", "target")
CLASS_NAMES = ("class_names", "label_names", "target_names", "classes")
MOST_CHANNELS = 4
CHUNK = 1024

Stored = NDArray[np.uint8] | NDArray[np.float32]


@sources.register("npz")
def npz(argument: str | None, options: DataOptions, progress: Progress) -> Dataset:
    """npz:FILE[:array], images [n, h, w], [n, h, w, c], [n, c, h, w] or points [n, d] in a NumPy archive."""
    refuse_count("npz", options)
    path, wanted = _parse(require_argument("npz", argument, "FILE[:array]"))
    archive = open_archive(path)
    name = _choose(archive, wanted)
    names = [name]
    test_name = TEST_NAMES.get(name)
    if test_name in archive.arrays and archive.arrays[test_name].shape[1:] == archive.arrays[name].shape[1:]:
        names.append(test_name)
    parts, modality, notes = _samples(archive, names, options)
    labels_of_parts = [_labels(archive, part) for part in names]
    values = _of_one_form([values for values, _ in labels_of_parts], names, notes)
    notes += [note for _, sentence in labels_of_parts for note in sentence]
    class_names = _class_names(archive, values, notes)
    classes = numbered(values, class_names)
    stored = [SampleArray(part) for part in parts]
    if len(names) == 2:
        notes.append(f"held out: the array {test_name!r}")
        labels = [_tensor(own) for own in classes.labels]
        shared = shared_note(*map(sample_digests, stored)) if not modality.measured else None
        notes += [shared] if shared else []
    else:
        # Points are measured: two are equal by chance of rounding, and a copy of one tells nothing of the other.
        copies = None if modality.measured else first_equals(sample_digests(stored[0]))
        own = classes.labels[0]
        sides = split_rows(len(stored[0]), options.held_out, options.split_seed, own, copies)
        stored = [SampleArray(parts[0], rows) for rows in sides]
        labels = [None if own is None else _tensor(own[rows]) for rows in sides]
    return Dataset(
        name=f"npz:{path.name}" + (f":{wanted}" if wanted else ""),
        modality=modality,
        train=Split(stored[0], labels[0]),
        held_out=Split(stored[1], labels[1]),
        class_names=classes.names,
        notes=tuple(notes),
    )


def _parse(argument: str) -> tuple[Path, str | None]:
    if Path(argument).is_file() or ":" not in argument:
        return Path(argument), None
    file, _, array = argument.rpartition(":")
    return (Path(file), array) if not array.startswith(("/", "\\")) else (Path(argument), None)


def _choose(archive: Archive, wanted: str | None) -> str:
    """The array that was named, or the one that is meant when none was."""
    spec, names = printable(f"npz:{archive.path.name}"), sorted(archive.arrays)
    if wanted is not None:
        if wanted not in archive.arrays:
            raise UserError(f'"{spec}" has no array named {wanted!r}; it has {names}')
        return wanted
    for name in USUAL_NAMES:
        if name in archive.arrays:
            return name
    suitable = [name for name, array in archive.arrays.items() if _suits(array.shape, array.dtype)]
    if len(suitable) == 1:
        return suitable[0]
    example = f" Name one with {spec}:{(suitable or names)[0]}" if names else ""
    raise UserError(f"\"{spec}\" has no array named 'images'; it has {names}.{example}")


def _suits(shape: tuple[int, ...], dtype: np.dtype[np.generic]) -> bool:
    return len(shape) in (2, 3, 4) and shape[0] >= 2 and dtype.kind in "buif"


def _samples(
    archive: Archive, names: Sequence[str], options: DataOptions
) -> tuple[list[Stored], Modality, list[str]]:
    """The arrays as they will be stored, what kind of sample they hold, and what was assumed about them."""
    arrays = [_numbers(archive, name) for name in names]
    where = f'"npz:{printable(archive.path.name)}:{names[0]}"'
    shape = arrays[0].shape
    if len(shape) == 2:
        refuse_size(f"npz:{printable(archive.path.name)}", options)
        points = Points()
        if not points.accepts(shape[1:]):
            raise UserError(
                f"{where} holds vectors of {shape[1]} numbers; reshape images to [n, h, w] and save again"
            )
        return [array.astype(np.float32) for array in arrays], points, []
    turned = [_channels_first(array, where) for array in arrays]
    notes = [turned[0][1]]
    scale, sentence = _scale([array for array, _ in turned], where)
    notes.append(sentence)
    images = [scale.applied(array) for array, _ in turned]
    if len(images) > 1 and (options.size or options.aspect):  # together: both get the same border, or none
        fitted, resized = fit_images(np.concatenate(images), options, where)
        images = [fitted[: len(images[0])], fitted[len(images[0]) :]]
    else:
        both = [fit_images(part, options, where) for part in images]
        images, resized = [part for part, _ in both], both[0][1]
    return [*images], Images(), [note for note in (*notes, *resized) if note]


def _numbers(archive: Archive, name: str) -> NDArray[np.generic]:
    """An array that can be samples, read.

    Raises:
        UserError: it holds something else, or NaN.
    """
    shape, dtype = archive.arrays[name].shape, archive.arrays[name].dtype
    where = f'"npz:{printable(archive.path.name)}:{name}"'
    if dtype.kind not in "buif":
        kind = (
            "Python objects, which are not read because they can carry code"
            if dtype.hasobject
            else printable(str(dtype))
        )
        raise UserError(f"{where} holds {kind}; save it as an array of numbers (uint8 0…255, say)")
    if len(shape) not in (2, 3, 4) or 0 in shape:
        raise UserError(
            f"{where} has the shape {list(shape)}; images are [n, h, w], [n, h, w, c] or [n, c, h, w], "
            f"points [n, d]"
        )
    array = archive.read(name)
    if array.dtype.kind == "f":
        for start in range(0, len(array), CHUNK):
            finite = np.isfinite(array[start : start + CHUNK]).reshape(len(array[start : start + CHUNK]), -1)
            if not finite.all():
                bad = start + int((~finite).any(axis=1).argmax())
                raise UserError(
                    f"{where} has NaN or infinite values (first in sample {bad}); remove those samples"
                )
    return array


def _channels_first(array: NDArray[np.generic], where: str) -> tuple[NDArray[np.generic], str | None]:
    if array.ndim == 3:
        return array[:, None], None
    first, last = array.shape[1] <= MOST_CHANNELS, array.shape[3] <= MOST_CHANNELS
    if not first and not last:
        raise UserError(
            f"{where} has the shape {list(array.shape)}; neither the second nor the last axis can be "
            f"channels (1 to 4)"
        )
    if last:
        note = "read as [n, h, w, c], though [n, c, h, w] is possible too" if first else None
        return np.moveaxis(array, 3, 1), note
    return array, None


@dataclass(frozen=True)
class _Scale:
    """From values to bytes: value · factor + shift."""

    factor: float = 1.0
    shift: float = 0.0

    def applied(self, array: NDArray[np.generic]) -> NDArray[np.uint8]:
        if array.dtype == np.uint8 and self.factor == 1:
            return np.ascontiguousarray(array)
        pixels = np.empty(array.shape, dtype=np.uint8)
        for start in range(
            0, len(array), CHUNK
        ):  # a float64 copy of everything would be eight times as large
            part = array[start : start + CHUNK].astype(np.float64)
            pixels[start : start + CHUNK] = np.rint(part * self.factor + self.shift)
        return pixels


def _scale(arrays: Sequence[NDArray[np.generic]], where: str) -> tuple[_Scale, str | None]:
    """One scale for all arrays of a data set, and which range was assumed.

    Raises:
        UserError: the values are no pixels, or some of the arrays hold 0…1 (or −1…1) and others go far beyond.
    """
    ends = [(float(array.min()), float(array.max())) for array in arrays]
    small = [high <= 1 for _, high in ends]
    if any(small) and not all(small):
        scales = " and ".join(f"{low:g} to {high:g}" for low, high in ends)
        raise UserError(
            f"{where} and the held-out array have values from {scales}, which are two scales; bring both to one and "
            "save again"
        )
    dtypes = {array.dtype for array in arrays}
    low, high = min(low for low, _ in ends), max(high for _, high in ends)
    if dtypes == {np.dtype(np.uint8)} and high != 1:
        return _Scale(), dark_note(int(high))
    if low >= 0 and high <= 1:
        scale, sentence = _Scale(255.0), "0…1"
    elif low >= -1 and high <= 1 and all(dtype.kind == "f" for dtype in dtypes):
        scale, sentence = _Scale(127.5, 127.5), "−1…1"
    elif low >= 0 and high <= 255:
        scale, sentence = _Scale(), "0…255"
    else:
        raise UserError(
            f"{where} has values from {low:g} to {high:g}; pixels are 0…255, 0…1 or −1…1: "
            f"rescale them and save again"
        )
    return scale, f"values from {low:g} to {high:g} read as {sentence}"


def _labels(archive: Archive, name: str) -> tuple[Values | None, list[str]]:
    """One label for each sample in `name`, and why an array that is called labels is none.

    Looked for under the usual names, those that belong to `name` first ("train_labels" of "train_images").
    """
    count = archive.arrays[name].shape[0]
    notes: list[str] = []
    for label_name in _label_names(archive, name):
        try:
            if archive.arrays[label_name].dtype.hasobject:
                raise Unusable("it holds Python objects, which are not read because they can carry code")
            values = label_values(archive.read(label_name), count)
            lowest = None if values.dtype.kind == "U" else int(np.asarray(values, dtype=np.int64).min())
            if lowest is not None and lowest < 0 and not set(values.tolist()) <= {-1, 0, 1}:
                notes.append(
                    f"the labels in {label_name!r} go down to {lowest}, which is taken for a class; if it means that "
                    "there is no label, remove those samples"
                )
            return values, notes
        except Unusable as error:
            notes.append(f"no labels: the array {label_name!r} was not used: {error}")
    if not notes and (others := _like_labels(archive, name)):
        named = " or ".join(map(repr, others))
        notes.append(
            f"no labels: none is called so, and {named} may be some; if so, call it 'labels' and save again"
        )
    return None, notes


def _like_labels(archive: Archive, name: str) -> list[str]:
    """Arrays that may be labels of `name` and are not called so: one whole number, truth value or word a sample."""
    count = archive.arrays[name].shape[0]
    return [
        known
        for known, array in archive.arrays.items()
        if known != name and array.shape in ((count,), (count, 1)) and array.dtype.kind in "buiSU"
    ][:3]


def _label_names(archive: Archive, name: str) -> list[str]:
    """Arrays of the archive that are called as the labels of `name` would be."""
    part = re.match(r"(train|test)_|.*_(train|test)$", name)
    if part is not None:
        side = part[1] or part[2]
        names = [f"{side}_{word}" for word in LABEL_WORDS] + [f"{word}_{side}" for word in LABEL_WORDS]
    else:
        own = [name, name.removesuffix("s")]
        names = [f"{stem}_{word}" for stem in own for word in LABEL_WORDS[:2]]
    if part is None or side == "train":
        names += LABEL_WORDS
    if part is None:  # they may be called those of a split, where there is as many of them
        count = archive.arrays[name].shape[:1]
        splits = ("train_labels", "y_train", "test_labels", "y_test")
        names += [
            known for known in splits if known in archive.arrays and archive.arrays[known].shape[:1] == count
        ]
    label_names = [known for known in dict.fromkeys(names) if known in archive.arrays and known != name]
    if label_names or part is not None:
        return label_names
    ends = [known for known in archive.arrays if known.endswith(("_labels", "_label")) and known != name]
    return ends if len(ends) == 1 and not ends[0].startswith(("train_", "test_")) else []


def _of_one_form(values: list[Values | None], names: Sequence[str], notes: list[str]) -> list[Values | None]:
    """Labels of both parts as numbers or as words; where they are of different forms, the held-out ones are left."""
    train, *test = values
    if not test or train is None or test[0] is None:
        if len(values) == 2 and (train is None) != (test[0] is None):
            without = names[0] if train is None else names[1]
            notes.append(f"there are no labels for the array {without!r}")
        return values
    if train.dtype.kind != test[0].dtype.kind:
        forms = ["words" if part.dtype.kind == "U" else "numbers" for part in (train, test[0])]
        notes.append(
            f"the labels of {names[0]!r} are {forms[0]}, those of {names[1]!r} {forms[1]}: these were not used"
        )
        return [train, None]
    return values


def _class_names(archive: Archive, values: Sequence[Values | None], notes: list[str]) -> list[str]:
    """Names of the classes, from an array of words that is long enough for all labels; of words, their order."""
    given = [part for part in values if part is not None]
    name = next((name for name in CLASS_NAMES if name in archive.arrays), None)
    if name is None or not given or (name == "classes" and archive.arrays[name].dtype.kind not in "US"):
        return []
    array = archive.arrays[name]
    if array.dtype.kind not in "US" or len(array.shape) != 1:
        notes.append(f"the array {name!r} was not used: it is no list of words")
        return []
    read = archive.read(name)
    words = [
        word.decode("utf-8", "replace") if isinstance(word, bytes) else str(word) for word in read.tolist()
    ]
    if given[0].dtype.kind != "U":
        highest = max(int(part.max()) for part in given)
        if highest >= len(words) or min(int(part.min()) for part in given) < 0:
            notes.append(
                f"the array {name!r} was not used: it has {len(words)} names, and the labels go up to {highest}"
            )
            return []
    return words


def _tensor(labels: NDArray[np.int64] | None) -> Tensor | None:
    return None if labels is None else torch.from_numpy(labels)
