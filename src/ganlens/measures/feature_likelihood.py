"""How likely are training and unseen samples under a density that is centred on the generated ones?"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from ganlens.errors import UserError
from ganlens.measures.facts import FRESH, THREE_SETS, Group, ValidInterval, measure
from ganlens.measures.feature_matrix import feature_pair, float64_chunks, float64_mean
from ganlens.measures.neighbours import nearest_neighbours

PAIRS_AT_ONCE = 1 << 20
"""Distances that are held together: 8 MiB."""
PAIRS_KEPT = 1 << 24
"""Up to this many distances are computed once and kept, 128 MiB a real set; beyond, again in every step."""
SETTLED = 1e-5
"""A gain per step, in nats a row and dimension, too small to go on for."""
HUNDREDTHS = 100.0
"""Results are in hundredths of a nat a dimension, as the source has them."""


@dataclass(frozen=True)
class LikelihoodGap:
    """What `feature_likelihood_gap` found, in hundredths of a nat a dimension.

    Attributes:
        train: minus the mean log density of the training rows.
        held_out: that of the held-out rows. Lower is better: it is the feature likelihood divergence but for
            the source's constant, which is the same number for real samples in the place of the fakes.
        reference: the gap when the held-out rows have the place of the training rows.
        bandwidths: [m] float64, each fake's, in standard deviations of the features; the smallest belong to
            fakes that sit next to a training row.
        rows: training rows, and as many held-out ones, that were used.
    """

    train: float
    held_out: float
    reference: float
    bandwidths: Tensor
    rows: int

    @property
    def gap(self) -> float:
        """`held_out` − `train`: by how much training rows are more likely than unseen ones."""
        return self.held_out - self.train

    @property
    def excess(self) -> float:
        """`gap` − `reference`: what copying adds to the gap that the fit itself makes."""
        return self.gap - self.reference


@measure(
    Group.MEMORISATION,
    applied_to=THREE_SETS,
    range="`excess`: any number; above 0 is copying",
    better="`excess` near 0",
    bias="none in `excess`; `gap` is above 0 for all",
    intervals=(ValidInterval(FRESH.by, f"`excess`: {FRESH.contains}, against these real rows; not 0"),),
)
def feature_likelihood_gap(
    train: Tensor,
    held_out: Tensor,
    fake: Tensor,
    *,
    rng: torch.Generator,
    narrowest: float = 0.01,
    steps: int = 50,
) -> LikelihoodGap:
    """By how much are training rows more likely than unseen ones, where fakes stand for the generator?

    Each fake is the centre of an isotropic Gaussian whose bandwidth is fitted to the training rows by maximum
    likelihood. A fake that copies one makes its Gaussian narrow there, which serves that row and none unseen.
    The gap is −log p(held-out) + log p(train), the sign of a generalisation gap: **positive is copying**.
    (The authors' program prints its negative.)

    The gap is above 0 for *every* generator, since the bandwidths were fitted to the training rows.
    `reference` is what the fit alone makes: the gap with both real sets' places exchanged. `excess`, their
    difference, has mean 0 for all generators that are indifferent to which rows were trained on, bad ones
    included, and is what to judge by. Sets must be of one size for that, so the larger is subsampled.

    Bias: `excess` none; `train` and `held_out` depend on the number of fakes, so compare at equal numbers,
    and can flatter: fakes that crowd in the middle of a mode get bandwidths that spread over all of it.
    Interval: none for one set of fakes, because the rows share the fitted bandwidths; `replicate_interval`
    over fresh fakes covers the generator's draws.

    The fit is expectation–maximisation, which needs no learning rate and never lowers the likelihood: each
    bandwidth² becomes the mean squared distance per dimension of the rows, weighted by the share to which the
    fake accounts for them. It starts from the distance to the nearest row, the best bandwidth for that row
    alone. It finds a local maximum, and stops short where the gain a step is below 1e-5 nats.

    Args:
        train: [n, d], what the generator was trained on.
        held_out: [n', d], from the same source, never seen.
        fake: [m, d], in the same feature space.
        rng: draws the subsample; a CPU generator.
        narrowest: the smallest bandwidth, in standard deviations of the features. An exact copy would make it
            0 and the likelihood infinite, so *how* large the gap of exact copies is depends on this number.
        steps: the most steps of each fit.

    Returns:
        `excess` 0 (no copying) and up (copying).

    Raises:
        UserError: mismatched widths, fewer than two rows, integer or non-finite features, real features that
            are all constant, `narrowest` not above 0, or no steps.

    Source: Jiralerspong et al. 2023 (arXiv 2302.04440), section 3. Here features are standardised over all
    real rows rather than the held-out ones, those constant in the real data are left out, and no extra
    component at the mean takes part in the fit. The reference is ours.
    """
    train, held_out = feature_pair(train, held_out, ("train", "held_out"))
    train, fake = feature_pair(train, fake, ("train", "fake"), rows=1)
    if not 0 < narrowest < math.inf or steps < 1:
        raise UserError(
            f"expected a narrowest bandwidth above 0 and at least 1 step, found {narrowest} and {steps}"
        )
    rows = min(len(train), len(held_out))
    train, held_out = _some(train, rows, rng), _some(held_out, rows, rng)
    train, held_out, fake = _standardised(train, held_out, fake)
    to_train, to_held_out = _SquaredDistances(train, fake), _SquaredDistances(held_out, fake)
    variances = _fitted(to_train, narrowest**2, steps)
    fitted, unseen = _nats(to_train, variances), _nats(to_held_out, variances)
    exchanged = _fitted(to_held_out, narrowest**2, steps)
    reference = _nats(to_train, exchanged) - _nats(to_held_out, exchanged)
    return LikelihoodGap(
        train=HUNDREDTHS * fitted,
        held_out=HUNDREDTHS * unseen,
        reference=HUNDREDTHS * reference,
        bandwidths=variances.sqrt(),
        rows=rows,
    )


class _SquaredDistances:
    """Squared distances between rows [n, d] and fakes [m, d], some rows at a time; kept if few enough."""

    def __init__(self, rows: Tensor, fake: Tensor) -> None:
        self.width = rows.shape[1]
        self.nearest = nearest_neighbours(fake, rows).distances[:, 0].square()
        self._rows, self._fake = rows, fake
        self._norms = fake.square().sum(dim=1)
        self._kept = list(self._computed()) if len(rows) * len(fake) <= PAIRS_KEPT else None

    def __len__(self) -> int:
        return len(self._rows)

    def tiles(self) -> Iterator[Tensor]:
        """[some rows, m] float64, in the rows' order."""
        return iter(self._kept) if self._kept is not None else self._computed()

    def _computed(self) -> Iterator[Tensor]:
        for rows in self._rows.split(max(1, PAIRS_AT_ONCE // len(self._fake))):
            tile = torch.addmm(self._norms, rows, self._fake.T, alpha=-2)
            yield tile.add_(rows.square().sum(dim=1)[:, None]).clamp_(min=0)


def _fitted(distances: _SquaredDistances, smallest: float, steps: int) -> Tensor:
    """The variances [m] under which the rows are most likely."""
    variances = (distances.nearest / distances.width).clamp(min=smallest)
    before = math.inf
    for _ in range(steps):
        weights, moments = torch.zeros_like(variances), torch.zeros_like(variances)
        total = 0.0
        for tile in distances.tiles():
            density = _log_densities(tile, variances, distances.width)
            likelihood = density.logsumexp(dim=1, keepdim=True)
            share = density.sub_(likelihood).exp_()
            weights += share.sum(dim=0)
            moments += share.mul_(tile).sum(dim=0)
            total -= float(likelihood.sum())
        # A fake that accounts for nothing, because others lie nearer to every row, keeps its bandwidth.
        variances = torch.where(weights > 0, moments / (distances.width * weights), variances)
        variances = variances.clamp(min=smallest)
        now = total / (len(distances) * distances.width)
        if before - now < SETTLED:
            break
        before = now
    return variances


def _nats(distances: _SquaredDistances, variances: Tensor) -> float:
    """Minus the mean log density of the rows, a dimension."""
    total = sum(
        float(_log_densities(tile, variances, distances.width).logsumexp(dim=1).sum())
        for tile in distances.tiles()
    )
    return -total / (len(distances) * distances.width)


def _log_densities(squared: Tensor, variances: Tensor, width: int) -> Tensor:
    """Each Gaussian's part of the mixture at each row: [n, m]."""
    constant = -math.log(len(variances)) - width / 2 * (2 * math.pi * variances).log()
    return torch.addcmul(constant, squared, -0.5 / variances)


def _standardised(train: Tensor, held_out: Tensor, fake: Tensor) -> tuple[Tensor, ...]:
    """Mean 0 and variance 1 over both real sets together, in float64; without features constant there."""
    mean = float64_mean(train, held_out)
    squares = torch.zeros_like(mean)
    for real in (train, held_out):
        for chunk in float64_chunks(real):
            squares += (chunk - mean).square().sum(dim=0)
    deviation = (squares / (len(train) + len(held_out))).sqrt()
    varied = deviation > 1e-12 * mean.abs()
    if not varied.any():
        raise UserError("train, held_out: all features are constant; nothing tells one row from another")
    return tuple(
        torch.cat([(chunk[:, varied] - mean[varied]) / deviation[varied] for chunk in float64_chunks(points)])
        for points in (train, held_out, fake)
    )


def _some(points: Tensor, rows: int, rng: torch.Generator) -> Tensor:
    if rows == len(points):
        return points
    return points[torch.randperm(len(points), generator=rng)[:rows].to(points.device)]
