"""Axes of a code put to the test: does moving the latent along an axis's direction shift the axis as predicted?

trials = try_axes(bank, count=6, seed=0)
trials.autoencoder.agreements[0]    # of the first axis, with its interval
trials.autoencoder.on_random[0]     # what random directions reach with the same claim
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ganlens.explain.code.code_space import CodeSpace, code_spaces, codes_of
from ganlens.explain.code.interventions import (
    AxisDirections,
    Interventions,
    LatentScale,
    agreement,
    axis_directions,
    concordance,
    intervene,
    off_target_share,
    random_directions,
)
from ganlens.measures import Estimate, correlation
from ganlens.randomness import derive_seed, torch_generator
from ganlens.subject import SampleBank
from ganlens.subject.randomised import randomised

if TYPE_CHECKING:
    from collections.abc import Sequence

DISTANCES = (-2.0, -1.0, 1.0, 2.0)
"""How far latents are moved to measure agreement, in standard deviations."""

SHUFFLES = 2
"""Generators with shuffled weights in which the same directions must not do the same."""

PURPOSE = "axes"
"""What every random draw of a trial is derived from, beside the seed."""


@dataclass(frozen=True)
class AxisTrial:
    """Axes of one code, tried out.

    Attributes:
        directions: what should move each axis.
        agreements: [j] of every axis, then their mean.
        on_random: [j] mean agreement of random directions that make the axis's claim.
        on_shuffled: [j] mean agreement of the directions in generators with shuffled weights; None where none can
            be made.
        correlations: [j] Pearson's, for those used to it.
        leaks, random_leaks: [j] share of the change of the sample that falls on other axes.
    """

    directions: AxisDirections
    agreements: list[Estimate]
    on_random: list[float]
    on_shuffled: list[float] | None
    correlations: list[float]
    leaks: list[float]
    random_leaks: list[float]

    @property
    def count(self) -> int:
        return len(self.on_random)

    @property
    def mean(self) -> Estimate:
        return self.agreements[-1]

    @property
    def mean_on_random(self) -> float:
        return sum(self.on_random) / self.count

    def above_random(self, least: float) -> list[int]:
        """Axes whose agreement is `least` or more, and lies above random directions' with the whole interval."""
        each = enumerate(zip(self.agreements, self.on_random, strict=False))
        return [j for j, (own, bar) in each if own.low > bar and own.value >= least]

    def survivors(self, least: float) -> list[int]:
        """Of those the ones whose interval lies above their own agreement in shuffled generators as well."""
        above, shuffled = self.above_random(least), self.on_shuffled
        return above if shuffled is None else [j for j in above if self.agreements[j].low > shuffled[j]]


@dataclass(frozen=True)
class AxisTrials:
    """The autoencoder's axes and PCA's, tried out on the same latents.

    Attributes:
        autoencoder, pca: what became of them.
        scale: of the latents, in which directions have length one.
        latents: [n, …] that were moved.
    """

    autoencoder: AxisTrial
    pca: AxisTrial
    scale: LatentScale
    latents: Tensor


def try_axes(
    bank: SampleBank,
    *,
    count: int = 6,
    latents: int = 64,
    random: int = 8,
    seed: int,
    advance: Callable[[int], None] = lambda done: None,
) -> AxisTrials:
    """Follow the direction of each of the first axes, and random ones, in the generator and in shuffled ones.

    Args:
        bank: of a subject with training and held-out data.
        count: axes, those that change samples most first; fewer where a code has fewer.
        latents: fresh ones, from which every direction is followed.
        random: directions that make each axis's claim without being meant for it.
        advance: told how many directions are done.
    """
    spaces = code_spaces(bank)
    scale = LatentScale.of(bank.latents())
    rows = scale.rows(bank.latents())
    fitted = [axis_directions(rows, codes_of(bank, space, "fake")) for space in spaces]
    points = bank.sample_latents(min(latents, bank.size), PURPOSE, "held-out latents")
    guesses = random_directions(random, rows.shape[1], torch_generator(seed, PURPOSE, "random directions"))
    distances = torch.tensor(DISTANCES, dtype=torch.float64)
    shuffled = shuffled_banks(bank, seed)
    on_guesses = intervene(bank, spaces, scale, points, guesses, distances)
    advance(len(guesses))
    trials = []
    for directions, space, shifts in zip(fitted, spaces, on_guesses.shifts, strict=True):
        units = directions.unit[: min(count, space.width)]
        own, *without = (
            intervene(each, (space,), scale, points, units, distances) for each in (bank, *shuffled)
        )
        resample = torch_generator(seed, PURPOSE, "bootstrap")
        trials.append(_trial(space, directions, own, without, shifts, guesses, resample))
        advance(len(units))
    return AxisTrials(trials[0], trials[1], scale, points)


def shuffled_banks(bank: SampleBank, seed: int) -> list[SampleBank]:
    """Of generators with the subject's parts and nothing learned; none where its weights can't be reached."""
    subjects = [randomised(bank.subject, derive_seed(seed, PURPOSE, "shuffled", n)) for n in range(SHUFFLES)]
    return [
        SampleBank(subject, samples=bank.size, seed=seed, device=bank.device, features=["raw"])
        for subject in subjects
        if subject is not None
    ]


def _trial(
    space: CodeSpace,
    directions: AxisDirections,
    own: Interventions,
    without: Sequence[Interventions],
    on_guesses: Tensor,
    guesses: Tensor,
    rng: torch.Generator,
) -> AxisTrial:
    """Agreement of every direction tried in `own`, and `without` what was learned, and of random ones [d, n, a, k]
    with its claim."""
    shifts, count = own.shifts[0], len(own.shifts[0])
    on_axis = torch.stack([shifts[j, :, :, j] for j in range(count)], dim=-1)
    sides = (guesses @ directions.seen[:, :count]).sign()  # [d, j]
    on_random, on_shuffled, correlations, random_leaks = [], [], [], []
    for j in range(count):
        predicted = own.distances * directions.slope[j]
        claims = [concordance(predicted, on_guesses[d, :, :, j] * sides[d, j]) for d in range(len(guesses))]
        on_random.append(float(torch.stack(claims).mean()))
        kept = [concordance(predicted, tried.shifts[0][j, :, :, j]) for tried in without]
        on_shuffled += [float(torch.stack(kept).mean())] if kept else []
        correlations.append(correlation(predicted.expand_as(on_axis[..., j]), on_axis[..., j]))
        random_leaks.append(
            sum(off_target_share(moved, j, space.effect) for moved in on_guesses) / len(on_guesses)
        )
    return AxisTrial(
        directions,
        agreement(directions.slope[:count], on_axis, own.distances, rng),
        on_random,
        on_shuffled or None,
        correlations,
        [off_target_share(shifts[j], j, space.effect) for j in range(count)],
        random_leaks,
    )
