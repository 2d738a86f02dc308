"""What a file that is no program holds: weights, a pickled module, another's format. Nothing in it is run."""

from __future__ import annotations

import json
import pickletools
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ganlens.limits import PROGRAM_BYTES
from ganlens.printable import printable

CHECKPOINTS = (
    *(".ckpt", ".bin", ".pkl", ".pickle", ".safetensors", ".h5", ".hdf5", ".keras", ".tar", ".npz", ".npy"),
    *(".pb", ".tflite", ".gguf", ".msgpack", ".index", ".weights"),
)
"""How files of weights are called, besides .pt and .pth."""

_BUILD = "give python:file.py:factory, a function that builds the network and loads them"
_OTHERS = {
    b"\x89HDF\r\n\x1a\n": "is an HDF5 file (Keras writes these)",
    b"\x93NUMPY": "is an array of numpy",
    b"GGUF": "is a GGUF file",
    b"\x1f\x8b": "is compressed with gzip",
    b"7z\xbc\xaf": "is a 7z archive",
    b"BZh": "is compressed with bzip2",
    b"\xfd7zXZ": "is compressed with xz",
}
"""Formats by how their files begin."""
_PLAIN_PICKLED = ("collections OrderedDict", "torch._utils ", "torch Size", "torch device", "torch.storage ")
"""What a pickle of tensors refers to: nothing that runs."""


def what_it_holds(path: Path) -> str | None:
    """What a file is and what to do with it, as what follows its name ("holds weights (…), not a program: …").

    None where nothing is recognised, or where it is a TorchScript program and called so.
    """
    try:
        start = path.open("rb").read(600)
        if zipfile.is_zipfile(path):
            return _of_zip(path)
    except (OSError, zipfile.BadZipFile, RuntimeError, ValueError, NotImplementedError):
        return None
    if start.startswith(b"version https://git-lfs"):
        return "is a pointer of Git LFS, not the file itself: fetch it with git lfs pull"
    if start.lstrip()[:15].lower().startswith((b"<!doctype html", b"<html")):
        return "is a web page, not the file itself: download it again"
    for magic, description in _OTHERS.items():
        if start.startswith(magic):
            return f"{description}, not a program: {_BUILD.replace('them', 'the weights')}"
    if start[257:262] == b"ustar":
        return f"is a tar archive, not a program: unpack it, and {_BUILD.replace('them', 'the weights')}"
    if (count := _safetensors_count(path, start)) is not None:
        return f"holds weights ({_tensors(count)}, as safetensors), not a program: {_BUILD}"
    return _of_pickle(path) if start[:1] == b"\x80" else None


def _of_zip(path: Path) -> str | None:
    with zipfile.ZipFile(path) as archive:
        entries = {entry.filename.partition("/")[2]: entry for entry in archive.infolist()}
        names = [entry.filename for entry in archive.infolist()]
        if "data.pkl" in entries and any(name.startswith("code/") for name in entries):
            called = path.suffix.lower() in (".ts", ".pt", ".pth")
            return None if called else "holds a TorchScript program: call it FILE.ts"
        if "archive_format" in entries or "models/model.json" in entries:
            return None if path.suffix.lower() == ".pt2" else "holds a torch.export program: call it FILE.pt2"
        if names and all(name.endswith(".npy") for name in names):
            return f"holds {len(names)} arrays of numpy, not a program: {_BUILD}"
        if "data.pkl" not in entries:
            return None
        PROGRAM_BYTES.check(entries["data.pkl"].file_size, str(path))
        pickled = archive.read(entries["data.pkl"])
        stored = all(entry.compress_type == zipfile.ZIP_STORED for entry in entries.values())
    return _of_torch(path, pickled, mmap=True, readable=stored)


def _of_pickle(path: Path) -> str | None:
    size = path.stat().st_size
    with path.open("rb") as file:
        pickled = file.read(min(size, PROGRAM_BYTES.value))
    return _of_torch(path, pickled, mmap=False, readable=True)


def _of_torch(path: Path, pickled: bytes, *, mmap: bool, readable: bool) -> str | None:
    """Of what torch.save or pickle wrote: what is in it if that is tensors and numbers, else what it would import."""
    other_classes = [
        name for name in _imported(pickled) if not name.startswith(_PLAIN_PICKLED) and "Storage" not in name
    ]
    if other_classes:
        class_name = printable(other_classes[0].replace(" ", "."))[:80]
        return (
            f"holds a pickled object of class {class_name}, not a program, and opening a pickle can run any code: if "
            "you trust who made it, give python:file.py:factory, a function that opens it with torch.load and "
            "returns the network"
        )
    if not readable:
        return f"holds weights, not a program: {_BUILD}"
    try:
        held = torch.load(path, map_location="cpu", weights_only=True, mmap=mmap)
    except Exception:  # cut, damaged, or not torch's own
        return None
    return _described(held)


def _imported(pickled: bytes) -> Iterator[str]:
    """The classes and functions that opening a pickle would import, as "module name", without opening it."""
    words: list[str] = []
    try:
        for operation, argument, _ in pickletools.genops(pickled):
            if operation.name in ("GLOBAL", "INST"):
                yield str(argument)
            elif operation.name == "STACK_GLOBAL" and len(words) > 1:
                yield " ".join(words[-2:])
            elif "UNICODE" in operation.name or "STRING" in operation.name:
                words.append(str(argument))
    except Exception:  # cut or damaged: what came before stands
        return


def _described(held: Any) -> str:
    if isinstance(held, Tensor):
        return f"holds one tensor of shape {tuple(held.shape)}, not a program: {_BUILD.replace('them', 'it')}"
    if not isinstance(held, Mapping):
        return f"holds a {type(held).__name__}, not a program: {_BUILD.replace('them', 'the weights')}"
    if held and all(isinstance(value, Tensor) for value in held.values()):
        return f"holds weights (a state_dict of {_tensors(len(held))}), not a program: {_BUILD}"
    weights = {
        str(key): _count(value) for key, value in held.items() if isinstance(value, Mapping) and _count(value)
    }
    if "state_dict" in weights and any("lightning" in str(key) for key in held):
        return (
            f"holds a checkpoint of Lightning (a state_dict of {_tensors(weights['state_dict'])}, parts "
            f"{_listed(_parts(held['state_dict']))}), not a program: {_BUILD}"
        )
    if weights:
        listing = _listed(f"{key} of {_tensors(count)}" for key, count in weights.items())
        return f"holds a checkpoint (a dictionary of state_dicts: {listing}), not a program: {_BUILD}"
    keys = _listed(str(key) for key in held) or "no keys"
    return f"holds a dictionary ({keys}), not a program: {_BUILD.replace('them', 'the weights')}"


def _count(value: Mapping[Any, Any]) -> int:
    return sum(isinstance(each, Tensor) for each in value.values())


def _parts(state: Mapping[Any, Any]) -> Iterator[str]:
    """The first parts of the names of weights: what the checkpoint's modules are called."""
    yield from dict.fromkeys(str(key).split(".")[0] for key in state)


def _tensors(count: int) -> str:
    return f"{count} tensor{'s' * (count != 1)}"


def _listed(words: Iterator[str], most: int = 6) -> str:
    """The first few, safe to show."""
    every = [printable(word)[:60] for word in words]
    return ", ".join(every[:most]) + (f" and {len(every) - most} more" if len(every) > most else "")


def _safetensors_count(path: Path, start: bytes) -> int | None:
    """How many tensors a safetensors file lists; None if it is none."""
    length = int.from_bytes(start[:8], "little")
    if start[8:9] != b"{" or length > min(path.stat().st_size, PROGRAM_BYTES.value):
        return None
    try:
        with path.open("rb") as file:
            header = json.loads(file.read(8 + length)[8:])
    except (ValueError, RecursionError):
        return None
    return len([name for name in header if name != "__metadata__"]) if isinstance(header, dict) else None
