"""Equal samples: kept on one side of a split, told of where the split is given."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ganlens.data import Dataset, SampleArray, open_dataset
from ganlens.data.dataset import split_rows
from ganlens.data.duplicates import first_equals, kept_digests, sample_digests, shared_note

DISTINCT = np.random.default_rng(0).integers(0, 256, (200, 6, 6), dtype=np.uint8)


def saved(folder: Path, **arrays: np.ndarray) -> str:
    np.savez(folder / "a.npz", **arrays)  # type: ignore[arg-type]
    return f"npz:{folder / 'a.npz'}"


def shared(data: Dataset) -> int:
    known = {sample.numpy().tobytes() for sample in data.train.samples}
    return sum(sample.numpy().tobytes() in known for sample in data.held_out.samples)


def test_the_first_equal_sample_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ganlens.data.duplicates.CHUNK_BYTES", 100)
    pictures = DISTINCT[[0, 1, 0, 2, 1, 0]]
    found = first_equals(sample_digests(SampleArray(pictures)))
    assert found is not None
    assert found.tolist() == [0, 1, 0, 3, 1, 0]
    assert first_equals(sample_digests(SampleArray(DISTINCT))) is None
    one_apart = DISTINCT[:2].copy()
    one_apart[1] = one_apart[0]
    one_apart[1, 5, 5] ^= 1
    assert first_equals(sample_digests(SampleArray(one_apart))) is None


def test_a_hash_is_kept_and_another_collection_s_is_not_believed(tmp_path: Path) -> None:
    samples, file = SampleArray(DISTINCT), tmp_path / "digests.npy"
    first = kept_digests(samples, file)
    assert (kept_digests(samples, file) == first).all()
    assert file.exists()
    file.write_bytes(b"damaged")
    assert (kept_digests(samples, file) == first).all()
    np.save(file, first[:3])
    assert (kept_digests(samples, file) == first).all()


@pytest.mark.parametrize("labelled", [True, False])
def test_every_picture_twice_leaves_none_on_both_sides_and_keeps_the_share(
    tmp_path: Path, labelled: bool
) -> None:
    labels = {"labels": np.tile(np.arange(200) % 5, 2)} if labelled else {}
    data = open_dataset(saved(tmp_path, images=np.concatenate([DISTINCT, DISTINCT]), **labels))
    assert shared(data) == 0
    assert (len(data.train), len(data.held_out)) == (320, 80)
    assert data.notes == ()
    if labelled:
        assert data.held_out.labels is not None
        assert data.held_out.labels.bincount().tolist() == [16] * 5


def test_without_copies_the_split_is_what_it_was() -> None:
    groups = np.arange(300) % 7
    nothing_equal = np.arange(300)
    for with_groups in (groups, np.zeros(300, dtype=np.int64)):
        for one, other in zip(
            split_rows(300, 0.2, 1, with_groups),
            split_rows(300, 0.2, 1, with_groups, nothing_equal),
            strict=True,
        ):
            assert one.tolist() == other.tolist()


def test_sets_that_fill_no_class_s_places_are_held_out_all_the_same() -> None:
    # Classes of four, two pictures twice: one place each, which no pair fits.
    copies = np.repeat(np.arange(0, 400, 2), 2)
    train, held_out = split_rows(400, 0.2, 0, np.arange(400) // 4, copies)
    assert len(held_out) == 80
    assert not set(copies[train]) & set(copies[held_out])


def test_copies_under_several_labels_stay_together() -> None:
    copies = np.concatenate([np.arange(100), np.arange(100)])
    train, held_out = split_rows(200, 0.2, 0, np.repeat([0, 1], 100), copies)
    assert len(held_out) == 40
    assert not set(copies[train]) & set(copies[held_out])


def test_many_blank_pictures_are_trained_on_and_constant_data_are_split_anyhow(tmp_path: Path) -> None:
    blank = np.concatenate([np.zeros((300, 6, 6), np.uint8), DISTINCT])
    data = open_dataset(saved(tmp_path, images=blank))
    assert (len(data.train), len(data.held_out), shared(data)) == (400, 100, 0)
    constant = open_dataset(saved(tmp_path, images=np.full((20, 6, 6), 90, np.uint8)))
    assert (len(constant.train), len(constant.held_out)) == (16, 4)
    two = np.repeat(DISTINCT[:2], [90, 10], axis=0)
    data = open_dataset(saved(tmp_path, images=two))
    assert (len(data.train), len(data.held_out)) == (90, 10)


def test_a_given_split_that_shares_samples_is_told_of(tmp_path: Path) -> None:
    said = "3 of the 10 held-out samples are in the training data too"
    held_out = np.concatenate([DISTINCT[:3], DISTINCT[190:197]])
    data = open_dataset(saved(tmp_path, train_images=DISTINCT[:100], test_images=held_out))
    assert sum(note.startswith(said) for note in data.notes) == 1
    for name, images in (("train", DISTINCT[:100]), ("t10k", held_out)):
        content = struct.pack(">I3I", 0x0803, *images.shape) + images.tobytes()
        (tmp_path / f"{name}-images-idx3-ubyte.gz").write_bytes(gzip.compress(content))
    assert open_dataset(f"idx:{tmp_path}").notes[0].startswith(said)
    for side, images in (("train", DISTINCT[:100]), ("test", held_out)):
        (tmp_path / "pictures" / side).mkdir(parents=True)
        for number, pixels in enumerate(images):
            Image.fromarray(pixels).save(tmp_path / "pictures" / side / f"{number}.png")
    notes = open_dataset(f"folder:{tmp_path / 'pictures'}", size=6).notes
    assert any(note.startswith(said) for note in notes)


def test_a_healthy_given_split_has_no_note(tmp_path: Path) -> None:
    data = open_dataset(saved(tmp_path, train_images=DISTINCT[:100], test_images=DISTINCT[100:]))
    assert data.notes == ("held out: the array 'test_images'",)
    assert shared_note(np.array([1], np.uint64), np.array([2], np.uint64)) is None
