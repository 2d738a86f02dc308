"""Objects named on the command line: `python:package.module:callable`, `FILE.pt2`, `FILE.ts`, `FILE.onnx`."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
from pathlib import Path
from typing import Any

from torch import nn

from ganlens.errors import UserError
from ganlens.registry import nearest_names
from ganlens.subject.adapters import first_line
from ganlens.subject.exported_program import open_exported
from ganlens.subject.onnx_program import OnnxProgram
from ganlens.subject.torchscript import open_torchscript

ACCEPTED = (
    "a GANLens run folder, python:package.module:name, python:file.py:name, FILE.pt2 (torch.export), "
    "FILE.ts / FILE.pt (TorchScript) or FILE.onnx"
)


def resolve(spec: str) -> tuple[Any, str]:
    """The object behind a name, and a short name for it.

    A function that can be called without arguments, and a class, are taken as factories and are called once.

    Raises:
        UserError: the name can't be read, or nothing usable stands behind it.
    """
    if spec.startswith("python:"):
        return _from_python(spec)
    path = Path(spec)
    suffix = path.suffix.lower()
    openers = {".pt2": open_exported, ".onnx": OnnxProgram}
    if suffix not in (*openers, ".ts", ".pt", ".pth"):
        raise UserError(f"{spec!r} is not {ACCEPTED}")
    if not path.is_file():
        raise UserError(f"{spec} does not exist")
    return openers.get(suffix, open_torchscript)(path), path.stem


def _from_python(spec: str) -> tuple[Any, str]:
    place, _, name = spec.removeprefix("python:").rpartition(":")
    if not place or not name:
        raise UserError(f"{spec!r}: write python:package.module:name or python:path/to/file.py:name")
    found: Any = _load_file(Path(place), spec) if place.endswith(".py") else _import(place, spec)
    for part in name.split("."):
        if not hasattr(found, part):
            names = [key for key in dir(found) if not key.startswith("_")]
            raise UserError(f"{spec!r}: {place} has no {part!r}. {nearest_names(part, names)}")
        found = getattr(found, part)
    if _is_factory(found):
        try:
            found = found()
        except UserError:
            raise
        except Exception as error:
            raise UserError(
                f"{spec!r}: {name}() failed with {type(error).__name__}: {first_line(error)}"
            ) from error
    return found, name


def _is_factory(found: Any) -> bool:
    """A class, or a function without required arguments; a module or a function of a batch is the thing."""
    if isinstance(found, nn.Module) or not (inspect.isclass(found) or inspect.isroutine(found)):
        return False
    try:
        parameters = inspect.signature(found).parameters.values()
    except (TypeError, ValueError):
        return False
    kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    required = [p for p in parameters if p.default is p.empty and p.kind not in kinds]
    return inspect.isclass(found) or not required


def _import(name: str, spec: str) -> Any:
    here = str(Path.cwd())
    if here not in sys.path:  # what `python -m` does: a module beside the user is found
        sys.path.insert(0, here)
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise UserError(f"{spec!r}: importing {name} failed: {error}") from error
        raise UserError(
            f"{spec!r}: there is no module {name!r} (looked in {here} and the installed packages)"
        ) from error
    except Exception as error:
        raise UserError(
            f"{spec!r}: importing {name} failed with {type(error).__name__}: {first_line(error)}"
        ) from error


def _load_file(path: Path, spec: str) -> Any:
    if not path.is_file():
        raise UserError(f"{spec!r}: {path} does not exist")
    module_spec = importlib.util.spec_from_file_location(path.stem, path)
    if module_spec is None or module_spec.loader is None:
        raise UserError(f"{spec!r}: {path} can't be imported")
    module = importlib.util.module_from_spec(module_spec)
    sys.modules.setdefault(path.stem, module)  # classes defined in the file look themselves up here
    try:
        module_spec.loader.exec_module(module)
    except Exception as error:
        raise UserError(
            f"{spec!r}: {path} failed with {type(error).__name__}: {first_line(error)}"
        ) from error
    return module
