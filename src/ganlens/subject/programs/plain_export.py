"""What is plain in a torch.export file: tensors as bytes and a graph of torch's own operations.

torch.export.load is no safe reader. It unpickles weights, constants and sample inputs, loads native libraries,
evaluates expressions, and compiles Python code in which the file's own names stand. So a file is read here first: its
JSON is walked, every text in it must be what its place allows, and what is not needed is left out.
"""

from __future__ import annotations

import io
import json
import keyword
import math
import pickle
import re
import unicodedata
import zipfile
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch

from ganlens.limits import NESTING, NETWORK_NUMBERS, PROGRAM_BYTES
from ganlens.printable import printable
from ganlens.subject.programs.expressions import is_arithmetic, is_plain_guard
from ganlens.subject.programs.operators import is_plain_operator

MODEL, INPUTS = "models/model.json", "data/sample_inputs/model.pt"
TENSORS = {
    "data/weights/model_weights_config.json": "data/weights/",
    "data/constants/model_constants_config.json": "data/constants/",
}
"""The lists of a program's tensors, and the folder that holds their bytes."""
_SMALL = ("archive_format", "archive_version", "byteorder", ".data/version", ".data/serialization_id")
_LEFT_OUT = ("extra/", ".format_version", ".storage_alignment", "models/", "data/sample_inputs/")
"""Texts beside the program, and other programs: neither is opened."""

_DOTTED = re.compile(r"[\w.]*")
_WORDS = re.compile(r"[\w .,:;/+*<>()\[\]=-]*")
_MODULES = re.compile(r"[\w .,:;/+*<>()\[\]='@-]*")
_TAKEN = frozenset(
    [
        *keyword.kwlist,
        "self",
        "torch",
        "device",
        "inf",
        "nan",
        "NoneType",
        "fx_pytree",
        "pytree",
        "math",
        "getattr",
    ]
)
"""Names that mean something else in the Python code that torch makes of a graph."""
_TREES = (None, "builtins.tuple", "builtins.list", "builtins.dict", "collections.OrderedDict")
"""What a program's inputs and outputs may be nested in."""


class NotPlainError(Exception):
    """A file holds more than tensors and a plain graph; the message says what, as the object of "holds"."""


def plain_files(files: Mapping[str, bytes], name: str) -> dict[str, bytes]:
    """The files of a .pt2 archive that are needed, each written anew from what was understood of it.

    Args:
        name: of the archive, for messages.

    Raises:
        NotPlainError: it holds something that can run code when it is opened or used, or that isn't known.
        ValueError: it is damaged.
        UserError: it asks for more than the limits allow.
    """
    _refuse_unknown(files)
    kept = {file: files[file] for file in _SMALL if file in files}
    kept[MODEL] = json.dumps(_plain_program(_json(files, MODEL, name))).encode()
    for config, folder in TENSORS.items():
        listed = _json(files, config, name)
        kept |= dict(_plain_tensors(files, listed, folder, name))
        kept[config] = json.dumps(listed).encode()
    kept[INPUTS] = _plain_inputs(files.get(INPUTS, b""), name)
    return kept


def _refuse_unknown(files: Mapping[str, bytes]) -> None:
    for file in files:
        if file.startswith("data/aotinductor/"):
            raise NotPlainError(f"a native library or its parts ({printable(file)[:80]})")
    if MODEL not in files:
        raise ValueError("it holds no program called 'model'")
    for file in files:
        if file in ("data/weights/model.pt", "data/constants/model.pt"):
            raise NotPlainError(f"pickled tensors ({file}, the layout of torch before 2.9)")
        tensor = any(re.fullmatch(rf"{re.escape(folder)}\w+(\.json)?", file) for folder in TENSORS.values())
        if not (tensor or file in _SMALL or file.startswith(_LEFT_OUT)):
            raise NotPlainError(f"a file that torch.export doesn't write ({printable(file)[:80]})")


def _json(files: Mapping[str, bytes], file: str, name: str) -> Any:
    if file not in files:
        raise ValueError(f"{file} is missing")
    PROGRAM_BYTES.check(len(files[file]), name)
    try:
        return json.loads(files[file].decode("utf-8"))
    except RecursionError:
        NESTING.check(1_000, name)
        raise ValueError(f"{file} is nested too deeply") from None
    except ValueError as error:
        raise ValueError(f"{file} is no JSON") from error


def _plain_program(program: Any) -> Any:
    """The program's JSON without what nobody needs, every text in it checked.

    Raises:
        NotPlainError: a text is more than its place allows.
        ValueError: it has another form.
    """
    if not isinstance(program, dict) or not isinstance(program.get("graph_module"), dict):
        raise ValueError("it holds no graph")
    program["graph_module"]["metadata"] = {}
    if program["graph_module"].pop("treespec_namedtuple_fields", None):
        raise NotPlainError("named tuples among its inputs or outputs")
    _check(program, (), 0)
    return program


def _check(value: Any, place: tuple[str, ...], depth: int) -> None:
    """Check every text below `value`; `place` is the names of the fields that lead there."""
    if depth > NESTING.value:
        raise ValueError(f"its graph is nested in more than {NESTING.value} levels, see {NESTING.variable}")
    if isinstance(value, dict):
        if place[-1:] == ("metadata",):
            _keep_modules_alone(value)
        for key, inner in value.items():
            if not _DOTTED.fullmatch(key):
                raise NotPlainError(f"a field called {printable(key)[:60]!r}")
            if key in ("as_custom_obj", "custom_obj", "token") or (key == "custom_obj_values" and inner):
                raise NotPlainError("an object that isn't a tensor")
            _check(inner, (*place, key), depth + 1)
    elif isinstance(value, list):
        for inner in value:
            _check(inner, place, depth + 1)
    elif isinstance(value, str):
        _check_text(value, place)


def _keep_modules_alone(metadata: dict[str, Any]) -> None:
    """Drop what a node says of where it came from, except for the modules that make the layers."""
    for key in [key for key in metadata if key != "nn_module_stack"]:
        del metadata[key]


def _check_text(text: str, place: tuple[str, ...]) -> None:
    field = place[-1] if place else ""
    rule = _RULES.get(field, _DOTTED.fullmatch)
    if field in ("as_string", "as_strings") and "nodes" in place:
        rule = str.isprintable  # an argument of an operation: torch writes it down as Python's own literal
    elif place[-3:] == ("nodes", "inputs", "name"):
        rule = _is_argument
    if not rule(text):
        field_content = _CALLED.get(field, "a text that is more than a name")
        raise NotPlainError(f"{field_content} ({printable(text)[:80]!r})")


def _is_name(text: str) -> bool:
    """Whether a text can name a value in the Python code that torch makes of a graph, and hide nothing there.

    A value called `self` would: what the code then looks up in its module it would find in the value.
    """
    plain = unicodedata.normalize("NFKC", text)  # as Python reads names
    return text == "" or (text.isidentifier() and plain not in _TAKEN and not plain.startswith("__"))


def _is_argument(text: str) -> bool:
    """Whether a text can name an argument of an operation; torch has some called self, device and from."""
    return text == "" or text.isidentifier()


def _is_path(text: str) -> bool:
    """Whether a text can name a weight or layer ("layers.0.weight"), and none of what every module has besides."""
    return bool(_WORDS.fullmatch(text)) and not any(
        part.startswith("__") or hasattr(torch.fx.GraphModule, part) for part in text.split(".")
    )


def _is_tree(text: str, *, names: bool) -> bool:
    """Whether a tree specification is tuples, lists and dictionaries of leaves."""
    try:
        version, tree = json.loads(text)
    except (ValueError, TypeError, RecursionError):
        return False
    return version == 1 and _is_branch(tree, names, 0)


def _is_branch(tree: Any, names: bool, depth: int) -> bool:
    if not isinstance(tree, dict) or set(tree) != {"type", "context", "children_spec"} or depth > 20:
        return False
    kind, context, children = tree["type"], tree["context"], tree["children_spec"]
    if kind not in _TREES or not isinstance(children, list) or not isinstance(context, (str, type(None))):
        return False
    try:
        keys = json.loads(context or "null")
    except (ValueError, RecursionError):
        return False
    if keys is not None and not (
        isinstance(keys, list)
        and all(isinstance(key, int) or (isinstance(key, str) and _is_key(key, names)) for key in keys)
    ):
        return False
    return all(_is_branch(child, names, depth + 1) for child in children)


def _is_key(key: str, names: bool) -> bool:
    return key.isidentifier() if names else bool(_WORDS.fullmatch(key))


_RULES: dict[str, Callable[[str], object]] = {
    "name": _is_name,
    "as_name": _is_name,
    "forward_arg_names": _is_name,
    "expr_str": is_arithmetic,
    "guards_code": is_plain_guard,
    "target": is_plain_operator,
    "as_operator": is_plain_operator,
    "in_spec": lambda text: _is_tree(text, names=True),
    "out_spec": lambda text: _is_tree(text, names=False),
    "nn_module_stack": _MODULES.fullmatch,
    "torch_version": _WORDS.fullmatch,
    "as_float": _WORDS.fullmatch,
    "as_floats": _WORDS.fullmatch,
    "as_string": _WORDS.fullmatch,
    "as_strings": _WORDS.fullmatch,
    "parameter_name": _is_path,
    "buffer_name": _is_path,
    "tensor_constant_name": _is_path,
    "fqn": _is_path,
}
"""What a text may be, by its field. In every other field it is letters, digits, _ and dots."""
_CALLED = {
    "expr_str": "an expression that is more than arithmetic",
    "guards_code": "a guard that is more than a comparison of sizes",
    "target": "an operation that isn't one of torch's own on tensors",
    "as_operator": "an operation that isn't one of torch's own on tensors",
    "in_spec": "inputs that are more than tuples, lists and dictionaries",
    "out_spec": "outputs that are more than tuples, lists and dictionaries",
}
"""What a refused text is called, by its field."""


def _plain_tensors(
    files: Mapping[str, bytes], listed: Any, folder: str, name: str
) -> Iterator[tuple[str, bytes]]:
    """The files that hold a list's tensors as bytes.

    Raises:
        NotPlainError: one of them is pickled.
        ValueError: it has another form, or a tensor is larger than its bytes.
    """
    entries = listed.get("config") if isinstance(listed, dict) else None
    if not isinstance(entries, dict) or len(listed) != 1:
        raise ValueError(f"the list of its tensors in {folder} has another form")
    for tensor, entry in entries.items():
        called = printable(tensor)[:60]
        if not _is_path(tensor) or not isinstance(entry, dict):
            raise NotPlainError(f"a tensor called {called!r}")
        file, described = entry.get("path_name"), entry.get("tensor_meta")
        if entry.get("use_pickle") is not False or not isinstance(described, dict):
            raise NotPlainError(f"a pickled object in the place of a tensor ({called})")
        if not isinstance(file, str) or f"{folder}{file}" not in files or file.endswith(".json"):
            raise ValueError(f"the bytes of {called} are missing")
        _check(described, ("tensor_meta",), 0)
        content = files[f"{folder}{file}"]
        if _numbers(described, called, name) and not content:
            raise ValueError(f"the bytes of {called} are missing")  # torch would make them up
        yield f"{folder}{file}", content


def _numbers(described: dict[str, Any], tensor: str, name: str) -> int:
    """How many numbers a tensor has.

    Raises:
        ValueError: it has no plain size.
        UserError: it has more than the limit.
    """
    try:
        sizes = [size["as_int"] for size in described["sizes"]]
        if not all(type(size) is int and size >= 0 for size in sizes):
            raise ValueError(f"the tensor {tensor} has no plain size")
    except (KeyError, TypeError) as error:
        raise ValueError(f"the tensor {tensor} has no plain size") from error
    count: int = math.prod(sizes)
    NETWORK_NUMBERS.check(count, f"{name}, tensor {tensor}")
    return count


def _plain_inputs(pickled: bytes, name: str) -> bytes:
    """The program's sample inputs, read as tensors and numbers alone and written anew."""
    if not pickled:
        return b""
    try:
        with zipfile.ZipFile(io.BytesIO(pickled)) as inner:
            packed = [entry for entry in inner.infolist() if entry.compress_type != zipfile.ZIP_STORED]
            PROGRAM_BYTES.check(sum(entry.file_size for entry in packed), f"{name}, sample inputs")
        place = None if torch.cuda.is_available() else "cpu"
        given = torch.load(io.BytesIO(pickled), map_location=place, weights_only=True)
    except pickle.UnpicklingError as error:
        raise NotPlainError("sample inputs that are more than tensors and numbers") from error
    except (OSError, RuntimeError, NotImplementedError, zipfile.BadZipFile) as error:
        raise ValueError("its sample inputs are damaged") from error
    if not (isinstance(given, tuple) and len(given) == 2 and isinstance(given[1], dict) and _is_given(given)):
        raise NotPlainError("sample inputs that are more than tensors and numbers")
    written = io.BytesIO()
    torch.save(given, written)
    return written.getvalue()


def _is_given(value: Any, depth: int = 0) -> bool:
    if depth > 20:
        return False
    if type(value) in (tuple, list):
        return all(_is_given(inner, depth + 1) for inner in value)
    if type(value) is dict:
        return all(
            isinstance(key, str) and key.isidentifier() and _is_given(inner, depth + 1)
            for key, inner in value.items()
        )
    return value is None or type(value) in (torch.Tensor, torch.nn.Parameter, int, float, bool)
