"""Bringing images that are already arrays to one size, as the `size` option asks."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from ganlens.data.arguments import refuse_large

CHUNK_PIXELS = 2**24


def resize_images(images: NDArray[np.uint8], size: int | None) -> tuple[NDArray[np.uint8], str | None]:
    """Images [n, c, h, w] as squares of `size` pixels, and in words what was done to them (None: nothing).

    A size larger than the images' own by at most a quarter, round images with a plain border (one value on at
    least half of the border), is reached by adding more of that border, as is the custom for MNIST (28 to
    32), so that no pixel is blurred. Every other size is reached by cutting the longer side to a square,
    centred, and resampling (bicubic, anti-aliased). `size` None leaves everything as it is.
    """
    if size is None or images.shape[2:] == (size, size):
        return images, None
    refuse_large("pictures", len(images), (images.shape[1], size, size))
    height, width = images.shape[2:]
    if size >= max(height, width) and size - min(height, width) <= min(height, width) / 4:
        border = plain_border(images)
        if border is not None:
            return _pad(
                images, size, border
            ), f"{height}×{width} images padded to {size}×{size} with their border's value"
    square, cut = _centre_square(images)
    first = "cut to their centre square and " if cut else ""
    return _resample(square, size), f"{height}×{width} images {first}resampled to {size}×{size}"


def plain_border(images: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
    """Per channel [c] the value that at least half of all border pixels have, or None where there is none."""
    edges = (images[:, :, 0], images[:, :, -1], images[:, :, 1:-1, 0], images[:, :, 1:-1, -1])
    channels = images.shape[1]
    counts = np.zeros((channels, 256), dtype=np.int64)
    for edge in edges:
        for channel in range(channels):
            counts[channel] += np.bincount(edge[:, channel].ravel(), minlength=256)
    if (counts.max(axis=1) * 2 < counts.sum(axis=1)).any():
        return None
    border: NDArray[np.uint8] = counts.argmax(axis=1).astype(np.uint8)
    return border


def _pad(images: NDArray[np.uint8], size: int, border: NDArray[np.uint8]) -> NDArray[np.uint8]:
    count, channels, height, width = images.shape
    top, left = (size - height) // 2, (size - width) // 2
    padded = np.empty((count, channels, size, size), dtype=np.uint8)
    padded[:] = border[None, :, None, None]
    padded[:, :, top : top + height, left : left + width] = images
    return padded


def _centre_square(images: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], bool]:
    height, width = images.shape[2:]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return images[:, :, top : top + side, left : left + side], height != width


def _resample(images: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    count, channels, height, width = images.shape
    resampled = np.empty((count, channels, size, size), dtype=np.uint8)
    step = max(1, CHUNK_PIXELS // (channels * max(height * width, size * size)))
    for start in range(0, count, step):
        chunk = torch.from_numpy(np.ascontiguousarray(images[start : start + step])).float()
        chunk = functional.interpolate(chunk, (size, size), mode="bicubic", antialias=True)
        resampled[start : start + step] = chunk.round_().clamp_(0, 255).to(torch.uint8).numpy()
    return resampled
