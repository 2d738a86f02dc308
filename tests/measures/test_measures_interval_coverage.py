"""A small version of `benchmarks/interval_coverage.py`: cases whose truth has a closed form.

Seeds are those of the benchmark, from the cases' names. An interval that covers 93 % passes but for one draw in ten
thousand, so that no seed had to be chosen.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from scipy import stats

with pytest.MonkeyPatch.context() as patch:
    patch.syspath_prepend(Path(__file__).parents[2] / "benchmarks")
    from coverage_cases import Case, cases
    from coverage_counterexamples import counterexamples
    from interval_coverage import LEAST, simulate, verdict

SIMULATIONS = 120
EXACT = [case for case in cases() if case.exact and case.claim in ("holds", "at least")]


def named(case: Case) -> str:
    return f"{case.measures[0]}, {case.interval}, {case.truth}"


@pytest.mark.slow
@pytest.mark.parametrize("case", EXACT, ids=named)
def test_an_interval_contains_the_truth_as_often_as_it_says(case: Case):
    for found in simulate(case, SIMULATIONS, truth_draws=0):
        held = round(found["coverage"] * found["simulations"])
        assert held >= stats.binom.ppf(1e-4, found["simulations"], LEAST), found


def test_all_kinds_of_intervals_are_among_them():
    assert {case.interval for case in EXACT} == {
        "replicate_interval",
        "subsample_interval",
        "binomial_interval",
        ".interval",
        "mean_interval",
        "bootstrap_interval",
        "paired_bootstrap_interval",
        ".z ± 1.96",
    }


def test_resampling_a_frechet_distance_with_replacement_misses_its_expectation():
    case = next(case for case in counterexamples() if "equal distributions" in case.measures[0])
    (found,) = simulate(case, SIMULATIONS, truth_draws=SIMULATIONS)
    assert (found["measure"], found["interval"]) == (
        "frechet_distance, equal distributions",
        "bootstrap with replacement",
    )
    assert found["coverage"] == 0
    assert found["verdict"] == "too narrow"


def test_replicates_against_one_real_set_do_not_cover_all_real_sets():
    case = next(case for case in counterexamples() if case.interval == "replicate_interval, one real set")
    (found,) = simulate(case, SIMULATIONS, truth_draws=0)
    assert found["verdict"] == "too narrow"


@pytest.mark.parametrize(
    ("held", "simulations", "expected"),
    [
        (950, 1000, "holds"),
        (931, 1000, "holds"),
        (900, 1000, "too narrow"),
        (92, 100, "undecided"),
        (995, 1000, "too wide"),
        (100, 100, "undecided"),
    ],
)
def test_verdicts(held: int, simulations: int, expected: str):
    assert verdict(held, simulations) == expected
