from __future__ import annotations

import math

import pytest
import torch
from scipy import stats
from torch import Tensor

from ganlens.errors import UserError
from ganlens.measures import (
    binomial_interval,
    bootstrap_interval,
    frechet_distance,
    intervals,
    mean_interval,
    paired_bootstrap_interval,
    replicate_interval,
    subsample_interval,
)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=generator(seed), dtype=torch.float64)


@pytest.mark.parametrize(
    ("successes", "trials"), [(0, 10), (10, 10), (3, 10), (1, 1), (480, 500), (1, 10_000)]
)
@pytest.mark.parametrize("level", [0.8, 0.95])
def test_binomial_equals_scipys_exact_interval(successes: int, trials: int, level: float):
    expected = stats.binomtest(successes, trials).proportion_ci(level, method="exact")
    found = binomial_interval(successes, trials, level)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_binomial_without_successes_has_the_closed_form():
    found = binomial_interval(0, 20)
    assert found.low == 0.0
    assert found.high == pytest.approx(1 - 0.025 ** (1 / 20), rel=1e-12)
    assert found.method == "95 %, exact binomial, 20 trials"


def test_binomial_contains_the_truth_at_least_as_often_as_it_says():
    trials = 30
    ends = [binomial_interval(s, trials) for s in range(trials + 1)]
    for share in torch.linspace(0.01, 0.99, 50).tolist():
        held = sum(stats.binom.pmf(s, trials, share) for s, e in enumerate(ends) if e.low <= share <= e.high)
        assert held >= 0.95


def test_replicates_by_hand():
    # mean 2, standard deviation 1, t(2 degrees) = 4.3027 at 97.5 %
    found = replicate_interval([1.0, 2.0, 3.0])
    reach = 4.302652729911275 / math.sqrt(3)
    assert (found.low, found.high) == pytest.approx((2 - reach, 2 + reach), rel=1e-9)
    assert found.method == "95 %, Student's t over 3 independent replicates"


def test_replicates_and_means_contain_the_truth_as_often_as_they_say():
    draws = random(2000, 5) * 3 + 10
    held = sum(e.low <= 10 <= e.high for e in map(replicate_interval, draws))
    assert 0.935 <= held / 2000 <= 0.965
    skewed = torch.distributions.Exponential(torch.tensor(1.0, dtype=torch.float64))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        draws = skewed.sample((1000, 200))
    held = sum(e.low <= 1 <= e.high for e in map(mean_interval, draws))
    assert 0.925 <= held / 1000 <= 0.965


def test_bootstrap_contains_the_truth_as_often_as_it_says():
    held = 0
    for trial in range(400):
        values = random(80, seed=trial).exp()
        found = bootstrap_interval(values, rng=generator(trial), resamples=300)
        held += found.low <= math.exp(0.5) <= found.high
    assert 0.88 <= held / 400 <= 0.965  # heavy-tailed on purpose: 80 log-normal values


def test_bootstrap_of_many_values_is_the_normal_interval():
    values = random(5000)
    found = bootstrap_interval(values, rng=generator(), resamples=4000)
    reach = 1.959964 * float(values.std()) / math.sqrt(5000)
    centre = float(values.mean())
    assert (found.low, found.high) == pytest.approx((centre - reach, centre + reach), abs=0.08 * reach)


def test_bootstrap_is_the_same_however_it_is_chunked(monkeypatch: pytest.MonkeyPatch):
    values = random(50)
    whole = bootstrap_interval(values, rng=generator(3), resamples=200)
    monkeypatch.setattr(intervals, "RESAMPLED_VALUES_AT_ONCE", 1)
    assert bootstrap_interval(values, rng=generator(3), resamples=200) == whole


def test_pairing_removes_what_both_share():
    hardness = 10 * random(300)
    first, second = hardness + 0.1 * random(300, seed=1) + 0.05, hardness
    found = paired_bootstrap_interval(first, second, rng=generator())
    difference = first - second
    assert 0 < found.low < float(difference.mean()) < found.high < 0.1
    reversed_ = paired_bootstrap_interval(second, first, rng=generator())
    assert (reversed_.low, reversed_.high) == pytest.approx((-found.high, -found.low), abs=1e-3)
    apart = mean_interval(first).high - mean_interval(first).low
    assert found.high - found.low < 0.05 * apart


def test_subsampling_a_mean_gives_its_standard_error_at_any_fraction():
    values = random(400)
    expected = float(values.std()) / math.sqrt(400)
    for fraction in (0.1, 0.5, 0.8):
        found = subsample_interval(
            lambda rows: float(values[rows].mean()),
            400,
            estimate=float(values.mean()),
            rng=generator(),
            fraction=fraction,
            repeats=2000,
        )
        assert (found.low + found.high) / 2 == pytest.approx(float(values.mean()), abs=1e-9)
        assert (found.high - found.low) / 2 / 1.961 == pytest.approx(expected, rel=0.06)


def test_subsampling_never_takes_a_row_twice_and_takes_the_same_share_of_each_set():
    seen = []

    def statistic(first: Tensor, second: Tensor) -> float:
        assert len(first.unique()) == len(first) == 25
        assert len(second.unique()) == len(second) == 10
        assert 0 <= int(first.min()) <= int(first.max()) < 100
        seen.append(float(first.sum()))
        return seen[-1]

    found = subsample_interval(statistic, (100, 40), estimate=0.0, rng=generator(), fraction=0.25, repeats=12)
    assert len(set(seen)) == 12
    assert found.method == "95 %, 12 subsamples of 25 % drawn without replacement"


def far_apart(trial: int) -> tuple[Tensor, Tensor]:
    a, b = random(80, 3, seed=2 * trial), random(80, 3, seed=2 * trial + 1)
    return a, 1.5 * b + torch.tensor([1.0, 0.0, 0.0])


def test_subsampling_a_frechet_distance_contains_its_expectation_as_often_as_it_says():
    estimates, found = [], []
    for trial in range(150):
        a, b = far_apart(trial)
        estimates.append(frechet_distance(a, b))
        found.append(
            subsample_interval(
                lambda i, j, a=a, b=b: frechet_distance(a[i], b[j]),
                (80, 80),
                estimate=estimates[-1],
                rng=generator(trial),
                repeats=25,
            )
        )
    expectation = sum(estimates) / len(estimates)
    held = sum(e.low <= expectation <= e.high for e in found) / len(found)
    assert 0.90 <= held <= 0.99


def test_resampling_a_frechet_distance_with_replacement_excludes_its_own_estimate():
    """Why there is no bootstrap for distances here."""
    a, b, rng = random(200, 32), random(200, 32, seed=1), generator()
    estimate = frechet_distance(a, b)
    resampled = torch.tensor(
        [
            frechet_distance(*(x[torch.randint(200, (200,), generator=rng)] for x in (a, b)))
            for _ in range(100)
        ]
    )
    assert float(resampled.min()) > 1.5 * estimate


def test_bad_requests_are_refused():
    for call, message in (
        (lambda: binomial_interval(3, 2), "found 3 of 2"),
        (lambda: binomial_interval(0, 0), "at least 1 trial"),
        (lambda: binomial_interval(1, 2, level=95), "level must lie between 0 and 1, found 95"),
        (lambda: replicate_interval([1.0]), "at least two values"),
        (lambda: mean_interval([1.0, float("nan")]), "value 1 is nan"),
        (lambda: mean_interval(torch.zeros(2, 2)), r"found shape \(2, 2\)"),
        (
            lambda: bootstrap_interval([1.0, 2.0], rng=generator(), resamples=5),
            "at least 100 resamples, found 5",
        ),
        (lambda: paired_bootstrap_interval([1.0, 2.0], [1.0, 2.0, 3.0], rng=generator()), "found 2 and 3"),
        (
            lambda: subsample_interval(float, 10, estimate=0, rng=generator(), fraction=1.0),
            "fraction must lie",
        ),
        (
            lambda: subsample_interval(float, 3, estimate=0, rng=generator(), fraction=0.2),
            "at least 2 in each",
        ),
        (lambda: subsample_interval(len, 10, estimate=0, rng=generator(), repeats=1), "at least two values"),
    ):
        with pytest.raises(UserError, match=message):
            call()
