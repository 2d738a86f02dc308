"""The classes that a conditional generator can be asked for: what they are called, and how often each is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ganlens.data import Dataset
from ganlens.errors import UserError
from ganlens.printable import shortened
from ganlens.subject.introspection import whole_number

_MOST_LISTED = 30


@dataclass(frozen=True)
class Classes:
    """Those of one generator.

    Attributes:
        count: how many; 0 for an unconditional generator.
        names: one each; empty where they are not known.
        counts: real samples of each, in whose shares labels are drawn; empty where they are not known.
    """

    count: int = 0
    names: tuple[str, ...] = ()
    counts: tuple[int, ...] = ()

    @classmethod
    def of(cls, count: int, data: Dataset | None) -> Classes:
        """Those of a generator that knows `count` classes, called as in data of as many."""
        if not count or data is None or data.train.labels is None or data.num_classes != count:
            return cls(count)
        counts = torch.bincount(data.train.labels, minlength=count)
        return cls(count, data.class_names, tuple(counts.tolist()))

    def known_from(self, names: Sequence[str], counts: Sequence[int]) -> Classes:
        """The same with what a run says of them: its names, and its counts where there are no data to count."""
        return Classes(self.count, tuple(names), self.counts or tuple(counts))

    def draw(self, n: int, *, rng: torch.Generator) -> Tensor | None:
        """Class indices [n], each class in its share of the real samples (equally often where that is not known); None
        for an unconditional generator."""
        if not self.count:
            return None
        weights = torch.tensor(self.counts or (1,) * self.count, dtype=torch.float32)
        return torch.multinomial(weights, n, replacement=True, generator=rng)

    def index(self, label: Any, whose: str) -> int:
        """Which class is meant by a name or, where none is called so, by an index.

        Args:
            whose: the generator's name, for messages.

        Raises:
            UserError: it is unconditional, or knows no such class; those it knows are listed.
        """
        asked = f"label {shortened(str(label))}"
        if not self.count:
            raise UserError(
                f"{asked}: {whose} is unconditional and can't be asked for a class; train one that can with "
                "`ganlens train DATA --labels`"
            )
        if str(label) in self.names:
            return self.names.index(str(label))
        index = _typed(label) if isinstance(label, str) else whole_number(label)
        if index is not None and 0 <= index < self.count:
            return index
        raise UserError(f"{asked}: {whose} knows no such class; its {self.count:,} are {self._listed()}")

    def _listed(self) -> str:
        indices = [str(index) for index in range(min(self.count, _MOST_LISTED))]
        names = self.names[:_MOST_LISTED]
        known = [
            name if name == index else f"{index} ({name})"
            for index, name in zip(indices, names or indices, strict=True)
        ]
        return ", ".join(known) + (", …" if self.count > _MOST_LISTED else "")


def _typed(text: str) -> int | None:
    """A whole number as typed."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None
