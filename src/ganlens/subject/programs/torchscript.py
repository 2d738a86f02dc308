"""TorchScript programs with layers: script modules refuse hooks, so what calls them is taken over.

A module without children is called as it is. One with children is run here, operation by operation as its graph
says, so that each child is called through a module that can be hooked. Graphs with branches, loops or calls of
functions stay whole, and so does a program that does not return, on its first call, bit for bit what it returned
whole.
"""

from __future__ import annotations

import copy
import operator
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ganlens.subject.output_layout import same
from ganlens.subject.programs.crash_check import read_by_another_process
from ganlens.subject.programs.plain_script import plain_script_files
from ganlens.subject.programs.trust import refusals
from ganlens.subject.programs.zip_archive import read_archive, written_anew

_BUILT_IN: dict[str, Callable[..., Any]] = {
    "prim::ListConstruct": lambda *parts: list(parts),
    "prim::TupleConstruct": lambda *parts: tuple(parts),
    "prim::TupleUnpack": tuple,
    "prim::ListUnpack": tuple,
    "prim::NumToTensor": torch.tensor,
    "aten::__getitem__": operator.getitem,
    "aten::len": len,
    "aten::Int": int,
}
"""What a graph does besides calling operations on tensors: several outputs come back as a tuple."""


class ScriptLayer(nn.Module):
    """A script module in a module that can be hooked; its children likewise where its graph allows it."""

    def __init__(self, script: Any) -> None:
        super().__init__()
        self._script = (script.eval(),)  # in a tuple: not a sub-module, since it refuses hooks
        graph = _graph_of(script)
        in_parts = graph is None or _can_be_run(graph)
        children = list(script.named_children()) if in_parts else []
        self._graph = graph if children else None
        self._holds_weights_of_children = not in_parts
        for name, child in children:
            self._modules[name] = ScriptLayer(child)  # not add_module, which minds names that the script has
        self._share_weights()

    def forward(self, *given: Any) -> Any:
        """What the script module returns."""
        return self._script[0](*given) if self._graph is None else _run(self._graph, self, given)

    def attribute(self, name: str) -> Any:
        """What the graph finds under that name: a child, a weight, or any other value of the script module."""
        return self._modules[name] if name in self._modules else getattr(self._script[0], name)

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            if "_script" not in self.__dict__:
                raise
            return getattr(self._script[0], name)

    def _share_weights(self) -> None:
        """Register the script module's weights: those of its children too, where these are not reached."""
        whole = self._holds_weights_of_children
        for name, weight in self._script[0].named_parameters(recurse=whole):
            self._parameters[name.replace(".", "_")] = weight
        for name, values in self._script[0].named_buffers(recurse=whole):
            self._buffers[name.replace(".", "_")] = values

    def _apply(self, change: Callable[[Tensor], Tensor], recurse: bool = True) -> ScriptLayer:
        self._script[0]._apply(change)
        for child in self.children():
            child._apply(change)
        self._share_weights()
        return self


class LayeredScript(ScriptLayer):
    """A TorchScript program with the layers that can be had; its first call checks it against the whole program."""

    def __init__(self, script: Any) -> None:
        super().__init__(script)
        self._checked = self._graph is None

    @property
    def notes(self) -> list[str]:
        """What its user should know."""
        if self._graph is not None or not list(self._script[0].children()):
            return []
        return [
            "the layers of this TorchScript program are out of reach, since it calls functions, branches or loops "
            "between them; torch.jit.trace, torch.export or python:… would show them"
        ]

    def forward(self, *given: Any) -> Any:
        """What the program returns."""
        if self._checked:
            return super().forward(*given)
        with torch.random.fork_rng(devices=[]):
            whole = self._script[0](*given)
        self._checked = True
        try:
            in_parts = super().forward(*given)
        except Exception:  # an operation that only TorchScript knows: the program is used whole
            in_parts = None
        if not same(whole, in_parts):
            self._graph = None
        return whole

    def __deepcopy__(self, memo: dict[int, Any]) -> LayeredScript:
        copied = LayeredScript(copy.deepcopy(self._script[0], memo))
        copied._graph, copied._checked = (copied._graph if self._graph is not None else None), self._checked
        memo[id(self)] = copied
        return copied


def open_torchscript(path: Path, *, trust: bool = False) -> nn.Module:
    """The program in a TorchScript file, as a module. A process of its own reads it first, since some damaged files
    end the process that reads them.

    Args:
        trust: open it whatever it holds: it can then do all that its user can.

    Raises:
        UserError: the file is cut, damaged or no TorchScript, holds weights without a program, or its code reaches for
            more than tensors.
    """
    advice = (
        "; save one with torch.jit.trace(module, latents).save(FILE), or give python:package.module:name for Python "
        "code"
    )
    with refusals(path, "TorchScript", advice):
        files = plain_script_files(read_archive(path), str(path)) if not trust else None
        with written_anew(path, files) if files is not None else nullcontext(path) as read:
            read_by_another_process(read, called=path)
            script = torch.jit.load(str(read), map_location="cpu")
    return LayeredScript(script)


def _graph_of(script: Any) -> Any:
    """What a script module does when it is called; None for a list of modules, which nobody calls."""
    try:
        return script.graph
    except RuntimeError:
        return None


def _can_be_run(graph: Any) -> bool:
    return all(_known(node) for node in graph.nodes())


def _known(node: Any) -> bool:
    kind = node.kind()
    if kind == "prim::Constant":
        try:
            node.output().toIValue()
        except RuntimeError:  # a function: calling it is TorchScript's affair
            return False
        return "Function" not in str(node.output().type())
    if kind == "prim::CallMethod":
        return bool(node.s("name") == "forward")
    return kind in ("prim::GetAttr", *_BUILT_IN) or _operation(node.schema()) is not None


@cache
def _operation(schema: str) -> tuple[Callable[..., Any], tuple[str, ...]] | None:
    """The operation of torch with that schema, and the names of its arguments that must be named."""
    try:
        parsed = torch._C.parse_schema(schema)
        room, _, name = parsed.name.partition("::")
        operation = getattr(getattr(getattr(torch.ops, room), name), parsed.overload_name or "default")
    except (AttributeError, RuntimeError):  # TorchScript knows it, Python doesn't
        return None
    return operation, tuple(each.name for each in parsed.arguments if each.kwarg_only)


def _run(graph: Any, layer: ScriptLayer, given: tuple[Any, ...]) -> Any:
    """What a graph returns, its methods called on layers."""
    values = dict(zip(_names(graph.inputs()), (layer, *given), strict=True))
    for node in graph.nodes():
        arguments = [values[name] for name in _names(node.inputs())]
        kind, outputs = node.kind(), list(_names(node.outputs()))
        result: Any
        if kind == "prim::Constant":
            result = node.output().toIValue()
        elif kind == "prim::GetAttr":
            result = arguments[0].attribute(node.s("name"))
        elif kind == "prim::CallMethod":
            result = arguments[0](*arguments[1:])
        elif kind in _BUILT_IN:
            result = _BUILT_IN[kind](*arguments)
        else:
            known = _operation(node.schema())
            assert known is not None, "a graph with unknown operations is not run"
            operation, named = known
            plain = len(arguments) - len(named)
            result = operation(*arguments[:plain], **dict(zip(named, arguments[plain:], strict=True)))
        values.update(zip(outputs, (result,) if len(outputs) == 1 else result, strict=True))
    results = [values[name] for name in _names(graph.outputs())]
    return results[0] if len(results) == 1 else tuple(results)


def _names(values: Any) -> Iterator[str]:
    return (value.debugName() for value in values)
