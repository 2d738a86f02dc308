from __future__ import annotations

import numpy as np

from ganlens.data.resize import plain_border, resize_images


def test_the_own_size_is_left_alone() -> None:
    images = np.arange(2 * 16, dtype=np.uint8).reshape(2, 1, 4, 4)
    for size in (None, 4):
        same, note = resize_images(images, size)
        assert same is images
        assert note is None


def test_a_little_larger_with_a_plain_border_is_padded_like_mnist() -> None:
    images = np.full((3, 1, 28, 28), 7, dtype=np.uint8)
    images[:, :, 5:20, 5:20] = np.random.default_rng(0).integers(0, 256, (3, 1, 15, 15))
    padded, note = resize_images(images, 32)
    assert (padded[:, :, 2:30, 2:30] == images).all()
    outside = np.ones((32, 32), dtype=bool)
    outside[2:30, 2:30] = False
    assert (padded[:, 0][:, outside] == 7).all()
    assert note == "28×28 images padded to 32×32 with their border's value"


def test_padding_takes_the_border_of_each_channel() -> None:
    images = (
        np.zeros((2, 3, 8, 8), dtype=np.uint8) + np.array([10, 20, 30], dtype=np.uint8)[None, :, None, None]
    )
    padded, _ = resize_images(images, 10)
    assert padded[0, :, 0, 0].tolist() == [10, 20, 30]


def test_photographs_are_not_padded() -> None:
    photographs = np.random.default_rng(0).integers(0, 256, (5, 3, 28, 28)).astype(np.uint8)
    assert plain_border(photographs) is None
    resized, note = resize_images(photographs, 32)
    assert resized.shape == (5, 3, 32, 32)
    assert note == "28×28 images resampled to 32×32"


def test_a_much_larger_size_is_resampled_though_the_border_is_plain() -> None:
    images = np.zeros((1, 1, 8, 8), dtype=np.uint8)
    images[..., 2:6, 2:6] = 200
    resized, note = resize_images(images, 16)
    assert note == "8×8 images resampled to 16×16"
    assert resized[0, 0, 8, 8] >= 200
    assert resized[0, 0, 0, 0] == 0


def test_halving_averages_rather_than_drops_pixels() -> None:
    checkers = np.zeros((1, 1, 32, 32), dtype=np.uint8)
    checkers[..., ::2, ::2] = checkers[..., 1::2, 1::2] = 200
    resized, _ = resize_images(checkers, 16)
    assert (np.abs(resized[0, 0, 2:-2, 2:-2].astype(int) - 100) <= 1).all()


def test_the_longer_side_is_cut_from_both_ends() -> None:
    images = np.zeros((1, 1, 4, 12), dtype=np.uint8)
    images[..., 4:8] = 255
    resized, note = resize_images(images, 2)
    assert (resized == 255).all()
    assert note == "4×12 images cut to their centre square and resampled to 2×2"


def test_resampling_does_not_depend_on_the_chunk(monkeypatch) -> None:
    images = np.random.default_rng(1).integers(0, 256, (9, 1, 8, 8)).astype(np.uint8)
    whole, _ = resize_images(images, 5)
    monkeypatch.setattr("ganlens.data.resize.CHUNK_PIXELS", 130)
    assert (resize_images(images, 5)[0] == whole).all()
