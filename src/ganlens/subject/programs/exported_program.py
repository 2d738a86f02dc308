"""torch.export programs: with the layers of the module they came from where these can be had."""

from __future__ import annotations

import copy
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.export import UnflattenedModule

from ganlens.subject.output_layout import same
from ganlens.subject.programs.plain_export import plain_files
from ganlens.subject.programs.program import Program, ProgramInput, check_inputs
from ganlens.subject.programs.trust import refusals
from ganlens.subject.programs.zip_archive import read_archive, written_anew


class FixedProgram(Program):
    """A torch.export program that was exported for a fixed number of rows, as a black box with gradients.

    A hook would see its blocks, padding and all, instead of the batch, so its layers are out of reach.
    """

    def __init__(self, program: Any, file: str, inputs: list[ProgramInput]) -> None:
        super().__init__(file, inputs)
        self._program = (program.module(),)  # in a tuple: not a sub-module, since its mode can't be switched

    def run(self, *given: Tensor) -> Any:
        """What the program returns."""
        return self._program[0](*given)


class LayeredProgram(UnflattenedModule):
    """A torch.export program taken apart into the modules it was exported from, under the names they had."""

    def __init__(self, program: Any, latent_shape: tuple[int, ...] | None) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # torch's own, about torch's own tree specs
            super().__init__(program)
        self.latent_shape = latent_shape
        self._program = (program,)

    def __deepcopy__(self, memo: dict[int, Any]) -> LayeredProgram:
        """Taken apart anew, since graphs with a free number of rows can't be copied; with the weights it has now."""
        copied = LayeredProgram(self._program[0], self.latent_shape)
        copied.load_state_dict(copy.deepcopy(self.state_dict()))
        copied.train(self.training)
        memo[id(self)] = copied
        return copied


def open_exported(path: Path, *, trust: bool = False) -> nn.Module:
    """The program in a .pt2 file, as a module.

    Args:
        trust: open it whatever it holds: it can then do all that its user can.

    Raises:
        UserError: the file is cut or damaged, holds more than tensors and a plain graph, or the program takes
            several inputs.
    """
    with refusals(path, "torch.export"), _without_tracebacks():
        try:
            program = torch.export.load(path) if trust else _plain_program(path)
        except Exception as error:
            if _SEE_ABOVE in str(error):
                raise ValueError("torch can't make its graph again") from error
            raise
        return _as_module(program, path)


_SEE_ABOVE = (
    "We ran into an error when deserializing the saved file. "
    "Please check the warnings above for possible errors."
)


@contextmanager
def _without_tracebacks() -> Iterator[None]:
    """For the block, torch does not log tracebacks of what it raises as well."""
    logs = [logging.getLogger(name) for name in ("torch.export", "torch._export")]
    levels = [log.level for log in logs]
    for log in logs:
        log.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for log, level in zip(logs, levels, strict=True):
            log.setLevel(level)


def _as_module(program: Any, path: Path) -> nn.Module:
    """The program with its layers where these can be had, otherwise as a black box that says why."""
    inputs = [
        _described(node)
        for node in program.graph.nodes
        if node.op == "placeholder" and node.name in program.graph_signature.user_inputs
    ]
    check_inputs(str(path), inputs)
    if inputs[0].rows is None:
        layered = _taken_apart(program, inputs[0].row_shape)
        if layered is not None:
            return layered
    fixed = FixedProgram(program, str(path), inputs)
    rows = inputs[0].rows
    why = "it can't be taken apart" if rows is None else f"it was exported for batches of {rows}"
    how = "" if rows is None else '; export it with dynamic_shapes={"z": {0: torch.export.Dim("batch")}}'
    fixed.notes.append(f"the layers of {path.name} are out of reach, since {why}{how}")
    return fixed


def _plain_program(path: Path) -> Any:
    """The program, read by torch from a copy that holds what was checked and nothing else."""
    with written_anew(path, plain_files(read_archive(path), str(path))) as copy:
        return torch.export.load(copy)


def _taken_apart(program: Any, latent_shape: tuple[int, ...] | None) -> LayeredProgram | None:
    """The program with its layers, if it then returns bit for bit what it returned whole."""
    try:
        layered = LayeredProgram(program, latent_shape)
        given, named = program.example_inputs
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            whole, parts = program.module()(*given, **named), layered(*given, **named)
    except Exception:  # whatever the reason, the program is used whole
        return None
    return layered if same(whole, parts) else None


def _described(node: Any) -> ProgramInput:
    value = node.meta.get("val")
    shape = getattr(value, "shape", ())
    type_name = str(getattr(value, "dtype", type(value).__name__)).removeprefix("torch.")
    return ProgramInput(
        node.name, type_name, tuple(size if isinstance(size, int) else None for size in shape)
    )
