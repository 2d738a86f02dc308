"""Which operations a program from a stranger may use: torch's own that compute, none that reach files or networks."""

from __future__ import annotations

import re

_SYMBOLIC = frozenset(
    [
        f"_operator.{name}"
        for name in [
            "eq",
            "ne",
            "le",
            "ge",
            "lt",
            "gt",
            "neg",
            "pos",
            "mul",
            "add",
            "sub",
            "floordiv",
            "mod",
            "pow",
            "truediv",
        ]
    ]
    + [f"_operator.{name}" for name in ["and_", "or_", "not_", "lshift", "rshift"]]
    + [f"math.{name}" for name in ["trunc", "ceil", "floor", "sqrt"]]
    + [f"torch.sym_{name}" for name in ["not", "int", "float", "ite", "max", "min", "sqrt", "sum"]]
    + ["torch._sym_sqrt"]
)
"""Arithmetic on sizes."""
_WITH_GRAPHS = frozenset(
    f"torch.ops.higher_order.{name}"
    for name in [
        "cond",
        "while_loop",
        "scan",
        "map_impl",
        "associative_scan",
        "wrap_with_set_grad_enabled",
        "wrap_with_autocast",
    ]
)
"""Operations that run a graph of the file itself."""
_TENSORS = re.compile(
    r"torch\.ops\.(aten|prims)\.(__i?(?:and|or|xor|lshift|rshift)__|(?!__)\w+)\.((?!__)\w+)"
)

REACHING_OUT = frozenset(
    [
        "save",
        "from_file",
        "load_tensor",
        "rpc_async",
        "rpc_sync",
        "rpc_remote",
        "_print",
        "warn",
        "PythonOp",
        "IgnoredPythonOp",
    ]
)
"""Operations of torch that write or read files, call other machines, print, or call Python."""


def is_plain_operator(target: str) -> bool:
    """Whether the target of a node in a torch.export graph is an operation of torch that only computes.

    torch looks targets up as attributes, so that "torch.serialization.os.system" would be one.
    """
    if target in _SYMBOLIC or target in _WITH_GRAPHS:
        return True
    found = _TENSORS.fullmatch(target)
    return found is not None and found[2] not in REACHING_OUT
