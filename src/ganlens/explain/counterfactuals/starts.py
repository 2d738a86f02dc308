"""Where the searches begin: points that samples are made from, and whether the classifier sees them as the originals.

A counterfactual of a redrawn sample explains the original only if the redrawn one has its class, C(G(E(x))) = C(x).
Where it has another, the inversion has flipped it, not the search: the sample is left out and counted.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ganlens.explain.counterfactuals.baselines import logits_of
from ganlens.explain.counterfactuals.search_space import SearchSpace
from ganlens.explain.inversion import StartingPoints, invert
from ganlens.randomness import torch_generator
from ganlens.subject import SampleBank

KNOWN = 1024
"""Generated samples among which an inversion begins."""


@dataclass(frozen=True)
class Starts:
    """Samples to explain, as they were and as the generator redraws them.

    Attributes:
        originals: [n, …].
        rows: [n, d] of the search space.
        labels: [n] for a conditional generator, or None.
        redrawn: [n, …] made from the rows.
        classes: [n] the classifier's of the originals.
        kept: [n] whether the redrawn one has the original's class.
        real: whether the originals are real samples.
    """

    originals: Tensor
    rows: Tensor
    labels: Tensor | None
    redrawn: Tensor
    classes: Tensor
    kept: Tensor
    real: bool

    def those(self, rows: Tensor) -> Starts:
        """Some of them."""
        labels = None if self.labels is None else self.labels[rows]
        return Starts(
            self.originals[rows],
            self.rows[rows],
            labels,
            self.redrawn[rows],
            self.classes[rows],
            self.kept[rows],
            self.real,
        )


def generated_starts(bank: SampleBank, space: SearchSpace, count: int) -> Starts:
    """The bank's first samples, whose latents are known."""
    labels = bank.conditions(count)
    rows = space.rows(_points(space, bank.latents(count), labels))
    drawn = space.samples(rows, labels)
    classes = logits_of(space.classifier, drawn).argmax(dim=1)
    return Starts(drawn, rows, labels, drawn, classes, torch.ones(len(drawn), dtype=torch.bool), False)


def real_starts(bank: SampleBank, space: SearchSpace, count: int, seed: int, purpose: str) -> Starts:
    """Real samples, held out where there are such, redrawn by inversion."""
    held_out = bank.subject.data is not None and len(bank.subject.data.held_out) > 0
    available = bank.reals("held_out" if held_out else "train")
    originals = available.take(slice(min(count, len(available)))).tensor()
    rng = torch_generator(seed, purpose, "inversion")
    known = StartingPoints.of_bank(bank, space=space.space.name, count=min(KNOWN, bank.size), rng=rng)
    inverted = invert(bank.subject, originals, space=space.space.name, start=known, rng=rng)
    rows = space.rows(inverted.points)
    classes = logits_of(space.classifier, originals).argmax(dim=1)
    redrawn = space.samples(rows, inverted.labels)
    kept = logits_of(space.classifier, redrawn).argmax(dim=1) == classes
    return Starts(originals, rows, inverted.labels, redrawn, classes, kept, True)


def _points(space: SearchSpace, latents: Tensor, labels: Tensor | None) -> Tensor:
    with torch.no_grad():
        return space.space.of(latents.to(space.subject.device), labels)


def population_rows(bank: SampleBank, space: SearchSpace, count: int) -> Tensor:
    """Rows [n, d] of the bank's first `count` generated samples."""
    return space.rows(_points(space, bank.latents(count), bank.conditions(count)))
