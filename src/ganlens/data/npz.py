"""`npz:FILE[:array]`: images or points in a NumPy archive."""

from __future__ import annotations

import lzma
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ganlens.data.arguments import refuse_count, refuse_size, require_argument
from ganlens.data.dataset import DataOptions, Dataset, SampleArray, Split, split_rows
from ganlens.data.resize import resize_images
from ganlens.data.sources import sources
from ganlens.errors import UserError
from ganlens.modality import Images, Modality, Points
from ganlens.progress import Progress

USUAL_NAMES = ("images", "train_images", "x_train")
TEST_NAMES = {"train_images": "test_images", "x_train": "x_test"}
LABEL_NAMES = {
    "train_images": ("train_labels",),
    "x_train": ("y_train",),
    "test_images": ("test_labels",),
    "x_test": ("y_test",),
}
MOST_CHANNELS = 4


Stored = NDArray[np.uint8] | NDArray[np.float32]
Part = tuple[Stored, NDArray[np.int64] | None, NDArray[np.int64] | None]  # samples, rows (None: all), labels


@dataclass(frozen=True)
class Archive:
    """What is in an NPZ file: name → shape and type, known from the headers alone."""

    path: Path
    arrays: dict[str, tuple[tuple[int, ...], np.dtype[np.generic]]]

    def read(self, name: str) -> NDArray[np.generic]:
        try:
            with np.load(self.path, allow_pickle=False) as archive:
                array: NDArray[np.generic] = archive[name]
                return array
        except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error, lzma.LZMAError) as error:
            raise UserError(
                f'"npz:{self.path}": the array {name!r} can\'t be read ({error}); the file was cut or damaged'
            ) from error


@sources.register("npz")
def npz(argument: str | None, options: DataOptions, progress: Progress) -> Dataset:
    """npz:FILE[:array], images [n, h, w], [n, h, w, c], [n, c, h, w] or points [n, d] in a NumPy archive."""
    refuse_count("npz", options)
    path, wanted = _parse(require_argument("npz", argument, "FILE[:array]"))
    archive = open_archive(path)
    name = _choose(archive, wanted)
    samples, modality, notes = _samples(archive, name, options)
    labels = _labels(archive, name)
    test_name = TEST_NAMES.get(name)
    if test_name in archive.arrays and archive.arrays[test_name][0][1:] == archive.arrays[name][0][1:]:
        held_samples, _, _ = _samples(archive, test_name, options)
        held_labels = _labels(archive, test_name)
        notes.append(f"held out: the array {test_name!r}")
        parts: list[Part] = [(samples, None, labels), (held_samples, None, held_labels)]
    else:
        train, held_out = split_rows(len(samples), options.held_out, options.split_seed, labels)
        parts = [(samples, rows, None if labels is None else labels[rows]) for rows in (train, held_out)]
    values = np.unique(np.concatenate([p[2] for p in parts if p[2] is not None] or [np.empty(0, np.int64)]))
    splits = [Split(SampleArray(stored, rows), _classes(values, own)) for stored, rows, own in parts]
    return Dataset(
        name=f"npz:{path.name}" + (f":{wanted}" if wanted else ""),
        modality=modality,
        train=splits[0],
        held_out=splits[1],
        class_names=_class_names(archive, values),
        notes=tuple(notes),
    )


def open_archive(path: Path) -> Archive:
    """List an NPZ file without reading its arrays.

    Raises:
        UserError: the file is missing or is no archive of NumPy arrays.
    """
    if not path.is_file():
        raise UserError(f'"npz:{path}": there is no such file')
    arrays = {}
    try:
        with zipfile.ZipFile(path) as archive:
            for member in archive.namelist():
                if member.endswith(".npy"):
                    with archive.open(member) as file:
                        version = np.lib.format.read_magic(file)
                        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else _read_header_2
                        shape, _, dtype = read(file)
                        arrays[member.removesuffix(".npy")] = (shape, dtype)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error, lzma.LZMAError) as error:
        raise UserError(
            f'"npz:{path}" is not a whole NPZ archive ({error}); make one with numpy.savez'
        ) from error
    return Archive(path, arrays)


def _read_header_2(file: object) -> tuple[tuple[int, ...], bool, np.dtype[np.generic]]:
    return np.lib.format.read_array_header_2_0(file)  # type: ignore[arg-type]


def _parse(argument: str) -> tuple[Path, str | None]:
    if Path(argument).is_file() or ":" not in argument:
        return Path(argument), None
    file, _, array = argument.rpartition(":")
    return (Path(file), array) if not array.startswith(("/", "\\")) else (Path(argument), None)


def _choose(archive: Archive, wanted: str | None) -> str:
    """The array that was named, or the one that is meant when none was."""
    spec, names = f"npz:{archive.path.name}", sorted(archive.arrays)
    if wanted is not None:
        if wanted not in archive.arrays:
            raise UserError(f'"{spec}" has no array named {wanted!r}; it has {names}')
        return wanted
    for name in USUAL_NAMES:
        if name in archive.arrays:
            return name
    suitable = [name for name, (shape, dtype) in archive.arrays.items() if _suits(shape, dtype)]
    if len(suitable) == 1:
        return suitable[0]
    example = f" Name one with {spec}:{(suitable or names)[0]}" if names else ""
    raise UserError(f"\"{spec}\" has no array named 'images'; it has {names}.{example}")


def _suits(shape: tuple[int, ...], dtype: np.dtype[np.generic]) -> bool:
    return len(shape) in (2, 3, 4) and shape[0] >= 2 and dtype.kind in "buif"


def _samples(archive: Archive, name: str, options: DataOptions) -> tuple[Stored, Modality, list[str]]:
    """The array as it will be stored, what kind of sample it holds, and what was assumed about it."""
    shape, dtype = archive.arrays[name]
    where = f'"npz:{archive.path.name}:{name}"'
    if dtype.kind not in "buif":
        kind = (
            "Python objects, which are not read because they can carry code"
            if dtype.hasobject
            else f"{dtype}"
        )
        raise UserError(f"{where} holds {kind}; save it as an array of numbers (uint8 0…255, say)")
    if len(shape) not in (2, 3, 4) or 0 in shape:
        raise UserError(
            f"{where} has the shape {list(shape)}; images are [n, h, w], [n, h, w, c] or [n, c, h, w], "
            f"points [n, d]"
        )
    array = archive.read(name)
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        bad = int((~np.isfinite(array)).reshape(len(array), -1).any(axis=1).argmax())
        raise UserError(f"{where} has NaN or infinite values (first in sample {bad}); remove those samples")
    if len(shape) == 2:
        refuse_size(f"npz:{archive.path.name}", options)
        points = Points()
        if not points.accepts(shape[1:]):
            raise UserError(
                f"{where} holds vectors of {shape[1]} numbers; reshape images to [n, h, w] and save again"
            )
        return array.astype(np.float32), points, []
    channels_first, layout = _channels_first(array, where)
    pixels, scale = _as_bytes(channels_first, where)
    images, resized = resize_images(pixels, options.size)
    return images, Images(), [note for note in (layout, scale, resized) if note]


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


def _as_bytes(array: NDArray[np.generic], where: str) -> tuple[NDArray[np.uint8], str | None]:
    """Pixels as bytes, and which range was assumed."""
    if array.dtype == np.uint8:
        return np.ascontiguousarray(array), None
    low, high = float(array.min()), float(array.max())
    if array.dtype.kind == "b" or (low >= 0 and high <= 1):
        scale, shift, said = 255.0, 0.0, "0…1"
    elif array.dtype.kind == "f" and low >= -1 and high <= 1:
        scale, shift, said = 127.5, 127.5, "−1…1"
    elif low >= 0 and high <= 255:
        scale, shift, said = 1.0, 0.0, "0…255"
    else:
        raise UserError(
            f"{where} has values from {low:g} to {high:g}; pixels are 0…255, 0…1 or −1…1: "
            f"rescale them and save again"
        )
    pixels = np.empty(array.shape, dtype=np.uint8)
    for start in range(
        0, len(array), 1024
    ):  # in pieces: a float64 copy of everything would be eight times as large
        pixels[start : start + 1024] = np.rint(array[start : start + 1024].astype(np.float64) * scale + shift)
    return pixels, f"values from {low:g} to {high:g} read as {said}"


def _labels(archive: Archive, name: str) -> NDArray[np.int64] | None:
    """Integer labels of the samples in `name`, where the archive has an array that must be them."""
    for label_name in LABEL_NAMES.get(name, ("labels", "y")):
        shape, dtype = archive.arrays.get(label_name, ((), np.dtype(object)))
        if dtype.kind in "iu" and shape == archive.arrays[name][0][:1]:
            return archive.read(label_name).astype(np.int64)
    return None


def _classes(values: NDArray[np.int64], labels: NDArray[np.int64] | None) -> Tensor | None:
    return None if labels is None else torch.from_numpy(np.searchsorted(values, labels))


def _class_names(archive: Archive, values: NDArray[np.int64]) -> tuple[str, ...]:
    shape, dtype = archive.arrays.get("class_names", ((), np.dtype(object)))
    if len(values) and dtype.kind == "U" and len(shape) == 1 and values[0] >= 0 and values[-1] < shape[0]:
        names = archive.read("class_names")
        return tuple(str(names[value]) for value in values)
    return tuple(str(value) for value in values)
