"""What lies in a folder of pictures: other kinds of files, named pipes, numbered classes, odd names, other forms."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ganlens.data import open_dataset
from ganlens.errors import UserError


def picture(path: Path, value: int | tuple[int, int, int], size: tuple[int, int] = (8, 8)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L" if isinstance(value, int) else "RGB", size, value).save(path)


def plant(root: Path, classes: tuple[str, ...] = ("cat", "eel"), count: int = 8) -> str:
    for number in range(count):
        for place, name in enumerate(classes):
            picture(root / name / f"{number}.png", 40 + 20 * number + place)
    return f"folder:{root}"


# Kinds that are not read.


def test_files_of_other_kinds_are_counted_and_a_lost_class_is_named(tmp_path: Path) -> None:
    spec = plant(tmp_path / "pets")
    for number in range(8):
        (tmp_path / "pets" / "dog").mkdir(exist_ok=True)
        (tmp_path / "pets" / "dog" / f"{number}.HEIC").write_bytes(b"\0\0\0\x18ftypheic")
    (tmp_path / "pets" / "cat" / "scan.dcm").write_bytes(b"x")
    (tmp_path / "pets" / "cat" / "brain.nii.gz").write_bytes(b"x")
    data = open_dataset(spec, size=8)
    assert data.class_names == ("cat", "eel")
    assert data.notes == (
        "10 files of kinds that are not read are left out: .heic: 8 files, .nii: 1 file, .dcm: 1 file; with them the "
        "class dog",
    )
    with pytest.raises(UserError, match=r"10 files of kinds that are not read .*convert or remove them"):
        open_dataset(spec, size=8, strict=True)


def test_a_class_of_files_without_ending_or_of_unheard_kinds_is_named(tmp_path: Path) -> None:
    spec = plant(tmp_path / "pets")
    (tmp_path / "pets" / "dog").mkdir()
    (tmp_path / "pets" / "dog" / "1.zzz").write_bytes(b"x")
    (note,) = open_dataset(spec, size=8).notes
    assert note == "1 file of kinds that are not read is left out: .zzz: 1 file; with them the class dog"
    for number in range(3):  # pictures that were saved under a hash
        picture(tmp_path / "x.png", number)
        (tmp_path / "pets" / "elk").mkdir(exist_ok=True)
        (tmp_path / "x.png").rename(tmp_path / "pets" / "elk" / f"5eed{number}")
    (note,) = open_dataset(spec, size=8).notes
    assert note == (
        "4 files of kinds that are not read are left out: without an ending: 3 files, .zzz: 1 file; with them the "
        "classes dog, elk"
    )


def test_what_lies_beside_pictures_is_no_news(tmp_path: Path) -> None:
    spec = plant(tmp_path / "pets")
    beside = (
        "labels.csv",
        "README.md",
        "LICENSE",
        "a.json",
        "SHA256SUMS",
        "Thumbs.db",
        ".DS_Store",
        "desktop.ini",
    )
    for name in (*beside, "notes.txt", "all.zip", "odd.zzz"):
        (tmp_path / "pets" / name).write_bytes(b"x")
        (tmp_path / "pets" / "cat" / name).write_bytes(b"x")
    (tmp_path / "pets" / "annotations").mkdir()
    (tmp_path / "pets" / "annotations" / "1.xml").write_bytes(b"<x/>")
    (tmp_path / "pets" / "empty").mkdir()
    assert open_dataset(spec, size=8, strict=True).notes == ()


def test_where_nothing_is_of_a_kind_that_is_read_the_error_says_what_there_is(tmp_path: Path) -> None:
    for name in ("1.heic", "2.heic", "3", "4.txt"):
        (tmp_path / name).write_bytes(b"x")
    with pytest.raises(
        UserError,
        match=r"no pictures of a kind that is read \(\.avif, .*\), but 4 files: \.heic: 2 files, .*without",
    ):
        open_dataset(f"folder:{tmp_path}")


def test_a_class_of_which_no_picture_can_be_read_is_named(tmp_path: Path) -> None:
    spec = plant(tmp_path / "pets", ("cat", "dog", "eel"))
    for number in range(8):
        (tmp_path / "pets" / "dog" / f"{number}.png").write_bytes(b"x")
    data = open_dataset(spec, size=8)
    assert data.class_names == ("cat", "eel")
    assert data.notes[0] == "no picture of the class dog can be read"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")
def test_pipes_links_in_a_circle_and_folders_called_png_hold_nobody_up(tmp_path: Path) -> None:
    root = tmp_path / "pets"
    spec = plant(root, count=6)
    os.mkfifo(root / "cat" / "x.png")
    (root / "cat" / "up").symlink_to(root)
    (root / "eel" / "self.png").symlink_to("self.png")
    picture(root / "eel" / "folder.png" / "deep.png", 222)
    data = open_dataset(spec, size=8)
    assert len(data.train) + len(data.held_out) == 13
    assert data.notes == (
        "left out, because they can't be read: 1 entry, cat/x.png (no regular file)",
        "1 of 14 pictures can't be read and are left out: eel/self.png (Too many levels of symbolic links)",
    )
    with pytest.raises(UserError, match=r"x\.png \(no regular file\)"):
        open_dataset(spec, size=8, strict=True)


def test_a_picture_over_the_limit_is_not_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = plant(tmp_path / "pets")
    picture(tmp_path / "pets" / "cat" / "large.png", 9, (40, 30))
    monkeypatch.setenv("GANLENS_MAX_PICTURE_PIXELS", "1000")
    assert open_dataset(spec, size=8).notes == (
        "1 of 17 pictures can't be read and are left out: cat/large.png (40×30 pixels, over the limit; "
        "GANLENS_MAX_PICTURE_PIXELS=1200 would allow it)",
    )
    monkeypatch.setenv("GANLENS_MAX_PICTURE_PIXELS", "many")
    with pytest.raises(UserError, match="expected a whole number of pixels"):
        open_dataset(spec, size=4)


def test_of_an_animation_the_first_frame_is_taken(tmp_path: Path) -> None:
    frames = [Image.new("L", (8, 8), 250 - k) for k in range(200)]
    for number in range(10):
        frames[number].save(tmp_path / f"{number}.gif", save_all=True, append_images=frames[number + 1 :])
    data = open_dataset(f"folder:{tmp_path}", size=8)
    assert data.train.samples.tensor().min() > 0.85


# Names.


def test_numbered_class_folders_are_in_the_order_of_numbers(tmp_path: Path) -> None:
    names = tuple(map(str, range(12)))
    for number, name in enumerate(names):
        for k in range(5):
            picture(tmp_path / name / f"{k}.png", 20 * number + k)
    data = open_dataset(f"folder:{tmp_path}", size=8)
    assert data.class_names == names
    assert data.train.labels is not None
    shown = ((data.train.samples.tensor()[:, 0, 0, 0] + 1) * 127.5).round().int() // 20
    assert data.train.labels.tolist() == shown.tolist()


def test_names_that_no_terminal_should_see_are_escaped(tmp_path: Path) -> None:
    root = os.fsencode(tmp_path) + b"/caf\xe9"
    for name in (b"t\xe9a", b"\x1b[31mred"):
        for number in range(8):
            picture(Path(os.fsdecode(root + b"/" + name + b"/%d.png" % number)), 100 + number)
    Path(os.fsdecode(root + b"/t\xe9a/new\nline.png")).write_bytes(b"x")
    data = open_dataset("folder:" + os.fsdecode(root), size=8)
    assert data.name == "folder:caf\\udce9"
    assert data.class_names == ("\\x1b[31mred", "t\\udce9a")
    assert "t\\udce9a/new\\nline.png (not a picture)" in data.notes[0]


# Channels and aspect.


def test_grey_pictures_can_be_had_in_three_channels_and_coloured_ones_in_one(tmp_path: Path) -> None:
    for number in range(10):
        picture(tmp_path / "grey" / f"{number}.png", 100 + number)
        picture(tmp_path / "colour" / f"{number}.png", (200, 100, number))
    three = open_dataset(f"folder:{tmp_path / 'grey'}", size=8, channels=3)
    assert three.sample_shape == (3, 8, 8)
    assert three.notes == ("grey pictures were repeated in three channels",)
    samples = three.train.samples.tensor()
    assert (samples == samples[:, :1]).all()
    one = open_dataset(f"folder:{tmp_path / 'colour'}", size=8, channels=1)
    assert one.sample_shape == (1, 8, 8)
    assert one.notes == ("10 coloured pictures were made grey",)
    shown = sorted(((one.train.samples.tensor()[:, 0, 0, 0] + 1) * 127.5).round().tolist())
    assert set(shown) <= {round(0.299 * 200 + 0.587 * 100 + 0.114 * blue) for blue in range(10)}
    assert open_dataset(f"folder:{tmp_path / 'colour'}", size=8).sample_shape == (3, 8, 8)  # its own cache


def test_one_coloured_picture_among_grey_ones_is_named(tmp_path: Path) -> None:
    spec = plant(tmp_path / "scans", count=10)
    picture(tmp_path / "scans" / "cat" / "stamp.png", (200, 0, 0))
    data = open_dataset(spec, size=8)
    assert data.sample_shape == (3, 8, 8)
    assert data.notes == (
        "1 of 21 pictures is coloured (cat/stamp.png), so all have three channels; channels=1 makes them grey",
    )
    assert open_dataset(spec, size=8, channels=1).sample_shape == (1, 8, 8)


def test_tall_pictures_stay_tall_when_asked(tmp_path: Path) -> None:
    pixels = np.zeros((32, 16), np.uint8)
    pixels[:16] = 200  # the upper half
    for number in range(10):
        Image.fromarray(pixels + np.uint8(number)).save(tmp_path / f"{number}.png")
    data = open_dataset(f"folder:{tmp_path}", size=8, aspect="1:2")
    assert data.sample_shape == (1, 16, 8)
    shown = (data.train.samples.tensor() + 1) * 127.5
    assert shown[:, :, :6].min() > 195
    assert shown[:, :, 10:].max() < 15
    assert open_dataset(f"folder:{tmp_path}", aspect="1:2").sample_shape == (1, 32, 16)
    wide = open_dataset(f"folder:{tmp_path}", size=8, aspect="2:1").train.samples.tensor()
    assert wide.shape[1:] == (1, 8, 16)
    assert ((wide[:, :, :3] + 1) * 127.5).min() > 190  # its middle 8 rows: the edge runs through their centre


@pytest.mark.parametrize(
    ("spec", "options", "shape"),
    [
        ("digits", {"channels": 3}, (3, 8, 8)),
        ("digits", {"size": 8, "aspect": "1:2"}, (1, 16, 8)),
        ("sprites", {"count": 20, "channels": 3}, (3, 32, 32)),
    ],
)
def test_other_sources_of_pictures_take_them_too(spec: str, options: dict, shape: tuple[int, ...]) -> None:
    assert open_dataset(spec, **options).sample_shape == shape


def test_where_they_mean_nothing_they_are_refused() -> None:
    with pytest.raises(UserError, match="ring: 'channels' is for images"):
        open_dataset("ring", channels=3)
    with pytest.raises(UserError, match="sprites: its pictures are square"):
        open_dataset("sprites", aspect="1:2")
    with pytest.raises(UserError, match=r"data option channels: expected 1 or 3 \(got 2\)"):
        open_dataset("digits", channels=2)
