"""Every trace of every artefact, read off samples in one pass."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from ganlens.data import SampleArray
from ganlens.explain.artefacts.levels import colours, washes
from ganlens.explain.artefacts.places import borders, specks, spots
from ganlens.explain.artefacts.spectrum import blur, checkerboards, noise, stripes
from ganlens.explain.artefacts.trace import Family, Trace
from ganlens.modality import Modality
from ganlens.progress import Task

AT_ONCE = 512


@dataclass(frozen=True)
class Panel:
    """All traces that are looked for in pictures of one shape.

    Attributes:
        families: traces that are measured together.
    """

    families: tuple[Family, ...]

    @cached_property
    def traces(self) -> tuple[Trace, ...]:
        """What each column of `read` would show."""
        return tuple(trace for family in self.families for trace in family.traces)

    @cached_property
    def family_of(self) -> Tensor:
        """[k] the number of each trace's family."""
        sizes = torch.tensor([len(family.traces) for family in self.families])
        return torch.arange(len(sizes)).repeat_interleave(sizes)

    @cached_property
    def visible(self) -> Tensor:
        """[k] by how much each must exceed real samples to be seen."""
        return torch.tensor([trace.visible for trace in self.traces])

    def read(self, samples: SampleArray | Tensor, task: Task | None = None) -> Tensor:
        """Numbers [n, k] of samples [n, c, h, w]; higher is more of the trace."""
        chunks = samples.split(AT_ONCE) if isinstance(samples, Tensor) else samples.chunks(AT_ONCE)
        rows = []
        for chunk in chunks:
            part = chunk.float().nan_to_num()
            rows.append(torch.cat([family.measure(part) for family in self.families], dim=1))
            if task is not None:
                task.advance(len(part))
        return torch.cat(rows) if rows else torch.empty(0, len(self.traces))

    def only(self, columns: Tensor) -> Callable[[Tensor], Tensor]:
        """What reads these columns alone: samples [n, c, h, w] to [n, len(columns)]."""
        wanted = [int(family) for family in self.family_of[columns].unique()]
        order = torch.cat([(self.family_of == family).nonzero().flatten() for family in wanted])
        positions = torch.stack([(order == column).nonzero()[0, 0] for column in columns])

        def read(samples: Tensor) -> Tensor:
            part = samples.float().nan_to_num()
            return torch.cat([self.families[family].measure(part) for family in wanted], dim=1)[:, positions]

        return read


def panel_for(modality: Modality, sample_shape: tuple[int, ...]) -> Panel:
    """The panel for pictures of that shape."""
    families = [
        *colours(sample_shape),
        *checkerboards(sample_shape),
        *stripes(sample_shape),
        *borders(sample_shape),
        *spots(sample_shape, _naming(modality, sample_shape)),
        *specks(),
        *blur(sample_shape),
        *noise(),
        *washes(),
    ]
    return Panel(tuple(families))


def _naming(modality: Modality, sample_shape: tuple[int, ...]) -> Callable[[int, int], str]:
    """The part of a sample that a pixel lies in, by the modality's own names."""
    parts = modality.parts(sample_shape)

    def named(row: int, column: int) -> str:
        return next((part.name for part in parts if bool(part.mask[0, row, column])), "one place")

    return named
