"""Is a direction one cause? By what it shares with all other directions, and by nothing that has a name.

    score = how far Σ (uᵀS u)² / Σ |S u|² lies above what random directions have (0), towards 1

S = (JᵀJ)^½ is how strongly a sample changes along every direction, at one start; J is the change of what is seen
of the sample. If a direction u is a cause and other causes act elsewhere, S u = s·u: going along u does only
what u does. A mixture of causes is no eigenvector of S: at every start its causes have strengths of their own, so
what it changes belongs in part to the mixture's opposite as well. A direction that is in part idle is none either. So
0 is what chance does, and 1 is a direction that shares nothing of its effect at any start. It asks for no scale:
that causes have distinct strengths on average (as principal components do) is not needed, only that they have at
single starts.

The root, not JᵀJ itself: strong causes would drown weak ones, since a direction that is three degrees off a weak cause
has more of a cause that is a hundred times as strong.

Samples are seen in several ways at once: as their raw features, and where samples have places as the sizes of the
steps between neighbours (edges), as profiles along each axis, and as how many values lie above each level. In each way
causes have other strengths, so that a mixture is found out by one where it is not by another, and a method that looks
for directions in raw features is not judged by those alone. What a direction does not move in one way of seeing does
not count there. Starts are fresh: no method has seen them.

A set of directions is worth what they come to **together**, as a set (`together`): how pure each is, and that it does
something that no other does. Directions that repeat each other, however pure, are one thing known, and a method that
gives fewer directions than it was asked for knows less. The mean over directions says neither.

What no way of seeing tells: two causes whose strengths keep one ratio at every start are as good as any two mixtures.

Source: the metric is that of Wang & Ponce 2021 (arXiv 2101.06006); that effects of causes do not mix is the premise of
the Hessian penalty (Peebles et al. 2020, arXiv 2008.10599) and of orthogonal Jacobians (Wei et al. 2021, arXiv
2108.07668).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ganlens.explain.directions.walk import Walk
from ganlens.measures import Estimate, bootstrap_estimates
from ganlens.modality import Modality

STARTS = 40
STEP = 0.5
"""Half-width of the differences that stand for the Jacobian, in standard deviations: over smaller ones pixels that
switch are missed."""

MOST = 64
"""Directions that span what is looked at: in wider spaces those along which samples change most."""

SURVEYED = 4
"""Starts at which a wider space is surveyed for those."""

WIDEST = 1024
"""Numbers in a point beyond which nobody surveys: what the directions that were found span is looked at."""

NOTHING = 1e-6
"""Strength of all directions together that is rounding and no change."""

REPEATED = 0.5
"""Squared length of what a direction has of its own, below which it repeats better ones."""

ACROSS = 1e-9
"""Squared length of what a direction has of its own that is rounding."""

LEVELS = 9
"""Levels above which values are counted, softly, so that a small change is seen."""

IDLE = 0.05
"""Share of the mean strength of directions below which a direction's own counts as none."""


@dataclass(frozen=True)
class Strengths:
    """How strongly samples change along every direction, start by start.

    Attributes:
        basis: [m, z] orthonormal: what is looked at of the space.
        roots: one [starts, m, m] for each way of seeing samples; each start's trace is m, or 0 where nothing moves.
    """

    basis: Tensor
    roots: tuple[Tensor, ...]

    @property
    def mean(self) -> Tensor:
        """The roots' mean over starts and ways of seeing: [m, m]."""
        return torch.stack([root.mean(dim=0) for root in self.roots]).mean(dim=0)

    def parts(self, units: Tensor) -> tuple[Tensor, Tensor]:
        """(uᵀS u)² and |S u|² of unit directions [k, z], summed over ways of seeing: [starts, k] each."""
        inside = units @ self.basis.T
        own = torch.zeros(len(self.roots[0]), len(units), dtype=torch.float64)
        whole = torch.zeros_like(own)
        for root in self.roots:
            moved = torch.einsum("smn,kn->skm", root, inside)
            own += torch.einsum("skm,km->sk", moved, inside).square()
            whole += moved.square().sum(dim=2)
        return own, whole


@dataclass(frozen=True)
class Independence:
    """What directions are scored by: their strengths, and what random directions score.

    Attributes:
        randoms: [d, z] random unit directions.
        scores: [d] their scores.
    """

    strengths: Strengths
    randoms: Tensor
    scores: Tensor

    @classmethod
    def of(cls, strengths: Strengths, randoms: Tensor) -> Independence:
        """Against these random directions [d, z]."""
        blank = cls(strengths, randoms, torch.zeros(len(randoms), dtype=torch.float64))
        ones = torch.ones(1, len(strengths.roots[0]), dtype=torch.float64)
        return cls(strengths, randoms, blank._statistic(randoms)(ones)[0])

    def bar(self, beaten: float) -> float:
        """The score that this share of random directions stays below."""
        return float(self.scores.quantile(beaten))

    def score(self, units: Tensor, rng: torch.Generator) -> list[Estimate]:
        """The score, 0…1, of each of the unit directions [k, z], with intervals over starts."""
        starts = len(self.strengths.roots[0])
        return bootstrap_estimates(self._statistic(units), starts, rng=rng, of="starts")

    def share_explained(self, units: Tensor, scores: Tensor) -> float:
        """How much of all change some direction [k, z] makes alone: each counts for the part of the mean strength that
        is along it and along no better one, times its score [k]. 0…1.

        Those that are mostly along better ones repeat them, and are left out.
        """
        mean = self.strengths.mean
        total, left = 0.0, units @ self.strengths.basis.T
        for place in scores.argsort(descending=True).tolist():
            part = left[place]
            square = float(part @ part)
            if square >= REPEATED:
                total += float(scores[place]) * float(part @ mean @ part)
                left = left - (left @ part)[:, None] * part / square
        return total / max(float(mean.trace()), 1e-30)

    def _statistic(self, units: Tensor) -> Callable[[Tensor], Tensor]:
        tried, chance = self.strengths.parts(units), self.strengths.parts(self.randoms)

        def statistic(weights: Tensor) -> Tensor:
            own, by_chance = (_ratio(*parts, weights) for parts in (tried, chance))
            expected = by_chance.mean(dim=1, keepdim=True)
            above: Tensor = (own - expected) / (1 - expected).clamp(min=1e-9)
            return above.clamp(0, 1)

        return statistic


def together(units: Tensor, scores: Tensor, asked: int) -> float:
    """What unit directions [k, z] come to as a set: 1 where as many as were asked for are each one cause, and another.

    The sum of their scores [k], each for the part of the direction (its squared length) that is across all that score
    better, over how many were asked for, or given where that is more. So it is the mean score where all are across each
    other, and a method that gives one cause k times has a k-th of what one has that gives k causes.
    """
    left, total = units.double().clone(), 0.0
    for place in scores.argsort(descending=True, stable=True).tolist():
        part = left[place].clone()
        square = float(part @ part)
        total += float(scores[place]) * square
        if square > ACROSS:
            left = left - (left @ part)[:, None] * part / square
    return total / max(asked, len(units), 1)


def _ratio(own: Tensor, whole: Tensor, weights: Tensor) -> Tensor:
    """Ratios [r, k] of sums [starts, k] over starts that count as weights [r, starts] say."""
    count = weights.sum(dim=1, keepdim=True)
    ratio: Tensor = (weights @ own) / (weights @ whole + count * IDLE**2)
    return ratio


def strengths_of(walk: Walk, candidates: Tensor, seed: int) -> Strengths:
    """Measured by differences at fresh starts, so that a black box has them as well.

    Args:
        candidates: [c, z] directions that were found: they span what is looked at in spaces of very many numbers.
        seed: of the starts.
    """
    latents = walk.bank.sample_latents(STARTS, "directions", "independence", seed)
    labels = walk.bank.conditions(STARTS)
    points = walk.points(latents, labels)
    basis = _basis(walk, points[:SURVEYED], labels, candidates)
    grams = [_grams_at(walk, points, labels, place, basis) for place in range(len(points))]
    return Strengths(basis, tuple(_roots(torch.stack(view)) for view in zip(*grams, strict=True)))


def _basis(walk: Walk, points: Tensor, labels: Tensor | None, candidates: Tensor) -> Tensor:
    everything = torch.eye(walk.size, dtype=torch.float64)
    if walk.size <= MOST:
        return everything
    if walk.size > WIDEST:
        strength, rows = torch.linalg.svd(candidates.double(), full_matrices=False)[1:]
        spanning: Tensor = rows[strength > 1e-6 * strength.max()]
        return spanning[:MOST]
    metric = torch.zeros_like(everything)
    for place in range(len(points)):
        metric += _grams_at(walk, points, labels, place, everything)[0]
    vectors: Tensor = torch.linalg.eigh(metric)[1]
    return vectors.flip(1)[:, :MOST].T.contiguous()


def _grams_at(walk: Walk, points: Tensor, labels: Tensor | None, place: int, basis: Tensor) -> list[Tensor]:
    """JᵀJ [m, m] at one start, for each way of seeing samples."""
    steps = (STEP * basis * walk.scale.deviation).to(points.dtype).reshape(-1, *points.shape[1:])
    label = None if labels is None else labels[place : place + 1].expand(2 * len(basis))
    samples = walk.samples(torch.cat([points[place] + steps, points[place] - steps]), label)
    grams = []
    for seen in views(walk.subject.modality, samples):
        change = (seen[: len(basis)] - seen[len(basis) :]).double()
        grams.append(change @ change.T)
    return grams


def views(modality: Modality, samples: Tensor) -> list[Tensor]:
    """The ways in which samples [n, …] are seen, [n, f] each: raw features, and where there are places, edges, profiles
    and the distribution of values."""
    values = samples.float()
    edges, profiles = [], []
    for axis in modality.grid:
        edges.append(values.diff(dim=axis.axis + 1).abs().flatten(1))
        along = values.movedim(axis.axis + 1, 1)
        profiles.append(along.reshape(*along.shape[:2], -1).mean(dim=2))
    seen = [modality.raw_features(samples), *profiles]
    if edges:
        seen.append(torch.cat(edges, dim=1))
    if edges and modality.range is not None:
        low, high = modality.range
        shares = (values - low) / (high - low)
        levels = torch.linspace(0, 1, LEVELS, device=values.device)
        seen.append(
            torch.stack(
                [torch.sigmoid((shares - level) * 2 * LEVELS).flatten(1).mean(dim=1) for level in levels], 1
            )
        )
    return [each for each in seen if each.shape[1]]


def _roots(grams: Tensor) -> Tensor:
    """Square roots of [s, m, m], scaled so that every start counts the same."""
    values, vectors = torch.linalg.eigh(grams)
    sizes = values.clamp(min=0).sqrt()
    total = sizes.sum(dim=1, keepdim=True)
    sizes = torch.where(total > NOTHING, sizes * grams.shape[1] / total.clamp(min=NOTHING), 0.0)
    roots: Tensor = (vectors * sizes[:, None, :]) @ vectors.transpose(1, 2)
    return roots
