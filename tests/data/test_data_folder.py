"""Folders of pictures, and the cache they are decoded into."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ganlens.data import open_dataset
from ganlens.data.picture_cache import cache_folder, decode_picture
from ganlens.errors import UserError
from ganlens.progress import Silent, Task


def picture(path: Path, value: int | tuple[int, int, int], size: tuple[int, int] = (16, 16)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L" if isinstance(value, int) else "RGB", size, value).save(path)


def plant(root: Path, count: int = 10) -> str:
    """Two classes, told apart by brightness: cats are 0, 1, 2 …, dogs 100, 101, 102 …"""
    for number in range(count):
        picture(root / "cats" / f"{number}.png", number)
        picture(root / "dogs" / f"{number}.png", 100 + number)
    return f"folder:{root}"


def values(samples: torch.Tensor) -> list[int]:
    return ((samples[:, 0, 0, 0] + 1) * 127.5).round().int().tolist()


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that were decoded since."""
    seen: list[str] = []
    honest = decode_picture

    def watched(source: Path, size: int) -> tuple[np.ndarray, bool]:
        seen.append(source.name)
        return honest(source, size)

    monkeypatch.setattr("ganlens.data.picture_cache.decode_picture", watched)
    return seen


def test_sub_folders_are_classes(tmp_path: Path) -> None:
    data = open_dataset(plant(tmp_path / "pets"), size=16)
    assert data.name == "folder:pets"
    assert data.class_names == ("cats", "dogs")
    assert data.sample_shape == (1, 16, 16)  # all are grey: one channel
    together = []
    for split, count in ((data.train, 16), (data.held_out, 4)):
        assert split.labels is not None
        shown = values(split.samples.tensor())
        assert split.labels.tolist() == [int(value >= 100) for value in shown]
        assert split.labels.bincount().tolist() == [count / 2, count / 2]
        together += shown
    assert sorted(together) == [*range(10), *range(100, 110)]


def test_one_coloured_picture_makes_the_collection_coloured(tmp_path: Path) -> None:
    plant(tmp_path)
    picture(tmp_path / "cats" / "red.png", (200, 0, 0))
    assert open_dataset(f"folder:{tmp_path}", size=16).sample_shape == (3, 16, 16)


def test_splits_as_folders_are_obeyed(tmp_path: Path) -> None:
    plant(tmp_path / "train", 6)
    plant(tmp_path / "test", 2)
    data = open_dataset(f"folder:{tmp_path}", size=16)
    assert data.class_names == ("cats", "dogs")
    assert (len(data.train), len(data.held_out)) == (12, 4)
    assert sorted(values(data.held_out.samples.tensor())) == [0, 1, 100, 101]


def test_deeper_folders_belong_to_the_class_above_and_hidden_ones_to_none(tmp_path: Path) -> None:
    plant(tmp_path, 2)
    picture(tmp_path / "cats" / "more" / "deep.JPG", 5)
    picture(tmp_path / ".thumbs" / "x.png", 9)
    picture(tmp_path / "cats" / "._5.png", 9)
    (tmp_path / "cats" / "notes.txt").write_text("no picture, and none is expected")
    data = open_dataset(f"folder:{tmp_path}", size=16)
    assert len(data.train) + len(data.held_out) == 5
    assert data.class_names == ("cats", "dogs")
    assert not any("left out" in note for note in data.notes)


@pytest.mark.parametrize("loose", [True, False])
def test_where_classes_are_not_clear_there_are_none_and_it_is_said(tmp_path: Path, loose: bool) -> None:
    for number in range(4):
        picture(tmp_path / "all" / f"{number}.png", number)
    if loose:
        picture(tmp_path / "beside.png", 1)
    data = open_dataset(f"folder:{tmp_path}", size=16)
    assert data.train.labels is None
    assert data.class_names == ()
    assert any("no labels" in note for note in data.notes)


def test_a_flat_folder_has_no_labels_and_needs_no_note(tmp_path: Path) -> None:
    for number in range(10):
        picture(tmp_path / f"{number}.png", 20 * number)
    data = open_dataset(f"folder:{tmp_path}", size=16)
    assert data.train.labels is None
    assert data.notes == ()


def test_the_default_size_is_said(tmp_path: Path) -> None:
    for number in range(10):
        picture(tmp_path / f"{number}.png", 20 * number, (50, 90))
    data = open_dataset(f"folder:{tmp_path}")
    assert data.sample_shape == (1, 32, 32)
    assert data.notes == ("resampled to 32×32: the median short side is 50 pixels; size sets another",)


def test_unreadable_pictures_are_counted_and_named_or_refused(tmp_path: Path) -> None:
    spec = plant(tmp_path, 4)
    (tmp_path / "cats" / "corrupt.png").write_bytes(b"\x89PNG but nothing more")
    noise = tmp_path / "dogs" / "truncated.jpg"
    Image.effect_noise((64, 64), 60).save(noise)
    noise.write_bytes(noise.read_bytes()[:700])
    picture(tmp_path / "ghosts" / "x.png", 0)
    (tmp_path / "ghosts" / "x.png").write_bytes(b"")
    data = open_dataset(spec, size=16)
    assert sorted(values(data.train.samples.tensor()) + values(data.held_out.samples.tensor())) == [
        *range(4),
        *range(100, 104),
    ]
    assert data.class_names == ("cats", "dogs")  # no picture of the third class could be read
    note = data.notes[-1]
    assert note.startswith("3 of 11 pictures can't be read and are left out: ")
    for name in ("cats/corrupt.png (not a picture)", "dogs/truncated.jpg (cut short)", "ghosts/x.png"):
        assert name in note
    for _ in range(2):
        with pytest.raises(UserError, match=r"3 of 11 pictures can't be read: cats/corrupt\.png"):
            open_dataset(spec, size=16, strict=True)


def test_a_long_list_of_unreadable_pictures_is_shortened(tmp_path: Path) -> None:
    spec = plant(tmp_path, 4)
    for number in range(13):
        (tmp_path / "cats" / f"bad{number:02d}.png").write_bytes(b"x")
    note = open_dataset(spec, size=16).notes[-1]
    assert "13 of 21" in note
    assert note.endswith("bad09.png (not a picture) and 3 more")


def test_folders_that_can_not_be_used_are_named(tmp_path: Path) -> None:
    def refused(spec: str, message: str) -> None:
        with pytest.raises(UserError, match=message):
            open_dataset(spec)

    refused(f"folder:{tmp_path / 'none'}", "none does not exist; give a folder of pictures")
    refused(f"folder:{tmp_path}", "has no pictures; it needs at least two")
    picture(tmp_path / "a.png", 1)
    refused(f"folder:{tmp_path}", r"has one picture only \(a\.png\); it needs at least two")
    refused(f"folder:{tmp_path / 'a.png'}", r"a\.png is a file")
    (tmp_path / "b.png").write_bytes(b"")
    refused(f"folder:{tmp_path}", r"1 of 2 pictures can't be read: b\.png \(not a picture\); at least two")
    refused("folder", "write folder:DIR")


# The cache.


def test_pictures_are_decoded_once_until_something_changes(tmp_path: Path, decoded: list[str]) -> None:
    spec = plant(tmp_path, 3)
    first = open_dataset(spec, size=16)
    assert sorted(decoded) == ["0.png", "0.png", "1.png", "1.png", "2.png", "2.png"]
    again = open_dataset(spec, size=16, held_out=0.34, split_seed=5)
    assert len(decoded) == 6
    assert len(first.train) + len(first.held_out) == len(again.train) + len(again.held_out) == 6
    open_dataset(spec, size=8)
    assert len(decoded) == 12
    picture(tmp_path / "cats" / "1.png", 55, (17, 17))
    changed = open_dataset(spec, size=16)
    assert 55 in values(changed.train.samples.tensor()) + values(changed.held_out.samples.tensor())


def test_pixels_are_read_from_a_mapped_file(tmp_path: Path) -> None:
    data = open_dataset(plant(tmp_path), size=16)
    base = data.train.samples._stored
    while isinstance(base.base, np.ndarray):
        base = base.base
    assert isinstance(base, np.memmap)
    assert base.mode == "r"


class StopsAfter(Silent):
    """A watcher that presses Ctrl-C after so many pictures."""

    def __init__(self, pictures: int) -> None:
        self.left: float = pictures
        self.advanced: float = 0

    @contextmanager
    def task(self, description: str, total: float | None = None) -> Iterator[Task]:
        watcher = self

        class Bar:
            def advance(self, amount: float = 1) -> None:
                watcher.advanced += amount
                watcher.left -= amount
                if watcher.left < 0:
                    raise KeyboardInterrupt

            def note(self, text: str) -> None: ...

        yield Bar()


def test_an_interrupted_decode_goes_on_where_it_stopped(
    tmp_path: Path, decoded: list[str], monkeypatch: pytest.MonkeyPatch, picture_cache: Path
) -> None:
    monkeypatch.setattr("ganlens.data.picture_cache.BATCH", 4)
    monkeypatch.setattr("ganlens.data.picture_cache._workers", lambda: 1)
    root = tmp_path / "pictures"
    for number in range(40):
        picture(root / f"{number:02d}.png", number)
    (root / "00.png").write_bytes(b"damaged")
    with pytest.raises(KeyboardInterrupt):
        open_dataset(f"folder:{root}", size=16, progress=StopsAfter(20))
    assert [path.suffix for path in (picture_cache / "pictures").iterdir() if path.is_dir()] == [".partial"]
    done = len(decoded)
    assert done < 40
    decoded.clear()
    watcher = StopsAfter(1000)
    data = open_dataset(f"folder:{root}", size=16, progress=watcher)
    assert (
        len(decoded) <= 40 - 20 + 4
    )  # the batch with the damaged file is tried again, to be able to name it
    assert "39.png" in decoded
    assert watcher.advanced == 40
    shown = values(data.train.samples.tensor()) + values(data.held_out.samples.tensor())
    assert sorted(shown) == list(range(1, 40))
    assert data.notes == ("1 of 40 pictures can't be read and are left out: 00.png (not a picture)",)
    assert not [path for path in (picture_cache / "pictures").iterdir() if "partial" in path.name]


def test_what_a_killed_process_left_damaged_is_made_anew(tmp_path: Path, picture_cache: Path) -> None:
    root = tmp_path / "pictures"
    spec = plant(root, 3)
    open_dataset(spec, size=16)
    (finished,) = [path for path in (picture_cache / "pictures").iterdir() if path.is_dir()]
    partial = finished.with_name(finished.name + ".partial")
    finished.rename(partial)
    (partial / "status.npy").write_bytes(b"\x93NUM")
    data = open_dataset(spec, size=16)
    assert sorted(values(data.train.samples.tensor()) + values(data.held_out.samples.tensor())) == [
        0,
        1,
        2,
        100,
        101,
        102,
    ]


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def rewritten(array: np.ndarray) -> Callable[[Path], None]:
    return lambda path: np.save(path, array)


@pytest.mark.parametrize(
    ("file", "damage"),
    [
        ("pixels.npy", cut),
        ("pixels.npy", Path.unlink),
        ("pixels.npy", rewritten(np.zeros((6, 3, 8, 8), np.uint8))),
        ("pixels.npy", rewritten(np.zeros((6, 3, 16, 16), np.float32))),
        ("status.npy", cut),
        ("status.npy", lambda path: path.write_bytes(b"")),
        ("status.npy", rewritten(np.zeros(6, np.uint8))),
        ("status.npy", rewritten(np.full(5, 2, np.uint8))),
        ("unreadable.json", Path.unlink),
        ("unreadable.json", lambda path: path.write_text("[")),
        ("unreadable.json", lambda path: path.write_text('{"7": "no such row"}')),
    ],
)
def test_a_damaged_cache_is_made_anew_with_one_line_said(
    tmp_path: Path,
    picture_cache: Path,
    decoded: list[str],
    file: str,
    damage: Callable[[Path], object],
) -> None:
    spec = plant(tmp_path / "pictures", 3)
    before = open_dataset(spec, size=16).fingerprint()
    (finished,) = [path for path in (picture_cache / "pictures").iterdir() if path.is_dir()]
    damage(finished / file)
    watcher = Hears()
    for _ in range(2):
        assert open_dataset(spec, size=16, progress=watcher).fingerprint() == before
    assert len(decoded) == 12  # once more, and then kept
    (said,) = watcher.said
    assert f"{file}: " in said
    assert "decoded again" in said
    assert [path for path in (picture_cache / "pictures").iterdir() if path.is_dir()] == [finished]


class Hears(Silent):
    """A watcher that keeps what is said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, text: str) -> None:
        self.said.append(text)


@pytest.mark.parametrize(
    ("number", "said"),
    [(27, "no.*ulimit -f|File too large"), (5, "Input/output error"), (30, "Read-only file system")],
)
def test_what_the_disk_of_the_cache_refuses_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, said: str
) -> None:
    spec = plant(tmp_path / "pictures", 3)

    def refused(descriptor: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("os.fsync", refused)
    with pytest.raises(UserError, match=said) as error:
        open_dataset(spec, size=16)
    assert "GANLENS_CACHE" in str(error.value)


def test_two_at_once_decode_once(tmp_path: Path, decoded: list[str]) -> None:
    spec = plant(tmp_path, 20)
    opened = []
    threads = [threading.Thread(target=lambda: opened.append(open_dataset(spec, size=16))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(decoded) == 40
    assert len({data.fingerprint() for data in opened}) == 1
    assert len(opened) == 4


def test_a_full_disk_is_said_and_nothing_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, picture_cache: Path
) -> None:
    spec = plant(tmp_path / "pictures", 3)

    def full(descriptor: int, offset: int, length: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.posix_fallocate", full, raising=False)
    with pytest.raises(UserError, match=r"no space left in .*cache for 6 decoded pictures .*GANLENS_CACHE"):
        open_dataset(spec, size=16)
    assert not [path for path in (picture_cache / "pictures").iterdir() if path.is_dir()]


def test_a_cache_that_can_not_be_written_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("GANLENS_CACHE", str(tmp_path / "file"))
    with pytest.raises(UserError, match=r"cache folder .*file can't be written .*set GANLENS_CACHE"):
        open_dataset(plant(tmp_path / "pictures", 2), size=16)


def test_the_cache_lies_where_the_system_keeps_caches(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("GANLENS_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "ganlens"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_folder() == Path.home() / ".cache" / "ganlens"
