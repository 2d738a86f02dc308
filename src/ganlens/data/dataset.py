"""A data set as every other room sees it: two disjoint splits of samples with labels and known factors."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, field_validator
from torch import Tensor

from ganlens.errors import UserError
from ganlens.limits import PICTURE_PIXELS
from ganlens.modality import Modality
from ganlens.printable import printable
from ganlens.randomness import numpy_generator
from ganlens.validation import refuse_out_of_reach, refuse_switch_for_number

LONGEST = 32  # the long side of a picture to the short one
Index = int | slice | Sequence[int] | NDArray[np.integer] | Tensor


class DataOptions(BaseModel):
    """What can be asked of any data source, beside its name."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    _numbers = field_validator("*", mode="before")(refuse_switch_for_number)
    _within_reach = field_validator("*", mode="after")(refuse_out_of_reach)

    size: int | None = Field(
        None,
        ge=2,
        description="Height and width of the images in pixels (of tall or wide ones the short side); none: the "
        "source's own",
    )
    channels: Literal[1, 3] | None = Field(
        None,
        description="1: grey images, 3: coloured ones, whatever the source's are; none: the source's own",
    )
    aspect: str | None = Field(
        None,
        description="Width to height of the images, e.g. 2:1 (wide) or 1:2 (tall); none: pictures of a folder are "
        "square, others as they are",
    )
    count: int | None = Field(
        None, ge=2, description="How many samples a synthetic source makes; none: its default"
    )
    held_out: float = Field(
        0.2, gt=0, lt=1, description="Share held out, where the source has no test split of its own"
    )
    split_seed: int = Field(
        0, description="Seed of the train / held-out split, and of the samples a source makes"
    )
    strict: bool = Field(
        False, description="Refuse a folder with unreadable pictures instead of leaving them out"
    )

    @field_validator("size")
    @classmethod
    def _within_the_limit(cls, size: int | None) -> int | None:
        if size is not None:
            PICTURE_PIXELS.check(size * size, f"size={size}")
        return size

    @field_validator("aspect", mode="before")
    @classmethod
    def _width_to_height(cls, aspect: object) -> object:
        if aspect is None:
            return None
        if isinstance(aspect, int) and not isinstance(
            aspect, bool
        ):  # YAML takes 16:9 for a number of base 60
            aspect = f"{aspect // 60}:{aspect % 60}"
        sides = re.fullmatch(r"([1-9][0-9]{0,4}):([1-9][0-9]{0,4})", str(aspect), re.ASCII)
        if sides is None or max(map(int, sides.groups())) > LONGEST * min(map(int, sides.groups())):
            raise UserError(
                f"aspect={aspect!r}: expected width:height in whole numbers, up to {LONGEST} to 1, e.g. 2:1 (wide) or "
                "1:2 (tall)"
            )
        return aspect

    def shape_of(self, short: int) -> tuple[int, int]:
        """Height and width of images whose short side is that long."""
        if self.aspect is None:
            return short, short
        width, height = map(int, self.aspect.split(":"))
        if width >= height:
            return short, round(short * width / height)
        return round(short * height / width), short


class SampleArray:
    """Samples as they are stored (bytes or floats, in memory or in a mapped file), decoded when read.

    Indexing gives float32 tensors in the modality's range: bytes 0…255 are stretched to −1…1, floats are
    taken as they are. A picture collection larger than memory stays on disk until its rows are asked for.

    Args:
        stored: [m, …] uint8 or float32; images are channels first. May be a `numpy.memmap`.
        rows: which rows of `stored`, in which order, belong to this array; None for all.
    """

    def __init__(
        self, stored: NDArray[np.uint8] | NDArray[np.float32], rows: NDArray[np.int64] | None = None
    ) -> None:
        if stored.dtype not in (np.uint8, np.float32):
            raise TypeError(f"samples are stored as uint8 or float32, not {stored.dtype}")
        self._stored = stored
        self._rows = np.arange(len(stored)) if rows is None else np.asarray(rows, dtype=np.int64)

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def sample_shape(self) -> tuple[int, ...]:
        """Shape of one sample, e.g. (channels, height, width)."""
        return tuple(self._stored.shape[1:])

    @property
    def stored_type(self) -> np.dtype[np.generic]:
        """uint8 or float32."""
        return self._stored.dtype

    @property
    def shape(self) -> tuple[int, ...]:
        """(n, *sample_shape)."""
        return (len(self), *self.sample_shape)

    def __getitem__(self, index: Index) -> Tensor:
        """Samples [b, …] float32 in the modality's range (one, unbatched, for an integer)."""
        if isinstance(index, Tensor):
            index = index.cpu().numpy()
        elif not isinstance(index, (int, slice)):
            index = np.asarray(index, dtype=np.int64)
        # np.array copies: what a caller does to its samples must not reach the store.
        picked = torch.from_numpy(np.array(self._stored[self._rows[index]]))
        return picked.float().mul_(2 / 255).sub_(1) if picked.dtype == torch.uint8 else picked

    def __iter__(self) -> Iterator[Tensor]:
        return (self[i] for i in range(len(self)))

    def chunks(self, size: int) -> Iterator[Tensor]:
        """All samples in order, `size` at a time."""
        return (self[start : start + size] for start in range(0, len(self), size))

    def tensor(self) -> Tensor:
        """All samples at once: only for what is known to fit in memory."""
        return self[:]

    def as_stored(self, index: slice) -> NDArray[np.uint8] | NDArray[np.float32]:
        """Some samples [b, …], not decoded. Not to be written to."""
        return self._stored[self._rows[index]]

    def rounded_alike(self, samples: Tensor) -> Tensor:
        """Other samples [n, …] in the modality's range, rounded as these were when they were stored."""
        if self.stored_type != np.uint8:
            return samples
        return ((samples + 1) * (255 / 2)).round().clamp(0, 255).mul(2 / 255).sub(1)

    def take(self, index: NDArray[np.integer] | slice) -> SampleArray:
        """A view of some rows; nothing is copied."""
        return SampleArray(self._stored, self._rows[index])

    def fingerprint(self) -> str:
        """A hash of shape, rows and up to 256 samples spread over the array: enough to notice other data."""
        digest = hashlib.blake2b(digest_size=8)
        digest.update(repr((self.shape, str(self._stored.dtype))).encode())
        digest.update(self._rows.tobytes())
        for row in self._rows[:: max(1, len(self) // 256)]:
            digest.update(np.ascontiguousarray(self._stored[row]).tobytes())
        return digest.hexdigest()


@dataclass(frozen=True)
class Split:
    """Samples with what is known of them.

    Attributes:
        samples: [n, …].
        labels: [n] int64 class indices, or None.
        factors: [n, f] float64 values of the factors that made each sample, or None.
    """

    samples: SampleArray
    labels: Tensor | None = None
    factors: Tensor | None = None

    def __post_init__(self) -> None:
        for name, values in (("labels", self.labels), ("factors", self.factors)):
            if values is not None and len(values) != len(self.samples):
                raise ValueError(f"{len(self.samples)} samples came with {len(values)} {name}")

    def __len__(self) -> int:
        return len(self.samples)


@dataclass(frozen=True)
class Dataset:
    """Train and held-out samples of one source.

    Equal samples lie on one side of a split that is made here; where a source brings its splits, a note counts the
    held-out samples that are training samples too. Names and notes are made printable, and names of different classes
    stay different.

    Attributes:
        name: the name it was opened by, e.g. "digits" or "idx:mnist".
        modality: what one sample is.
        class_names: one per label value; empty when there are no labels.
        factor_names: one per column of `factors`; empty when none are known.
        notes: what the user should know about how it was read ("3 unreadable pictures left out: …").
    """

    name: str
    modality: Modality
    train: Split
    held_out: Split
    class_names: tuple[str, ...] = ()
    factor_names: tuple[str, ...] = ()
    notes: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        shown = {
            "name": printable(self.name),
            "class_names": _distinct(self.class_names),
            "factor_names": _distinct(self.factor_names),
            "notes": tuple(map(printable, self.notes)),
        }
        if len(self.held_out) == 1:
            few = (
                f"only 1 of {len(self.train) + 1} samples is held out, and comparisons need two or more: add samples, "
                "or hold out a larger share (held_out=0.5)"
            )
            shown["notes"] = (*(note for note in shown["notes"] if note != few), few)
        for attribute, value in shown.items():
            object.__setattr__(self, attribute, value)

    @property
    def sample_shape(self) -> tuple[int, ...]:
        """Shape of one sample."""
        return self.train.samples.sample_shape

    @property
    def num_classes(self) -> int:
        """How many classes the labels tell apart; 0 without labels."""
        return len(self.class_names)

    def fingerprint(self) -> str:
        """Changes when the samples, their order or the split change."""
        return f"{self.train.samples.fingerprint()}-{self.held_out.samples.fingerprint()}"


def split_rows(
    count: int,
    held_out: float,
    seed: int,
    groups: NDArray[np.int64] | None = None,
    copies: NDArray[np.int64] | None = None,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Disjoint row numbers (train, held out), each at least one row, in an order that `seed` shuffles.

    With `groups` (a class per row) every class is split in the same proportion; classes too small for that (fewer than
    1 / `held_out` rows) are taken together, so that the share is kept whatever the classes. The first k rows of either
    side are a fair sample of it.

    Args:
        copies: for each row the first row that equals it; equal rows stay together (unless all are equal).

    Raises:
        UserError: there are fewer than two rows.
    """
    if count < 2:
        raise UserError(f"a data set needs two samples or more, to train and to hold out; there are {count}")
    rng = numpy_generator(seed, "split")
    order = rng.permutation(count)
    if copies is not None and (copies == copies[0]).all():
        copies = None
    if groups is None and copies is None:
        cut = min(max(round(count * held_out), 1), count - 1)
        return order[cut:], order[:cut]
    classes = np.zeros(count, dtype=np.int64) if groups is None else np.unique(groups, return_inverse=True)[1]
    places = _places(classes, order, held_out)
    held = (
        _first_of_class(classes, order, places) if copies is None else _whole(classes, order, places, copies)
    )
    if not held.any():
        held |= _smallest_set(copies, order)
    elif held.all():
        held &= ~_smallest_set(copies, order)
    # Shuffled again: `order` without the held-out rows starts with the classes that filled their share first.
    order = rng.permutation(count)
    return order[~held[order]], order[held[order]]


def _places(classes: NDArray[np.int64], order: NDArray[np.int64], held_out: float) -> NDArray[np.int64]:
    """How many rows of each class are held out.

    A class whose share is a row or more has that, rounded. The others have less than one row each to give, and
    rounding each alone would give none, or all: they share the rounded sum, by largest remainder, and by lot where
    remainders are equal.
    """
    sizes = np.bincount(classes)
    shares = sizes * held_out
    places: NDArray[np.int64] = np.rint(shares).astype(np.int64)
    small = np.flatnonzero(shares < 1)
    if len(small) > 1:
        places[small] = 0
        lot = np.unique(classes[order], return_index=True)[1]
        best = small[np.lexsort((lot[small], -shares[small]))]
        places[best[: round(float(shares[small].sum()))]] = 1
    return places


def _first_of_class(
    classes: NDArray[np.int64], order: NDArray[np.int64], places: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """The first rows of each class, in `order`, as many as it has places."""
    held = np.zeros(len(order), dtype=bool)
    by_class = order[np.argsort(classes[order], kind="stable")]
    sizes = np.bincount(classes)
    rank = np.arange(len(order)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    held[by_class[rank < places[classes[by_class]]]] = True
    return held


def _whole(
    classes: NDArray[np.int64],
    order: NDArray[np.int64],
    places: NDArray[np.int64],
    copies: NDArray[np.int64],
) -> NDArray[np.bool_]:
    """As `_first_of_class`, where equal rows go together.

    Each set of equal rows is taken where all its classes have places for it. What is missing then (sets of two don't
    fill three places) is filled by the next sets of any class that fit.
    """
    sets: dict[int, list[int]] = {}
    for row in order.tolist():
        sets.setdefault(int(copies[row]), []).append(row)
    held = np.zeros(len(order), dtype=bool)
    free = places.tolist()
    left: list[list[int]] = []
    for rows in sets.values():
        wanted = Counter(classes[rows].tolist())
        if all(free[number] >= wanted_of for number, wanted_of in wanted.items()):
            held[rows] = True
            for number, wanted_of in wanted.items():
                free[number] -= wanted_of
        else:
            left.append(rows)
    missing = int(places.sum()) - int(held.sum())
    for rows in left:
        if len(rows) <= missing:
            held[rows] = True
            missing -= len(rows)
    return held


def _smallest_set(copies: NDArray[np.int64] | None, order: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which rows are the first one in `order`; or of the sets of equal rows, the first of the smallest."""
    copies = np.arange(len(order)) if copies is None else copies
    sizes = np.bincount(copies)[copies]
    chosen: NDArray[np.bool_] = copies == copies[order[np.argmin(sizes[order])]]
    return chosen


def _distinct(names: tuple[str, ...]) -> tuple[str, ...]:
    """Names made printable; what that makes equal is numbered."""
    shown: list[str] = []
    taken: set[str] = set(names)
    for name in names:
        safe, number = printable(name), 1
        while safe != name and safe in taken:
            number += 1
            safe = f"{printable(name)} ({number})"
        taken.add(safe)
        shown.append(safe)
    return tuple(shown)
