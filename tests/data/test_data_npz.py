from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from ganlens.data import Dataset, open_dataset
from ganlens.errors import UserError
from ganlens.modality import Images, Points

GREY = np.arange(10 * 4 * 6, dtype=np.uint8).reshape(10, 4, 6)
COLOUR = np.arange(10 * 3 * 4 * 5, dtype=np.int64).reshape(10, 3, 4, 5).astype(np.uint8)  # channels first


def saved(folder: Path, **arrays: object) -> str:
    np.savez(folder / "a.npz", **arrays)  # type: ignore[arg-type]
    return f"npz:{folder / 'a.npz'}"


def stored(data: Dataset) -> np.ndarray:
    """All pictures as bytes, in the order of their first pixels."""
    samples = torch.cat([data.train.samples.tensor(), data.held_out.samples.tensor()])
    pixels = ((samples + 1) * 127.5).round().numpy().astype(np.uint8)
    return np.array(sorted(pixels.tolist()), dtype=np.uint8)


def in_order(images: np.ndarray) -> np.ndarray:
    return np.array(sorted(images.tolist()), dtype=np.uint8)


def test_layouts_are_told_apart(tmp_path: Path) -> None:
    for array, wanted in (
        (GREY, GREY[:, None]),
        (COLOUR, COLOUR),
        (COLOUR.transpose(0, 2, 3, 1), COLOUR),
        (GREY[..., None], GREY[:, None]),
    ):
        data = open_dataset(saved(tmp_path, images=array))
        assert data.modality == Images()
        assert (stored(data) == in_order(wanted)).all()
        assert (len(data.train), len(data.held_out)) == (8, 2)


def test_an_ambiguous_layout_says_how_it_was_read(tmp_path: Path) -> None:
    data = open_dataset(saved(tmp_path, images=np.zeros((10, 3, 5, 3), np.uint8)))
    assert data.sample_shape == (3, 3, 5)
    assert data.notes == ("read as [n, h, w, c], though [n, c, h, w] is possible too",)


@pytest.mark.parametrize(
    ("values", "wanted", "said"),
    [
        (np.array([0.0, 0.5, 1.0]), [0, 128, 255], "0…1"),
        (np.array([-1.0, 0.0, 1.0]), [0, 128, 255], "−1…1"),
        (np.array([0.0, 12.0, 255.0]), [0, 12, 255], "0…255"),
        (np.array([0, 7, 200], dtype=np.int32), [0, 7, 200], "0…255"),
        (np.array([False, True, True]), [0, 255, 255], "0…1"),
    ],
)
def test_ranges_are_recognised_and_said(
    tmp_path: Path, values: np.ndarray, wanted: list[int], said: str
) -> None:
    images = np.broadcast_to(values[:, None, None], (3, 5, 5))
    data = open_dataset(saved(tmp_path, images=images))
    assert stored(data)[:, 0, 0, 0].tolist() == wanted
    assert f"read as {said}" in data.notes[0]


def test_the_only_suitable_array_is_found_and_another_can_be_named(tmp_path: Path) -> None:
    names = np.array(["x", "y"])
    assert (
        stored(open_dataset(saved(tmp_path, faces=GREY, names=names, scale=np.float64(3)))) == GREY[:, None]
    ).all()
    spec = saved(tmp_path, images=GREY, other=GREY[::-1] // 2)
    assert stored(open_dataset(f"{spec}:other")).max() == GREY.max() // 2
    assert open_dataset(f"{spec}:other").name == "npz:a.npz:other"


def test_labels_and_class_names_come_along(tmp_path: Path) -> None:
    labels = GREY[:, 0, 0].astype(np.int32) // 24 % 3
    for name in ("labels", "y"):
        data = open_dataset(
            saved(tmp_path, images=GREY, **{name: labels}, class_names=np.array(["a", "b", "c"]))
        )
        assert data.class_names == ("a", "b", "c")
        for split in (data.train, data.held_out):
            assert split.labels is not None
            first = ((split.samples[:][:, 0, 0, 0] + 1) * 127.5).round().int() // 24 % 3
            assert split.labels.tolist() == first.tolist()
    other = open_dataset(saved(tmp_path, images=GREY, labels=np.repeat([5, 9], 5)))
    assert other.class_names == ("5", "9")
    assert open_dataset(saved(tmp_path, images=GREY, labels=np.linspace(0, 1, 10))).train.labels is None
    assert open_dataset(saved(tmp_path, images=GREY, labels=np.zeros(9, int))).train.labels is None


def test_train_and_test_arrays_are_the_two_splits(tmp_path: Path) -> None:
    spec = saved(
        tmp_path, x_train=GREY, y_train=np.arange(10) % 2, x_test=GREY[:4] // 2, y_test=np.ones(4, int)
    )
    data = open_dataset(spec)
    assert (len(data.train), len(data.held_out)) == (10, 4)
    assert data.held_out.labels is not None
    assert data.held_out.labels.tolist() == [1] * 4
    assert data.held_out.samples.tensor().max() == pytest.approx((95 // 2) * 2 / 255 - 1)


def test_points_are_vectors_without_a_range(tmp_path: Path) -> None:
    points = np.random.default_rng(0).normal(size=(50, 2)) * 100
    data = open_dataset(saved(tmp_path, points=points, labels=np.arange(50) % 5))
    assert data.modality == Points()
    together = torch.cat([data.train.samples.tensor(), data.held_out.samples.tensor()])
    assert sorted(together[:, 0].tolist()) == sorted(points[:, 0].astype(np.float32).tolist())
    assert data.num_classes == 5
    with pytest.raises(UserError, match="'size' is for images"):
        open_dataset(saved(tmp_path, points=points), size=32)


def test_a_size_is_obeyed(tmp_path: Path) -> None:
    assert open_dataset(saved(tmp_path, images=GREY), size=8).sample_shape == (1, 8, 8)


@pytest.mark.parametrize(
    ("arrays", "array", "message"),
    [
        (
            {"x": GREY, "y": COLOUR},
            "",
            r"has no array named 'images'; it has \['x', 'y'\]\. Name one with npz:a\.npz:x",
        ),
        ({"x": GREY}, ":z", r"has no array named 'z'; it has \['x'\]"),
        ({"images": np.array([{"a": 1}, None])}, "", "holds Python objects, which are not read"),
        ({"images": np.array(["a", "b"])}, "", "holds <U1; save it as an array of numbers"),
        ({"images": np.zeros(12)}, "", r"has the shape \[12\]; images are \[n, h, w\]"),
        ({"images": np.zeros((0, 4, 4))}, "", r"has the shape \[0, 4, 4\]"),
        ({"images": np.zeros((5, 9, 9, 9))}, "", "neither the second nor the last axis can be channels"),
        (
            {"images": np.array([0.0, np.nan, 0.5])[:, None, None] * np.ones((3, 4, 4))},
            "",
            "first in sample 1",
        ),
        ({"images": np.full((3, 4, 4), 4095, np.uint16)}, "", "values from 4095 to 4095; pixels are 0…255"),
        ({"images": np.zeros((1, 4, 4), np.uint8)}, "", "needs two samples or more"),
        ({"x": np.zeros((5, 2000))}, "", "vectors of 2000 numbers; reshape images"),
        ({}, "", r"has no array named 'images'; it has \[\]"),
    ],
)
def test_what_can_not_be_used_is_named(
    tmp_path: Path, arrays: dict[str, np.ndarray], array: str, message: str
) -> None:
    with pytest.raises(UserError, match=message):
        open_dataset(saved(tmp_path, **arrays) + array)


def test_object_arrays_are_never_unpickled(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (Path.touch, (tmp_path / "sprung",))  # type: ignore[return-value]

    spec = saved(tmp_path, images=np.array([Trap(), Trap()], dtype=object))
    with pytest.raises(UserError, match="can carry code"):
        open_dataset(spec)
    assert not (tmp_path / "sprung").exists()


def test_damaged_and_missing_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no such file"):
        open_dataset(f"npz:{tmp_path / 'none.npz'}")
    spec = saved(tmp_path, images=np.zeros((500, 20, 20), np.uint8))
    path = tmp_path / "a.npz"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match="not a whole NPZ archive"):
        open_dataset(spec)
    damaged = bytearray(whole)
    damaged[len(whole) // 2] ^= 255
    path.write_bytes(damaged)
    with pytest.raises(UserError, match=r"array 'images' can't be read .*cut or damaged"):
        open_dataset(spec)
    path.write_text("a,b\n1,2\n")
    with pytest.raises(UserError, match=r"not a whole NPZ archive .*numpy\.savez"):
        open_dataset(spec)
