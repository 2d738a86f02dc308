"""Which operations a program from a stranger may use: torch's own that compute, none that reach files or networks."""

from __future__ import annotations

import re

_COMPARED = ("eq", "ne", "le", "ge", "lt", "gt", "and_", "or_", "not_")
_COMPUTED = ("neg", "pos", "mul", "add", "sub", "floordiv", "mod", "pow", "truediv", "lshift", "rshift")
_ROUNDED = ("trunc", "ceil", "floor", "sqrt")
_OF_TORCH = (
    "sym_not",
    "sym_int",
    "sym_float",
    "sym_ite",
    "sym_max",
    "sym_min",
    "sym_sqrt",
    "sym_sum",
    "_sym_sqrt",
)
_SYMBOLIC = frozenset(
    [f"_operator.{name}" for name in (*_COMPARED, *_COMPUTED)]
    + [f"math.{name}" for name in _ROUNDED]
    + [f"torch.{name}" for name in _OF_TORCH]
)
"""Arithmetic on sizes."""
_MODES = ("wrap_with_set_grad_enabled", "wrap_with_autocast")
_WITH_GRAPHS = frozenset(
    f"torch.ops.higher_order.{name}"
    for name in ("cond", "while_loop", "scan", "map_impl", "associative_scan", *_MODES)
)
"""Operations that run a graph of the file itself."""
_TENSORS = re.compile(
    r"torch\.ops\.(aten|prims)\.(__i?(?:and|or|xor|lshift|rshift)__|(?!__)\w+)\.((?!__)\w+)"
)

_FILES, _MACHINES = ("save", "from_file", "load_tensor"), ("rpc_async", "rpc_sync", "rpc_remote")
REACHING_OUT = frozenset([*_FILES, *_MACHINES, "_print", "warn", "PythonOp", "IgnoredPythonOp"])
"""Operations of torch that write or read files, call other machines, print, or call Python."""


def is_plain_operator(target: str) -> bool:
    """Whether the target of a node in a torch.export graph is an operation of torch that only computes.

    torch looks targets up as attributes, so that "torch.serialization.os.system" would be one.
    """
    if target in _SYMBOLIC or target in _WITH_GRAPHS:
        return True
    match = _TENSORS.fullmatch(target)
    return match is not None and match[2] not in REACHING_OUT
