"""Comparisons along axes: closed forms, other libraries' values, levels that hold, and which axis explains which."""

from __future__ import annotations

import math

import pytest
import torch
from scipy import stats
from torch import Tensor

from ganlens.explain.spread.axes import Axis
from ganlens.explain.spread.comparison import compare
from ganlens.explain.spread.explanation import class_weights, tell_apart
from ganlens.explain.spread.faults import Limits, faults

LIMITS = Limits(hardly=0.4, narrow=0.75, wide=1.5, cut=0.05, elsewhere=0.1, level=0.002)


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def normal(n: int, columns: int = 1, seed: int = 0) -> Tensor:
    return torch.randn(n, columns, generator=rng(seed), dtype=torch.float64)


def least(columns: int = 1) -> Tensor:
    return torch.full((columns,), 1e-6, dtype=torch.float64)


def axes(*names: str) -> list[Axis]:
    return [Axis(name, "reading", 1e-6) for name in names]


def test_ranks_are_those_of_scipy_with_ties_as_well() -> None:
    first, second = normal(300, 2, 1), 0.7 * normal(200, 2, 2) + 0.3
    first[:, 1], second[:, 1] = first[:, 1].round(), second[:, 1].round()
    measured = compare(first, second, least(2))
    for column in range(2):
        a, b = first[:, column].numpy(), second[:, column].numpy()
        assert measured.above[column] == pytest.approx(stats.mannwhitneyu(a, b).statistic / (300 * 200))
        gaps = [(a <= x).mean() - (b <= x).mean() for x in [-math.inf, *a, *b]]
        rises = [
            high - low for low in gaps for high in gaps
        ]  # Kuiper's, over all pairs and so in either direction
        assert measured.excess[column] <= max(rises) + 1e-12
        assert measured.excess[column] >= stats.ks_2samp(a, b, alternative="greater").statistic - 1e-12


def test_half_of_the_spread_is_a_ratio_of_a_half() -> None:
    measured = compare(0.5 * normal(4000, seed=1), normal(4000, seed=2), least())
    assert float(measured.ratio) == pytest.approx(0.5, abs=3 * 0.5 * float(measured.error))
    assert float(measured.error) == pytest.approx(math.sqrt(2 * (math.pi / 2 - 1) / 4000), rel=0.05)


def test_what_is_cut_off_at_a_quantile_loses_that_share() -> None:
    uniform = torch.rand(3000, 1, generator=rng(1), dtype=torch.float64)
    measured = compare(0.8 * uniform, torch.rand(3000, 1, generator=rng(2), dtype=torch.float64), least())
    assert float(measured.lost_above) == pytest.approx(0.2, abs=0.03)
    assert float(measured.lost_below) < 0.01
    (found,) = faults([measured], axes("size"), LIMITS)
    assert [fault.kind for fault in found] == ["is cut off above"]


def test_what_is_drawn_together_is_not_cut_off_though_one_end_is_lost() -> None:
    """Skewed values drawn towards their median: the long end is lost, and nothing has moved."""
    real, other = (normal(3000, seed=seed).exp() for seed in (1, 2))
    (found,) = faults([compare(1 + 0.7 * (other - 1), real, least())], axes("size"), LIMITS)
    assert [fault.kind for fault in found] == ["varies too little"]


def test_what_goes_too_far_at_both_ends_varies_too_much_though_not_by_half() -> None:
    wider = 1.4 * (2 * torch.rand(4000, 1, generator=rng(1), dtype=torch.float64) - 1)
    usual = 2 * torch.rand(4000, 1, generator=rng(2), dtype=torch.float64) - 1
    measured = compare(wider, usual, least())
    assert bool(measured.outside) and float(measured.excess) == pytest.approx(1 - 1 / 1.4, abs=0.03)
    (found,) = faults([measured], axes("size"), LIMITS)
    assert [fault.kind for fault in found] == ["varies too much"]


def test_a_shift_that_nobody_notices_is_no_surplus_however_narrow_the_values() -> None:
    values = 0.001 * normal(1000, seed=1)
    noticed = torch.full((1,), 0.02, dtype=torch.float64)
    assert float(compare(values + 0.01, values, noticed).excess) == 0
    assert float(compare(values + 0.01, values, least()).excess) > 0.9


def test_a_constant_beside_a_constant_differs_in_nothing() -> None:
    still = torch.zeros(200, 1, dtype=torch.float64)
    measured = compare(still, still, least())
    assert float(measured.ratio) == 1
    assert faults([measured], axes("ground"), LIMITS) == ((),)
    assert faults([compare(still + 1e-7, still, least())], axes("ground"), LIMITS) == ((),)


def test_what_varies_where_the_data_are_still_varies_too_much() -> None:
    still = torch.zeros(200, 1, dtype=torch.float64)
    (found,) = faults([compare(normal(200), still, least())], axes("ground"), LIMITS)
    assert [fault.kind for fault in found] == ["varies too much"]


@pytest.mark.parametrize("n", [50, 200, 2000])
def test_samples_of_one_distribution_come_out_with_nothing_however_few(n: int) -> None:
    heavy = torch.distributions.StudentT(torch.tensor(3.0, dtype=torch.float64))
    for seed in range(10):
        torch.manual_seed(seed)
        first = torch.cat(
            [normal(n, 10, 2 * seed), heavy.sample((n, 10)), (normal(n, 5, seed) > 1).double()], dim=1
        )
        second = torch.cat(
            [
                normal(1000, 10, 2 * seed + 1),
                heavy.sample((1000, 10)),
                (normal(1000, 5, 99 + seed) > 1).double(),
            ],
            dim=1,
        )
        assert faults([compare(first, second, least(25))], axes(*"abcdefghijklmnopqrstuvwxy"), LIMITS) == (
            (),
        )


def test_a_value_that_is_rare_on_both_sides_is_known_badly() -> None:
    """None of 600 on one side and three on the other are no sign of anything."""
    rare, never = torch.zeros(600, 1, dtype=torch.float64), torch.zeros(600, 1, dtype=torch.float64)
    rare[:3] = 1
    for pair in ((rare, never), (never, rare)):
        assert faults([compare(*pair, least())], axes("holes"), LIMITS) == ((),)


def test_weights_make_real_samples_fall_otherwise() -> None:
    labels = torch.arange(1000) % 4
    real = labels.double()[:, None]
    made = torch.zeros(300, dtype=torch.long)
    made[:100] = 1
    weights = class_weights(made, labels, 4)
    measured = compare(made.double()[:, None], real, least(), weights)
    assert float(measured.excess) == pytest.approx(0, abs=1e-9)
    assert measured.counts[1] == pytest.approx(450)  # (1/3, 2/3) of two quarters: 1000/4 / (1/9 + 4/9)


def test_the_cause_is_told_and_what_follows_from_it_is_explained() -> None:
    """Two readings of one cause, the second with more noise of its own; a third has nothing to do with it."""

    def readings(cause: Tensor, seed: int) -> Tensor:
        own = normal(len(cause), 3, seed)
        return torch.stack([cause + 0.05 * own[:, 0], cause + 0.4 * own[:, 1], own[:, 2]], dim=1)

    real = readings(normal(2000, seed=3)[:, 0], 4)
    fake = readings(torch.full((1500,), 0.2, dtype=torch.float64), 5)
    told = tell_apart(fake, real, axes("cause", "echo", "other"), LIMITS)
    assert [entry.leading.axis.name for entry in told.explained] == ["cause"]
    assert [fault.axis.name for fault in told.explained[0].others] == ["echo"]
    assert told.explained[0].leading.kind == "hardly varies"
    assert told.unexplained == ()


def test_two_faults_that_have_nothing_to_do_with_each_other_are_both_told() -> None:
    real, fake = normal(2000, 3, 1), normal(1500, 3, 2)
    fake[:, 0] *= 0.05
    fake[:, 2] += 1.5
    told = tell_apart(fake, real, axes("size", "place", "shade"), LIMITS)
    kinds = {entry.leading.axis.name: entry.leading.kind for entry in told.explained}
    assert kinds == {"size": "hardly varies", "shade": "is too high"}
