"""Bringing images that are already arrays to one size, as the `size` option asks."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from ganlens.data.dataset import DataOptions
from ganlens.data.source_arguments import refuse_large
from ganlens.errors import UserError

CHUNK_PIXELS = 2**24


def fit_images(
    images: NDArray[np.uint8], options: DataOptions, where: str
) -> tuple[NDArray[np.uint8], list[str]]:
    """Images [n, c, h, w] in the size, aspect and channels that are asked for, and in words what was done to them.

    Args:
        where: what has the images, for messages.

    Raises:
        UserError: channels are asked for that can't be made of theirs.
    """
    if options.aspect is None:
        images, resized = resize_images(images, options.size)
    else:
        shape = options.shape_of(options.size or min(images.shape[2:]))
        images, resized = _resampled(images, shape)
    images, recoloured = in_channels(images, options.channels, where)
    return images, [note for note in (resized, recoloured) if note]


def in_channels(
    images: NDArray[np.uint8], channels: int | None, where: str
) -> tuple[NDArray[np.uint8], str | None]:
    """Grey images [n, 1, h, w] as three equal channels (a view), coloured [n, 3, h, w] as luminance (ITU-R 601-2).

    Returns:
        the images, and in words what was done to them (None: nothing).

    Raises:
        UserError: they have other than one or three channels, and it is not these that are asked for.
    """
    own = images.shape[1]
    if channels is None or channels == own:
        return images, None
    if own not in (1, 3):
        raise UserError(
            f"{where} has images of {own} channels, which can't be read in {channels}; leave 'channels' out"
        )
    if channels == 3:
        return np.broadcast_to(images, (len(images), 3, *images.shape[2:])), (
            "grey images were repeated in three channels"
        )
    grey = np.empty((len(images), 1, *images.shape[2:]), dtype=np.uint8)
    weights = np.array([19595, 38470, 7471], dtype=np.uint32)[:, None, None]
    for start in range(0, len(images), 256):
        part = (images[start : start + 256] * weights).sum(axis=1, keepdims=True)
        grey[start : start + 256] = (part + 0x8000) >> 16
    return grey, "coloured images were made grey"


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
    return _resampled(images, (size, size))


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


def _resampled(images: NDArray[np.uint8], shape: tuple[int, int]) -> tuple[NDArray[np.uint8], str | None]:
    """Cut to the shape's aspect, centred, and resampled to its height and width."""
    height, width = images.shape[2:]
    if (height, width) == shape:
        return images, None
    down, across = (
        min(height, round(width * shape[0] / shape[1])),
        min(width, round(height * shape[1] / shape[0])),
    )
    down, across = max(down, 1), max(across, 1)
    top, left = (height - down) // 2, (width - across) // 2
    part = images[:, :, top : top + down, left : left + across]
    cut = "their centre square" if shape[0] == shape[1] else f"their middle {down}×{across}"
    first = f"cut to {cut} and " if (down, across) != (height, width) else ""
    return _resample(part, shape), f"{height}×{width} images {first}resampled to {shape[0]}×{shape[1]}"


def _resample(images: NDArray[np.uint8], shape: tuple[int, int]) -> NDArray[np.uint8]:
    count, channels, height, width = images.shape
    if (height, width) == shape:
        return images
    resampled = np.empty((count, channels, *shape), dtype=np.uint8)
    step = max(1, CHUNK_PIXELS // (channels * max(height * width, shape[0] * shape[1])))
    for start in range(0, count, step):
        chunk = torch.from_numpy(np.ascontiguousarray(images[start : start + step])).float()
        chunk = functional.interpolate(chunk, shape, mode="bicubic", antialias=True)
        resampled[start : start + step] = chunk.round_().clamp_(0, 255).to(torch.uint8).numpy()
    return resampled
