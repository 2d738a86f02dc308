"""What can vary: every reading of the modality, the parts of a sample, and axes of a code of the data."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from ganlens.errors import UserError
from ganlens.explain.code.code_space import CodeSpace, code_spaces, codes_of
from ganlens.modality import Reading, read_all
from ganlens.subject import SampleBank
from ganlens.subject.draws import Of

USUAL = 2000
"""Training samples that say what is usual: the colour of the ground, for pictures."""
CHUNK = 1024
VISIBLE = 0.1
"""A code axis of which a step moves the decoded sample by less than this share of the first one's is not looked at."""
FAINTEST_PART = 0.05
"""A part whose values vary by less than this share of the most varying one's is still."""
FAINTEST_CODE = 0.02
"""A step along a code axis, in the data's standard deviations, that nobody notices."""
FAINTEST = 1e-3
"""The same for a reading that says nothing of it, as a share of its usual size."""
FITTED = 4
"""One generated sample in so many says which directions of the code are narrow and wide; the others are tested."""

Family = Literal["reading", "part", "code"]
FAMILIES: tuple[Family, ...] = ("reading", "part", "code")
"""The simplest to a person first."""


@dataclass(frozen=True)
class Axis:
    """Something that varies from sample to sample.

    Attributes:
        name: what a person calls it; of a code axis, which it is.
        family: where it comes from.
        least: a spread below this is nothing anyone notices.
        unit: of its values.
    """

    name: str
    family: Family
    least: float
    unit: str = ""

    @property
    def nameable(self) -> bool:
        """Whether its name says to a person what varies."""
        return self.family != "code"


class AxisTable:
    """All axes of an audit's samples, each read once.

    Args:
        bank: the samples.
        compared: at most so many generated and held-out samples, and as many training samples.
        code_axes: at most so many axes of the code; 0 for none.

    Attributes:
        axes: c of them.
        from_row: the first generated sample that is compared; those before it chose the directions.
        code_title: whose code the code axes are of; empty without.
    """

    def __init__(self, bank: SampleBank, *, compared: int, code_axes: int) -> None:
        self._bank, self._compared = bank, compared
        named, parts = _readings(bank)
        self._readings = (*named, *parts)
        self._code = _code_of(bank) if code_axes else None
        self.code_title = self._code.title if self._code is not None else ""
        self._columns: dict[Of, Tensor] = {}
        self.from_row = len(bank.samples("fake", compared)) // FITTED if self._code is not None else 0
        self._turn = self._directions(code_axes)
        self.axes = (*_reading_axes(self._read("train"), named, parts), *self._code_names())

    def columns(self, of: Of) -> Tensor:
        """The axes [n, c] float64 of the samples of `of`; of generated ones, those that chose no direction."""
        if of not in self._columns:
            table = self._read(of)
            if self._code is not None:
                table = torch.cat([table, self._codes(of) @ self._turn], dim=1)
            finite = table.nan_to_num(0.0, 0.0, 0.0)
            self._columns[of] = finite[self.from_row :] if of == "fake" else finite
        return self._columns[of]

    def count(self, of: Of) -> int:
        """How many samples of `of` are read."""
        return len(self._bank.samples(of, self._compared))

    def _read(self, of: Of) -> Tensor:
        return readings_of(self._bank, self._readings, of, self._compared)

    def _codes(self, of: Of) -> Tensor:
        assert self._code is not None
        return codes_of(self._bank, self._code, of, self._compared).double()

    def _directions(self, most: int) -> Tensor:
        """The axes that can be seen, then the narrowest two and the widest direction of generated codes: [k, d]."""
        if self._code is None:
            return torch.zeros(0, 0, dtype=torch.float64)
        seen = self._code.effect >= VISIBLE * self._code.effect.max()
        kept = torch.eye(self._code.width, dtype=torch.float64)[:, seen][:, :most]
        fitted = self._codes("fake")[: self.from_row] @ kept
        if len(fitted) < 3 * kept.shape[1] or kept.shape[1] < 3:
            return kept
        # Training codes are white: a direction's variance is at once its share of the data's.
        turn = torch.linalg.eigh(fitted.T.cov()).eigenvectors
        return torch.cat([kept, kept @ turn[:, [0, 1, -1]]], dim=1)

    def _code_names(self) -> list[Axis]:
        return [
            Axis(f"code axis {number + 1}", "code", FAINTEST_CODE) for number in range(self._turn.shape[1])
        ]


_read_once: weakref.WeakKeyDictionary[SampleBank, dict[tuple[Of, int, tuple[str, ...]], Tensor]]
_read_once = weakref.WeakKeyDictionary()


def readings_of(bank: SampleBank, readings: Sequence[Reading], of: Of, most: int) -> Tensor:
    """Readings [n, r] float64 of the first samples of `of`, at most `most`; read once for each bank."""
    known = _read_once.setdefault(bank, {})
    key = (of, most, tuple(reading.name for reading in readings))
    if key not in known:
        chunks = bank.samples(of, most).chunks(CHUNK)
        known[key] = torch.cat([read_all(readings, chunk) for chunk in chunks])
    return known[key]


def _readings(bank: SampleBank) -> tuple[tuple[Reading, ...], tuple[Reading, ...]]:
    """Readings of the whole, and those of parts that say something else."""
    named = bank.modality.readings(bank.reals("train", USUAL).tensor())
    known = {reading.name for reading in named}
    parts = bank.modality.local_readings(bank.sample_shape)
    return named, tuple(part for part in parts if part.name not in known)


def _code_of(bank: SampleBank) -> CodeSpace | None:
    """The autoencoder's code, PCA's where that redraws the data as well; None where the data have none."""
    try:
        spaces = code_spaces(bank)
    except UserError:
        return None
    return spaces.autoencoder if bank.autoencoder.beats_pca else spaces.pca


def _reading_axes(train: Tensor, named: Sequence[Reading], parts: Sequence[Reading]) -> list[Axis]:
    """The readings as axes; those that say nothing of what can be noticed get a floor from the data."""
    usual = train.nan_to_num(0.0, 0.0, 0.0).abs().median(dim=0).values
    deviation = (train - train.median(dim=0).values).abs().mean(dim=0).nan_to_num(0.0, 0.0, 0.0)
    moving = deviation[: len(named)][deviation[: len(named)] > 0]
    if len(moving):  # what is always 0 has no size of its own: the others' spread says what is little
        still = (deviation == 0) & (usual == 0)
        usual = torch.where(still, moving.median(), usual)
    axes = []
    for column, reading in enumerate(named):
        own = FAINTEST_PART if reading.counts else FAINTEST * float(usual[column])
        axes.append(Axis(reading.name, "reading", max(reading.least, own, 1e-9), reading.unit))
    faintest = FAINTEST_PART * float(deviation[len(named) :].max()) if parts else 0.0
    return axes + [Axis(part.name, "part", max(part.least, faintest, 1e-9), part.unit) for part in parts]
