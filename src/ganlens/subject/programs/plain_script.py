"""What is plain in a TorchScript file: code that computes, in torch's restricted language, and tensors.

torch.jit.load runs no Python, but it runs the file's own `__setstate__` methods, and TorchScript can write and read
files and call other machines. So the code is looked at before torch sees it, word by word and not as a parsed program:
no difference between two parsers can then hide anything.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from ganlens.limits import PROGRAM_BYTES
from ganlens.subject.programs.operators import REACHING_OUT
from ganlens.subject.programs.plain_export import NotPlainError

_KEPT = re.compile(
    r"data\.pkl|constants\.pkl|version|byteorder|\.data/(version|serialization_id)"
    r"|code/[\w./-]+\.py(\.debug_pkl)?|(data|constants)/\w+"
)
"""The files that torch.jit.load needs. Texts beside the program, and bytecode for phones, are left out."""
_COMPUTING = (
    "aten|prim|prims|quantized|_quantized|quantization|sparse|mkldnn|mkldnn_prepacked|onednn|profiler"
)
_CLASSES = "quantized|mkldnn|sparse|onednn|profiler"
_WORDS = re.compile(rb"\b(" + "|".join(sorted(REACHING_OUT - {"warn", "_print"})).encode() + rb")\b")
_OPERATIONS = re.compile(rb"(?<![.\w\"])ops\b(?!\s*:|\s*\.\s*(?:" + _COMPUTING.encode() + rb")\s*\.\s*\w)")
_OBJECTS = re.compile(rb"torch[.\n]classes(?![.\n](?:" + _CLASSES.encode() + rb")[.\n])")
_SPELT_OUT = re.compile(rb"\\[xuUN0-7]")
_ATTRIBUTE_OF_ROOM = re.compile(rb"\bgetattr[\s(]*(torch|ops|__torch__)\b")


def plain_script_files(files: Mapping[str, bytes], name: str) -> dict[str, bytes]:
    """The files of a TorchScript archive that torch needs.

    Args:
        name: of the archive, for messages.

    Raises:
        NotPlainError: its code reaches for files, other machines or operations that aren't torch's own.
        UserError: its code is larger than the limit.
        ValueError: it is no TorchScript.
    """
    kept = {file: content for file, content in files.items() if _KEPT.fullmatch(file) and ".." not in file}
    code = {file: content for file, content in kept.items() if file.startswith("code/")}
    if "data.pkl" not in kept or not code:
        raise ValueError("it holds no code")
    PROGRAM_BYTES.check(sum(map(len, code.values())), name)
    for file, content in kept.items():
        if file.endswith(".py"):
            _check_code(content)
        if file.endswith((".py", ".pkl")) and (match := _OBJECTS.search(content)):
            raise NotPlainError(
                f"an object that isn't torch's own kind of tensor ({_around(content, match)})"
            )
    return kept


def _check_code(code: bytes) -> None:
    if match := _WORDS.search(code):
        raise NotPlainError(f"code that reaches for files or other machines ({_around(code, match)})")
    if match := _OPERATIONS.search(code) or _ATTRIBUTE_OF_ROOM.search(code):
        raise NotPlainError(f"code with operations that aren't torch's own ({_around(code, match)})")
    if b"getattr" in code and (match := _SPELT_OUT.search(code)):
        raise NotPlainError(f"code with names that are spelt in escapes ({_around(code, match)})")


def _around(content: bytes, match: re.Match[bytes]) -> str:
    """The line where something was found, or what of it can be shown."""
    start = content.rfind(b"\n", 0, match.start()) + 1
    line = content[start : match.end() + 40].split(b"\n" if b"\n" not in match[0] else b"\0")[0]
    return repr(line.strip()[:90].decode("ascii", "backslashreplace"))
