"""Every measure with every interval that is valid for it, on distributions with known answers."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import torch
from coverage_trials import (
    REPLICATES,
    Case,
    Trial,
    direct,
    found_once,
    replicated,
    subsampled,
    trials_of,
)
from coverage_truths import (
    MAP,
    MODE_SHARES,
    ROWS,
    WIDTH,
    Rng,
    authentic_share_on_a_line,
    draw_group,
    expected_coverage,
    expected_distance_of_a_pair,
    expected_frechet_of_two_samples_on_a_line,
    expected_frechet_on_a_line,
    expected_kernel_distance,
    expected_kl,
    expected_mmd,
    factors_and_codes,
    fakes,
    noisy_fakes,
    normal,
)
from scipy import stats
from torch import Tensor

from ganlens.measures import (
    Interval,
    LinearClassifier,
    PathLength,
    TwoSampleTest,
    authenticity,
    binomial_interval,
    bootstrap_interval,
    classifier_two_sample_test,
    clip_style_mmd,
    copying_statistic,
    distance_ratio,
    feature_likelihood_gap,
    frechet_distance,
    frechet_distance_extrapolated,
    inception_score,
    kernel_distance,
    mean_interval,
    mode_coverage,
    paired_bootstrap_interval,
    pairwise_diversity,
    perceptual_path_length,
    prdc,
    replicate_interval,
    share_intervals,
    sliced_wasserstein,
    vendi_score,
)
from ganlens.measures.disentanglement import (
    beta_vae_score,
    dci,
    explicitness,
    factor_vae_score,
    interventional_robustness,
    modularity,
    mutual_information_gap,
    sap_score,
)

NULL = float(stats.norm.ppf(0.975))
GIVEN_REAL = "its expectation at this n, against these real rows"

REAL, REAL_2, HELD_OUT_2 = (
    normal(torch.Generator().manual_seed(seed), rows, width)
    for seed, rows, width in ((1, ROWS, WIDTH), (2, 60, 2), (3, 60, 2))
)


def cases() -> list[Case]:
    return [*generated(), *fixed_sets(), *shares(), *means(), *nulls(), *disentangled()]


def generated() -> list[Case]:
    """Measures of a generator, which can be sampled again: replicates."""
    return [
        Case(("frechet_distance",), "replicate_interval", GIVEN_REAL, "holds", 1, True, _frechet_on_a_line),
        replicated(("frechet_distance",), lambda rng: (frechet_distance(REAL, fakes(rng)),), GIVEN_REAL),
        replicated(
            ("frechet_distance_extrapolated.value",),
            lambda rng: (frechet_distance_extrapolated(REAL, fakes(rng), rng=rng, sizes=5).value,),
            GIVEN_REAL,
            cost=2,
        ),
        replicated(
            ("kernel_distance",),
            lambda rng: (_kernel_distance(normal(rng), fakes(rng), rng),),
            exact=(expected_kernel_distance(),),
        ),
        replicated(
            ("clip_style_mmd",),
            lambda rng: (clip_style_mmd(normal(rng), fakes(rng), sigma=2.0),),
            exact=(expected_mmd(2.0, 1000.0),),
        ),
        replicated(
            ("sliced_wasserstein",),
            lambda rng: (sliced_wasserstein(REAL, fakes(rng), rng=rng, projections=20),),
            GIVEN_REAL,
        ),
        replicated(
            ("prdc.density", "prdc.coverage"),
            lambda rng: _prdc(normal(rng), normal(rng))[2:],
            exact=(1.0, expected_coverage(5)),
            cost=2,
        ),
        replicated(
            ("prdc.precision", "prdc.recall", "prdc.density", "prdc.coverage"),
            lambda rng: _prdc(REAL, noisy_fakes(rng)),
            GIVEN_REAL,
            cost=2,
        ),
        replicated(("inception_score",), lambda rng: (inception_score(_probabilities(rng)),)),
        replicated(("vendi_score",), lambda rng: (vendi_score(fakes(rng)),)),
        replicated(
            ("pairwise_diversity",),
            lambda rng: (pairwise_diversity(normal(rng)),),
            exact=(expected_distance_of_a_pair(),),
        ),
        replicated(
            ("mode_coverage.kl",),
            lambda rng: (mode_coverage(_labels(rng), len(MODE_SHARES)).kl,),
            exact=(expected_kl(MODE_SHARES, torch.full_like(MODE_SHARES, 1 / len(MODE_SHARES))),),
        ),
        replicated(
            ("perceptual_path_length.value, trimmed",), lambda rng: (_path_length(rng, trim=0.01).value,)
        ),
        replicated(
            ("feature_likelihood_gap.excess",),
            lambda rng: (feature_likelihood_gap(REAL_2, HELD_OUT_2, fakes(rng, 60, 2), rng=rng).excess,),
            GIVEN_REAL,
            cost=4,
        ),
    ]


def fixed_sets() -> list[Case]:
    """Measures of sets that can't be drawn again: subsamples without replacement."""

    def both(rng: Rng) -> tuple[Tensor, Tensor]:
        return normal(rng), fakes(rng)

    return [
        subsampled(
            ("frechet_distance",),
            lambda rng: (normal(rng, ROWS, 1), fakes(rng, ROWS, 1)),
            lambda a, b: (frechet_distance(a, b),),
            exact=(expected_frechet_of_two_samples_on_a_line(),),
        ),
        subsampled(("frechet_distance",), both, lambda a, b: (frechet_distance(a, b),)),
        subsampled(
            ("frechet_distance, equal distributions",),
            lambda rng: (normal(rng), normal(rng)),
            lambda a, b: (frechet_distance(a, b),),
            claim="too wide",
        ),
        subsampled(
            ("kernel_distance",),
            both,
            lambda a, b: (_kernel_distance(a, b, torch.Generator()),),
            exact=(expected_kernel_distance(),),
        ),
        subsampled(
            ("clip_style_mmd",),
            both,
            lambda a, b: (clip_style_mmd(a, b, sigma=2.0),),
            exact=(expected_mmd(2.0, 1000.0),),
        ),
        subsampled(
            ("sliced_wasserstein",),
            both,
            lambda a, b: (sliced_wasserstein(a, b, rng=torch.Generator().manual_seed(0), projections=20),),
        ),
        subsampled(
            ("pairwise_diversity",),
            lambda rng: (normal(rng),),
            lambda a: (pairwise_diversity(a),),
            exact=(expected_distance_of_a_pair(),),
        ),
        subsampled(("vendi_score",), lambda rng: (fakes(rng),), lambda a: (vendi_score(a),)),
        subsampled(
            ("prdc.precision", "prdc.recall", "prdc.density", "prdc.coverage"),
            lambda rng: (normal(rng), noisy_fakes(rng)),
            _prdc,
            claim="at least",
            cost=4,
        ),
    ]


def shares() -> list[Case]:
    """Shares of independent draws: the exact binomial interval."""

    def one_share(rng: Rng) -> tuple[Interval, float]:
        return share_intervals(_labels(rng), len(MODE_SHARES))[3], float(MODE_SHARES[3])

    def authentic(rng: Rng) -> tuple[Interval, float]:
        train = normal(rng, ROWS, 1)
        return authenticity(train, normal(rng, ROWS, 1)).interval, authentic_share_on_a_line(train)

    def equal(rng: Rng) -> tuple[Interval, float]:
        return equal_sets_tested(rng).interval, 0.5

    def shifted(rng: Rng) -> tuple[Interval, float]:
        a, b = normal(rng, ROWS, 1), normal(rng, ROWS, 1) + 1
        found = classifier_two_sample_test(a, b, rng=rng, classifier=LinearClassifier())
        return found.interval, float(stats.norm.cdf(0.5))

    def precise(rng: Rng) -> Interval:
        return binomial_interval(round(ROWS * prdc(REAL, noisy_fakes(rng)).precision), ROWS)

    given = "the share, given this training set"
    return [
        found_once(
            "prdc.precision",
            "binomial_interval",
            precise,
            lambda rng: _prdc(REAL, noisy_fakes(rng))[:1],
            truth=GIVEN_REAL,
            claim="holds",
            cost=2,
        ),
        direct("share_intervals", "binomial_interval", "the known share, .1", one_share),
        direct("authenticity.share", ".interval", given, authentic),
        direct(
            "classifier_two_sample_test.accuracy",
            ".interval",
            "½: equal distributions",
            equal,
            claim="at least",
            cost=4,
        ),
        direct(
            "classifier_two_sample_test.accuracy",
            ".interval",
            "the best classifier's, Φ(½), of two Gaussians",
            shifted,
            claim="at least",
            cost=4,
        ),
    ]


def means() -> list[Case]:
    """Means of one value per independent draw."""
    length = 2 * float(MAP.square().sum())

    def student(rng: Rng) -> tuple[Interval, float]:
        return mean_interval(_path_length(rng).lengths), length

    def bootstrap(rng: Rng) -> tuple[Interval, float]:
        return bootstrap_interval(_path_length(rng).lengths, rng=rng, resamples=500), length

    def paired(rng: Rng) -> tuple[Interval, float]:
        hardness, ease = normal(rng, ROWS, 2).exp().unbind(dim=1)
        return paired_bootstrap_interval(hardness + ease, hardness, rng=rng, resamples=500), math.exp(0.5)

    closed = "2‖W‖², of a linear generator W"
    return [
        direct("perceptual_path_length.lengths", "mean_interval", closed, student),
        direct("perceptual_path_length.lengths", "bootstrap_interval", closed, bootstrap),
        direct("a difference of means", "paired_bootstrap_interval", "√e, of log-normal values", paired),
    ]


def nulls() -> list[Case]:
    """Scores in standard deviations: 0 ± 1.96 is where 95 % of generators that did not copy score."""

    def copying(rng: Rng) -> tuple[Interval, float]:
        z = copying_statistic(normal(rng, 300, 2), normal(rng, 300, 2), normal(rng, 300, 2), rng=rng).z
        return Interval(z - NULL, z + NULL, ""), 0.0

    def ratio(rng: Rng) -> tuple[Interval, float]:
        z = distance_ratio(normal(rng), normal(rng), fakes(rng), rng=rng).z
        return Interval(z - NULL, z + NULL, ""), 0.0

    return [
        direct("copying_statistic.z", ".z ± 1.96", "0: fakes from the truth", copying, cost=2),
        direct("distance_ratio.z", ".z ± 1.96", "0: bad fakes, none copied", ratio),
    ]


def disentangled() -> list[Case]:
    """Scores of codes with known factors, on fresh samples and on one table."""

    def table(rng: Rng, rows: int = 300) -> tuple[Tensor]:
        """One set: a subsample takes a row's codes and factors together."""
        return (torch.cat(factors_and_codes(rng, rows), dim=1),)

    def scored(rows: Tensor) -> tuple[float, ...]:
        codes, factors = rows[:, :3], rows[:, 3:]
        return (
            mutual_information_gap(codes, factors, 8).score,
            modularity(codes, factors, 8).score,
            sap_score(codes, factors, rng=torch.Generator().manual_seed(0), bins=8).score,
        )

    def robust(rows: Tensor) -> tuple[float, ...]:
        return (interventional_robustness(rows[:, :3], rows[:, 3:], 8).score,)

    def tied(rows: Tensor) -> tuple[float, ...]:
        """Two codes that know one factor equally well."""
        return (mutual_information_gap(rows[:, :2], rows[:, 2:], 8).score,)

    def two_of_one(rng: Rng) -> tuple[Tensor]:
        factor = torch.rand(300, 1, generator=rng, dtype=torch.float64)
        return (torch.cat([factor + 0.2 * normal(rng, 300, 2), factor], dim=1),)

    def trees(rows: Tensor) -> tuple[float, ...]:
        found = dci(rows[:, :3], (3 * rows[:, 3:]).long(), rng=torch.Generator().manual_seed(0), rounds=5)
        return found.disentanglement, found.completeness, found.informativeness

    def pairs(rng: Rng, test: int) -> float:
        return beta_vae_score(draw_group, 3, rng=rng, batch=4, train_points=200, test_points=test).score

    def votes(rng: Rng, test: int) -> float:
        codes = draw_group(0, ROWS, 1, rng).flatten(1)
        found = factor_vae_score(codes, draw_group, 3, rng=rng, batch=8, train_votes=200, test_votes=test)
        return found.score

    def judged(score: Callable[[Rng, int], float]) -> Callable[[Rng], tuple[Interval, float]]:
        """The interval of 200 test points, and the share of very many with the same training ones: those are
        drawn first, so that the same seed draws them again."""

        def once(rng: Rng) -> tuple[Interval, float]:
            seed = int(torch.randint(1 << 40, (), generator=rng))
            share, truth = (score(torch.Generator().manual_seed(seed), test) for test in (200, 20_000))
            return binomial_interval(round(200 * share), 200), truth

        return once

    scores = tuple(f"{name}.score" for name in ("mutual_information_gap", "modularity", "sap_score"))
    of_trees = ("dci.disentanglement", "dci.completeness", "dci.informativeness")
    given = "the share of endless test points, given what was learned"
    return [
        replicated(scores, lambda rng: scored(*table(rng))),
        replicated(("interventional_robustness.score",), lambda rng: robust(*table(rng))),
        replicated(
            ("explicitness.score",),
            lambda rng: (explicitness(*factors_and_codes(rng, 150), rng=rng, bins=3).score,),
            cost=8,
        ),
        replicated(of_trees, lambda rng: trees(*table(rng, 150)), cost=8),
        subsampled(scores, table, scored, claim="at least", cost=2),
        subsampled(
            ("mutual_information_gap.score, two codes tie",), two_of_one, tied, claim="too wide", cost=4
        ),
        subsampled(of_trees, lambda rng: table(rng, 150), trees, claim="at least", cost=16),
        direct("beta_vae_score.score", "binomial_interval", given, judged(pairs), cost=4),
        direct("factor_vae_score.score", "binomial_interval", given, judged(votes), cost=4),
    ]


def _frechet_on_a_line(simulations: int, _: int, rng: Rng) -> Iterator[tuple[Trial, ...]]:
    """A real set of its own for every simulation: given that, the expectation has a closed form."""
    for _simulation in range(simulations):
        real = normal(rng, ROWS, 1)
        values = [frechet_distance(real, fakes(rng, ROWS, 1)) for _ in range(REPLICATES)]
        yield trials_of([replicate_interval(values)], [expected_frechet_on_a_line(real)])


def _kernel_distance(a: Tensor, b: Tensor, rng: Rng) -> float:
    return kernel_distance(a, b, rng=rng, subsets=1)


def _prdc(real: Tensor, fake: Tensor) -> tuple[float, ...]:
    found = prdc(real, fake)
    return found.precision, found.recall, found.density, found.coverage


def _probabilities(rng: Rng) -> Tensor:
    return (3 * normal(rng, ROWS, 5)).softmax(dim=1)


def _labels(rng: Rng) -> Tensor:
    return torch.multinomial(MODE_SHARES, ROWS, replacement=True, generator=rng)


def equal_sets_tested(rng: Rng) -> TwoSampleTest:
    a, b = normal(rng, 100, 16), normal(rng, 100, 16)
    return classifier_two_sample_test(a, b, rng=rng, classifier=LinearClassifier())


def _path_length(rng: Rng, trim: float = 0.0) -> PathLength:
    """Of the linear generator `MAP`, along straight lines: the squared length of MAP times the difference."""
    return perceptual_path_length(
        lambda latents: latents @ MAP.T,
        normal(rng, ROWS, 8),
        normal(rng, ROWS, 8),
        lambda a, b: torch.linalg.vector_norm(a - b, dim=1),
        rng=rng,
        interpolation="linear",
        trim=trim,
        batch_size=ROWS,
    )
