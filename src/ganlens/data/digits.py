"""`digits`: the 1,797 real handwritten digits that come with scikit-learn, 8×8 pixels."""

from __future__ import annotations

import gzip
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ganlens.data.dataset import DataOptions, Dataset, SampleArray, Split, split_rows
from ganlens.data.resize import fit_images
from ganlens.data.source_arguments import refuse_argument, refuse_count
from ganlens.data.sources import sources
from ganlens.modality import Images
from ganlens.progress import Progress


@sources.register("digits")
def digits(argument: str | None, options: DataOptions, progress: Progress) -> Dataset:
    """1,797 real handwritten digits of 8×8 pixels and 17 shades, bundled with scikit-learn.

    Source: E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI (its test set).
    """
    refuse_argument("digits", argument)
    refuse_count("digits", options)
    shades, labels = _bundled()
    images = np.rint(shades * (255 / 16)).astype(np.uint8).reshape(-1, 1, 8, 8)
    images, resized = fit_images(images, options, "digits")
    train, held_out = split_rows(len(images), options.held_out, options.split_seed, labels)
    classes = torch.from_numpy(labels)
    return Dataset(
        name="digits",
        modality=Images(),
        train=Split(SampleArray(images, train), classes[train]),
        held_out=Split(SampleArray(images, held_out), classes[held_out]),
        class_names=tuple("0123456789"),
        notes=tuple(resized),
    )


def _bundled() -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Shades [1797, 64] from 0 to 16 and labels [1797], as `sklearn.datasets.load_digits` gives them."""
    package = find_spec("sklearn")
    places = package.submodule_search_locations if package else None
    table = Path(places[0], "datasets", "data", "digits.csv.gz") if places else None
    if table is None or not table.exists():
        from sklearn.datasets import load_digits

        shades, labels = load_digits(return_X_y=True)
        return shades, labels.astype(np.int64)
    # Read without importing scikit-learn, which alone takes longer than everything else here.
    with gzip.open(table) as file:
        rows = np.loadtxt(file, delimiter=",")
    return rows[:, :-1], rows[:, -1].astype(np.int64)
