from __future__ import annotations

import math

import pytest
import torch
from sklearn.metrics import mutual_info_score
from torch import Tensor

from ganlens.measures import subsample_interval
from ganlens.measures.disentanglement import (
    discretise,
    entropies,
    mutual_information,
    mutual_information_gap,
    shuffled_codes,
)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=generator(seed), dtype=torch.float64)


def every_combination(*values: int, times: int = 1) -> Tensor:
    """Each combination of factor values equally often: the factors are exactly independent."""
    return torch.cartesian_prod(*(torch.arange(v) for v in values)).repeat(times, 1)


def binary_entropy(p: float) -> float:
    return -p * math.log(p) - (1 - p) * math.log(1 - p)


def test_entropies_and_information_by_hand():
    codes = torch.tensor([[0], [0], [1], [1]])
    factors = torch.tensor([[0, 0, 0], [0, 1, 0], [1, 0, 0], [1, 1, 1]])
    # The first factor is the code; the second is independent of it; of the third, p(c, v) = 1/2, 0, 1/4, 1/4.
    third = 0.5 * math.log(0.5 / (0.5 * 0.75)) + 0.25 * math.log(0.25 / (0.5 * 0.75)) + 0.25 * math.log(2)
    assert mutual_information(codes, factors)[0].tolist() == pytest.approx([math.log(2), 0, third], abs=1e-15)
    assert entropies(factors).tolist() == pytest.approx([math.log(2), math.log(2), binary_entropy(0.25)])


def test_information_is_scikit_learns():
    codes, factors = discretise(random(700, 4), 20), discretise(random(700, 3, seed=1), 7)
    factors[:, 0] = codes[:, 2] // 3
    found = mutual_information(codes, factors)
    for i in range(4):
        for j in range(3):
            assert found[i, j] == pytest.approx(mutual_info_score(codes[:, i], factors[:, j]), abs=1e-12)


def test_information_of_noise_is_too_large_by_half_a_chi_square():
    bins, values, n, trials = 20, 10, 2000, 300
    codes = torch.randint(bins, (n, trials), generator=generator(1))
    factors = torch.randint(values, (n, 1), generator=generator(2))
    found = mutual_information(codes, factors)[:, 0]
    degrees = (bins - 1) * (values - 1)
    # 2n times the information is nearly χ²: mean (b − 1)(v − 1), variance twice that.
    error = 3 * math.sqrt(2 * degrees / trials) / (2 * n)
    assert float(found.mean()) == pytest.approx(degrees / (2 * n), abs=error + 0.02 * degrees / (2 * n))


def test_codes_that_are_the_factors_score_exactly_one():
    factors = every_combination(3, 4, 5)
    found = mutual_information_gap(factors.double(), factors)
    assert found.per_factor.tolist() == pytest.approx([1, 1, 1], abs=1e-12)
    assert found.score == pytest.approx(1, abs=1e-12)
    assert found.entropies.tolist() == pytest.approx([math.log(v) for v in (3, 4, 5)])
    assert found.information.tolist() == [
        pytest.approx(row, abs=1e-12) for row in torch.diag(found.entropies).tolist()
    ]


def test_continuous_factors_are_compared_bin_by_bin():
    line = torch.linspace(0, 1, 100, dtype=torch.float64)
    factors = torch.cartesian_prod(line, line)
    assert mutual_information_gap(factors, factors).score == pytest.approx(1, abs=1e-12)
    assert mutual_information_gap(factors, factors).entropies.tolist() == pytest.approx([math.log(20)] * 2)


@pytest.mark.parametrize("flips", [0, 100, 250, 500])
def test_a_binary_channel_has_the_closed_form(flips: int):
    # Of 1,000 rows of each value `flips` are wrong, so I = ln 2 − h(ε); the second code is independent of it.
    factor = torch.arange(2).repeat_interleave(1000)
    wrong = torch.arange(2000) % 1000 < flips
    second = torch.arange(2000) % 2
    codes = torch.stack([(factor ^ wrong).double(), second.double()], dim=1)
    capacity = math.log(2) - (binary_entropy(flips / 1000) if flips else 0)
    found = mutual_information_gap(codes, factor[:, None])
    assert found.information[:, 0].tolist() == pytest.approx([capacity, 0], abs=1e-12)
    assert found.score == pytest.approx(capacity / math.log(2), abs=1e-12)


def test_a_factor_in_two_halves_scores_the_share_that_one_code_holds_more():
    # 8 values: one code tells which of 4 pairs (2 ln 2 nats), another which of the pair (ln 2), of 3 ln 2.
    factor = torch.arange(8).repeat(10)
    codes = torch.stack([factor // 2, factor % 2], dim=1).double()
    assert mutual_information_gap(codes, factor[:, None]).score == pytest.approx(1 / 3, abs=1e-12)


def test_a_copied_code_makes_the_gap_zero():
    factors = every_combination(4, 4)
    copied = torch.cat([factors, factors[:, :1] * -3], dim=1).double()
    assert mutual_information_gap(copied, factors).per_factor.tolist() == pytest.approx([0, 1], abs=1e-12)


def test_it_does_not_see_a_code_that_holds_two_factors():
    factors = every_combination(4, 4)
    both = torch.stack([factors[:, 0] * 4 + factors[:, 1], torch.zeros(16)], dim=1).double()
    assert mutual_information_gap(both, factors).per_factor.tolist() == pytest.approx([1, 1], abs=1e-12)


def test_factors_turned_by_45_degrees_have_no_gap_but_that_of_sampling():
    factors = torch.rand(20_000, 2, generator=generator(), dtype=torch.float64)
    turned = torch.stack([factors[:, 0] + factors[:, 1], factors[:, 0] - factors[:, 1]], dim=1)
    assert mutual_information_gap(factors, factors).score > 0.99
    # Both codes tell equally much of each factor, so that only the difference of two estimates is left.
    assert mutual_information_gap(turned, factors).information.min() > 0.3
    assert mutual_information_gap(turned, factors).score < 0.01


def test_more_noise_scores_lower_down_to_the_floor():
    factors = every_combination(5, 5, times=80)
    noise = random(len(factors), 2)
    scores = [mutual_information_gap(factors + s * noise, factors).score for s in (0.05, 0.3, 0.6, 1.2, 10)]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] > 0.95
    floor = mutual_information_gap(shuffled_codes(factors.double(), generator()), factors).score
    assert scores[-1] < 0.02
    assert floor < 0.02


def test_order_sign_and_scale_do_not_matter():
    factors = every_combination(5, 4, times=50)
    codes = torch.cat([factors + 0.4 * random(1000, 2), random(1000, 1, seed=1)], dim=1)
    expected = mutual_information_gap(codes, factors)
    rows = torch.randperm(1000, generator=generator(3))
    changed = (codes * torch.tensor([-4.0, 0.5, 64.0]))[:, [2, 0, 1]]
    found = mutual_information_gap(changed[rows], factors[rows])
    # Turning a code over moves what lies on a cut of equal width; here nothing does.
    assert found.score == pytest.approx(expected.score, abs=1e-12)
    torch.testing.assert_close(found.information, expected.information[[2, 0, 1]], rtol=0, atol=1e-12)
    assert mutual_information_gap(codes.float(), factors).score == pytest.approx(expected.score, abs=1e-3)


def test_no_monotone_rescaling_matters_to_equal_counts():
    factors = every_combination(5, 4, times=50)
    codes = factors + 0.4 * random(1000, 2)
    expected = mutual_information_gap(codes, factors, equal_counts=True).score
    assert mutual_information_gap((2 * codes).exp(), factors, equal_counts=True).score == expected
    assert mutual_information_gap((2 * codes).exp(), factors).score < expected - 0.05


def test_a_constant_code_tells_nothing():
    factors = every_combination(3, 4)
    codes = torch.cat([factors.double(), torch.full((12, 1), 0.1, dtype=torch.float64)], dim=1)
    found = mutual_information_gap(codes, factors)
    assert found.information[2].tolist() == [0, 0]
    assert found.score == pytest.approx(1, abs=1e-12)


def test_shuffled_codes_are_the_same_rows_in_another_order():
    codes = random(200, 3)
    shuffled = shuffled_codes(codes, generator())
    assert not torch.equal(shuffled, codes)
    assert torch.equal(shuffled[shuffled[:, 0].argsort()], codes[codes[:, 0].argsort()])
    assert torch.equal(shuffled, shuffled_codes(codes, generator()))


def test_its_interval_for_a_table_contains_the_expectation_as_often_as_it_says():
    def table(seed: int) -> tuple[Tensor, Tensor]:
        factors = torch.randint(4, (500, 2), generator=generator(1000 + seed))
        mixed = factors + 0.4 * factors.flip(1) * torch.tensor([1, 0])
        return torch.cat(
            [mixed + 0.6 * random(500, 2, seed=seed), random(500, 1, seed=seed + 500)], 1
        ), factors

    def gap(codes: Tensor, factors: Tensor) -> float:
        return mutual_information_gap(codes, factors).score

    expectation = sum(gap(*table(seed)) for seed in range(100, 400)) / 300
    held = 0
    for seed in range(80):
        codes, factors = table(seed)
        interval = subsample_interval(
            lambda rows, c=codes, f=factors: gap(c[rows], f[rows]),
            500,
            estimate=gap(codes, factors),
            rng=generator(seed),
            repeats=15,
        )
        held += interval.low <= expectation <= interval.high
    # 95 % of 80 is 76, with a deviation of 1.9.
    assert held >= 71
