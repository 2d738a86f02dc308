"""The kept checkpoints of a run, measured against each other on the same fresh latents."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ganlens.measurement import Measurement
from ganlens.measures import Estimate, Interval, frechet_distance, mean_interval
from ganlens.randomness import torch_generator
from ganlens.subject import Context, SampleBank

FEWEST = 32
"""Samples in a block, with fewer of which a distance says nothing."""


@dataclass(frozen=True)
class Checkpoints:
    """The kept checkpoints on the same fresh latents.

    Attributes:
        steps, images: of each, oldest first.
        distances: [checkpoints][blocks] Fréchet distances to held-out samples.
        examined: which of them an audit examines.
        floor: the mean of the same for real training samples.
        count: samples in a block.
        chance: how often, at most, a checkpoint may be called better by mistake, all comparisons together.
        space: in which space the distances are.
    """

    steps: list[int]
    images: list[int]
    distances: list[list[float]]
    examined: int
    floor: float
    count: int
    chance: float
    space: str

    def mean(self, number: int) -> float:
        return sum(self.distances[number]) / len(self.distances[number])

    def ahead(self, number: int) -> Interval:
        """By how much the examined checkpoint's distance exceeds that of another, on the same latents."""
        pairs = zip(self.distances[self.examined], self.distances[number], strict=True)
        # One comparison for each other checkpoint: together they shall be wrong by chance in few runs.
        level = 1 - self.chance / max(1, len(self.steps) - 1)
        return mean_interval([examined - other for examined, other in pairs], level)

    def better(self) -> int | None:
        """The checkpoint that is surely better than the examined one by most, or None."""
        ahead = {n: self.ahead(n) for n in range(len(self.steps)) if n != self.examined}
        surely = [n for n, interval in ahead.items() if interval.low > 0]
        return min(surely, key=self.mean) if surely else None

    def measurements(self, bank: SampleBank) -> list[Measurement]:
        """Each checkpoint's distance, oldest first."""
        title = bank.title(self.space)
        rows = []
        for number, step in enumerate(self.steps):
            mark = ", the one examined" if number == self.examined else ""
            rows.append(
                Estimate(self.mean(number), mean_interval(self.distances[number])).measurement(
                    f"Fréchet distance at step {step:,}{mark}, {title}",
                    better="lower",
                    baseline=self.floor,
                    what=f"real training samples, n = {self.count:,}",
                )
            )
        return rows


def compare_checkpoints(
    run: Path, context: Context, *, replicates: int, block: int, chance: float
) -> Checkpoints | None:
    """The kept checkpoints measured afresh; None where there is one, or too little data.

    Args:
        replicates: disjoint blocks of latents that each is measured on.
        block: most samples in a block.
        chance: see `Checkpoints`.
    """
    from ganlens.training.checkpoint import checkpoints
    from ganlens.training.run_folder import load_run

    bank = context.bank
    steps = [int(path.name) for path in checkpoints(run / "checkpoints") if int(path.name) > 0]
    n = min(block, len(bank.reals("held_out")), len(bank.reals("train")))
    n = min(n, max(bank.size // replicates, FEWEST))
    if len(steps) < 2 or n < FEWEST:
        return None
    examined = load_run(run).step
    space = bank.judging[0]
    held_out = bank.features(space, "held_out", n)
    latents = [bank.sample_latents(n, "convergence", number) for number in range(replicates)]
    labels = [
        bank.subject.classes.draw(n, rng=torch_generator(bank.seed, "convergence", "labels", number))
        for number in range(replicates)
    ]
    images, distances = [], []
    with context.progress.task("Measuring the kept checkpoints", len(steps)) as task:
        for step in steps:
            trained = load_run(run, step=step, device=str(bank.device))
            images.append(trained.images)
            fakes = (
                _features(trained.generator, rows, asked, bank, space)
                for rows, asked in zip(latents, labels, strict=True)
            )
            distances.append([frechet_distance(features, held_out) for features in fakes])
            task.advance()
    blocks = max(1, min(replicates, len(bank.reals("train")) // n))
    real = bank.features(space, "train", n * blocks).split(n)
    floor = sum(frechet_distance(features, held_out) for features in real) / blocks
    return Checkpoints(steps, images, distances, steps.index(examined), floor, n, chance, space)


def _features(generator: Any, latents: Tensor, labels: Tensor | None, bank: SampleBank, space: str) -> Tensor:
    extract, parts = bank.space(space).extract, []
    with torch.no_grad():
        for start in range(0, len(latents), bank.batch):
            rows = slice(start, start + bank.batch)
            asked = None if labels is None else labels[rows].to(bank.device)
            parts.append(extract(generator(latents[rows].to(bank.device), asked)).flatten(1).float().cpu())
    return torch.cat(parts)
