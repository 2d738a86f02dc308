"""Data sets in the hub's layout, from local folders: nothing here asks the network."""

from __future__ import annotations

import builtins
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from ganlens.data import open_dataset
from ganlens.errors import UserError

datasets = pytest.importorskip("datasets")


@pytest.fixture(autouse=True)
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("datasets.config.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "hub-cache")


def plant(root: Path, columns: dict[str, list[Any]], features: dict[str, Any], split: str = "train") -> str:
    """A folder as the hub serves it: data/<split>-00000-of-00001.parquet."""
    (root / "data").mkdir(parents=True, exist_ok=True)
    table = datasets.Dataset.from_dict(columns, features=datasets.Features(features))
    table.to_parquet(root / "data" / f"{split}-00000-of-00001.parquet")
    return f"hub:{root}"


def greys(numbers: range) -> list[Image.Image]:
    return [Image.new("L", (16, 16), number) for number in numbers]


def values(samples: torch.Tensor) -> list[int]:
    return ((samples[:, 0, 0, 0] + 1) * 127.5).round().int().tolist()


CLASSES = datasets.ClassLabel(names=["even", "odd"])


def test_a_train_and_a_test_split_with_class_labels(tmp_path: Path) -> None:
    for split, numbers in (("train", range(12)), ("test", range(50, 54))):
        columns = {"image": greys(numbers), "label": [n % 2 for n in numbers]}
        spec = plant(tmp_path / "mini", columns, {"image": datasets.Image(), "label": CLASSES}, split)
    data = open_dataset(spec, size=16)
    assert data.name == "hub:mini"
    assert data.class_names == ("even", "odd")
    assert data.sample_shape == (1, 16, 16)
    assert values(data.train.samples.tensor()) == list(range(12))
    assert values(data.held_out.samples.tensor()) == [50, 51, 52, 53]
    assert data.train.labels is not None
    assert data.held_out.labels is not None
    assert data.train.labels.tolist() == [0, 1] * 6
    assert data.held_out.labels.tolist() == [0, 1, 0, 1]
    assert "held out: the split 'test'" in data.notes


def test_one_split_is_split_and_the_column_can_be_named(tmp_path: Path) -> None:
    columns = {
        "photo": greys(range(20)),
        "mask": greys(range(100, 120)),
        "fine_label": [n // 10 * 4 for n in range(20)],
    }
    features = {"photo": datasets.Image(), "mask": datasets.Image(), "fine_label": datasets.Value("int64")}
    spec = plant(tmp_path, columns, features)
    with pytest.raises(
        UserError, match=r"has the image columns \['photo', 'mask'\]; name one with hub:.*:photo"
    ):
        open_dataset(spec)
    with pytest.raises(UserError, match="has no image column 'fine_label'"):
        open_dataset(f"{spec}:fine_label")
    data = open_dataset(f"{spec}:mask", size=16)
    shown = values(data.train.samples.tensor()) + values(data.held_out.samples.tensor())
    assert sorted(shown) == list(range(100, 120))
    assert len(data.held_out) == 4
    assert data.class_names == ("0", "4")
    assert data.held_out.labels is not None
    assert data.held_out.labels.tolist() == [int(v >= 110) for v in values(data.held_out.samples.tensor())]


def test_a_folder_of_class_folders_is_read_too_and_bad_rows_are_named(tmp_path: Path) -> None:
    for number in range(6):
        path = tmp_path / "pets" / "train" / ("cats" if number < 3 else "dogs") / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (16, 16), (number, 0, 200)).save(path)
    (tmp_path / "pets" / "train" / "cats" / "1.png").write_bytes(b"damaged")
    data = open_dataset(f"hub:{tmp_path / 'pets'}", size=16)
    assert data.class_names == ("cats", "dogs")
    assert data.sample_shape == (3, 16, 16)
    assert len(data.train) + len(data.held_out) == 5
    assert "1 of 6 pictures can't be read and are left out: train row 1 (not a picture)" in data.notes
    with pytest.raises(UserError, match="train row 1"):
        open_dataset(f"hub:{tmp_path / 'pets'}", size=16, strict=True)


def test_withheld_labels_are_no_labels(tmp_path: Path) -> None:
    columns = {"image": greys(range(4)), "label": [0, 1, -1, -1]}
    spec = plant(tmp_path, columns, {"image": datasets.Image(), "label": CLASSES})
    data = open_dataset(spec, size=16)
    assert data.train.labels is None
    assert any("withholds" in note for note in data.notes)


def test_what_is_no_image_data_set_is_named(tmp_path: Path) -> None:
    spec = plant(tmp_path, {"text": ["a", "b"]}, {"text": datasets.Value("string")})
    with pytest.raises(UserError, match=r"has no column of images; it has \['text'\]"):
        open_dataset(spec)


def test_an_unknown_name_without_a_connection_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(
        UserError, match=r"hub:nobody/nothing can't be opened: .* or a local folder"
    ) as caught:
        open_dataset("hub:nobody/nothing")
    assert "\n" not in str(caught.value)
    with pytest.raises(UserError, match="needs to know where"):
        open_dataset("hub")


def test_without_the_extra_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "datasets":
            raise ImportError("No module named 'datasets'")
        return honest(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(UserError, match=r"pip install 'ganlens\[hub\]'"):
        open_dataset("hub:any/thing")


@pytest.mark.parametrize(
    ("labels", "feature", "names", "numbers"),
    [
        (["eel", "cat"], datasets.Value("string"), ("cat", "eel"), [1, 0]),
        (["10", "9"], datasets.Value("string"), ("9", "10"), [1, 0]),
        ([True, False], datasets.Value("bool"), ("0", "1"), [1, 0]),
        ([3.0, 1.0], datasets.Value("float32"), ("1", "3"), [1, 0]),
        ([[0, 1], [1, 0]], datasets.Sequence(datasets.Value("int64")), ("0", "1"), [1, 0]),
        ([2, 1], datasets.ClassLabel(names=["1", "10", "2"]), ("2", "10"), [0, 1]),  # by word, as folders are
        ([1, 0], datasets.ClassLabel(names=["old", "new"]), ("old", "new"), [1, 0]),
    ],
)
def test_label_columns_of_every_form_are_read(
    tmp_path: Path, labels: list[Any], feature: Any, names: tuple[str, str], numbers: list[int]
) -> None:
    columns = {"image": greys(range(100, 110)), "label": labels * 5}
    data = open_dataset(plant(tmp_path, columns, {"image": datasets.Image(), "label": feature}), size=16)
    assert data.class_names == names
    assert data.train.labels is not None
    shown = values(data.train.samples.tensor())
    assert data.train.labels.tolist() == [numbers[value % 2] for value in shown]


@pytest.mark.parametrize(
    ("labels", "feature", "why"),
    [
        (["a", None], datasets.Value("string"), "withholds some (they are missing)"),
        ([0.5, 1.0], datasets.Value("float32"), "between whole numbers"),
        ([[1, 1], [1, 0]], datasets.Sequence(datasets.Value("int64")), "not one-hot"),
        ([[1, 1], [1]], datasets.Sequence(datasets.Value("int64")), "rows have different lengths"),
    ],
)
def test_label_columns_that_can_not_be_used_are_told_of(
    tmp_path: Path, labels: list[Any], feature: Any, why: str
) -> None:
    columns = {"image": greys(range(100, 110)), "label": labels * 5}
    data = open_dataset(plant(tmp_path, columns, {"image": datasets.Image(), "label": feature}), size=16)
    assert data.train.labels is None
    assert any(note.startswith("no labels: the column 'label'") and why in note for note in data.notes)


def test_damaged_tables_are_one_sentence_and_nothing_else(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    spec = plant(
        tmp_path,
        {"image": greys(range(4)), "label": [0, 1] * 2},
        {"image": datasets.Image(), "label": CLASSES},
    )
    path = tmp_path / "data" / "train-00000-of-00001.parquet"
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(UserError, match=r"can't be opened: ") as caught:
        open_dataset(spec, size=16)
    assert "\n" not in str(caught.value)
    assert "Failed to read" not in "".join(capfd.readouterr())
