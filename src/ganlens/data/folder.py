"""`folder:DIR`: pictures as they lie about: any format, size and shape, in class sub-folders or not."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ganlens.data.arguments import refuse_count, require_argument
from ganlens.data.collection import Collection, open_collection
from ganlens.data.dataset import DataOptions, Dataset
from ganlens.data.sources import sources
from ganlens.errors import UserError
from ganlens.progress import Progress

COMMON_ENDINGS = {".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".bmp", ".gif", ".webp", ".tif", ".tiff"}
RARE_ENDINGS = {".avif", ".jp2", ".tga", ".ppm", ".pgm", ".pbm", ".pnm"}
ENDINGS = frozenset(COMMON_ENDINGS | RARE_ENDINGS)
TRAIN_FOLDERS = frozenset({"train", "training"})
HELD_OUT_FOLDERS = frozenset({"test", "testing", "val", "valid", "validation", "held_out"})


@dataclass(frozen=True)
class PictureFile:
    """A picture in the folder: its path, its class (a folder's name) if any, and whether it is held out."""

    path: Path
    class_name: str | None
    held_out: bool


@sources.register("folder")
def folder(argument: str | None, options: DataOptions, progress: Progress) -> Dataset:
    """folder:DIR, pictures of any format and size; sub-folders are classes (or splits with classes).

    They are cut to their centre square and resampled to `size`, and kept decoded in the cache (`data.cache`).
    """
    root = Path(require_argument("folder", argument, "DIR"))
    refuse_count("folder", options)
    files, notes = find_pictures(root)
    class_names, labels = np.unique([file.class_name or "" for file in files], return_inverse=True)
    collection = Collection(
        spec=f"folder:{root}",
        name=f"folder:{root.resolve().name}",
        identity=_identity(root, files),
        held_out=np.array([file.held_out for file in files], dtype=bool),
        read=lambda start, stop: [file.path for file in files[start:stop]],
        picture_name=lambda row: str(files[row].path.relative_to(root)),
        labels=labels.astype(np.int64) if class_names.any() else None,
        class_names=tuple(map(str, class_names)),
        notes=notes,
    )
    return open_collection(collection, options, progress)


def find_pictures(root: Path) -> tuple[list[PictureFile], list[str]]:
    """All picture files below a folder, by path, and what to tell the user of their classes.

    The first level of sub-folders gives the classes. If its names are those of splits ("train", "test",
    "val", …), the second level does. Hidden files and folders are passed over.

    Raises:
        UserError: there is no such folder.
    """
    if not root.is_dir():
        what = "is a file" if root.exists() else "does not exist"
        raise UserError(f"folder:{root} {what}; give a folder of pictures")
    paths = _walk(root)
    tops = {path.relative_to(root).parts[0].lower() for path in paths if path.parent != root}
    loose = any(path.parent == root for path in paths)
    in_splits = not loose and bool(tops & TRAIN_FOLDERS) and bool(tops & HELD_OUT_FOLDERS)
    in_splits = in_splits and tops <= TRAIN_FOLDERS | HELD_OUT_FOLDERS
    files = []
    for path in paths:
        parts = path.relative_to(root).parts
        held_out = in_splits and parts[0].lower() in HELD_OUT_FOLDERS
        classes = parts[1:-1] if in_splits else parts[:-1]
        files.append(PictureFile(path, classes[0] if classes else None, held_out))
    names = {file.class_name for file in files}
    notes = []
    if None in names and len(names) > 1:
        notes.append("no labels: some pictures lie in class folders, others beside them")
    elif len(names) == 1 and None not in names:
        notes.append(f"no labels: there is one class folder only ({next(iter(names))})")
    if notes:
        files = [PictureFile(file.path, None, file.held_out) for file in files]
    return files, notes


def _walk(root: Path) -> list[Path]:
    paths: list[Path] = []
    seen: set[str] = set()
    for folder_name, subfolders, names in os.walk(root, followlinks=True):
        real = os.path.realpath(folder_name)
        if real in seen:  # a link back up the tree
            subfolders.clear()
            continue
        seen.add(real)
        subfolders[:] = sorted(name for name in subfolders if not name.startswith((".", "__MACOSX")))
        files = (Path(folder_name, name) for name in names if not name.startswith("."))
        paths += [file for file in files if file.suffix.lower() in ENDINGS]
    return sorted(paths)


def _identity(root: Path, files: list[PictureFile]) -> str:
    """The place, and every picture's path, length and time of change."""
    digest = hashlib.blake2b(str(root.resolve()).encode(), digest_size=16)
    for file in files:
        try:
            status = file.path.stat()
            changed = status.st_size, status.st_mtime_ns
        except OSError:  # a dangling link: decoding will name it
            changed = 0, 0
        digest.update(repr((str(file.path.relative_to(root)), *changed)).encode())
    return digest.hexdigest()
