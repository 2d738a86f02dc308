"""IDX collections and the digits stacked from them."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
import torch

from ganlens.data import open_dataset
from ganlens.errors import UserError


def write_idx(path: Path, array: np.ndarray, magic: int | None = None) -> None:
    content = struct.pack(f">I{array.ndim}I", magic or 0x0800 + array.ndim, *array.shape) + array.tobytes()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


def plant(
    folder: Path, *, test: bool = True, labels: bool = True, ending: str = "", classes: int = 10
) -> None:
    """40 train and 20 test images of 6×6; a pixel is 20 × its label, and in the middle the image's number."""
    folder.mkdir(exist_ok=True)
    for prefix, count in (("train", 40), ("t10k", 20)):
        if prefix == "t10k" and not test:
            continue
        own = (np.arange(count) % classes).astype(np.uint8)
        images = np.broadcast_to((20 * own)[:, None, None], (count, 6, 6)).copy()
        images[:, 2, 2] = np.arange(count)
        write_idx(folder / f"{prefix}-images-idx3-ubyte{ending}", images)
        if labels:
            write_idx(folder / f"{prefix}-labels-idx1-ubyte{ending}", own)


def pixels(samples: torch.Tensor) -> torch.Tensor:
    return ((samples + 1) * 127.5).round().long()


@pytest.mark.parametrize("ending", ["", ".gz"])
def test_train_and_test_files_are_the_two_splits(tmp_path: Path, ending: str) -> None:
    plant(tmp_path / "mini", ending=ending)
    data = open_dataset(f"idx:{tmp_path / 'mini'}")
    assert data.name == "idx:mini"
    for split, count in ((data.train, 40), (data.held_out, 20)):
        assert split.labels is not None
        assert split.samples.shape == (count, 1, 6, 6)
        assert split.labels.tolist() == [i % 10 for i in range(count)]
        assert pixels(split.samples.tensor())[:, 0, 2, 2].tolist() == list(range(count))
        assert pixels(split.samples.tensor())[:, 0, 5, 0].tolist() == [20 * (i % 10) for i in range(count)]
    assert data.class_names == tuple("0123456789")


def test_without_test_files_a_share_is_held_out(tmp_path: Path) -> None:
    plant(tmp_path, test=False)
    data = open_dataset(f"idx:{tmp_path}", held_out=0.25)
    numbers = [pixels(split.samples.tensor())[:, 0, 2, 2].tolist() for split in (data.train, data.held_out)]
    assert sorted(numbers[0] + numbers[1]) == list(range(40))
    assert data.held_out.labels is not None
    assert data.held_out.labels.bincount().tolist() == [1] * 10
    assert data.held_out.labels.tolist() == [n % 10 for n in numbers[1]]
    assert "10 of the train images are held out" in data.notes[0]


def test_labels_may_be_missing_or_have_gaps(tmp_path: Path) -> None:
    plant(tmp_path / "bare", labels=False)
    bare = open_dataset(f"idx:{tmp_path / 'bare'}")
    assert bare.train.labels is None
    assert bare.class_names == ()
    plant(tmp_path / "gaps")
    write_idx(tmp_path / "gaps" / "train-labels-idx1-ubyte", np.repeat([3, 7], 20).astype(np.uint8))
    write_idx(tmp_path / "gaps" / "t10k-labels-idx1-ubyte", np.repeat([7, 9], 10).astype(np.uint8))
    gaps = open_dataset(f"idx:{tmp_path / 'gaps'}")
    assert gaps.class_names == ("3", "7", "9")
    assert gaps.held_out.labels is not None
    assert gaps.held_out.labels.tolist() == [1] * 10 + [2] * 10


def test_the_dotted_file_names_are_found_too(tmp_path: Path) -> None:
    plant(tmp_path)
    for path in list(tmp_path.iterdir()):
        path.rename(path.with_name(path.name.replace("-idx", ".idx")))
    assert len(open_dataset(f"idx:{tmp_path}").held_out) == 20


def test_a_size_pads_or_resamples(tmp_path: Path) -> None:
    images = np.zeros((4, 28, 28), np.uint8)
    images[:, 10:18, 10:18] = 255
    write_idx(tmp_path / "train-images-idx3-ubyte", images)
    data = open_dataset(f"idx:{tmp_path}", size=32)
    sample = data.train.samples[0]
    assert (sample[0, 12:20, 12:20] == 1).all()
    assert sample.sum() == 64 - (32 * 32 - 64)
    assert "28×28 images padded to 32×32 with their border's value" in data.notes


def test_wrong_files_are_named_with_what_was_found(tmp_path: Path) -> None:
    def refused(message: str) -> None:
        with pytest.raises(UserError, match=message):
            open_dataset(f"idx:{tmp_path}")

    refused(r"has no train-images-idx3-ubyte\[\.gz\]; it has no files")
    images = tmp_path / "train-images-idx3-ubyte"
    write_idx(images, np.zeros((4, 5, 5), np.uint8), magic=2049)
    refused("magic number 2049 where 2051 was expected; it is not an IDX file of images")
    write_idx(images, np.zeros((4, 5, 5), np.uint8))
    whole = images.read_bytes()
    images.write_bytes(whole[:-30])
    refused(r"should hold 100 values \(4×5×5\) but has 70; it was cut or damaged")
    images.write_bytes(whole + b"more")
    refused("should hold 100 values .* but has 104")
    images.write_bytes(whole[:7])
    refused("magic number 2051|not an IDX file")
    images.write_bytes(b"")
    refused("is not an IDX file of images")
    write_idx(images, np.zeros((0, 5, 5), np.uint8))
    refused("is empty")
    write_idx(images, np.zeros((4, 5, 5), np.uint8))
    write_idx(tmp_path / "train-labels-idx1-ubyte", np.zeros(3, np.uint8))
    refused("has 4 images but train-labels-idx1-ubyte has 3 labels")
    write_idx(tmp_path / "train-labels-idx1-ubyte", np.zeros(4, np.uint8))
    write_idx(tmp_path / "t10k-images-idx3-ubyte", np.zeros((4, 6, 6), np.uint8))
    refused("train images in .* are 5×5, the test images 6×6")


def test_a_cut_gzip_is_named(tmp_path: Path) -> None:
    path = tmp_path / "train-images-idx3-ubyte.gz"
    write_idx(path, np.random.default_rng(0).integers(0, 256, (9, 9, 9)).astype(np.uint8))
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(UserError, match=r"train-images-idx3-ubyte\.gz can't be read"):
        open_dataset(f"idx:{tmp_path}")


def test_a_place_that_is_no_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nowhere is not a folder; give the folder that holds train-images"):
        open_dataset(f"idx:{tmp_path / 'nowhere'}")


# Stacked: three digits as the three channels.


def test_the_class_is_the_number_its_channels_spell(tmp_path: Path) -> None:
    plant(tmp_path)
    data = open_dataset(f"stacked-mnist:{tmp_path}", count=500)
    assert (len(data.train), len(data.held_out)) == (500, 100)
    assert data.num_classes == 1000
    assert data.class_names[407] == "407"
    for split in (data.train, data.held_out):
        assert split.labels is not None
        assert split.factors is not None
        shown = pixels(split.samples.tensor())[:, :, 5, 5] // 20
        assert torch.equal(shown.double(), split.factors)
        assert torch.equal(shown @ torch.tensor([100, 10, 1]), split.labels)
    digits = data.train.factors
    assert digits is not None
    assert digits.long().flatten().bincount().min() > 100  # 150 expected of each of ten


def test_held_out_stacks_use_no_train_digit(tmp_path: Path) -> None:
    plant(tmp_path, test=False)
    data = open_dataset(f"stacked-mnist:{tmp_path}", count=400)
    used = [
        set(pixels(s.samples.tensor())[:, :, 2, 2].flatten().tolist()) for s in (data.train, data.held_out)
    ]
    assert not used[0] & used[1]
    assert used[0] | used[1] == set(range(40))


def test_the_same_seed_stacks_the_same_pictures(tmp_path: Path) -> None:
    plant(tmp_path)
    spec = f"stacked-mnist:{tmp_path}"
    assert open_dataset(spec, count=60).fingerprint() == open_dataset(spec, count=60).fingerprint()
    assert (
        open_dataset(spec, count=60).fingerprint() != open_dataset(spec, count=60, split_seed=1).fingerprint()
    )


def test_stacking_needs_ten_classes(tmp_path: Path) -> None:
    plant(tmp_path / "bare", labels=False)
    with pytest.raises(UserError, match="has no labels, and the classes are made of them"):
        open_dataset(f"stacked-mnist:{tmp_path / 'bare'}", count=10)
    plant(tmp_path / "many", classes=12)
    with pytest.raises(UserError, match="go up to 11; three digits need labels from 0 to 9"):
        open_dataset(f"stacked-mnist:{tmp_path / 'many'}", count=10)


# What asks for more than there is.


def test_no_more_is_decompressed_than_the_header_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "train-images-idx3-ubyte.gz"
    header = struct.pack(">4I", 0x0803, 10, 28, 28)
    path.write_bytes(gzip.compress(header + bytes(10**7)))
    monkeypatch.setattr("ganlens.data.idx.READ_AT_ONCE", 1000)
    with pytest.raises(UserError, match=r"should hold 7,840 values \(10×28×28\) but has more"):
        open_dataset(f"idx:{tmp_path}")
    path.write_bytes(gzip.compress(header + bytes(100)))
    with pytest.raises(UserError, match=r"should hold 7,840 values .* but has 100;"):
        open_dataset(f"idx:{tmp_path}")


@pytest.mark.parametrize("ending", ["", ".gz"])
def test_a_shape_over_the_limit_is_refused_before_anything_is_read(tmp_path: Path, ending: str) -> None:
    content = struct.pack(">4I", 0x0803, 2**31, 2**15, 2**15)
    path = tmp_path / f"train-images-idx3-ubyte{ending}"
    path.write_bytes(gzip.compress(content) if ending else content)
    with pytest.raises(UserError, match=r"would take 2 EiB, and the limit is 4\.0 GiB"):
        open_dataset(f"idx:{tmp_path}")


def test_masks_are_black_and_white_on_one_scale(tmp_path: Path) -> None:
    masks = np.random.default_rng(0).integers(0, 2, (40, 6, 6)).astype(np.uint8)
    write_idx(tmp_path / "train-images-idx3-ubyte", masks)
    write_idx(tmp_path / "t10k-images-idx3-ubyte", np.zeros((4, 6, 6), np.uint8))
    data = open_dataset(f"idx:{tmp_path}")
    assert data.notes == ("values from 0 to 1 read as 0…1",)
    assert data.train.samples.tensor().unique().tolist() == [-1, 1]
    write_idx(tmp_path / "t10k-images-idx3-ubyte", np.full((4, 6, 6), 9, np.uint8))  # no masks, then
    data = open_dataset(f"idx:{tmp_path}")
    assert data.train.samples.tensor().max() < -0.99
    assert "go up to 9 of 255" in data.notes[0]
