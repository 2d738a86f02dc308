"""What a discriminator gives to generated, held-out and training samples, and whom it picks out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ganlens.explain.attribution import Score
from ganlens.explain.attribution.part_trials import Pairs
from ganlens.explain.attribution.question import Question
from ganlens.subject import SampleBank
from ganlens.subject.draws import Of, Which
from ganlens.subject.randomised import randomised_module
from ganlens.subject.tensor_transfer import LARGEST

POOL = 1000
"""The most samples among which baselines are looked for."""


@dataclass(frozen=True)
class Judged:
    """The discriminator's numbers of everything it was shown.

    Attributes:
        fake, train, held_out: [n] each, higher where it finds a sample more real; the last two None without
            data.
        rows: where these samples stand in the bank: [n] each, by "fake", "train" and "held_out".
    """

    fake: Tensor
    train: Tensor | None
    held_out: Tensor | None
    rows: dict[str, Tensor]

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
        """Samples whose number is NaN, infinite, or so large that its square overflows."""
        return int((~(self._everything.abs() <= LARGEST)).sum())

    @property
    def largest(self) -> float:
        """The largest number, leaving the sign aside; NaN or infinite where one is."""
        return float(self._everything.abs().max())

    @property
    def _everything(self) -> Tensor:
        return torch.cat([x for x in (self.fake, self.train, self.held_out) if x is not None])

    @property
    def constant(self) -> bool:
        """Whether it gives every sample the same number."""
        everything = self._everything
        return float(everything.max() - everything.min()) <= 1e-7 * max(1e-30, float(everything.abs().max()))


def judge(bank: SampleBank, score: Score, most: int, label: int | None = None) -> Judged:
    """Numbers of the first `most` samples of each kind, a chunk at a time.

    Args:
        label: of these samples, those of that class alone; None for all.
    """
    rows: dict[str, Tensor] = {}

    def of(kind: Of) -> Tensor:
        samples = bank.samples(kind, most)
        labels = labels_of(bank, kind, most)
        asked = torch.ones(len(samples)) if label is None or labels is None else torch.eq(labels, label)
        rows[kind] = asked.nonzero().flatten()
        parts = [score.of(samples[part]) for part in rows[kind].split(512)]
        return torch.cat(parts) if parts else torch.empty(0)

    data = bank.subject.data
    held_out = of("held_out") if data is not None and len(data.held_out) else None
    train = of("train") if data is not None and len(data.train) else None
    return Judged(of("fake"), train, held_out, rows)


def labels_of(bank: SampleBank, kind: Of, most: int) -> Tensor | None:
    """Classes [n] of the first `most` samples: asked for, or the data's own; None where there are none."""
    if kind == "fake":
        return bank.conditions(most)
    return bank.real_labels(kind, most)  # type: ignore[arg-type]


def most_frequent(labels: Tensor) -> int:
    """The class that most of [n] are of."""
    return int(torch.bincount(labels).argmax())


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
    lowest = judged.fake.argsort(stable=True)[:count]
    rows = judged.rows["fake"][lowest]
    return _with_baseline(
        bank, judged, "generated", bank.fakes(int(rows.max()) + 1)[rows], rows, judged.fake[lowest]
    )


def least_real(bank: SampleBank, judged: Judged, count: int) -> Chosen | None:
    """The real samples with the lowest numbers, likewise; None without data."""
    numbers = judged.real
    if numbers is None or not len(numbers):
        return None
    which: Which = "held_out" if numbers is judged.held_out else "train"
    lowest = numbers.argsort(stable=True)[:count]
    rows = judged.rows[which][lowest]
    return _with_baseline(bank, judged, "real", bank.reals(which)[rows], rows, numbers[lowest])


def _with_baseline(
    bank: SampleBank, judged: Judged, kind: str, samples: Tensor, rows: Tensor, numbers: Tensor
) -> Chosen:
    """Each sample with the nearest, pixel by pixel, of the half that the discriminator finds more real."""
    trained = judged.train is not None and len(judged.train) > 0
    own = judged.train if judged.train is not None and trained else judged.fake
    accepted = own.argsort(descending=True, stable=True)[: max(1, len(own) // 2)][:POOL]
    places = judged.rows["train" if trained else "fake"][accepted]
    pool = bank.samples("train" if trained else "fake", int(places.max()) + 1)[places]
    nearest = torch.cdist(samples.flatten(1), pool.flatten(1)).argmin(dim=1)
    return Chosen(kind, rows, samples, pool[nearest], numbers)


def pairs_of(bank: SampleBank, judged: Judged, most: int, rng: torch.Generator) -> Pairs:
    """At most `most` pairs of samples at random, half of the samples real where there are as many."""
    fakes = bank.fakes(int(judged.rows["fake"].max()) + 1)[judged.rows["fake"][:most]]
    real: Tensor = fakes[:0]
    if judged.real is not None:
        which: Which = "held_out" if judged.real is judged.held_out else "train"
        real = bank.reals(which)[judged.rows[which][:most]]
    samples = torch.cat([real, fakes])
    is_real = torch.arange(len(samples)) < len(real)
    order = torch.randperm(len(samples), generator=rng)[: 2 * min(most, len(samples) // 2)]
    first, second = order[0::2], order[1::2]
    return Pairs(samples[first], samples[second], is_real[first], is_real[second])


def question_about(
    score: Score,
    explained: Sequence[Chosen],
    options: Mapping[str, int | float | str | None],
    seed_of: Callable[[str], int],
) -> Question:
    """What is asked of every method about these samples, beside a discriminator with shuffled weights.

    Args:
        options: of the methods, as `attribute` takes them.
        seed_of: from a purpose to the seed of its random numbers.
    """
    assert score.module is not None
    shuffled = randomised_module(score.module, seed_of("shuffled"))
    return Question(
        score,
        None if shuffled is None else Score(shuffled, sign=-1),
        torch.cat([chosen.samples for chosen in explained]),
        torch.cat([chosen.baseline for chosen in explained]),
        dict(options),
        seed_of("checks"),
    )
