"""Intervals that hold what they promise, and for which measure each of them does.

| what is measured | interval |
|---|---|
| a share of independent samples (accuracy, a class's share, precision given the real rows) | `binomial_interval` |
| any measure of a generator, which can always be sampled again | `replicate_interval` over fresh samples |
| any smooth measure of a set that can't be drawn again (the real data) | `subsample_interval` |
| a mean of one value per independent sample | `mean_interval`; `bootstrap_interval` where values are skewed |
| the difference of two such means over the same samples | `paired_bootstrap_interval` |

**Never: resampling with replacement for a distance between distributions.** A resample of n rows holds each
row several times and only about 63 % of the rows, so it is a sample of n from a *coarser* distribution. A
Fréchet distance counts that as distance, nearest neighbours find the repeats: every resample scores higher
than the sample, and the interval may not even contain its own estimate. Means have no such defect, so the
bootstrap below takes means alone.

None of these covers *bias*: the Fréchet distance of n samples overstates the distance of the distributions,
and its interval says how far the value at that n would move, no more. What each contains is the measure's
*expectation at that n*.

Which of them is valid for which measure stands beside the measure; that they contain what they
promise is simulated by `benchmarks/interval_coverage.py`, on distributions with known answers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from scipy import special
from torch import Tensor

from ganlens.errors import UserError
from ganlens.measures.estimate import Interval

QUESTIONS = 25
"""About as many as a full report asks."""
ALARM_LEVEL = 1 - 0.05 / QUESTIONS
"""The level of an interval that may raise an alarm: a full report of a healthy generator then holds a false one in at
most 5 % of cases (Bonferroni). It is the same for one question alone, so that no verdict depends on what else was
asked; intervals that are *shown* stay at the usual 95 %."""

RESAMPLED_VALUES_AT_ONCE = 1 << 21


def binomial_interval(successes: int, trials: int, level: float = 0.95) -> Interval:
    """Which shares are compatible with so many successes in so many independent trials?

    Exact: it contains the true share at least `level` of the time, for any share and any number of trials.

    Returns:
        Ends in 0…1.

    Raises:
        UserError: no trials, or successes outside 0…trials.

    Source: Clopper & Pearson 1934.
    """
    tail = (1 - _checked_level(level)) / 2
    if trials < 1 or not 0 <= successes <= trials:
        raise UserError(
            f"expected successes between 0 and the trials, at least 1 trial; found {successes} of {trials}"
        )
    failures = trials - successes
    low = special.betaincinv(successes, failures + 1, tail) if successes else 0.0
    high = special.betaincinv(successes + 1, failures, 1 - tail) if failures else 1.0
    method = f"{percent(level)}, exact binomial, {trials:,} trials"
    return Interval(float(low), float(high), method)


def replicate_interval(values: Sequence[float] | Tensor, level: float = 0.95) -> Interval:
    """Where does the expectation of a measure lie, given its value on several independent sets of samples?

    Valid for any measure whose values over replicates are roughly normal, biased or not (it is then the
    expectation *at that number of samples*). Replicates that share samples are not independent: against a
    fixed real set the result covers the generator's draws alone, and not what another real set would give.
    Shares that are nearly 0 or 1 are not normal over few replicates; where they are shares of independent
    samples, `binomial_interval` is exact.

    Args:
        values: one per replicate, at least two; five and more make it usefully narrow.

    Raises:
        UserError: fewer than two values, or one that is not finite.

    Source: Student 1908.
    """
    values = checked_values(values)
    low, high = _student(values, level)
    return Interval(low, high, f"{percent(level)}, Student's t over {len(values)} independent replicates")


def mean_interval(values: Sequence[float] | Tensor, level: float = 0.95) -> Interval:
    """Where does the mean of independent values lie? Student's t; for skewed values see `bootstrap_interval`.

    Args:
        values: [n], one per independent sample, at least two.

    Raises:
        UserError: fewer than two values, or one that is not finite.
    """
    values = checked_values(values)
    low, high = _student(values, level)
    return Interval(low, high, f"{percent(level)}, Student's t over {len(values):,} independent values")


def bootstrap_interval(
    values: Sequence[float] | Tensor, *, rng: torch.Generator, resamples: int = 2000, level: float = 0.95
) -> Interval:
    """Where does the mean of independent values lie, without taking it to be symmetric about the estimate?

    The percentiles of the means of resamples drawn with replacement. For means only: see above.

    Args:
        values: [n], one per independent sample, at least two.
        rng: draws the resamples; a CPU generator.
        resamples: at least 100; the ends come from their 2.5 % and 97.5 % at the default level.

    Raises:
        UserError: fewer than two values, one that is not finite, or too few resamples.

    Source: Efron 1979; Efron & Tibshirani 1993, chapter 13.
    """
    values = checked_values(values)
    low, high = _percentiles_of_means(values, rng, resamples, level)
    return Interval(low, high, f"{percent(level)}, percentile bootstrap of a mean, {resamples:,} resamples")


def paired_bootstrap_interval(
    first: Sequence[float] | Tensor,
    second: Sequence[float] | Tensor,
    *,
    rng: torch.Generator,
    resamples: int = 2000,
    level: float = 0.95,
) -> Interval:
    """By how much does the mean of `first` exceed that of `second`, measured on the same samples?

    Differences are taken sample by sample before they are resampled, so that what makes a sample hard for
    both drops out. An interval above 0 says that `first` is larger.

    Args:
        first, second: [n] each; entry i of both belongs to sample i.
        rng, resamples: as `bootstrap_interval`.

    Raises:
        UserError: as `bootstrap_interval`, or different lengths.
    """
    first, second = checked_values(first), checked_values(second)
    if len(first) != len(second):
        raise UserError(
            f"paired values must come from the same samples, found {len(first)} and {len(second)} of them"
        )
    low, high = _percentiles_of_means(first - second, rng, resamples, level)
    return Interval(
        low, high, f"{percent(level)}, percentile bootstrap of paired differences, {resamples:,} resamples"
    )


def subsample_interval(
    statistic: Callable[..., float],
    sizes: int | Sequence[int],
    *,
    estimate: float,
    rng: torch.Generator,
    fraction: float = 0.5,
    repeats: int = 40,
    level: float = 0.95,
) -> Interval:
    """How far would a measure move with another real set of the same size, when there is only one?

    The measure is computed on subsamples of m = fraction·n rows drawn *without* replacement, so that none
    holds a row twice. Subsamples of one set scatter about the set's own value with variance σ²(1/m − 1/n),
    where a fresh set of n scatters with σ²/n. So the standard deviation over the subsamples times
    √(m/n)·1/√(1 − m/n) = √(m/(n − m)), the square root rule and the finite-population correction, estimates
    that of the measure at n; for half-samples the factor is 1. The ends are estimate ± Student's t times it.

    Assumes rows are independent, and the measure's error is roughly normal and shrinks as 1/√n. That holds
    for Fréchet and kernel distances between *different* distributions; between equal ones they settle as 1/n,
    and the interval is too wide. So it is where a measure is pressed against the end of its range, as the
    modularity of good codes is, and somewhat for precision, recall, density and coverage, because sparser
    samples have larger balls. A measure's bias at m differs from that at n, so only the scatter of the
    subsamples is used and not where they lie.

    Several sets are subsampled *independently* of each other. What belongs together row by row, as codes and
    their factors do, is one set: take the same row numbers of both.

    Args:
        statistic: takes one tensor of row numbers per set (int64 [m], CPU) and returns the measure on them.
        sizes: rows in the set, or in each of several independent sets, all subsampled alike.
        estimate: the measure on all rows.
        rng: draws the subsamples; a CPU generator.
        fraction: m/n, between 0 and 1.
        repeats: subsamples, at least 2.

    Raises:
        UserError: a fraction outside 0…1, fewer than two rows in a subsample, fewer than two repeats, or a
            value of the measure that is not finite.

    Source: Shao & Wu 1989 (the delete-d jackknife); Politis, Romano & Wolf 1999.
    """
    level = _checked_level(level)
    sizes = (sizes,) if isinstance(sizes, int) else tuple(sizes)
    if not 0 < fraction < 1:
        raise UserError(f"fraction must lie between 0 and 1, both excluded, found {fraction}")
    taken = [round(fraction * size) for size in sizes]
    if not taken or min(taken) < 2 or any(m >= size for m, size in zip(taken, sizes, strict=True)):
        raise UserError(
            f"subsamples of {fraction:g} of {sizes} rows would have {taken} rows; "
            "expected at least 2 in each and fewer than all"
        )
    estimates = []
    for _ in range(repeats):
        rows = (torch.randperm(n, generator=rng)[:m] for n, m in zip(sizes, taken, strict=True))
        estimates.append(float(statistic(*rows)))
    deviation = float(checked_values(estimates).std()) * math.sqrt(fraction / (1 - fraction))
    reach = float(special.stdtrit(repeats - 1, (1 + level) / 2)) * deviation
    method = f"{percent(level)}, {repeats} subsamples of {percent(fraction)} drawn without replacement"
    return Interval(float(estimate) - reach, float(estimate) + reach, method)


def _student(values: Tensor, level: float) -> tuple[float, float]:
    quantile = float(special.stdtrit(len(values) - 1, (1 + _checked_level(level)) / 2))
    centre, reach = float(values.mean()), quantile * float(values.std()) / math.sqrt(len(values))
    return centre - reach, centre + reach


def _percentiles_of_means(
    values: Tensor, rng: torch.Generator, resamples: int, level: float
) -> tuple[float, float]:
    tail = (1 - _checked_level(level)) / 2
    if resamples < 100:
        raise UserError(f"expected at least 100 resamples, found {resamples}; 2,000 are usual")
    together = max(1, RESAMPLED_VALUES_AT_ONCE // len(values))
    means = []
    for start in range(0, resamples, together):
        shape = (min(together, resamples - start), len(values))
        means.append(values[torch.randint(len(values), shape, generator=rng)].mean(dim=1))
    ends = torch.cat(means).quantile(torch.tensor([tail, 1 - tail], dtype=torch.float64))
    return float(ends[0]), float(ends[1])


def checked_values(values: Sequence[float] | Tensor, *, fewest: int = 2, infinite: bool = False) -> Tensor:
    """Values [n] as float64 on the CPU, once it is known that an interval can be made of them.

    Args:
        fewest: values that there must be.
        infinite: whether they may be so: order and ranks don't mind.

    Raises:
        UserError: not a row, too few, or one that is NaN or infinite (which).
    """
    checked = torch.as_tensor(values).detach().cpu().double()
    if checked.ndim != 1 or len(checked) < fewest:
        least = "two values" if fewest == 2 else f"{fewest} value{'s' * (fewest != 1)}"
        raise UserError(f"expected at least {least} in one row, found shape {tuple(checked.shape)}")
    faulty = checked.isnan() if infinite else ~torch.isfinite(checked)
    if faulty.any():
        position = int(faulty.nonzero()[0])
        raise UserError(f"value {position} is {checked[position].item()}; an interval needs finite values")
    return checked


def _checked_level(level: float) -> float:
    if not 0 < level < 1:
        raise UserError(f"level must lie between 0 and 1, found {level}; 0.95 is usual")
    return level


def percent(share: float) -> str:
    return f"{100 * share:g} %"
