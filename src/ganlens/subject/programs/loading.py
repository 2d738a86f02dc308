"""Objects named on the command line: `python:package.module:callable`, `FILE.pt2`, `FILE.ts`, `FILE.onnx`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ganlens.errors import UserError
from ganlens.files import is_file, is_folder
from ganlens.printable import shortened
from ganlens.subject.programs.exported_program import open_exported
from ganlens.subject.programs.onnx_program import OnnxProgram
from ganlens.subject.programs.torchscript import open_torchscript
from ganlens.subject.programs.user_code import object_from_python
from ganlens.subject.programs.weights_file import CHECKPOINTS, what_it_holds

ACCEPTED = (
    "a GANLens run folder, python:package.module:name, python:file.py:name, FILE.pt2 (torch.export), "
    "FILE.ts / FILE.pt (TorchScript) or FILE.onnx"
)
_SCRIPTS = (".ts", ".pt", ".pth")


def resolve(spec: str, *, trust: bool = False) -> tuple[Any, str]:
    """The object behind a name, and a short name for it.

    A function that can be called without arguments, and a class, are taken as factories and are called once.

    Args:
        trust: open files that can run code when they are opened (see docs/security.md). Python that is named is run
            in any case.

    Raises:
        UserError: the name can't be read, nothing usable stands behind it, or it needs to be trusted.
    """
    if spec.startswith("python:"):
        return object_from_python(spec)
    path = Path(spec)
    suffix = path.suffix.lower()
    if suffix == ".py":
        raise UserError(
            f"{shortened(spec)!r}: say what in it makes the samples: python:{shortened(spec)}:name"
        )
    if suffix not in (".pt2", ".onnx", *_SCRIPTS, *CHECKPOINTS):
        raise UserError(f"{shortened(spec)!r} is not {ACCEPTED}")
    if not is_file(path):
        raise UserError(
            f"{shortened(spec)} is a folder, but no run folder"
            if is_folder(path)
            else f"{shortened(spec)} does not exist"
        )
    run = next((folder for folder in path.parents if is_file(folder / "run.json")), None)
    if suffix == ".safetensors" and run is not None:
        raise UserError(f"{shortened(spec)} is a part of the run folder {shortened(str(run))}: give that")
    if suffix in CHECKPOINTS:
        raise UserError(f"{shortened(spec)} {what_it_holds(path) or f'is not {ACCEPTED}'}")
    if suffix == ".onnx":
        return OnnxProgram(path), path.stem
    return (open_exported if suffix == ".pt2" else open_torchscript)(path, trust=trust), path.stem
