"""What a generator returns, brought to one tensor of samples: which element, which layout, which values."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

import torch
from torch import Tensor

from ganlens.errors import UserError
from ganlens.modality import Modality
from ganlens.subject.tensor_transfer import as_tensor
from ganlens.subject.value_range import PICTURES, ValueRange, checked_range

DARK = 0.25
"""A generator of values in 0…1 makes something darker than this; one of values in −1…1 may be all bright."""
COLOURS = (1, 3)
"""Channels that a last axis must have to be taken for channels without being told."""


@dataclass(frozen=True)
class Layout:
    """How the axes of what a generator returns become those of a sample.

    Attributes:
        channels_last: [n, height, width, channels] is returned.
        shape: of one sample, where rows of numbers [n, d] are returned.
    """

    channels_last: bool = False
    shape: tuple[int, ...] | None = None

    def __call__(self, samples: Tensor) -> Tensor:
        """Samples [n, …] as the modality has them."""
        if self.channels_last:
            return samples.permute(0, 3, 1, 2)
        return samples if self.shape is None else samples.reshape(len(samples), *self.shape)

    def undone(self, samples: Tensor) -> Tensor:
        """Samples of the modality as the generator returns them."""
        if self.channels_last:
            return samples.permute(0, 2, 3, 1)
        return samples if self.shape is None else samples.flatten(1)


def elements(output: Any) -> dict[int | str, Any]:
    """What a tuple, list, mapping or data class holds, by position or name; empty for anything else."""
    if isinstance(output, Mapping):
        return dict(output)
    if isinstance(output, tuple) and hasattr(output, "_fields"):
        return dict(zip(output._fields, output, strict=True))
    if isinstance(output, (tuple, list)):
        return dict(enumerate(output))
    if is_dataclass(output) and not isinstance(output, type):
        return {entry.name: getattr(output, entry.name) for entry in fields(output)}
    return {}


def find_output(
    output: Any, rows: int, declared: int | str | None, name: str
) -> tuple[int | str | None, str | None]:
    """Which element of what a generator returned holds its samples, and a sentence where that was guessed.

    Without being told, it is the only tensor of `rows` pictures (four axes), or else the only one of `rows` rows.

    Returns:
        (its position or name, or None for a bare tensor, note or None).

    Raises:
        UserError: the declared element is not there, or none was declared and several could be meant.
    """
    if declared is not None:
        element(output, declared, name)
        return declared, None
    if as_tensor(output) is not None:
        return None, None
    held = {key: as_tensor(value) for key, value in elements(output).items()}
    rowed = {
        key: value
        for key, value in held.items()
        if value is not None and value.ndim >= 2 and len(value) == rows
    }
    pictures = [key for key, value in rowed.items() if value.ndim == 4]
    candidates = pictures or list(rowed)
    if len(candidates) != 1:
        how = f"; say which holds the samples: {_declaration(rowed)}" if len(candidates) > 1 else ""
        raise UserError(
            f"the generator {name} returned {described(output)}, not one tensor [{rows}, …] of samples{how}"
        )
    shape = tuple(rowed[candidates[0]].shape[1:])
    return candidates[0], (
        f"the generator returns {described(output)}; {candidates[0]!r}, of shape {shape} a sample, is taken as "
        f"its samples (output={candidates[0]!r})"
    )


def element(output: Any, key: int | str, name: str) -> Any:
    """The element of that position or name.

    Raises:
        UserError: there is none.
    """
    held = elements(output)
    if isinstance(key, int) and key not in held and -len(held) <= key < len(held):
        return list(held.values())[key]  # a position among names, or counted from the end
    if key not in held:
        raise UserError(
            f"the generator {name} was declared to return its samples as output={key!r}, and returned "
            f"{described(output)}"
        )
    return held[key]


def same(first: Any, second: Any) -> bool:
    """Whether two returned objects hold the same tensors, bit for bit."""
    if isinstance(first, Tensor):
        return isinstance(second, Tensor) and torch.equal(first, second)
    ours, theirs = elements(first), elements(second)
    return bool(ours) and ours.keys() == theirs.keys() and all(same(ours[key], theirs[key]) for key in ours)


def described(output: Any) -> str:
    """A returned object in words: "a tuple of 2 (0: 8×3×4×4, 1: 8×512)"."""
    if isinstance(output, Tensor):
        return f"one tensor {_sizes(output)}"
    held = elements(output)
    if not held:
        return f"a {type(output).__name__}"
    shown = (
        f"{key}: {_sizes(value) if isinstance(value, Tensor) else type(value).__name__}"
        for key, value in list(held.items())[:8]
    )
    return f"a {type(output).__name__} of {len(held)} ({', '.join(shown)})"


def fit_layout(
    shape: tuple[int, ...],
    wanted: tuple[int, ...] | None,
    *,
    pictures: bool,
    channels_last: bool | None,
    resizable: bool,
    name: str,
) -> tuple[Layout, str | None]:
    """How a generator's samples of that shape are laid out, and a sentence where that was guessed.

    Args:
        wanted: shape of the real samples, where there are any.
        pictures: whether the samples are, or may be, pictures: only of these is another layout looked for.
        channels_last: as declared; None to look.
        resizable: whether the real samples can be had at another height and width.

    Raises:
        UserError: channels_last was declared for samples that are no pictures.
    """
    if channels_last is not None:
        if channels_last and len(shape) != 3:
            raise UserError(
                f"the generator {name} makes samples of shape {shape}; channels_last=True means [height, "
                "width, channels]"
            )
        return Layout(channels_last=channels_last), None
    if shape == wanted or not pictures:
        return Layout(), None
    if len(shape) == 3:
        turned = (shape[2], shape[0], shape[1])
        if turned == wanted or (shape[2] in COLOURS and shape[0] not in COLOURS):
            return Layout(channels_last=True), (
                f"the generator puts the channels last, {shape}; its samples are turned to {turned} (say "
                "channels_last=False if that is wrong)"
            )
    if len(shape) == 1 and wanted is not None and len(wanted) == 3:
        side = math.isqrt(shape[0] // wanted[0])
        square = (wanted[0], side, side)
        for known in (wanted, square) if resizable else (wanted,):
            if math.prod(known) == shape[0]:
                return Layout(shape=known), (
                    f"the generator's samples are rows of {shape[0]} numbers; they are taken as "
                    f"{'×'.join(map(str, known))} pictures"
                )
    return Layout(), None


def fit_range(
    samples: Tensor, modality: Modality, declared: ValueRange | None
) -> tuple[ValueRange | None, str | None]:
    """How the values of `samples` must be mapped to the modality's range, and a sentence where there is news.

    Only of pictures is it known in which other ranges they come: what else is found outside its range stays there.

    Returns:
        ((low, high) to map to the modality's range, or None to leave them, note or None).
    """
    wanted = modality.range
    if wanted is None:
        return None, None
    if declared is not None:
        return (None if checked_range(declared, "range") == wanted else declared), None
    low, high = float(samples.min()), float(samples.max())
    own = f"{wanted[0]:g}…{wanted[1]:g}".replace("-", "−")
    if wanted == PICTURES and samples.dtype == torch.uint8:
        return (0.0, 255.0), "the generator returns bytes; 0…255 are mapped to −1…1"
    if wanted == PICTURES and samples.dtype == torch.bool:
        return (0.0, 1.0), "the generator returns true and false; they are mapped to 1 and −1"
    if low == high:
        return None, None
    seen = f"({low:.2f}…{high:.2f} on a trial)"
    if wanted == PICTURES and -1e-4 <= low < DARK and high <= 1 + 1e-4:
        hint = "say range=(-1, 1) if that is wrong"
        return (0.0, 1.0), f"the generator returns values in 0…1 {seen}; they are mapped to −1…1 ({hint})"
    if wanted == PICTURES and low >= -1e-2 and 8 < high <= 256:
        return (0.0, 255.0), f"the generator returns values in 0…255 {seen}; they are mapped to −1…1"
    slack = 0.025 * (wanted[1] - wanted[0])
    if low < wanted[0] - slack or high > wanted[1] + slack:
        return (
            None,
            f"the generator returns values outside {own} {seen}; declare range=(low, high) if it means to",
        )
    return None, None


def _sizes(tensor: Tensor) -> str:
    return "×".join(map(str, tensor.shape)) or "a number"


def _declaration(rowed: dict[int | str, Tensor]) -> str:
    first = next(iter(rowed))
    return f"output={first!r} (on the command line --output {first})"
