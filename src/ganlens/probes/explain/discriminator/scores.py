"""What a discriminator gives to generated, held-out and training samples, and whom it picks out."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ganlens.probes.explain.attribution import Score
from ganlens.subject import SampleBank

POOL = 1000
"""The most samples among which baselines are looked for."""


@dataclass(frozen=True)
class Judged:
    """The discriminator's numbers of everything it was shown.

    Attributes:
        fake, train, held_out: [n] each, higher where it finds a sample more real; the last two None without
            data.
    """

    fake: Tensor
    train: Tensor | None
    held_out: Tensor | None

    @property
    def real(self) -> Tensor | None:
        """Of held-out samples, where there are any, else of training samples."""
        return self.held_out if self.held_out is not None and len(self.held_out) else self.train

    @property
    def count(self) -> int:
        """Samples that it was shown."""
        return len(self._everything)

    @property
    def broken(self) -> int:
        """Samples whose number is NaN or infinite."""
        return int((~torch.isfinite(self._everything)).sum())

    @property
    def _everything(self) -> Tensor:
        return torch.cat([x for x in (self.fake, self.train, self.held_out) if x is not None])

    @property
    def constant(self) -> bool:
        """Whether it gives every sample the same number."""
        everything = self._everything
        return float(everything.max() - everything.min()) <= 1e-7 * max(1e-30, float(everything.abs().max()))


def judge(bank: SampleBank, score: Score, most: int) -> Judged:
    """Numbers of the first `most` samples of each kind, a chunk at a time."""

    def of(samples: object) -> Tensor:
        return torch.cat([score.of(chunk) for chunk in samples.chunks(512)])  # type: ignore[attr-defined]

    data = bank.subject.data
    held_out = of(bank.reals("held_out", most)) if data is not None and len(data.held_out) else None
    train = of(bank.reals("train", most)) if data is not None and len(data.train) else None
    return Judged(of(bank.fakes(most)), train, held_out)


@dataclass(frozen=True)
class Chosen:
    """Samples to explain, each beside what it is compared with.

    Attributes:
        rows: [k] in the bank; samples, baseline: [k, c, h, w]; numbers: [k] the discriminator's.
        kind: "generated" or "real"; split: of the bank.
    """

    kind: str
    rows: Tensor
    samples: Tensor
    baseline: Tensor
    numbers: Tensor


def most_fake(bank: SampleBank, judged: Judged, count: int) -> Chosen:
    """The generated samples with the lowest numbers, each with the nearest of the samples it accepts."""
    rows = judged.fake.argsort(stable=True)[:count]
    return _with_baseline(bank, judged, "generated", bank.fakes(len(judged.fake))[rows], rows, judged.fake)


def least_real(bank: SampleBank, judged: Judged, count: int) -> Chosen | None:
    """The real samples with the lowest numbers, likewise; None without data."""
    numbers = judged.real
    if numbers is None:
        return None
    which = "held_out" if numbers is judged.held_out else "train"
    rows = numbers.argsort(stable=True)[:count]
    samples = bank.reals(which, len(numbers))[rows]  # type: ignore[arg-type]
    return _with_baseline(bank, judged, "real", samples, rows, numbers)


def _with_baseline(
    bank: SampleBank, judged: Judged, kind: str, samples: Tensor, rows: Tensor, numbers: Tensor
) -> Chosen:
    """Each sample with the nearest, pixel by pixel, of the half that the discriminator finds more real."""
    own = judged.train if judged.train is not None else judged.fake
    accepted = own.argsort(descending=True, stable=True)[: max(1, len(own) // 2)][:POOL]
    source = bank.fakes(len(own)) if judged.train is None else bank.reals("train", len(own))
    pool = source[accepted]
    nearest = torch.cdist(samples.flatten(1), pool.flatten(1)).argmin(dim=1)
    return Chosen(kind, rows, samples, pool[nearest], numbers[rows])
