"""Axes of a code put to the test: does moving the latent along an axis's direction shift the axis as predicted?

trials = try_axes(bank, count=6, seed=0)
trials.autoencoder.agreements[0]    # of the first axis, with its interval
trials.autoencoder.on_random[0]     # what random directions reach with the same claim
trials.autoencoder.of_twins         # what the best axis of an untrained twin reaches, fitted to it in the same way
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ganlens.explain.code.code_space import CodeSpace, code_spaces, codes_of
from ganlens.explain.code.decoded_changes import described_changes
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
from ganlens.explain.untrained import refit_to_twins
from ganlens.measures import Estimate, correlation
from ganlens.randomness import torch_generator
from ganlens.subject import SampleBank

if TYPE_CHECKING:
    from ganlens.subject import Twin

DISTANCES = (-2.0, -1.0, 1.0, 2.0)
"""How far latents are moved to measure agreement, in standard deviations."""

LATENTS_OF_TWIN = 32
"""Latents from which the axes of an untrained twin are followed: its best axis is all that is asked for."""

PURPOSE = "axes"
"""What every random draw of a trial is derived from, beside the seed."""


@dataclass(frozen=True)
class AxisTrial:
    """Axes of one code, tried out.

    Attributes:
        directions: what should move each axis.
        agreements: [j] of every axis, then their mean.
        on_random: [j] mean agreement of random directions that make the axis's claim.
        described: [j] how much of the change of the sample is the axis's own; see `described_changes`.
        of_twins: the most that this is for an axis of an untrained twin, whose axes' directions were fitted to it,
            as far as it counts (see `explain.untrained`); None where there is none.
        correlations: [j] Pearson's, for those used to it.
        leaks, random_leaks: [j] share of the change of the sample that falls on other axes.
    """

    directions: AxisDirections
    agreements: list[Estimate]
    on_random: list[float]
    described: list[Estimate]
    of_twins: float | None
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
        """Of those the ones that surely describe more of what changes than any axis of an untrained twin."""
        above, bar = self.above_random(least), self.of_twins
        return above if bar is None else [j for j in above if self.described[j].low > bar]


@dataclass(frozen=True)
class AxisTrials:
    """The autoencoder's axes and PCA's, tried out on the same latents.

    Attributes:
        autoencoder, pca: what became of them.
        scale: of the latents, in which directions have length one.
        latents: [n, …] that were moved.
        no_twins_because: why there is a twin too few, as the end of "because …"; empty where there is none.
    """

    autoencoder: AxisTrial
    pca: AxisTrial
    scale: LatentScale
    latents: Tensor
    no_twins_because: str = ""


def try_axes(
    bank: SampleBank,
    *,
    count: int = 6,
    latents: int = 64,
    random: int = 8,
    seed: int,
    advance: Callable[[int], None] = lambda done: None,
) -> AxisTrials:
    """Follow the direction of each of the first axes, and random ones; and those of untrained twins.

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
    on_guesses = intervene(bank, spaces, scale, points, guesses, distances)
    advance(len(guesses))
    trials, because = [], ""
    for directions, space, shifts in zip(fitted, spaces, on_guesses.shifts, strict=True):
        units = directions.unit[: min(count, space.width)]
        own = intervene(bank, (space,), scale, points, units, distances)
        described = described_changes(
            bank,
            space,
            scale,
            points,
            directions,
            distances,
            count=len(units),
            rng=torch_generator(seed, PURPOSE, "bootstrap of changes"),
        )
        refits = refit_to_twins(bank, partial(_best_of_twin, space, points, distances, len(units), seed))
        of_twins, because = refits.best(float)[1] if refits else None, refits.because
        resample = torch_generator(seed, PURPOSE, "bootstrap")
        trials.append(_trial(space, directions, own, described, of_twins, shifts, guesses, resample))
        advance(len(units))
    return AxisTrials(trials[0], trials[1], scale, points, because)


def _best_of_twin(
    space: CodeSpace, points: Tensor, distances: Tensor, count: int, seed: int, twin: Twin
) -> float:
    """The most that an axis may describe of a change, by its interval, with directions fitted to an untrained twin."""
    scale = LatentScale.of(twin.bank.latents())
    directions = axis_directions(scale.rows(twin.bank.latents()), codes_of(twin.bank, space, "fake"))
    shares = described_changes(
        twin.bank,
        space,
        scale,
        points[:LATENTS_OF_TWIN],
        directions,
        distances,
        count=count,
        rng=torch_generator(seed, PURPOSE, "bootstrap of a twin"),
    )
    return max(share.high for share in shares)


def _trial(
    space: CodeSpace,
    directions: AxisDirections,
    own: Interventions,
    described: list[Estimate],
    of_twins: float | None,
    on_guesses: Tensor,
    guesses: Tensor,
    rng: torch.Generator,
) -> AxisTrial:
    """Agreement of every direction tried in `own`, and of random ones [d, n, a, k] with its claim."""
    shifts, count = own.shifts[0], len(own.shifts[0])
    on_axis = torch.stack([shifts[j, :, :, j] for j in range(count)], dim=-1)
    sides = (guesses @ directions.seen[:, :count]).sign()  # [d, j]
    on_random, correlations, random_leaks = [], [], []
    for j in range(count):
        predicted = own.distances * directions.slope[j]
        claims = [concordance(predicted, on_guesses[d, :, :, j] * sides[d, j]) for d in range(len(guesses))]
        on_random.append(float(torch.stack(claims).mean()))
        correlations.append(correlation(predicted.expand_as(on_axis[..., j]), on_axis[..., j]))
        random_leaks.append(
            sum(off_target_share(moved, j, space.effect) for moved in on_guesses) / len(on_guesses)
        )
    return AxisTrial(
        directions,
        agreement(directions.slope[:count], on_axis, own.distances, rng),
        on_random,
        described,
        of_twins,
        correlations,
        [off_target_share(shifts[j], j, space.effect) for j in range(count)],
        random_leaks,
    )
