"""Real and generated samples inverted with the audit's own instruments, for every probe that asks for it."""

from __future__ import annotations

import math
import weakref
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor

from ganlens.explain.inversion import Inversion, StartingPoints, invert
from ganlens.explain.inversion.inversion import joined
from ganlens.explain.inversion.objective import Map
from ganlens.instruments.labeller import is_skilled
from ganlens.measures import nearest_neighbours
from ganlens.randomness import torch_generator

if TYPE_CHECKING:
    from ganlens.progress import Progress
    from ganlens.subject import SampleBank
    from ganlens.subject.draws import Which

KNOWN, NUMBERS = 2048, 1 << 26
"""Generated samples to start from; fewer where they would take more than so many numbers."""
OWN_BLOCK = 32
"""Fresh samples that are drawn at once."""
CHANGED_AT_MOST = 20_000
"""Training samples that say how much the data vary."""

_known: weakref.WeakKeyDictionary[SampleBank, dict[str, StartingPoints]] = weakref.WeakKeyDictionary()
_redrawn: weakref.WeakKeyDictionary[SampleBank, dict[tuple[str, str, int], Redrawn]] = (
    weakref.WeakKeyDictionary()
)


def starting_points(bank: SampleBank, space: str = "z") -> StartingPoints:
    """Generated samples of the bank to start from, and the encoder trained on them: once for each space."""
    by_space = _known.setdefault(bank, {})
    if space not in by_space:
        rng = torch_generator(bank.seed, "redrawing", "encoder", space)
        by_space[space] = StartingPoints.of_bank(
            bank, space=space, count=known_count(bank), features=feature_map(bank), rng=rng
        )
    return by_space[space]


def cannot_be_searched(bank: SampleBank) -> str:
    """Why no inversion is possible, as the end of "because …"; empty where it is."""
    latents = bank.latents(1)
    return "" if latents.is_floating_point() else f"its latents are of type {latents.dtype}, not real numbers"


def known_count(bank: SampleBank) -> int:
    """How many generated samples a search may start from."""
    return min(KNOWN, bank.size, max(64, NUMBERS // math.prod(bank.sample_shape)))


def feature_map(bank: SampleBank) -> Map | None:
    """The features whose distance belongs to the objective: the labeller's, else the autoencoder's code."""
    labeller = bank.labeller
    if labeller is not None and is_skilled(labeller):
        return labeller.features
    if bank.modality.measured:  # values are compared as they are
        return None
    return bank.autoencoder.network.encode


def features_in_words(bank: SampleBank) -> str:
    """The same in words, for a method's text."""
    chosen = feature_map(bank)
    if chosen is None:
        return "no further features"
    return (
        "the autoencoder's code"
        if bank.labeller is None or chosen != bank.labeller.features
        else ("the labeller's features")
    )


@dataclass(frozen=True)
class Redrawn:
    """Samples and what the generator makes of them.

    Attributes:
        samples: [n, …] as they are.
        labels: [n] their classes where the data have any.
        inversion: where the search ended.
        errors: [n] float64 mean squared difference over the data's variance: 0 is exact, 1 as far off as the
            mean sample.
        nearest: [n] the same for the nearest of the generated samples that the search could start from.
    """

    samples: Tensor
    labels: Tensor | None
    inversion: Inversion
    errors: Tensor
    nearest: Tensor

    def __len__(self) -> int:
        return len(self.samples)

    def those(self, rows: slice) -> Redrawn:
        """Some of the samples and what became of them."""
        whole = self.inversion
        part = replace(
            whole,
            points=whole.points[rows],
            labels=None if whole.labels is None else whole.labels[rows],
            samples=whole.samples[rows],
            errors=whole.errors[rows],
            objectives=whole.objectives[rows],
        )
        labels = None if self.labels is None else self.labels[rows]
        return Redrawn(self.samples[rows], labels, part, self.errors[rows], self.nearest[rows])

    def and_then(self, further: Redrawn) -> Redrawn:
        """These and further samples of the same search, one after the other."""
        labels = None
        if self.labels is not None and further.labels is not None:
            labels = torch.cat([self.labels, further.labels])
        return Redrawn(
            torch.cat([self.samples, further.samples]),
            labels,
            joined([self.inversion, further.inversion]),
            torch.cat([self.errors, further.errors]),
            torch.cat([self.nearest, further.nearest]),
        )


def redrawn(
    bank: SampleBank, of: Which | Literal["own"], n: int, *, space: str, steps: int, progress: Progress
) -> Redrawn:
    """The first n samples of a split, or of the generator's own fresh ones, redrawn: once for all who ask.

    Args:
        space, steps: of the search; those who ask alike share it.
    """
    by_search = _redrawn.setdefault(bank, {})
    known = by_search.get((of, space, steps))
    samples, labels = own_samples(bank, n) if of == "own" else some_reals(bank, of, n)
    done = 0 if known is None else len(known)
    if len(samples) > done:
        further = redraw(
            bank,
            samples[done:],
            None if labels is None else labels[done:],
            space=space,
            steps=steps,
            seed=bank.seed,
            progress=progress,
        )
        known = further if known is None else known.and_then(further)
        by_search[of, space, steps] = known
    assert known is not None
    return known.those(slice(n))


def redraw(
    bank: SampleBank,
    samples: Tensor,
    labels: Tensor | None,
    *,
    space: str,
    steps: int,
    seed: int,
    progress: Progress,
) -> Redrawn:
    """Invert `samples` [n, …] of classes `labels` [n] (used where the generator knows the same classes)."""
    subject, known = bank.subject, starting_points(bank, space)
    asked = labels if subject.num_classes and _same_classes(bank) else None
    rng = torch_generator(seed, "redrawing", space)
    with torch.enable_grad():
        inversion = invert(
            subject,
            samples,
            space=space,
            start=known,
            labels=asked,
            steps=steps,
            rng=rng,
            progress=progress,
        )
    variance = data_variance(bank)
    return Redrawn(
        samples, labels, inversion, inversion.errors.double() / variance, _nearest(bank, samples) / variance
    )


def own_samples(bank: SampleBank, n: int) -> tuple[Tensor, Tensor | None]:
    """Fresh generated samples [n, …], which no search has seen, and the labels they were made with.

    The first ones are the same however many are asked for.
    """
    conditions = bank.conditions(min(n, bank.size))
    if conditions is not None and len(conditions) < n:
        conditions = conditions.repeat(-(-n // len(conditions)))[:n]
    blocks = range(-(-n // OWN_BLOCK))
    latents = torch.cat([bank.sample_latents(OWN_BLOCK, "redrawing", "own", block) for block in blocks])[:n]
    return bank.synthesize(latents, conditions), conditions


def some_reals(bank: SampleBank, which: Which, n: int) -> tuple[Tensor, Tensor | None]:
    """The first n samples of a split and their labels."""
    return bank.reals(which, n).tensor(), bank.real_labels(which, n)


def data_variance(bank: SampleBank) -> float:
    """The mean variance of a value of a training sample."""
    total = squares = None
    count = 0
    for chunk in bank.reals("train", CHANGED_AT_MOST).chunks(1024):
        rows = chunk.flatten(1).double()
        total = rows.sum(dim=0) if total is None else total + rows.sum(dim=0)
        squares = rows.square().sum(dim=0) if squares is None else squares + rows.square().sum(dim=0)
        count += len(rows)
    assert total is not None and squares is not None
    return max(float((squares / count - (total / count).square()).mean()), 1e-12)


def _same_classes(bank: SampleBank) -> bool:
    data = bank.subject.data
    return data is not None and data.num_classes == bank.subject.num_classes


def _nearest(bank: SampleBank, samples: Tensor) -> Tensor:
    """Mean squared difference [n] to the nearest of the generated samples the search starts from."""
    raw = bank.modality.raw_features
    known = bank.fakes(known_count(bank))
    rows = nearest_neighbours(raw(samples), raw(known.tensor())).indices[:, 0]
    return (known[rows] - samples).flatten(1).double().square().mean(dim=1)
