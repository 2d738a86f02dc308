"""One space of a generator to walk in: its points, standardised, and the samples they make."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ganlens.explain.code.interventions import LatentScale
from ganlens.subject import SampleBank, Subject
from ganlens.subject.latent_spaces import LatentSpace

NUMBERS_AT_ONCE = 1 << 25
"""Numbers in the reference points together: spaces of many numbers get by with fewer points."""

FEWEST_POINTS = 500


@dataclass(frozen=True)
class Walk:
    """A space, what it makes, and its scale.

    Attributes:
        subject: whose space it is.
        bank: that counts what is made.
        space: to walk in.
        scale: flattened points as rows with mean 0 and standard deviation 1, and back.
        count: how many of the bank's samples have a row in `rows`.
    """

    subject: Subject
    bank: SampleBank
    space: LatentSpace
    scale: LatentScale
    count: int

    @classmethod
    def through(cls, subject: Subject, bank: SampleBank, name: str) -> Walk:
        """Through the space of that name; "auto" is w where there is one, else z.

        Raises:
            UserError: the subject has no such space.
        """
        if name == "auto":
            name = "w" if "w" in subject.spaces else "z"
        space = subject.space(name)
        size = torch.Size(space.shape).numel()
        count = min(bank.size, max(FEWEST_POINTS, NUMBERS_AT_ONCE // size))
        points = points_of(space, bank, bank.latents(count), bank.conditions(count))
        return cls(subject, bank, space, LatentScale.of(points), count)

    @property
    def size(self) -> int:
        """Numbers in one point."""
        return len(self.scale.mean)

    def points(self, latents: Tensor, labels: Tensor | None) -> Tensor:
        """Points [n, *shape] of latents [n, …]."""
        return points_of(self.space, self.bank, latents, labels)

    def some(self, n: int, rng: torch.Generator) -> tuple[Tensor, Tensor | None, Tensor]:
        """Points [n, *shape] and labels [n] of some of the bank's samples, and these samples [n, …] themselves.

        For those who train on what has been made already.
        """
        rows = torch.randint(self.count, (n,), generator=rng)
        labels = self.bank.conditions(self.count)
        chosen = None if labels is None else labels[rows]
        points = self.points(self.bank.latents(self.count)[rows], chosen)
        return points, chosen, self.bank.fakes(self.count)[rows]

    def rows(self) -> Tensor:
        """Standardised points [count, z] float64 behind the bank's first `count` samples."""
        return self.scale.rows(self.points(self.bank.latents(self.count), self.bank.conditions(self.count)))

    def samples(self, points: Tensor, labels: Tensor | None) -> Tensor:
        """Samples [n, …] on the CPU, without gradients, a batch at a time."""
        if self.space.name == "z":
            return self.bank.synthesize(points, labels)
        batch = self.bank.batch
        self.bank.count_generator_calls(len(points))
        with torch.no_grad():
            parts = [
                self.space.synthesize(part, None if labels is None else labels[start : start + batch]).cpu()
                for start, part in zip(range(0, len(points), batch), points.split(batch), strict=True)
            ]
        return torch.cat(parts)

    def unit(self, steps: Tensor) -> Tensor:
        """Steps [k, z] of flattened points as unit directions of standardised ones."""
        rows: Tensor = steps.double() / self.scale.deviation.clamp(min=1e-9)
        rows[:, self.scale.deviation == 0] = 0
        return unit_rows(rows)


def unit_rows(rows: Tensor) -> Tensor:
    """Rows [k, z] scaled to length 1; a row of zeros stays one."""
    length: Tensor = rows.norm(dim=1, keepdim=True)
    return rows / length.clamp(min=1e-12)


def points_of(space: LatentSpace, bank: SampleBank, latents: Tensor, labels: Tensor | None) -> Tensor:
    """Points [n, *shape] on the CPU of latents [n, …], a batch at a time."""
    if space.name == "z":
        return latents
    with torch.no_grad():
        parts = [
            space.of(part, None if labels is None else labels[start : start + bank.batch]).float().cpu()
            for start, part in zip(range(0, len(latents), bank.batch), latents.split(bank.batch), strict=True)
        ]
    return torch.cat(parts)
