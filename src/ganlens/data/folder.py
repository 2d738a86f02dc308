"""`folder:DIR`: pictures as they lie about: any format, size and shape, in class sub-folders or not."""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ganlens.data.class_labels import class_order
from ganlens.data.dataset import DataOptions, Dataset
from ganlens.data.file_types import (
    BESIDE_ENDINGS,
    READ_ENDINGS,
    UNREAD_ENDINGS,
    ending,
    is_picture_within,
    nothing_read,
    unread_note,
)
from ganlens.data.picture_cache import cache_folder
from ganlens.data.picture_collection import Collection, open_collection
from ganlens.data.source_arguments import refuse_count, require_argument
from ganlens.data.sources import sources
from ganlens.errors import UserError
from ganlens.printable import printable
from ganlens.progress import Progress

TRAIN_FOLDERS = frozenset({"train", "training"})
HELD_OUT_FOLDERS = frozenset({"test", "testing", "val", "valid", "validation", "held_out"})


@dataclass(frozen=True)
class PictureFile:
    """A picture in the folder: its path, its class (a folder's name) if any, and whether it is held out."""

    path: Path
    class_name: str | None
    held_out: bool


@dataclass
class FolderTree:
    """What lies below a folder.

    Attributes:
        pictures: files of kinds that are read, by path.
        others: files of other kinds, by path.
        passed_over: what can't be looked at, and why: named pipes, folders without permission.
    """

    pictures: list[Path] = field(default_factory=list)
    others: list[Path] = field(default_factory=list)
    passed_over: list[str] = field(default_factory=list)


@sources.register("folder")
def folder(argument: str | None, options: DataOptions, progress: Progress) -> Dataset:
    """folder:DIR, pictures of any format and size; sub-folders are classes (or splits with classes).

    They are cut to their centre square (or the `aspect` asked for) and resampled to `size`, and kept decoded in the
    cache (`data.cache`).
    """
    root = Path(require_argument("folder", argument, "DIR"))
    spec = printable(f"folder:{root}")
    refuse_count("folder", options)
    if not root.is_dir():
        fault = "is a file" if root.exists() else "does not exist"
        raise UserError(f"{spec} {fault}; give a folder of pictures")
    tree = _walk(root)
    files, notes = _classified(root, tree.pictures)
    left_out = _left_out(root, tree)
    if left_out and options.strict and files:
        raise UserError(f"{spec}: {'; '.join(left_out)}; convert or remove them, or read it without strict")
    class_names = class_order({file.class_name or "" for file in files})
    number = {name: label for label, name in enumerate(class_names)}
    labels = np.array([number[file.class_name or ""] for file in files], dtype=np.int64)
    collection = Collection(
        spec=spec,
        name=f"folder:{root.resolve().name}",
        identity=_identity(root, files),
        held_out=np.array([file.held_out for file in files], dtype=bool),
        read=lambda start, stop: [file.path for file in files[start:stop]],
        picture_name=lambda row: printable(str(files[row].path.relative_to(root))),
        labels=labels if any(class_names) else None,
        class_names=tuple(class_names),
        notes=notes + left_out,
        nothing=nothing_read(tree.others),
    )
    return open_collection(collection, options, progress)


def _classified(root: Path, paths: list[Path]) -> tuple[list[PictureFile], list[str]]:
    """The pictures with their classes, and what to tell the user of these.

    The first level of sub-folders gives the classes. If its names are those of splits ("train", "test",
    "val", …), the second level does.
    """
    in_splits = _in_splits(root, paths)
    files = []
    for path in paths:
        held_out = in_splits and _below(root, path)[0].lower() in HELD_OUT_FOLDERS
        files.append(PictureFile(path, _class_of(root, path, in_splits), held_out))
    names = {file.class_name for file in files}
    notes = []
    if None in names and len(names) > 1:
        notes.append("no labels: some pictures lie in class folders, others beside them")
    elif len(names) == 1 and None not in names:
        notes.append(f"no labels: there is one class folder only ({next(iter(names))})")
    if notes:
        files = [PictureFile(file.path, None, file.held_out) for file in files]
    return files, notes


def _in_splits(root: Path, paths: list[Path]) -> bool:
    """Whether the folders below `root` are splits, not classes."""
    below = [_below(root, path) for path in paths]
    if any(len(parts) == 1 for parts in below):
        return False
    tops = {parts[0].lower() for parts in below}
    both = bool(tops & TRAIN_FOLDERS) and bool(tops & HELD_OUT_FOLDERS)
    return both and tops <= TRAIN_FOLDERS | HELD_OUT_FOLDERS


def _class_of(root: Path, path: Path, in_splits: bool) -> str | None:
    """The class folder that a file lies in."""
    parts = _below(root, path)
    classes = parts[1:-1] if in_splits else parts[:-1]
    return classes[0] if classes else None


def _below(root: Path, path: Path) -> tuple[str, ...]:
    """The names between `root` and a path that was found in it; for many paths `relative_to` is slow."""
    return path.parts[len(root.parts) :]


def _left_out(root: Path, tree: FolderTree) -> list[str]:
    """What to tell of files that are not read, though they may be pictures.

    In a class folder without any picture these are all that aren't plainly something else; elsewhere only those of
    kinds that are known. A name without an ending tells nothing: there the file's first bytes are looked at.
    """
    in_splits = _in_splits(root, tree.pictures)
    classes = {_class_of(root, path, in_splits) for path in tree.pictures}
    files, lost = [], set()
    for path in tree.others:
        own, kind = _class_of(root, path, in_splits), ending(path)
        nameless = not kind and _is_regular(path) and is_picture_within(path)
        if own is not None and own not in classes and (nameless or kind not in BESIDE_ENDINGS):
            files.append(path)
            lost.add(own)
        elif nameless or kind in UNREAD_ENDINGS:
            files.append(path)
    note = unread_note(files, lost)
    notes = [note] if note else []
    if tree.passed_over:
        more = len(tree.passed_over) - 10
        listed = ", ".join(tree.passed_over[:10]) + (f" and {more} more" if more > 0 else "")
        count = "1 entry" if len(tree.passed_over) == 1 else f"{len(tree.passed_over)} entries"
        notes.append(f"left out, because they can't be read: {count}, {listed}")
    return notes


def _walk(root: Path) -> FolderTree:
    """All files below a folder; hidden ones and our own cache are passed over, links are followed once."""
    tree = FolderTree()

    def refused(error: OSError) -> None:
        place = printable(os.path.relpath(error.filename or root, root))
        tree.passed_over.append(f"{place} ({error.strerror})")

    ours = cache_folder()
    seen: set[str] = set()
    for folder_name, subfolders, names in os.walk(root, followlinks=True, onerror=refused):
        real = os.path.realpath(folder_name)
        if real in seen:  # a link back up the tree
            subfolders.clear()
            continue
        seen.add(real)
        subfolders[:] = sorted(
            name
            for name in subfolders
            if not name.startswith((".", "__MACOSX")) and Path(folder_name, name) != ours
        )
        for name in names:
            if name.startswith("."):
                continue
            path = Path(folder_name, name)
            if ending(path) not in READ_ENDINGS:
                tree.others.append(path)
            elif _is_regular(path):
                tree.pictures.append(path)
            else:
                tree.passed_over.append(f"{printable(str(path.relative_to(root)))} (no regular file)")
    tree.pictures.sort()
    tree.others.sort()
    return tree


def _is_regular(path: Path) -> bool:
    """Whether it is a file that can be read to its end: no named pipe, socket or device."""
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except OSError:  # a dangling link: decoding will name it
        return True


def _identity(root: Path, files: list[PictureFile]) -> str:
    """The place, and every picture's path, length and time of change."""
    digest = hashlib.blake2b(os.fsencode(root.resolve()), digest_size=16)
    for file in files:
        try:
            status = file.path.stat()
            changed = status.st_size, status.st_mtime_ns
        except OSError:  # a dangling link: decoding will name it
            changed = 0, 0
        digest.update(repr((str(file.path.relative_to(root)), *changed)).encode())
    return digest.hexdigest()
