"""Numbers that kinds of sample are told apart by: those that the kind of sample has, and the user's own."""

from __future__ import annotations

import torch
from torch import Tensor

from ganlens.errors import UserError
from ganlens.modality import Reading
from ganlens.subject import SampleBank
from ganlens.subject.adapted_generator import first_line
from ganlens.subject.programs import loading

USUAL = 2000
"""Training samples that say what is usual: the colour of the ground, for pictures."""


def readings_with_ends(bank: SampleBank) -> tuple[Reading, ...]:
    """What can be read off samples of that kind whose ends, or values, a person would call kinds of their own."""
    every_reading = bank.modality.readings(bank.reals("train", USUAL).tensor())
    return tuple(reading for reading in every_reading if reading.counts or reading.high or reading.low)


def users_readings(spec: str, sample_shape: tuple[int, ...]) -> tuple[Reading, ...]:
    """The readings behind "python:package.module:name", a function of samples [n, …] that gives [n, k] numbers.

    Its attribute `names` names the columns; without it they are numbered. Columns of 0 and 1, and of few whole
    numbers, are taken as kinds of their own.

    Raises:
        UserError: there is no such function, it fails, or gives another shape.
    """
    function, name = loading.resolve(spec)
    if not callable(function):
        raise UserError(
            f"{spec} is a {type(function).__name__}; expected a function of samples to [n, k] numbers"
        )

    def read(samples: Tensor) -> Tensor:
        try:
            numbers = torch.as_tensor(function(samples.clone()))  # it may write into them
        except Exception as error:
            raise UserError(
                f"the statistics {name} failed on samples of shape {tuple(samples.shape)}: "
                f"{type(error).__name__}: {first_line(error)}"
            ) from error
        numbers = numbers.float()
        if numbers.ndim == 1:
            numbers = numbers[:, None]
        if numbers.ndim != 2 or len(numbers) != len(samples):
            raise UserError(
                f"the statistics {name} gave shape {tuple(numbers.shape)} for {len(samples)} samples; expected "
                f"[{len(samples)}, k], one row a sample"
            )
        if not torch.isfinite(numbers).all():
            raise UserError(f"the statistics {name} gave NaN or an infinite value; expected finite numbers")
        return numbers

    width = read(torch.zeros(2, *sample_shape)).shape[1]
    names = [str(known) for known in getattr(function, "names", ())] or [
        f"{name}" if width == 1 else f"{name} {i + 1}" for i in range(width)
    ]
    if len(names) != width:
        raise UserError(
            f"the statistics {name} give {width} columns and name {len(names)}; expected one name each"
        )
    return tuple(
        Reading(known, read, column, high=f"samples of very high {known}", low=f"samples of very low {known}")
        for column, known in enumerate(names)
    )
