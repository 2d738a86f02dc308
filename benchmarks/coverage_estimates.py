"""Shares, means, medians, ratios and areas under curves, each with an interval of its own, of known distributions."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from coverage_trials import Case, direct
from coverage_truths import ROWS, Rng, normal
from scipy import stats
from torch import Tensor

from ganlens.measures import (
    Estimate,
    Interval,
    area_under_curve,
    bootstrap_estimates,
    difference_of_shares,
    exceedance_interval,
    mean_estimate,
    median_interval,
    share_above_quantile,
    share_estimate,
)


def estimates() -> list[Case]:
    return [*_shares(), *_areas(), *_means_and_quantiles()]


def _own(estimate: Estimate) -> Interval:
    assert isinstance(estimate.interval, Interval)
    return estimate.interval


def _shares() -> list[Case]:
    def one(rng: Rng) -> tuple[Interval, float]:
        return _own(share_estimate(_successes(0.1, ROWS, rng), ROWS)), 0.1

    def differing(p: float, n: int, q: float, m: int) -> Callable[[Rng], tuple[Interval, float]]:
        return lambda rng: (
            _own(difference_of_shares(_successes(p, n, rng), n, _successes(q, m, rng), m)),
            p - q,
        )

    return [
        direct("share_estimate", ".interval", "the known share, .1", one),
        direct(
            "difference_of_shares", ".interval", ".3 − .1, 60 and 80 samples", differing(0.3, 60, 0.1, 80)
        ),
        direct(
            "difference_of_shares, of rare things",
            ".interval",
            "0: both .02, 50 samples each",
            differing(0.02, 50, 0.02, 50),
            claim="at least",
        ),
    ]


def _areas() -> list[Case]:
    """One of two Gaussians that are `shift` apart exceeds the other with probability Φ(shift/√2)."""

    def numbers(rng: Rng, shift: float, n: int) -> tuple[Tensor, Tensor]:
        return normal(rng, n, 1)[:, 0] + shift, normal(rng, n, 1)[:, 0]

    def by_delong(shift: float, n: int) -> Callable[[Rng], tuple[Interval, float]]:
        known = float(stats.norm.cdf(shift / 2**0.5))
        return lambda rng: (_own(area_under_curve(*numbers(rng, shift, n))), known)

    def by_newcombe(shift: float, n: int) -> Callable[[Rng], tuple[Interval, float]]:
        known = float(stats.norm.cdf(shift / 2**0.5))
        return lambda rng: (
            exceedance_interval(area_under_curve(*numbers(rng, shift, n)).value, n, n),
            known,
        )

    return [
        direct("area_under_curve", ".interval", "½: equal Gaussians, 50 each", by_delong(0.0, 50)),
        direct("area_under_curve", ".interval", "Φ(√2), of two Gaussians, 50 each", by_delong(2.0, 50)),
        direct("area_under_curve, of few", ".interval", "½: equal Gaussians, 10 each", by_delong(0.0, 10)),
        direct(
            "area_under_curve", "exceedance_interval", "½: equal Gaussians, 50 each", by_newcombe(0.0, 50)
        ),
        direct(
            "area_under_curve",
            "exceedance_interval",
            "Φ(√2), of two Gaussians, 50 each",
            by_newcombe(2.0, 50),
            claim="at least",
        ),
        direct(
            "area_under_curve, of few",
            "exceedance_interval",
            "½: equal Gaussians, 10 each",
            by_newcombe(0.0, 10),
        ),
    ]


def _means_and_quantiles() -> list[Case]:
    def mean(rng: Rng) -> tuple[Interval, float]:
        return _own(mean_estimate(_skewed(rng), rng)), math.exp(0.125)

    def ratio(rng: Rng) -> tuple[Interval, float]:
        """Of two means over the same units, as an error's over a variance's is: e^0.125 over itself times 2."""
        ease = _skewed(rng)
        parts = torch.stack([_skewed(rng) + ease, 2 * _skewed(rng) + 2 * ease], dim=1).double()

        def statistic(weights: Tensor) -> Tensor:
            sums = weights @ parts
            return sums[:, :1] / sums[:, 1:]

        return _own(bootstrap_estimates(statistic, ROWS, rng=rng, of="units")[0]), 0.5

    def median(rng: Rng) -> tuple[Interval, float]:
        return median_interval(_skewed(rng)), 1.0

    def above(shift: float) -> Callable[[Rng], tuple[Interval, float]]:
        known = float(stats.norm.sf(stats.norm.isf(0.05) - shift))
        return lambda rng: (
            _own(share_above_quantile(normal(rng, ROWS, 1)[:, 0] + shift, normal(rng, ROWS, 1)[:, 0], 0.05)),
            known,
        )

    alike = "5 %: equal distributions"
    return [
        direct("mean_estimate", ".interval", "e^⅛, of log-normal values", mean),
        direct("a ratio of means", "bootstrap_estimates", "½, of log-normal values", ratio),
        direct("a median", "median_interval", "1, of log-normal values", median, claim="at least"),
        direct("share_above_quantile", ".interval", alike, above(0.0), claim="too wide"),
        direct(
            "share_above_quantile", ".interval", "Φ(1 − 1.64), of Gaussians", above(1.0), claim="too wide"
        ),
    ]


def _skewed(rng: Rng) -> Tensor:
    """Log-normal values [ROWS] with median 1 and mean e^⅛."""
    return (0.5 * normal(rng, ROWS, 1)[:, 0]).exp()


def _successes(share: float, trials: int, rng: Rng) -> int:
    return int((torch.rand(trials, generator=rng) < share).sum())
