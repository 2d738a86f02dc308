"""A data set as every other room sees it: two disjoint splits of samples with labels and known factors."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, field_validator
from torch import Tensor

from ganlens.errors import UserError
from ganlens.modality import Modality
from ganlens.randomness import numpy_generator
from ganlens.validation import refuse_out_of_reach, refuse_switch_for_number

Index = int | slice | Sequence[int] | NDArray[np.integer] | Tensor


class DataOptions(BaseModel):
    """What can be asked of any data source, beside its name."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    _numbers = field_validator("*", mode="before")(refuse_switch_for_number)
    _within_reach = field_validator("*", mode="after")(refuse_out_of_reach)

    size: int | None = Field(
        None, ge=2, description="Height and width of the images in pixels; none: the source's own"
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
    """Train and held-out samples of one source. The two splits never share a sample.

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
    count: int, held_out: float, seed: int, groups: NDArray[np.int64] | None = None
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Disjoint row numbers (train, held out), each at least one row, in an order that `seed` shuffles.

    With `groups` (a class per row) every class is split in the same proportion, so that none is missing on a
    side. The first k rows of either side are a fair sample of it.

    Raises:
        UserError: there are fewer than two rows.
    """
    if count < 2:
        raise UserError(f"a data set needs two samples or more, to train and to hold out; there are {count}")
    rng = numpy_generator(seed, "split")
    order = rng.permutation(count)
    if groups is None:
        cut = min(max(round(count * held_out), 1), count - 1)
        return order[cut:], order[:cut]
    held = np.zeros(count, dtype=bool)
    for group in np.unique(groups):
        members = order[groups[order] == group]
        held[members[: round(len(members) * held_out)]] = True
    if not held.any():
        held[order[0]] = True
    elif held.all():
        held[order[0]] = False
    # Shuffled again: `order` without the held-out rows starts with the classes that filled their share first.
    order = rng.permutation(count)
    return order[~held[order]], order[held[order]]
