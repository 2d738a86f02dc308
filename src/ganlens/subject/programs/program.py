"""A compiled program in the place of a module: what it takes in, and batches of a number of rows it did not fix."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ganlens.errors import UserError
from ganlens.subject.output_layout import elements


@dataclass(frozen=True)
class ProgramInput:
    """What a program takes: a name, the kind of its numbers ("float32"), a shape with None where it is free."""

    name: str
    kind: str
    shape: tuple[int | None, ...]

    @property
    def rows(self) -> int | None:
        """The number of rows it was compiled for; None for any."""
        return self.shape[0] if self.shape else None

    @property
    def row_shape(self) -> tuple[int, ...] | None:
        """Shape of one row, where all of it is known."""
        sizes = [size for size in self.shape[1:] if size is not None]
        return tuple(sizes) if sizes and len(sizes) == len(self.shape) - 1 else None

    def __str__(self) -> str:
        sizes = ", ".join("any" if size is None else str(size) for size in self.shape)
        return f"{self.name} {self.kind} [{sizes}]"


class Program(nn.Module):
    """A compiled program as a black box that takes any number of rows.

    Attributes:
        inputs: one, or two where the second is labels.
        latent_shape: shape of a row of the first input, where the program says.
        notes: what its user should know.
    """

    def __init__(self, file: str, inputs: Sequence[ProgramInput]) -> None:
        super().__init__()
        check_inputs(file, inputs)
        self.file, self.inputs = file, tuple(inputs)
        self.latent_shape = inputs[0].row_shape
        self.notes: list[str] = []

    def run(self, *given: Tensor) -> Any:
        """What the program returns for exactly the rows it takes."""
        raise NotImplementedError

    def forward(self, *given: Tensor) -> Any:
        """What the program returns, a row for each row given.

        Raises:
            UserError: it wants another number of inputs.
        """
        if len(given) != len(self.inputs):
            known = ", ".join(map(str, self.inputs))
            raise UserError(
                f"{self.file} takes {len(self.inputs)} input{'s' * (len(self.inputs) > 1)} ({known}), and was "
                f"given {len(given)}; "
                + (
                    "if the second is the class, say how many there are: num_classes=10, or --classes 10"
                    if len(self.inputs) > 1
                    else "it takes no labels: leave num_classes (--classes) out"
                )
            )
        return in_blocks(self.run, self.inputs[0].rows, given)


def check_inputs(file: str, inputs: Sequence[ProgramInput]) -> None:
    """Raise a UserError unless there is one input of real numbers, with at most one of labels after it."""
    known = ", ".join(map(str, inputs)) or "none"
    expected = "expected one batch of latents or samples [n, …], and at most one more of labels [n]"
    if not 1 <= len(inputs) <= 2:
        raise UserError(
            f"{file} takes {len(inputs)} inputs ({known}); {expected}. Export it again with the others fixed"
        )
    if not inputs[0].kind.startswith(("float", "double")) or not inputs[0].shape:
        raise UserError(f"{file}: its first input is no batch of real numbers ({known}); {expected}")
    if len(inputs) == 2 and not inputs[1].shape:
        raise UserError(
            f"{file}: its second input is a single number ({known}), not a batch; {expected}. Export it again "
            "with that number fixed"
        )


def in_blocks(run: Callable[..., Any], rows: int | None, given: Sequence[Tensor]) -> Any:
    """What `run` returns for any number of rows, where it takes exactly `rows` of them: the last block is padded.

    Args:
        rows: None if it takes any number.
    """
    if rows is None or not len(given[0]):
        return run(*given)
    output, counts = [], []
    for start in range(0, len(given[0]), rows):
        block = [argument[start : start + rows] for argument in given]
        counts.append(len(block[0]))
        full = [torch.cat([part, part[-1:].expand(rows - len(part), *part.shape[1:])]) for part in block]
        output.append(run(*full))
    if isinstance(output[0], Tensor):
        return _joined(output, counts, rows)
    held = [elements(each) for each in output]
    joined = {key: _joined([each[key] for each in held], counts, rows) for key in held[0]}
    return tuple(joined.values()) if isinstance(output[0], (tuple, list)) else joined


def _joined(parts: list[Any], counts: list[int], rows: int) -> Any:
    """The rows of several blocks without their padding; what has no rows is the first block's."""
    if not all(isinstance(part, Tensor) and part.ndim and len(part) == rows for part in parts):
        return parts[0]
    return torch.cat([part[:count] for part, count in zip(parts, counts, strict=True)])
