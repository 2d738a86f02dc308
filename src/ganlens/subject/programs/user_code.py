"""The user's own Python: `python:package.module:name` and `python:path/to/file.py:name`.

It is a program that is run because its user named it, as it would be run by `python file.py`: with its own name as the
only argument, with its folder first on the path. What it changes in this process while it is imported and called
(the working folder, torch's defaults, the seeds) is put back.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import inspect
import os
import random
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from ganlens.errors import UserError
from ganlens.files import is_file
from ganlens.printable import printable, shortened
from ganlens.registry import nearest_names
from ganlens.subject.adapted_generator import first_line

_folders: set[str] = set()
"""Folders that users' files were imported from."""


def object_from_python(spec: str) -> tuple[Any, str]:
    """The object behind "python:…:name", and that name. A factory (see `_is_factory`) is called.

    Raises:
        UserError: the name can't be read, importing or calling it fails, or ends in sys.exit.
    """
    place, _, name = spec.removeprefix("python:").rpartition(":")
    if not place or not name or "\0" in spec:
        raise UserError(
            f"{shortened(spec)!r}: write python:package.module:name or python:path/to/file.py:name"
        )
    in_file = place.endswith(".py")
    if in_file and not is_file(place):
        raise UserError(f"{shortened(spec)!r}: {shortened(place)} does not exist")
    with _as_its_own_program(Path(place) if in_file else None):
        named: Any = _load_file(Path(place), spec) if in_file else _import(place, spec)
        named = _attribute(named, name, place, spec)
        if _is_factory(named):
            with _one_sentence(spec, f"{name}()"):
                named = named()
    return named, name


def _attribute(holder: Any, name: str, place: str, spec: str) -> Any:
    for part in name.split("."):
        with _one_sentence(spec, f"looking up {part}"):
            missing = not hasattr(holder, part)
        if missing:
            names = [key for key in dir(holder) if not key.startswith("_")]
            raise UserError(
                f"{shortened(spec)!r}: {shortened(place)} has no {shortened(part)!r}. {nearest_names(part, names)}"
            )
        holder = getattr(holder, part)
    return holder


def _is_factory(named: Any) -> bool:
    """A class, or a function without required arguments; a module or a function of a batch is the thing."""
    if isinstance(named, nn.Module) or not (inspect.isclass(named) or inspect.isroutine(named)):
        return False
    try:
        parameters = inspect.signature(named).parameters.values()
    except (TypeError, ValueError):
        return False
    kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    required = [p for p in parameters if p.default is p.empty and p.kind not in kinds]
    return inspect.isclass(named) or not required


@contextmanager
def _one_sentence(spec: str, activity: str) -> Iterator[None]:
    """Whatever the user's code raises in the block, and sys.exit, becomes one sentence; Ctrl-C passes."""
    try:
        yield
    except (UserError, KeyboardInterrupt):
        raise
    except SystemExit as error:
        code = printable(repr(error.code))[:80]
        raise UserError(
            f"{shortened(spec)!r}: {activity} ended in sys.exit({code}); put what a script does under "
            'if __name__ == "__main__":'
        ) from error
    except BaseException as error:
        reason = printable(first_line(error) if isinstance(error, Exception) else str(error)[:200])
        raise UserError(
            f"{shortened(spec)!r}: {activity} failed with {type(error).__name__}: {reason}"
        ) from error


def _import(name: str, spec: str) -> Any:
    with _one_sentence(spec, f"importing {name}"):
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name is None or not f"{name}.".startswith(f"{error.name}."):
                raise UserError(f"{shortened(spec)!r}: importing {name} failed: {error}") from error
            raise UserError(
                f"{shortened(spec)!r}: there is no module {name!r} (looked in {Path.cwd()} and the installed packages)"
            ) from error


def _load_file(path: Path, spec: str) -> Any:
    """The module in a file, under a name of its own: another gen.py, or one called random.py, is another module."""
    place = path.resolve()
    name = f"{path.stem}@{hashlib.blake2b(str(place).encode(), digest_size=4).hexdigest()}"
    module_spec = importlib.util.spec_from_file_location(name, place)
    if module_spec is None or module_spec.loader is None:
        raise UserError(f"{shortened(spec)!r}: {path} can't be imported")
    module = importlib.util.module_from_spec(module_spec)
    sys.modules[name] = module  # classes defined in the file look themselves up here
    with _one_sentence(spec, str(path)):
        try:
            module_spec.loader.exec_module(module)
        except BaseException:
            sys.modules.pop(name, None)
            raise
    return module


@contextmanager
def _as_its_own_program(file: Path | None) -> Iterator[None]:
    """For the block: an argv of the file's name alone, its folder (or the working folder) first on the path, what it
    prints on stderr; afterwards the process is as it was. The folder stays last on the path, for later imports."""
    folder = str(file.resolve().parent if file is not None else Path.cwd())
    _forget_namesakes(folder)
    argv, here, added = sys.argv, Path.cwd(), folder not in sys.path
    sys.argv = [str(file) if file is not None else argv[0]]
    sys.path.insert(0, folder)
    states = [(restore, read()) for read, restore in _STATES]
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        sys.argv = argv
        os.chdir(here)
        sys.path.remove(folder)
        if added and folder not in sys.path:
            sys.path.append(folder)
        _folders.add(folder)
        for restore, state in states:
            restore(state)


def _forget_namesakes(folder: str) -> None:
    """Let go of modules of another user's folder that have the names of files in this one (both have blocks.py)."""
    mine: set[str] = set()
    with suppress(OSError):  # a folder whose files may be read but not listed
        mine = {entry.name.removesuffix(".py") for entry in Path(folder).iterdir()}
    for name in [name for name in sys.modules if name.split(".")[0] in mine]:
        file = Path(getattr(sys.modules[name], "__file__", None) or "/")
        theirs = any(file.is_relative_to(other) for other in _folders - {folder})
        if theirs and not file.is_relative_to(folder):
            del sys.modules[name]


def _set_default_device(device: torch.device) -> None:
    if torch.get_default_device() != device:
        torch.set_default_device(None if device.type == "cpu" else device)


def _set_threads(count: int) -> None:
    if torch.get_num_threads() != count:
        torch.set_num_threads(count)


_STATES: list[tuple[Callable[[], Any], Callable[[Any], Any]]] = [
    (torch.get_default_dtype, torch.set_default_dtype),
    (torch.get_default_device, _set_default_device),
    (torch.is_grad_enabled, torch.set_grad_enabled),
    (torch.get_num_threads, _set_threads),
    (torch.are_deterministic_algorithms_enabled, torch.use_deterministic_algorithms),
    (torch.get_rng_state, torch.set_rng_state),
    (
        lambda: torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else [],
        torch.cuda.set_rng_state_all,
    ),
    (np.random.get_state, np.random.set_state),
    (random.getstate, random.setstate),
]
"""What of this process the user's code may change, and must find unchanged afterwards: how it is read and put back."""
