"""`hub:NAME[:image_column]`: image data sets of the Hugging Face Hub, or a local folder in its layout."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ganlens.data.class_labels import Unusable, class_order, label_values, numbered
from ganlens.data.dataset import DataOptions, Dataset
from ganlens.data.picture_collection import Collection, open_collection
from ganlens.data.pictures import PictureSource
from ganlens.data.source_arguments import refuse_count, require_argument
from ganlens.data.sources import sources
from ganlens.errors import UserError
from ganlens.printable import printable
from ganlens.progress import Progress

HELD_OUT_SPLITS = ("test", "validation", "valid")
LABEL_COLUMNS = ("label", "labels", "fine_label", "class", "target", "targets", "y")


@sources.register("hub")
def hub(argument: str | None, options: DataOptions, progress: Progress) -> Dataset:
    """hub:NAME[:image_column], images of the Hugging Face Hub or a local folder in its layout (extra hub)."""
    argument = require_argument("hub", argument, "NAME[:image_column]")
    name, wanted = argument, ""
    if ":" in argument and not Path(argument).exists():
        name, _, wanted = argument.rpartition(":")
    refuse_count("hub", options)
    spec = printable(f"hub:{name}")
    with _damage_named(spec):
        return open_collection(_collection(name, wanted, spec), options, progress)


def _collection(name: str, wanted: str, spec: str) -> Collection:
    """The pictures of the data set `name`."""
    tables, split_names = _splits(_load(name), spec)
    image_column = _image_column(tables[0].features, wanted, spec)
    label_column = _label_column(tables[0].features)
    starts = np.cumsum([0] + [len(table) for table in tables])
    encoded = [_encoded(table, image_column) for table in tables]

    def read(start: int, stop: int) -> list[PictureSource]:
        return [
            _source(cell)
            for table, first in zip(encoded, starts[:-1].tolist(), strict=True)
            for cell in table[max(start - first, 0) : max(stop - first, 0)][image_column]
        ]

    def picture_name(row: int) -> str:
        number = int(np.searchsorted(starts, row, side="right")) - 1
        return f"{split_names[number]} row {row - int(starts[number])}"

    labels, class_names, notes = _labels(tables, label_column)
    if len(tables) == 2:
        notes.append(f"held out: the split {split_names[1]!r}")
    return Collection(
        spec=spec,
        name=spec if not Path(name).is_dir() else f"hub:{Path(name).resolve().name}",
        identity=repr([(image_column, table._fingerprint) for table in tables]),
        held_out=np.repeat([False, True][: len(tables)], np.diff(starts)),
        read=read,
        picture_name=picture_name,
        labels=labels,
        class_names=class_names,
        notes=notes,
    )


@contextmanager
def _damage_named(spec: str) -> Iterator[None]:
    """Name what the readers of tables raise on damaged files, each with a type of its own."""
    try:
        yield
    except (UserError, ImportError, MemoryError):
        raise
    except Exception as error:
        raise UserError(
            f"{spec} can't be read: {_reason(error)}; its files are damaged, get them again"
        ) from error


def _reason(error: Exception) -> str:
    return printable(" ".join(str(error).split())[:300]) or type(error).__name__


def _load(name: str) -> dict[str, Any]:
    """All splits of a data set, by name."""
    try:
        import datasets
    except ImportError as error:
        raise UserError(
            f"hub:{name} needs the package 'datasets', which is not installed: pip install 'ganlens[hub]'"
        ) from error
    spoken = datasets.logging.get_verbosity()
    datasets.logging.set_verbosity(datasets.logging.CRITICAL)  # what fails is said once, below
    try:
        return dict(datasets.load_dataset(name))
    except Exception as error:  # unknown names, no network, damaged files, scripts: each with its own type
        raise UserError(
            f"{printable(f'hub:{name}')} can't be opened: {_reason(error)} (it must be a public data set's name, with "
            "a connection or already downloaded, or a local folder)"
        ) from error
    finally:
        datasets.logging.set_verbosity(spoken)


def _splits(tables: dict[str, Any], spec: str) -> tuple[list[Any], list[str]]:
    """The train split and, where there is one, the split to hold out; with their names."""
    held_out = next((name for name in HELD_OUT_SPLITS if name in tables), None)
    if "train" in tables:
        names = ["train"] + ([held_out] if held_out else [])
    elif len(tables) == 1:
        names = list(tables)
    else:
        raise UserError(f"{spec} has no split 'train'; it has {sorted(tables)}")
    return [tables[name] for name in names], names


def _image_column(features: Any, wanted: str, spec: str) -> str:
    import datasets

    columns = [name for name, feature in features.items() if isinstance(feature, datasets.Image)]
    if wanted and wanted not in columns:
        raise UserError(
            f"{spec} has no image column {wanted!r}; its image columns are {columns}, of {sorted(features)}"
        )
    if not columns:
        raise UserError(f"{spec} has no column of images; it has {sorted(features)}")
    if len(columns) > 1 and not wanted and "image" not in columns:
        raise UserError(f"{spec} has the image columns {columns}; name one with {spec}:{columns[0]}")
    return wanted or ("image" if "image" in columns else columns[0])


def _label_column(features: Any) -> str | None:
    """The column of class labels: one of the usual names first, else the first whose type says so."""
    import datasets

    labelled = [name for name, feature in features.items() if isinstance(feature, datasets.ClassLabel)]
    usual = [name for name in LABEL_COLUMNS if name in features]
    return next((name for name in usual if name in labelled), next(iter([*usual, *labelled]), None))


def _labels(
    tables: Sequence[Any], column: str | None
) -> tuple[NDArray[np.int64] | None, tuple[str, ...], list[str]]:
    """Class numbers of all rows of all tables, the classes' names, and a note where there are none."""
    if column is None:
        return None, (), []
    listed = [value for table in tables for value in table[column][:]]
    if any(value is None for value in listed):
        return None, (), [f"no labels: the column {column!r} withholds some (they are missing)"]
    try:
        values = label_values(_as_array(listed), len(listed))
    except Unusable as error:
        return None, (), [f"no labels: the column {column!r} was not used: {error}"]
    names = getattr(tables[0].features[column], "names", None)
    classes = numbered([values])
    if classes.names[0].startswith("-") and values.dtype.kind != "U":
        return None, (), [f"no labels: the column {column!r} withholds some (they are negative)"]
    if names is None:
        return classes.labels[0], classes.names, []
    values = values.astype(np.int64)
    if names == sorted(names):  # by word, as class folders are read: numbers stand in their own order
        ordered = class_order(names)
        place = np.array([ordered.index(name) for name in names], dtype=np.int64)
        return place[values], tuple(ordered), []
    return values, tuple(names), []


def _as_array(values: list[Any]) -> NDArray[np.generic]:
    try:
        return np.asarray(values)
    except ValueError as error:
        raise Unusable("its rows have different lengths") from error


def _encoded(table: Any, column: str) -> Any:
    """The image column alone, its pictures as files or bytes."""
    import datasets

    return table.select_columns([column]).cast_column(column, datasets.Image(decode=False))


def _source(cell: dict[str, Any] | None) -> PictureSource:
    if cell is None:
        return b""
    content: bytes | None = cell.get("bytes")
    return content if content is not None else Path(cell["path"])
