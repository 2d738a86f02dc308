"""Deep pictures and masks in folders: one scale for all of a collection, and it is said."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ganlens.data import Dataset, bit_depth, open_dataset

RAMP = np.linspace(0, 1, 16)[None].repeat(16, 0)


def levels(data: Dataset) -> np.ndarray:
    """All pictures [n, h, w] in 0…255, the darkest first."""
    both = [part.samples.tensor().numpy() for part in (data.train, data.held_out)]
    pictures = ((np.concatenate(both)[:, 0] + 1) * 127.5).round()
    return pictures[np.argsort(pictures.mean((1, 2)), kind="stable")]


def planted(root: Path, pictures: list[np.ndarray], ending: str = "tif") -> Dataset:
    root.mkdir(exist_ok=True)
    for number, picture in enumerate(pictures):
        Image.fromarray(picture).save(root / f"{number}.{ending}")
    return open_dataset(f"folder:{root}", size=16)


@pytest.mark.parametrize(
    ("pictures", "said"),
    [
        ([(RAMP * 4095).astype(np.uint16)] * 10, "from 0 to 4095 read as 12 bits, 0…4095"),
        ([(RAMP * 1023).astype(np.int32)] * 10, "from 0 to 1023 read as 10 bits, 0…1023"),
        ([RAMP.astype(np.float32)] * 10, "from 0 to 1 read as 0…1"),
        ([(RAMP * 2 - 1).astype(np.float32)] * 10, "from -1 to 1 read as −1…1"),
        ([(RAMP * 255).astype(np.float32)] * 10, "from 0 to 255 read as 0…255"),
        ([(RAMP * 2000 - 1000).astype(np.int32)] * 10, "from -1000 to 1000 read as black to white"),
        ([(RAMP * 1000).astype(np.float32)] * 10, "from 0 to 1000 read as black to white"),
        ([np.rint(RAMP).astype(np.uint16)] * 10, "from 0 to 1 read as 0…1"),
    ],
)
def test_the_range_that_was_met_becomes_black_to_white_and_is_said(
    tmp_path: Path, pictures: list[np.ndarray], said: str
) -> None:
    data = planted(tmp_path / "deep", pictures)
    shown = levels(data)
    assert (shown.min(), shown.max()) == (0, 255)
    assert said in data.notes[0]
    if len(np.unique(pictures[0])) > 2:
        assert np.abs(shown[0] - RAMP * 255).max() <= 1.1  # straight between its ends


def test_a_brighter_picture_is_never_shown_darker(tmp_path: Path) -> None:
    pictures = [(RAMP * top).astype(np.int32) for top in [200] * 5 + [300] * 5]
    means = levels(planted(tmp_path / "two", pictures)).mean((1, 2))
    assert means[5:].mean() / means[:5].mean() == pytest.approx(1.5, abs=0.02)


def test_the_pictures_with_the_outermost_values_are_named(tmp_path: Path) -> None:
    pictures = [(RAMP * 5 + 10).astype(np.float32) for _ in range(10)]
    pictures[3] = pictures[3] - 500
    pictures[7] = pictures[7] + 9000
    (note,) = planted(tmp_path / "outlier", pictures).notes
    assert "lowest in 3.tif, highest in 7.tif" in note


@pytest.mark.parametrize("ending", ["png", "tif"])
def test_the_full_sixteen_bits_beside_eight_need_no_note(tmp_path: Path, ending: str) -> None:
    pictures: list[np.ndarray] = [np.full((16, 16), 257 * (20 * k + 60), np.uint16) for k in range(6)]
    pictures += [np.full((16, 16), 20 * k + 70, np.uint8) for k in range(6)]
    data = planted(tmp_path / "mixed", pictures, ending)
    assert levels(data)[:, 0, 0].tolist() == list(range(60, 180, 10))
    assert data.notes == ()


def test_a_picture_with_nan_is_left_out_and_does_not_set_the_scale(tmp_path: Path) -> None:
    pictures = [(RAMP * 1000).astype(np.float32) for _ in range(10)]
    pictures[4] = np.full((16, 16), np.nan, np.float32)
    pictures[4][0, 0] = 1e9
    data = planted(tmp_path / "nan", pictures)
    assert levels(data).max() == 255
    assert "9 pictures of floating-point numbers" in data.notes[0]
    assert "1 of 10 pictures can't be read and are left out: 4.tif (it has values that are" in data.notes[1]


def test_pictures_of_one_value_are_one_shade(tmp_path: Path) -> None:
    data = planted(tmp_path / "flat", [np.full((16, 16), 1000, np.float32)] * 10)
    assert "read as one shade" in data.notes[0]
    assert (levels(data) == 255).all()


def test_the_range_is_looked_for_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pictures = [(RAMP * 4095).astype(np.uint16)] * 10
    first = planted(tmp_path / "deep", pictures)

    def looked(*arguments: object) -> None:
        raise AssertionError("looked for the range again")

    monkeypatch.setattr(bit_depth, "_gathered", looked)
    again = open_dataset(f"folder:{tmp_path / 'deep'}", size=16)
    assert (again.fingerprint(), again.notes) == (first.fingerprint(), first.notes)


# Masks: bytes of 0 and 1.


def test_masks_become_black_and_white(tmp_path: Path) -> None:
    masks = [np.eye(16, dtype=np.uint8)[np.roll(np.arange(16), k)] for k in range(10)]
    data = planted(tmp_path / "masks", masks, "png")
    assert np.unique(levels(data)).tolist() == [0, 255]
    assert data.notes == ("values from 0 to 1 read as 0…1",)


def test_a_mask_so_sparse_that_shrinking_blackens_it_is_found(tmp_path: Path) -> None:
    masks = [np.zeros((64, 64), np.uint8) for _ in range(10)]
    for number, mask in enumerate(masks):
        mask[20 + number, 30] = 1
    data = planted(tmp_path / "sparse", masks, "png")
    assert levels(data).max() > 10


def test_numbers_of_classes_are_told_of_and_black_pictures_are_not_masks(tmp_path: Path) -> None:
    numbers = [(np.arange(256) % (k + 2)).astype(np.uint8).reshape(16, 16) for k in range(10)]
    data = planted(tmp_path / "numbers", numbers, "png")
    assert levels(data).max() == 10
    assert data.notes[0].startswith("the pictures are nearly black: their values go up to 10 of 255")
    black = planted(tmp_path / "black", [np.zeros((16, 16), np.uint8)] * 10, "png")
    assert (black.notes, levels(black).max()) == ((), 0)


def test_a_palette_is_read_by_its_colours(tmp_path: Path) -> None:
    for number in range(10):
        picture = Image.fromarray((np.arange(256) % 2).astype(np.uint8).reshape(16, 16)).convert("P")
        picture.putpalette([0, 0, 0, 200, 200, 200] + [0] * 762)
        (tmp_path / "palette").mkdir(exist_ok=True)
        picture.save(tmp_path / "palette" / f"{number}.png")
    data = open_dataset(f"folder:{tmp_path / 'palette'}", size=16)
    assert (data.notes, np.unique(levels(data)).tolist()) == ((), [0, 200])
