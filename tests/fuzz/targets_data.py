"""What the readers of data are given damaged: a small valid input each, and how it is read.

Any exception but `UserError` is a fault.
"""

from __future__ import annotations

import gzip
import struct
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import numpy as np
from PIL import Image

from ganlens.data import open_dataset

Make = Callable[[Path], Path]
"""Writes a valid input into a folder; returns the file to be damaged."""
Read = Callable[[Path], None]
"""Reads the input that the (damaged) file is part of."""

PIXELS = (np.arange(12 * 6 * 6) * 7 % 256).astype(np.uint8).reshape(12, 6, 6)
LABELS = np.arange(12) % 3


def _npz(path: Path, *, compressed: bool = False) -> Path:
    save = np.savez_compressed if compressed else np.savez
    save(path, images=PIXELS, labels=LABELS, class_names=np.array(["cat", "dog", "eel"]))
    return path


def _npz_of_parts(folder: Path) -> Path:
    path = folder / "parts.npz"
    np.savez(
        path,
        x_train=PIXELS.astype(np.float32) / 255,
        y_train=np.array(["a", "b", "c"])[LABELS],
        x_test=PIXELS[:4].astype(np.float32) / 255,
        y_test=np.array(["a", "b", "c"])[LABELS[:4]],
    )
    return path


def _read_npz(path: Path) -> None:
    _used(f"npz:{path}")


def _member(folder: Path) -> Path:
    """One array of an archive, which is packed only after it was damaged: no checksum notices."""
    path = folder / "images.npy"
    np.save(path, PIXELS)
    return path


def _read_member(path: Path) -> None:
    packed = path.with_suffix(".npz")
    with zipfile.ZipFile(packed, "w") as archive:
        archive.write(path, "images.npy")
    _used(f"npz:{packed}")


def _idx(folder: Path, ending: str = "", damaged: str = "images") -> Path:
    for what, array, kind in (("images", PIXELS, "idx3"), ("labels", LABELS.astype(np.uint8), "idx1")):
        content = struct.pack(f">I{array.ndim}I", 0x0800 + array.ndim, *array.shape) + array.tobytes()
        path = folder / f"train-{what}-{kind}-ubyte{ending}"
        path.write_bytes(gzip.compress(content, mtime=0) if ending else content)
    return folder / f"train-{damaged}-{'idx3' if damaged == 'images' else 'idx1'}-ubyte{ending}"


def _read_idx(path: Path) -> None:
    _used(f"idx:{path.parent}")


def _pictures(kind: str) -> Make:
    def make(folder: Path) -> Path:
        root = folder / "pictures"
        root.mkdir()
        for number, pixels in enumerate(PIXELS[:4]):
            values = pixels.astype(np.uint16) * 257 if kind == "deep.png" else pixels
            image = Image.fromarray(values.astype(np.float32) if kind == "tif" else values)
            image.save(root / f"{number}.{kind.split('.')[-1]}")
        return root / f"0.{kind.split('.')[-1]}"

    return make


def _read_folder(path: Path) -> None:
    _used(f"folder:{path.parent}", size=8)


def _hub(folder: Path) -> Path:
    import datasets

    columns = {"image": [Image.fromarray(pixels) for pixels in PIXELS[:6]], "label": LABELS[:6].tolist()}
    features = datasets.Features({"image": datasets.Image(), "label": datasets.Value("int64")})
    path = folder / "hub" / "data" / "train-00000-of-00001.parquet"
    path.parent.mkdir(parents=True)
    datasets.Dataset.from_dict(columns, features=features).to_parquet(path)
    return path


def _read_hub(path: Path) -> None:
    with tempfile.TemporaryDirectory() as kept, mock.patch("datasets.config.HF_DATASETS_CACHE", kept):
        _used(f"hub:{path.parents[1]}", size=8)


def _used(spec: str, **options: object) -> None:
    """Opened, and a sample of each side decoded: a mapped file is read only then."""
    data = open_dataset(spec, **options)
    for side in (data.train, data.held_out):
        side.samples[0]


TARGETS: dict[str, tuple[Make, Read]] = {
    "npz": (lambda folder: _npz(folder / "plain.npz"), _read_npz),
    "npz, compressed": (lambda folder: _npz(folder / "small.npz", compressed=True), _read_npz),
    "npz, train and test": (_npz_of_parts, _read_npz),
    "npz, one array": (_member, _read_member),
    "idx images": (_idx, _read_idx),
    "idx labels": (lambda folder: _idx(folder, damaged="labels"), _read_idx),
    "idx images, compressed": (lambda folder: _idx(folder, ".gz"), _read_idx),
    "folder, png": (_pictures("png"), _read_folder),
    "folder, 16-bit png": (_pictures("deep.png"), _read_folder),
    "folder, float tif": (_pictures("tif"), _read_folder),
    "folder, jpeg": (_pictures("jpg"), _read_folder),
    "folder, gif": (_pictures("gif"), _read_folder),
    "hub, parquet": (_hub, _read_hub),
}
"""By name: how to make the input, and how to read it. "hub" needs the extra of that name."""
