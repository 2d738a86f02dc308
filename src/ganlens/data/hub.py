"""`hub:NAME[:image_column]`: image data sets of the Hugging Face Hub, or a local folder in its layout."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ganlens.data.arguments import refuse_count, require_argument
from ganlens.data.collection import Collection, open_collection
from ganlens.data.dataset import DataOptions, Dataset
from ganlens.data.pictures import PictureSource
from ganlens.data.sources import sources
from ganlens.errors import UserError
from ganlens.progress import Progress

HELD_OUT_SPLITS = ("test", "validation", "valid")
LABEL_COLUMNS = ("label", "labels", "fine_label", "class")


@sources.register("hub")
def hub(argument: str | None, options: DataOptions, progress: Progress) -> Dataset:
    """hub:NAME[:image_column], images of the Hugging Face Hub or a local folder in its layout (extra hub)."""
    argument = require_argument("hub", argument, "NAME[:image_column]")
    name, wanted = argument, ""
    if ":" in argument and not Path(argument).exists():
        name, _, wanted = argument.rpartition(":")
    refuse_count("hub", options)
    spec = f"hub:{name}"
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
    collection = Collection(
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
    return open_collection(collection, options, progress)


def _load(name: str) -> dict[str, Any]:
    """All splits of a data set, by name."""
    try:
        import datasets
    except ImportError as error:
        raise UserError(
            f"hub:{name} needs the package 'datasets', which is not installed: pip install 'ganlens[hub]'"
        ) from error
    try:
        return dict(datasets.load_dataset(name))
    except Exception as error:  # unknown names, no network, damaged files, scripts: each with its own type
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        raise UserError(
            f"hub:{name} can't be opened: {reason} (it must be a public data set's name, with a connection "
            f"or already downloaded, or a local folder)"
        ) from error


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
    for name in LABEL_COLUMNS:
        if name in labelled or (
            name in features and str(getattr(features[name], "dtype", "")).startswith("int")
        ):
            return name
    return labelled[0] if labelled else None


def _labels(
    tables: Sequence[Any], column: str | None
) -> tuple[NDArray[np.int64] | None, tuple[str, ...], list[str]]:
    """Class numbers of all rows of all tables, the classes' names, and a note where labels are withheld."""
    if column is None:
        return None, (), []
    labels = np.concatenate([np.asarray(table[column][:], dtype=np.int64) for table in tables])
    if (labels < 0).any():
        return None, (), [f"no labels: the column {column!r} withholds some (they are negative)"]
    names = getattr(tables[0].features[column], "names", None)
    if names is None:
        values, labels = np.unique(labels, return_inverse=True)
        names = [str(value) for value in values]
    return labels.astype(np.int64), tuple(names), []


def _encoded(table: Any, column: str) -> Any:
    """The image column alone, its pictures as files or bytes."""
    import datasets

    return table.select_columns([column]).cast_column(column, datasets.Image(decode=False))


def _source(cell: dict[str, Any] | None) -> PictureSource:
    if cell is None:
        return b""
    content: bytes | None = cell.get("bytes")
    return content if content is not None else Path(cell["path"])
