"""ONNX files through onnxruntime: black boxes, without layers and without gradients."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ganlens.errors import UserError
from ganlens.printable import printable
from ganlens.subject.programs.program import Program, ProgramInput
from ganlens.subject.programs.weights_file import what_it_holds

KINDS = {
    "tensor(float)": "float32",
    "tensor(float16)": "float16",
    "tensor(double)": "float64",
    "tensor(int64)": "int64",
    "tensor(int32)": "int32",
}
"""onnxruntime's names of the kinds of numbers, and numpy's."""


class OnnxProgram(Program):
    """A generator, discriminator or classifier in an ONNX file, computed on the CPU.

    Attributes:
        num_classes: from the file's metadata of that name; 0 where it says nothing.
    """

    def __init__(self, path: Path) -> None:
        """Open the file.

        Raises:
            UserError: onnxruntime is not installed, the file is cut or damaged, is no ONNX model, keeps its weights
                outside its own folder, or it takes several inputs.
        """
        session = _session(path)
        try:
            inputs = [_described(each) for each in session.get_inputs()]
            outputs = [each.name for each in session.get_outputs()]
            count = session.get_modelmeta().custom_metadata_map.get("num_classes", "")
        except UnicodeDecodeError as error:
            raise _not_whole(path, error) from error
        super().__init__(str(path), inputs)
        self._session, self._outputs = session, outputs
        self.num_classes = int(count) if count.isdecimal() and len(count) < 10 else 0
        rows = self.inputs[0].rows
        if rows is not None:
            each = "row" if rows == 1 else f"{rows} rows"
            self.notes.append(
                f"{path.name} was exported for batches of {rows}: it is called once for every {each}, which can be "
                "slow; export it with a free first axis"
            )

    def run(self, *given: Tensor) -> Any:
        """The program's only output, or all of them by name.

        Raises:
            TypeError: whole numbers are given where the program wants real ones, or the other way round.
        """
        fed = {}
        for wanted, tensor in zip(self.inputs, given, strict=True):
            if tensor.is_floating_point() != wanted.kind.startswith("float"):
                raise TypeError(f"the input {wanted} was given {str(tensor.dtype).removeprefix('torch.')}")
            fed[wanted.name] = np.ascontiguousarray(tensor.detach().cpu().numpy(), dtype=wanted.kind)
        arrays = self._session.run(self._outputs, fed)
        output = {
            name: torch.as_tensor(array).to(given[0].device) if isinstance(array, np.ndarray) else array
            for name, array in zip(self._outputs, arrays, strict=True)
        }
        return output[self._outputs[0]] if len(output) == 1 else output


def _session(path: Path) -> Any:
    try:
        import onnxruntime
    except ImportError:
        raise UserError(
            f"{path} needs the package 'onnxruntime', which is not installed: pip install 'ganlens[export]'"
        ) from None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 4  # what goes wrong is raised as well, and said in one line
    try:
        return onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"], enable_fallback=0
        )
    except Exception as error:
        if held := what_it_holds(path):
            raise UserError(f"{path} {held}") from None
        raise _not_whole(path, error) from error


def _not_whole(path: Path, error: Exception) -> UserError:
    reason = printable((str(error).strip().splitlines() or ["no message"])[0][:200])
    return UserError(
        f"{path} is not a whole ONNX model ({reason}); copy it again, with the .data file beside it if it has "
        "one, or export it again"
    )


def _described(node: Any) -> ProgramInput:
    return ProgramInput(
        node.name,
        KINDS.get(node.type, node.type),
        tuple(size if isinstance(size, int) and size > 0 else None for size in node.shape or ()),
    )
