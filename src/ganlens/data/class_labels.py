"""Class labels of whatever form: which class each sample has, and the order in which classes stand."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.int64] | NDArray[np.str_]
"""One label per sample: whole numbers, or words."""

_NUMBERED = re.compile(r"(?P<before>\D*)(?P<number>[0-9]{1,18})(?P<after>\D*)")


class Unusable(Exception):
    """An array that can't be labels; the message says why, after "the array … was not used: "."""


@dataclass(frozen=True)
class Classes:
    """The labels of several parts of a data set, numbered alike.

    Attributes:
        labels: per part [n] class numbers into `names`, or None.
        names: one per class: in the order of numbers where all are whole numbers, else of words.
    """

    labels: list[NDArray[np.int64] | None]
    names: tuple[str, ...]


def label_values(array: NDArray[np.generic], count: int) -> Values:
    """One label per sample from an array of labels in any usual form.

    Whole numbers in any type, words, booleans (False is 0), with further axes of length 1; one-hot rows [n, k].

    Args:
        count: how many samples there are.

    Raises:
        Unusable: it is none of these.
    """
    if array.ndim == 2 and array.shape[0] == count and array.shape[1] > 1:
        return _from_one_hot(array)
    if array.size != count or max(array.shape, default=0) != count:
        raise Unusable(
            f"it has the shape {list(array.shape)}; labels of {count:,} samples are [{count}], or one-hot [{count}, k]"
        )
    flat = array.reshape(count)
    kind = flat.dtype.kind
    if kind in "SUO":
        return _from_words(flat)
    if kind not in "buif":
        raise Unusable(f"it holds {flat.dtype}, neither numbers nor words")
    if kind == "f":
        if not np.isfinite(flat).all():
            raise Unusable(f"{int((~np.isfinite(flat)).sum()):,} of its values are no finite numbers")
        if (flat != np.rint(flat)).any():
            example = flat[flat != np.rint(flat)][0]
            raise Unusable(f"it has values between whole numbers ({example:g}), which are no classes")
    if kind != "b" and (np.abs(flat.astype(np.float64)) >= 2.0**63).any():
        raise Unusable("it has numbers beyond 64 bits")
    return flat.astype(np.int64)


def numbered(parts: Sequence[Values | None], names: Sequence[str] = ()) -> Classes:
    """Number the classes of all parts alike.

    Args:
        parts: labels of each part of a data set; all words or all numbers.
        names: names of the numbers 0, 1, …, where known; of words the order in which they are wanted.
    """
    given = [part for part in parts if part is not None]
    if not given:
        return Classes([None] * len(parts), ())
    values = np.unique(np.concatenate(given))
    if values.dtype.kind == "U":
        order = {word: number for number, word in enumerate(names)}
        words = [str(value) for value in values]
        ordered = sorted(words, key=order.__getitem__) if set(words) <= set(order) else class_order(words)
        place = {word: number for number, word in enumerate(ordered)}
        places = np.array([place[word] for word in words])
        shown = tuple(ordered)
    else:
        places = np.arange(len(values))
        known = len(names) and values[0] >= 0 and values[-1] < len(names)
        shown = tuple(str(names[value]) if known else str(value) for value in values.tolist())
    labels = [None if part is None else places[np.searchsorted(values, part)] for part in parts]
    return Classes(labels, shown)


def class_order(names: Iterable[str]) -> list[str]:
    """Names as numbers where all are numbers ("2" before "10"), alone or in one text ("class_2"), else as words."""
    names = list(names)
    if all(_is_number(name) for name in names):
        return sorted(names, key=lambda name: (int(name), name))
    parts = [_NUMBERED.fullmatch(name) for name in names]
    present = [part for part in parts if part is not None]
    if len(present) == len(names) and len({(part["before"], part["after"]) for part in present}) == 1:
        number = {part.string: int(part["number"]) for part in present}
        return sorted(names, key=lambda name: (number[name], name))
    return sorted(names)


def _is_number(name: str) -> bool:
    """Whether it is a whole number in the digits 0 to 9 ("007" is; Python takes those of other scripts as well)."""
    digits = name.removeprefix("-")
    return digits.isascii() and digits.isdigit() and len(digits) < 1000


def _from_one_hot(array: NDArray[np.generic]) -> NDArray[np.int64]:
    if array.dtype.kind not in "buif":
        raise Unusable(f"it holds {array.shape[1]} columns of {array.dtype}; labels are one a sample")
    if not (((array == 0) | (array == 1)).all() and (np.count_nonzero(array, axis=1) == 1).all()):
        raise Unusable(
            f"its rows of {array.shape[1]} are not one-hot (a single 1 among 0); labels are one class a sample"
        )
    return np.asarray(array.argmax(axis=1), dtype=np.int64)


def _from_words(flat: NDArray[np.generic]) -> Values:
    values = flat.tolist()
    missing = sum(value is None for value in values)
    if missing:
        raise Unusable(f"{missing:,} of its values are missing")
    if not all(isinstance(value, (str, bytes)) for value in values):
        raise Unusable("it holds Python objects, neither numbers nor words")
    words = [
        value.decode("utf-8", errors="surrogateescape") if isinstance(value, bytes) else value
        for value in values
    ]
    if all(_is_number(word) and len(word) < 19 and str(int(word)) == word for word in set(words)):
        return np.array([int(word) for word in words], dtype=np.int64)
    return np.array(words, dtype=np.str_)
