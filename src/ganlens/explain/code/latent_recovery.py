"""How much of the latent can be read back from a code of the sample, by a linear map fitted on other samples.

    latents = LatentScale.of(bank.latents()).rows(bank.latents())
    recovery = recover(codes_of(bank, code_spaces(bank).autoencoder, "fake").double(), latents, seed=0)
    recovery.overall, recovery.chance_overall    # R² with its interval, and that of shuffled pairs
    recovery.shown                               # the independent directions of the latent that can be read

Numbers of the latent are no things to count: where samples hang on 8 directions that lie across 24 numbers, each of
the 24 is read in part. What is counted are canonical directions: of all directions of the latent the one that is read
best, then of those that are uncorrelated with it the best, and so on. As many show as samples tell of.

Source: Hotelling 1936 for canonical correlations.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from ganlens.measures import Estimate, LinearMap, bootstrap_estimates, fit_ridge
from ganlens.randomness import torch_generator

PURPOSE = "latent-recovery"
"""What random draws are derived from, beside the seed."""

ROWS_A_NUMBER = 4
"""Samples for each number of the latent from which its covariance is known well enough to be divided by; with fewer,
numbers are taken for uncorrelated, as those of nearly all priors are."""


@dataclass(frozen=True)
class Recovery:
    """What one code tells of the latents.

    Attributes:
        missed, varied: [n, z] squared error and squared deviation of held-out latents, number by number.
        overall: R² of all numbers together.
        each: [z] R² of every latent number.
        by_chance: [s, z] R² of every number for each shuffled pairing.
        chance_overall: mean R² of all numbers over shuffled pairings.
        directions: [m, z] canonical directions of standardised latents, m the width of the code at most.
        read: [m] R² of the latents' place along each of them.
        read_by_chance: [s, m] the same for each shuffled pairing, which has canonical directions of its own.
    """

    missed: Tensor
    varied: Tensor
    overall: Estimate
    each: list[Estimate]
    by_chance: Tensor
    chance_overall: float
    directions: Tensor
    read: list[Estimate]
    read_by_chance: Tensor

    @property
    def threshold(self) -> float:
        """The best R² any latent number reached in any shuffled pairing: what counts as seen lies above."""
        return max(float(self.by_chance.max()), 0.0)

    @property
    def shown(self) -> list[int]:
        """Canonical directions that show: read better than any in any shuffled pairing, and surely above nothing."""
        most = max(float(self.read_by_chance.max()), 0.0)
        return [number for number, r2 in enumerate(self.read) if r2.value > most and r2.low > 0]


class Judged(NamedTuple):
    """Held-out latents [n] as they are read from codes: squared errors and squared deviations of every number [n, z],
    and of the place along every canonical direction [n, m]."""

    missed: Tensor
    varied: Tensor
    missed_along: Tensor
    varied_along: Tensor
    directions: Tensor


def recover(
    codes: Tensor, latents: Tensor, *, penalty: float = 1.0, shuffles: int = 20, seed: int
) -> Recovery:
    """Regress latents [n, z] on codes [n, k]; even rows fit, odd rows judge.

    Args:
        penalty: of the ridge, for codes and latents of unit variance.
        shuffles: shuffled pairings of codes and latents that set the reference.
    """
    whitening = _whitening(latents)
    own = _judged(codes, latents, penalty, whitening)
    each_by_chance, read_by_chance, all_by_chance = [], [], []
    for number in range(shuffles):
        rng = torch_generator(seed, PURPOSE, "shuffle", number)
        order = torch.randperm(len(latents), generator=rng)
        wrong = _judged(codes, latents[order], penalty, whitening)
        each_by_chance.append(_r2(wrong.missed.sum(dim=0), wrong.varied.sum(dim=0)))
        read_by_chance.append(_r2(wrong.missed_along.sum(dim=0), wrong.varied_along.sum(dim=0)))
        all_by_chance.append(_r2(wrong.missed.sum(), wrong.varied.sum()))
    overall, *each = _estimates(own.missed, own.varied, seed)
    return Recovery(
        own.missed,
        own.varied,
        overall,
        each,
        torch.stack(each_by_chance),
        float(torch.stack(all_by_chance).mean()),
        own.directions,
        _estimates(own.missed_along, own.varied_along, seed)[1:],
        torch.stack(read_by_chance),
    )


def share_recovered(codes: Tensor, latents: Tensor, *, penalty: float = 1.0) -> float:
    """Of the variance of all numbers of latents [n, z] the share, 0…1, that codes [n, k] recover; see `recover`."""
    judged = _judged(codes, latents, penalty, None)
    return max(float(_r2(judged.missed.sum(), judged.varied.sum())), 0.0)


def _judged(codes: Tensor, latents: Tensor, penalty: float, whitening: Tensor | None) -> Judged:
    fit, judge = slice(0, None, 2), slice(1, None, 2)
    line = fit_ridge(codes[fit], latents[fit], alpha=penalty)
    errors = latents[judge] - line(codes[judge])
    deviations = latents[judge] - latents[fit].mean(dim=0)
    directions = _canonical(line, codes[fit], whitening)
    along = (each @ directions.T for each in (errors, deviations))
    missed_along, varied_along = (each.square() for each in along)
    return Judged(errors.square(), deviations.square(), missed_along, varied_along, directions)


def _canonical(line: LinearMap, codes: Tensor, whitening: Tensor | None) -> Tensor:
    """Directions [m, z] of the latents along which most of the variance is what the line reads from codes [n, k]: the
    most first, each uncorrelated with those before. The whitening [z, z] makes latents so."""
    spread = (codes - codes.mean(dim=0)) / max(len(codes) - 1, 1) ** 0.5
    root = torch.linalg.qr(spread, mode="r").R @ line.weight  # rows whose squares are what is read
    read: Tensor = torch.linalg.svd(root if whitening is None else root @ whitening, full_matrices=False).Vh
    return read if whitening is None else read @ whitening


def _whitening(latents: Tensor) -> Tensor | None:
    """Symmetric [z, z] that gives latents [n, z] the identity for a covariance; None where it can't be known."""
    if len(latents) < ROWS_A_NUMBER * latents.shape[1]:
        return None
    values, vectors = torch.linalg.eigh(torch.cov(latents.T).reshape(2 * latents.shape[1:]))
    inverse = torch.where(values > 1e-9 * values.max(), values.clamp(min=1e-30).rsqrt(), 0.0)
    whitening: Tensor = (vectors * inverse) @ vectors.T
    return whitening


def _estimates(missed: Tensor, varied: Tensor, seed: int) -> list[Estimate]:
    """R² of all columns together, then of every one, with bootstrap intervals over samples [n]."""

    def statistic(weights: Tensor) -> Tensor:
        wrong, all_of_it = weights @ missed, weights @ varied
        overall = _r2(wrong.sum(dim=1, keepdim=True), all_of_it.sum(dim=1, keepdim=True))
        return torch.cat([overall, _r2(wrong, all_of_it)], dim=1)

    rng = torch_generator(seed, PURPOSE, "bootstrap")
    return bootstrap_estimates(statistic, len(missed), rng=rng, of="held-out generated samples")


def gain_over(ours: Recovery, theirs: Recovery, seed: int) -> Estimate:
    """Overall R² of the autoencoder's code above PCA's, paired by sample."""

    def statistic(weights: Tensor) -> Tensor:
        return (
            weights
            @ (theirs.missed - ours.missed).sum(dim=1, keepdim=True)
            / (weights @ ours.varied).sum(dim=1, keepdim=True)
        )

    rng = torch_generator(seed, PURPOSE, "bootstrap of the difference")
    return bootstrap_estimates(statistic, len(ours.missed), rng=rng, of="held-out generated samples, paired")[
        0
    ]


def _r2(missed: Tensor, varied: Tensor) -> Tensor:
    return 1 - missed / varied.clamp(min=1e-30)
