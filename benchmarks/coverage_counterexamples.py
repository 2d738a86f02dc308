"""Intervals that are in use elsewhere, or that look as if they should do: ganlens does not offer them."""

from __future__ import annotations

from collections.abc import Callable

import torch
from coverage_cases import equal_sets_tested
from coverage_trials import REPLICATES, Case, found_once
from coverage_truths import (
    ROWS,
    Rng,
    expected_frechet_of_two_samples_on_a_line,
    expected_kernel_distance,
    fakes,
    normal,
)
from torch import Tensor

from ganlens.measures import (
    Interval,
    authenticity,
    binomial_interval,
    distance_ratio,
    frechet_distance,
    kernel_distance,
    replicate_interval,
    sliced_wasserstein,
    vendi_score,
)

RESAMPLES = 100


def counterexamples() -> list[Case]:
    """What is done elsewhere, or looks as if it should do."""

    def resampled(
        draw: Callable[[Rng], tuple[Tensor, ...]], value: Callable[..., float], rng: Rng
    ) -> Interval:
        """The percentiles of the measure on rows drawn with replacement."""
        sets = draw(rng)
        found = [
            value(*(s[torch.randint(len(s), (len(s),), generator=rng)] for s in sets))
            for _ in range(RESAMPLES)
        ]
        low, high = torch.tensor(found).quantile(torch.tensor([0.025, 0.975])).tolist()
        return Interval(low, high, "")

    def equal(rng: Rng) -> tuple[Tensor, ...]:
        return normal(rng, 128, 16), normal(rng, 128, 16)

    def different(rng: Rng) -> tuple[Tensor, ...]:
        return normal(rng, 128, 16), fakes(rng, 128, 16)

    def over_subsets(rng: Rng) -> Interval:
        a, b = normal(rng), fakes(rng)
        return replicate_interval(
            [kernel_distance(a, b, rng=rng, subsets=1, subset_size=50) for _ in range(50)]
        )

    def over_directions(rng: Rng) -> Interval:
        a, b = normal(rng), fakes(rng)
        return replicate_interval([sliced_wasserstein(a, b, rng=rng, projections=1) ** 2 for _ in range(50)])

    def over_folds(rng: Rng) -> Interval:
        return replicate_interval(equal_sets_tested(rng).fold_accuracies)

    def all_rows_told(rng: Rng) -> Interval:
        return binomial_interval(round(200 * equal_sets_tested(rng).accuracy), 200)

    def share_of_winners(rng: Rng) -> Interval:
        found = distance_ratio(normal(rng), normal(rng), 0.3 * normal(rng), rng=rng)
        return binomial_interval(round(ROWS * found.nearer_to_train), ROWS)

    def one_training_set(rng: Rng) -> Interval:
        return authenticity(normal(rng, ROWS, 1), normal(rng, 5 * ROWS, 1)).interval

    def one_real_set(rng: Rng) -> Interval:
        real = normal(rng, ROWS, 1)
        return replicate_interval([frechet_distance(real, fakes(rng, ROWS, 1)) for _ in range(REPLICATES)])

    return [
        found_once(
            "frechet_distance, equal distributions",
            "bootstrap with replacement",
            lambda rng: resampled(equal, frechet_distance, rng),
            lambda rng: (frechet_distance(*equal(rng)),),
            cost=5,
        ),
        found_once(
            "frechet_distance",
            "bootstrap with replacement",
            lambda rng: resampled(different, frechet_distance, rng),
            lambda rng: (frechet_distance(*different(rng)),),
            cost=5,
        ),
        found_once(
            "vendi_score",
            "bootstrap with replacement",
            lambda rng: resampled(lambda rng: (normal(rng, 64, 16),), vendi_score, rng),
            lambda rng: (vendi_score(normal(rng, 64, 16)),),
            cost=5,
        ),
        found_once("kernel_distance", "t over its subsets", over_subsets, expected_kernel_distance(), cost=5),
        found_once(
            "sliced_wasserstein²",
            "t over its directions",
            over_directions,
            lambda rng: (sliced_wasserstein(normal(rng), fakes(rng), rng=rng, projections=20) ** 2,),
            cost=5,
        ),
        found_once(
            "classifier_two_sample_test.accuracy",
            "t over folds",
            over_folds,
            0.5,
            truth="½: equal distributions",
            cost=4,
        ),
        found_once(
            "classifier_two_sample_test.accuracy",
            "binomial of all rows told",
            all_rows_told,
            0.5,
            truth="½: equal distributions",
            cost=4,
        ),
        found_once(
            "distance_ratio.nearer_to_train",
            "binomial of all fakes",
            share_of_winners,
            0.5,
            truth="½: collapsed fakes, none copied",
        ),
        found_once(
            "authenticity.share",
            ".interval, one training set",
            one_training_set,
            1 / 3,
            truth="⅓: over all training sets",
            cost=2,
        ),
        found_once(
            "frechet_distance",
            "replicate_interval, one real set",
            one_real_set,
            expected_frechet_of_two_samples_on_a_line(),
            truth="its expectation at this n, over all real sets",
        ),
    ]
