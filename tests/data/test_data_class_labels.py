"""Labels in every form that they come in."""

from __future__ import annotations

import numpy as np
import pytest

from ganlens.data.class_labels import Unusable, class_order, label_values, numbered

PLAIN = np.array([2, 0, 1, 2])


@pytest.mark.parametrize(
    "array",
    [
        PLAIN,
        PLAIN.astype(np.uint8),
        PLAIN[:, None],
        PLAIN[None],
        PLAIN[:, None, None],
        PLAIN.astype(np.float32),
        np.eye(3)[PLAIN],
        np.eye(3, dtype=bool)[PLAIN],
        np.array(["2", "0", "1", "2"]),
        np.array([b"2", b"0", b"1", b"2"]),
    ],
)
def test_every_usual_form_is_read(array: np.ndarray) -> None:
    values = label_values(array, 4)
    assert values.dtype == np.int64
    assert values.tolist() == [2, 0, 1, 2]


def test_words_and_booleans_are_classes() -> None:
    assert label_values(np.array(["cat", "dog"]), 2).tolist() == ["cat", "dog"]
    assert label_values(np.array([b"caf\xe9", b"tea"]), 2).tolist() == ["caf\udce9", "tea"]
    assert label_values(np.array([True, False]), 2).tolist() == [1, 0]
    assert label_values(np.array(["01", "1"]), 2).tolist() == ["01", "1"]  # two classes, not one


@pytest.mark.parametrize(
    ("array", "why"),
    [
        (PLAIN[:3], r"has the shape \[3\]; labels of 4 samples are \[4\]"),
        (np.zeros((2, 2)), r"has the shape \[2, 2\]"),
        (np.array(3), r"has the shape \[\]"),
        (np.array([0, 1, np.nan, np.inf]), "2 of its values are no finite numbers"),
        (np.array([0, 1, 0.25, 1]), r"between whole numbers \(0\.25\)"),
        (np.array([[0.2, 0.8]] * 4), "rows of 2 are not one-hot"),
        (np.array([[1, 1, 0]] * 4), "rows of 3 are not one-hot"),
        (np.array([["a", "b"]] * 4), "holds 2 columns of <U1"),
        (np.array([0, 1, 2, 2**63], dtype=np.uint64), "beyond 64 bits"),
        (np.array([1j] * 4), "holds complex128"),
        (np.array(["2020-01-01"] * 4, dtype="datetime64[D]"), "neither numbers nor words"),
        (np.array(["a", None, "b", None], dtype=object), "2 of its values are missing"),
        (np.array([{}, {}, {}, {}], dtype=object), "Python objects"),
    ],
)
def test_what_is_no_labels_says_why(array: np.ndarray, why: str) -> None:
    with pytest.raises(Unusable, match=why):
        label_values(array, 4)


def test_names_that_are_whole_numbers_are_ordered_as_numbers() -> None:
    assert class_order(["10", "2", "-1", "0"]) == ["-1", "0", "2", "10"]
    assert class_order(["010", "2", "02"]) == ["02", "2", "010"]
    assert class_order(["class_10", "class_2", "class_1"]) == ["class_1", "class_2", "class_10"]
    assert class_order(["10 mm", "9 mm"]) == ["9 mm", "10 mm"]
    assert class_order(["a10", "b2"]) == ["a10", "b2"]
    assert class_order(["v1.10", "v1.9"]) == ["v1.10", "v1.9"]  # two numbers: words
    assert class_order(["10", "2", "x"]) == ["10", "2", "x"]
    assert class_order(["10", "2", "²"]) == ["10", "2", "²"]
    assert class_order(["١٠", "٢"]) == ["١٠", "٢"]


def test_parts_are_numbered_alike_and_names_are_used() -> None:
    train, test = np.array([7, 3, 3]), np.array([9, 7])
    classes = numbered([train, test])
    assert classes.names == ("3", "7", "9")
    assert [labels.tolist() for labels in classes.labels if labels is not None] == [[1, 0, 0], [2, 1]]
    assert numbered([np.array([0, 2]), None], ["a", "b", "c"]).names == ("a", "c")
    words = numbered([np.array(["eel", "cat"])], ["eel", "dog", "cat"])
    assert words.names == ("eel", "cat")  # the order of the names, not of the alphabet
    assert words.labels[0] is not None
    assert words.labels[0].tolist() == [0, 1]
    assert numbered([None]).labels == [None]
