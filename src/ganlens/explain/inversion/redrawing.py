"""Real and generated samples inverted with the audit's own instruments, for every probe that asks for it."""

from __future__ import annotations

import math
import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ganlens.explain.inversion import Inversion, StartingPoints, invert
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
CHANGED_AT_MOST = 20_000
"""Training samples that say how much the data vary."""

_known: weakref.WeakKeyDictionary[SampleBank, dict[str, StartingPoints]] = weakref.WeakKeyDictionary()


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


def own_samples(bank: SampleBank, n: int, *purpose: str) -> tuple[Tensor, Tensor | None]:
    """Fresh generated samples [n, …], which no search has seen, and the labels they were made with."""
    conditions = bank.conditions(min(n, bank.size))
    if conditions is not None and len(conditions) < n:
        conditions = conditions.repeat(-(-n // len(conditions)))[:n]
    return bank.synthesize(bank.sample_latents(n, "redrawing", *purpose), conditions), conditions


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
