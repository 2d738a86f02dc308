"""The contract a kind of sample fulfils. Probes speak only to this, never to "an image"."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, NamedTuple

import torch
from PIL import Image
from pydantic import TypeAdapter, ValidationError
from torch import Tensor
from torch.nn import functional

from ganlens.errors import UserError
from ganlens.figures.figure import Figure, Picture, Table
from ganlens.modality import drawn
from ganlens.modality.edit import Aspect, Edit
from ganlens.modality.places import Axis, Part, slab
from ganlens.modality.reading import Reading
from ganlens.modality.shifts import shifts
from ganlens.printable import shortened
from ganlens.registry import Registry
from ganlens.validation import first_fault

Body = Literal["convolutional", "dense"]
"""What an instrument's network is made of: convolutions over height and width, or fully connected layers."""

Change = Literal["shift", "cut", "recolour"]
"""What may be done to a sample without changing what it means: move it along its places, blank a piece of it, turn its
brightness, contrast and saturation."""

RAW_FEATURES = 1024
KIND = "kind"
"""Under this key a record says which kind of sample it is of."""


class Requirement(NamedTuple):
    """A rule that every sample of a kind must obey.

    Attributes:
        name: as it stands after "samples that break the rule: " ("exactly one colour").
        holds: samples [n, …] to [n] bool.
    """

    name: str
    holds: Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Modality(ABC):
    """What a sample is: a value that is saved with a run and read back, with fields where its kind has them.

    A kind is a frozen dataclass, entered in `modalities`, whose fields are plain values (numbers, texts, tuples). It
    has to say its name, its range and which shapes it accepts; everything else has a default for samples that are
    nothing but numbers. docs/modality.md goes through it.

    Attributes:
        name: short, as saved in files ("images", "points").
        raw_space: what `raw_features` are called where a number is shown ("pixels").
        strength: what the mean of a part's values is ("brightness").
        parts_title: what `local_readings` are, all together.
        as_dots: whether a sample is one dot of a scatter, so that a few of them show nothing and many do.
        picture_like: whether a sample is [channels, height, width] in −1…1, so that what is made for pictures (maps of
            evidence, patches, outlines, Inception) can look at it.
        measured: whether its values are measurements, each with its own meaning: they are compared as they are, and two
            equal samples are equal by chance and no copies.
        changes: what may be done to a sample without changing what it means.
        columns: what the things that `decode` gives are made of; samples with columns are shown as tables.
    """

    name: ClassVar[str]
    raw_space: ClassVar[str] = "values"
    strength: ClassVar[str] = "mean value"
    parts_title: ClassVar[str] = "the mean values of a sample's parts"
    as_dots: ClassVar[bool] = False
    picture_like: ClassVar[bool] = False
    measured: ClassVar[bool] = False
    changes: ClassVar[frozenset[Change]] = frozenset()

    # ---- numbers

    @property
    @abstractmethod
    def range(self) -> tuple[float, float] | None:
        """Lowest and highest value of every number of a sample; None where it has none, or each field its own."""

    @abstractmethod
    def accepts(self, sample_shape: tuple[int, ...]) -> bool:
        """Whether one sample of this kind can have that shape."""

    @classmethod
    def of_shape(cls, sample_shape: tuple[int, ...]) -> Modality | None:
        """The kind's value that a shape alone is enough to recognise; None for kinds that have to be told."""
        return None

    def bounds(self, sample_shape: tuple[int, ...]) -> tuple[Tensor, Tensor] | None:
        """Lowest and highest value [*sample_shape] of each number, infinite where there is none; None if all are."""
        if self.range is None:
            return None
        low, high = self.range
        return torch.full(sample_shape, low), torch.full(sample_shape, high)

    def clipped(self, samples: Tensor) -> Tensor:
        """Samples [n, …] with every value brought within its bounds."""
        if self.range is not None:
            return samples.clamp(*self.range)
        bounds = self.bounds(tuple(samples.shape[1:]))
        return samples if bounds is None else samples.clamp(*(end.to(samples) for end in bounds))

    def encode(self, things: Sequence[Any]) -> Tensor:
        """Samples [n, …] of what a person has (rows of a table, lines of text, waveforms).

        Raises:
            UserError: one of them is nothing of this kind.
        """
        try:
            return torch.as_tensor(things, dtype=torch.float32)
        except (TypeError, ValueError) as error:
            raise UserError(
                f"{self.name}: expected numbers in rows of one length ({shortened(str(error))})"
            ) from None

    def decode(self, samples: Tensor) -> list[Any]:
        """What a person has of samples [n, …]; `encode` takes it back."""
        rows: list[Any] = samples.detach().cpu().tolist()
        return rows

    @property
    def valid(self) -> tuple[Requirement, ...]:
        """Rules that a sample must obey, beside its range."""
        return ()

    # ---- places

    @property
    def grid(self) -> tuple[Axis, ...]:
        """The axes of a sample that are places; empty where no value is nearer to one than to another."""
        return ()

    def parts(self, sample_shape: tuple[int, ...]) -> tuple[Part, ...]:
        """The named pieces of a sample that can be covered, swapped or pointed at.

        By default each step of the first axis of places: each frame, column, character.
        """
        if not self.grid:
            return ()
        first = self.grid[0]
        return tuple(
            Part(f"{first.name} {step + 1}", slab(sample_shape, first.axis, [step]))
            for step in range(sample_shape[first.axis])
        )

    def value_names(self, sample_shape: tuple[int, ...]) -> tuple[str, ...]:
        """What each single number of a sample is called, after its part; empty where some belong to none."""
        names = [""] * torch.Size(sample_shape).numel()
        for part in self.parts(sample_shape):
            places = part.mask.flatten().nonzero().flatten().tolist()
            for number, place in enumerate(places):
                names[place] = names[place] or part.name + (
                    f", value {number + 1}" if len(places) > 1 else ""
                )
        return tuple(names) if all(names) else ()

    # ---- what may be done to it

    def small_edits(self, sample_shape: tuple[int, ...]) -> tuple[Edit, ...]:
        """Small changes that keep what a sample means, behind which a copier may hide (a flip, a shift).

        By default short shifts along the axes of places; none where values are measured, each with its own meaning.
        """
        return () if self.measured else shifts(self.grid, sample_shape)

    def damages(self, sample_shape: tuple[int, ...]) -> tuple[Edit, ...]:
        """Changes that everyone sees as damage (noise, blur, a mosaic): a feature space must see them, too.

        By default noise in every number, as wide as the numbers themselves are spread.
        """
        return (Edit("noise", "grain", _spread_noise),)

    def aspects(self, like: Tensor) -> tuple[Aspect, ...]:
        """What a judge may look at that is no place in a sample (a channel, fine detail, its brightness).

        Args:
            like: [n, …] samples that say what is usual.
        """
        return ()

    # ---- readings

    def readings(self, like: Tensor) -> tuple[Reading, ...]:
        """The numbers that a person would read off a sample.

        Args:
            like: [n, …] samples that say what is usual (the colour of a picture's ground).
        """
        return ()

    def local_readings(self, sample_shape: tuple[int, ...]) -> tuple[Reading, ...]:
        """What each part of a sample is, in one number: the mean of its values. Gradients pass."""
        return tuple(
            Reading(f"{self.strength} of {part.name}", part.mean, differentiable=True)
            for part in self.parts(sample_shape)
        )

    # ---- learned from

    def default_preset(self, sample_shape: tuple[int, ...]) -> str:
        """The training preset that suits samples of that shape."""
        return "points"

    def default_size(self, sample_shape: tuple[int, ...]) -> int | None:
        """The `size` to train at when none is asked for; None when samples of that shape are taken as they are."""
        return None

    def body(self, sample_shape: tuple[int, ...]) -> Body:
        """What instruments for samples of that shape are made of; convolutional ones want [channels, height, width]."""
        return "dense"

    def raw_features(self, samples: Tensor) -> Tensor:
        """Samples [n, …] as vectors [n, d], d at most 1,024, with no model in between (sources of bias: none
        but the down-sampling that `raw_protocol` names).

        Where each field has bounds of its own, each value counts in shares of the way between them.
        """
        bounds = self.bounds(tuple(samples.shape[1:])) if self.range is None else None
        if bounds is not None:
            low, high = (end.to(samples) for end in bounds)
            bounded = low.isfinite() & high.isfinite()
            shift, width = torch.where(bounded, low, 0.0), torch.where(bounded, high - low, 1.0)
            samples = (samples - shift) / width
        rows = samples.float().flatten(1)
        if rows.shape[1] > RAW_FEATURES:
            rows = functional.adaptive_avg_pool1d(rows[:, None], RAW_FEATURES)[:, 0]
        return rows

    def raw_protocol(self, sample_shape: tuple[int, ...]) -> str:
        """In words, what `raw_features` does to samples of that shape ("pixels, area-averaged to 16×16")."""
        values = torch.Size(sample_shape).numel()
        unit = ", in shares of their bounds" if self.range is None and self.bounds(sample_shape) else ""
        if values > RAW_FEATURES:
            return f"{self.raw_space}{unit}, neighbours averaged from {values:,} to {RAW_FEATURES:,} numbers"
        return f"the {values:,} {self.raw_space}{unit or ' as they are'}"

    # ---- shown

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of what the things that `decode` gives hold, one each; empty where a sample is drawn."""
        return ()

    def shown(self, samples: Tensor, caption: str, *, columns: int | None = None) -> Figure:
        """Samples [n, …] as a figure."""
        if self.columns:
            return Table(self.columns, tuple(self._row(thing) for thing in self.decode(samples)), caption)
        return Picture(self.picture(samples, columns=columns), caption)

    def shown_walks(self, sequences: Tensor, caption: str) -> Figure:
        """Sequences [rows, steps, …] as a figure: what changes along each."""
        if not self.columns:
            return Picture(self.strips(sequences), caption)
        rows = tuple(
            (number, step, *self._row(thing))
            for number, sequence in enumerate(sequences, start=1)
            for step, thing in enumerate(self.decode(sequence), start=1)
        )
        return Table(("row", "step", *self.columns), rows, caption)

    def shown_pairs(self, first: Tensor, second: Tensor, caption: str, *, difference: bool = False) -> Figure:
        """Two aligned batches [n, …] as a figure in which each pair can be compared."""
        if not self.columns:
            return Picture(self.pairs(first, second, difference=difference), caption)
        both = zip(self.decode(first), self.decode(second), strict=True)
        rows = tuple(
            (number, which, *self._row(thing))
            for number, pair in enumerate(both, start=1)
            for which, thing in zip(("first", "second"), pair, strict=True)
        )
        return Table(("pair", "", *self.columns), rows, caption)

    def picture(self, samples: Tensor, *, columns: int | None = None) -> Image.Image:
        """Samples [n, …] as one picture to look at: a grid of images, a scatter of points.

        Small samples are enlarged by whole factors with nearest-neighbour scaling, so they stay crisp.
        """
        return drawn.picture(samples, self.bounds(tuple(samples.shape[1:])), columns=columns)

    def strips(self, samples: Tensor) -> Image.Image:
        """Sequences [rows, steps, …] as one picture, a row per sequence: what changes along each."""
        return drawn.strips(samples, self.bounds(tuple(samples.shape[2:])))

    def pairs(self, first: Tensor, second: Tensor, *, difference: bool = False) -> Image.Image:
        """Two aligned batches [n, …] side by side, so that each pair can be compared; with `difference`, a
        third row (or mark) that shows where the second departs from the first."""
        return drawn.pairs(first, second, self.bounds(tuple(first.shape[1:])), difference=difference)

    def _row(self, thing: Any) -> tuple[Any, ...]:
        return tuple(thing) if isinstance(thing, (list, tuple)) else (thing,)

    # ---- saved

    def record(self) -> dict[str, Any]:
        """The kind's name and its fields, as JSON values; `read_modality` takes it back."""
        fields: dict[str, Any] = TypeAdapter(type(self)).dump_python(self, mode="json")
        return {KIND: self.name, **fields}


def read_modality(record: object) -> Modality:
    """The value that `Modality.record` was of.

    Raises:
        UserError: there is no such kind, or its fields are not those of that kind.
    """
    if not isinstance(record, Mapping) or not isinstance(record.get(KIND), str):
        raise UserError(
            f"what a sample is was expected as {{'{KIND}': 'images', …}}, as this version writes it; found "
            f"{shortened(repr(record))}"
        )
    cls = modalities[record[KIND]]
    fields = {name: value for name, value in record.items() if name != KIND}
    known = {field.name for field in dataclasses.fields(cls)}
    if unknown := sorted(set(map(str, fields)) - known):
        raise UserError(f"samples of the kind {record[KIND]} have no field {shortened(repr(unknown[0]))}")
    try:
        modality: Modality = TypeAdapter(cls).validate_python(fields)
    except ValidationError as error:
        fault = first_fault(error)
        raise UserError(
            f"samples of the kind {record[KIND]}, {fault.key or 'as a whole'}: {fault.expected} (found {fault.found})"
        ) from None
    return modality


def _fault(name: str, component: Any) -> str | None:
    if isinstance(component, type) and issubclass(component, Modality) and component.name == name:
        return None
    return f"{component!r} is no class made of Modality whose name is {name!r}"


modalities: Registry[type[Modality]] = Registry(
    "modality", "ganlens.modality", "ganlens.modalities", fault=_fault
)


def _spread_noise(samples: Tensor, rng: torch.Generator) -> Tensor:
    """Samples [n, …] with noise in every number, as wide as that number's own spread."""
    drawn = torch.randn(samples.shape, generator=rng).to(samples.device)
    return samples.float() + samples.float().std(dim=0, correction=0) * drawn
