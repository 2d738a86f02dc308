"""What the explanations rest on, against closed forms and published examples."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from ganlens.explain.code.axis_trials import AxisTrial, try_axes
from ganlens.explain.code.decoded_changes import shares_described
from ganlens.explain.code.interventions import (
    AxisDirections,
    LatentScale,
    agreement,
    axis_directions,
    concordance,
    off_target_share,
    random_directions,
)
from ganlens.explain.gaps.planted_gaps import classes_noticed, smallest_gap_noticed
from ganlens.explain.gaps.regions import Described, compare
from ganlens.measures import (
    Estimate,
    Interval,
)
from ganlens.subject import SampleBank, Subject


@pytest.mark.parametrize("factor", [1.0, 0.5, 0.0, -1.0])
def test_concordance_of_shifts_that_are_off_by_a_factor(factor):
    predicted = torch.tensor([-2.0, -1.0, 1.0, 2.0], dtype=torch.float64)
    actual = factor * predicted.expand(10, -1)
    assert float(concordance(predicted, actual)) == pytest.approx(2 * factor / (1 + factor**2))


def test_agreement_of_a_linear_generator_is_one_without_doubt():
    distances, slopes = torch.tensor([-1.0, 1.0]).double(), torch.tensor([0.5, 2.0]).double()
    on_axis = (distances[:, None] * slopes).expand(20, -1, -1)
    for estimate in agreement(slopes, on_axis, distances, torch.Generator().manual_seed(0)):
        assert (estimate.low, estimate.value, estimate.high) == pytest.approx((1, 1, 1))


def test_directions_of_a_linear_code_are_its_rows_whatever_the_latents_scale():
    rng = torch.Generator().manual_seed(0)
    truth = torch.tensor([[3.0, 0.0, 4.0], [0.0, 2.0, 0.0]])
    latents = torch.randn(500, 3, generator=rng) * torch.tensor([1.0, 5.0, 1.0]) + 2
    scale = LatentScale.of(latents[:, None])
    rows = scale.rows(latents[:, None])
    found = axis_directions(rows, rows.float() @ truth.T)
    expected = torch.tensor([[0.6, 0, 0.8], [0, 1, 0]]).double()
    torch.testing.assert_close(found.unit, expected, atol=1e-3, rtol=0)
    torch.testing.assert_close(found.slope, torch.tensor([5.0, 2.0]).double(), atol=0.03, rtol=0)
    moved = scale.moved(latents[:, None], found.unit[1], 2.0)
    shift = (scale.rows(moved) - rows)[:, 1]
    torch.testing.assert_close(shift, torch.full_like(shift, 2.0), atol=1e-2, rtol=0)


def test_leakage_is_the_share_of_the_sample_s_change_on_other_axes():
    shifts, effect = torch.tensor([3.0, 8.0]).expand(5, 2, 2), torch.tensor([1.0, 0.5])
    assert off_target_share(shifts, 0, effect) == pytest.approx(16 / 25)
    assert off_target_share(torch.zeros(5, 2, 2), 0, effect) == 0


def test_random_directions_have_length_one():
    drawn = random_directions(50, 7, torch.Generator().manual_seed(0))
    torch.testing.assert_close(drawn.norm(dim=1), torch.ones(50).double())


def groups(shares: list[float], n: int, seed: int) -> torch.Tensor:
    """Points round four far corners, in those shares."""
    rng = torch.Generator().manual_seed(seed)
    where = torch.multinomial(torch.tensor(shares), n, replacement=True, generator=rng)
    corners = torch.tensor([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0], [10.0, 10.0]])
    return corners[where] + 0.5 * torch.randn(n, 2, generator=rng)


def regions_between(real: torch.Tensor, other: torch.Tensor, seed: int = 0):
    return compare(
        Described.by(real), Described.by(other), regions=8, ratio=0.5, rng=torch.Generator().manual_seed(seed)
    )


def test_a_missing_group_is_named_with_its_mass():
    real, other = groups([0.25] * 4, 2000, 0), groups([1 / 3, 1 / 3, 1 / 3, 0], 2000, 1)
    found = regions_between(real, other)
    missed = found.confirmed("missed")
    assert missed and found.confirmed("invented") == []
    assert all(float((found.centres[r.number] - 10).abs().max()) < 2 for r in missed)
    mass = found.mass("missed")
    gone = float((real[found.real_rows] > 5).all(dim=1).double().mean())
    assert mass.low < gone < mass.high and mass.low > 0.15
    assert bool(found.in_missed()[(real[found.real_rows] > 5).all(dim=1)].all())


def test_an_invented_group_is_named_with_its_mass():
    found = regions_between(groups([1 / 3, 1 / 3, 1 / 3, 0], 2000, 0), groups([0.3, 0.3, 0.3, 0.1], 2000, 1))
    assert found.confirmed("missed") == []
    mass = found.mass("invented")
    assert mass.low < 0.1 < mass.high and mass.low > 0.05


def test_two_draws_of_one_distribution_hold_no_discovery_more_often_than_promised():
    false = 0
    for seed in range(40):
        found = regions_between(groups([0.25] * 4, 300, seed), groups([0.25] * 4, 300, 1000 + seed), seed)
        false += any(region.confirmed for region in found.regions)
    assert false <= 5  # at a rate of 5 %, six or more of 40 happen once in 70 times


def test_proposals_are_corrected_by_holm():
    real, other = groups([0.4, 0.3, 0.3, 0], 400, 0), groups([0.1, 0.3, 0.3, 0.3], 400, 1)
    found = regions_between(real, other)
    proposals = [region for region in found.regions if region.proposed]
    assert len(proposals) >= 2
    raw = sorted((_fisher(region), region.number, region.p_value) for region in proposals)
    largest = 0.0
    for rank, (p, _, adjusted) in enumerate(raw):
        largest = max(largest, min(1.0, p * (len(raw) - rank)))
        assert adjusted == pytest.approx(largest)


def _fisher(region) -> float:
    """P of at least as lopsided a table, from the hypergeometric distribution by hand."""
    total, marked = region.of_real + region.of_other, region.real + region.other
    ways = math.comb(total, marked)
    missed = region.proposed == "missed"
    counts = range(region.real, marked + 1) if missed else range(region.real + 1)
    possible = (k for k in counts if marked - k <= region.of_other and k <= region.of_real)
    return sum(math.comb(region.of_real, k) * math.comb(region.of_other, marked - k) / ways for k in possible)


def test_a_planted_gap_is_noticed_with_enough_samples_and_overlooked_with_few():
    noticed = smallest_gap_noticed(Described.by(groups([0.25] * 4, 2000, 0)), regions=4, ratio=0.5, seed=0)
    assert noticed.noticed and noticed.mass < 0.15  # one or two of twenty parts
    few = smallest_gap_noticed(Described.by(groups([0.25] * 4, 40, 0)), regions=4, ratio=0.5, seed=0)
    assert not few.noticed


def side_by_side(n: int, seed: int, without: int | None = None) -> tuple[torch.Tensor, torch.Tensor]:
    """Three kinds in stripes, each over all of a plane: no cluster of it is of one kind."""
    rng = torch.Generator().manual_seed(seed)
    kinds = torch.randint(3, (n,), generator=rng)
    if without is not None:
        kinds = kinds[kinds != without]
    stripe = torch.randint(2, (len(kinds),), generator=rng).double() * 3
    across = stripe + kinds + 0.8 * torch.rand(len(kinds), generator=rng).double()
    along = 6 * torch.rand(len(kinds), generator=rng).double()
    return torch.stack([across, along], dim=1).float(), kinds


def test_a_kind_that_no_cluster_holds_alone_is_missed_by_its_neighbours():
    (real, kinds), (other, _) = side_by_side(6000, 0), side_by_side(9000, 1, without=2)
    found = regions_between(real, other)
    assert float((kinds[found.real_rows[found.in_missed()]] == 2).double().mean()) > 0.95
    mass = found.mass("missed")
    assert 0.2 < mass.low < mass.high < 0.36  # a third; what lies next to another stripe is not thin
    assert sum(region.confirmed == "missed" for region in found.regions) >= 4


def test_a_kind_made_twice_too_often_is_invented_and_the_others_are_missed():
    real, kinds = side_by_side(6000, 0)
    other, of_other = side_by_side(24000, 1)
    keep = torch.rand(len(other), generator=torch.Generator().manual_seed(2)) < torch.where(
        of_other == 0, 1, 0.25
    )
    found = regions_between(real, other[keep])
    much = found.other_rows[torch.isin(found.other_regions, numbers(found, "invented"))]
    assert float((of_other[keep][much] == 0).double().mean()) > 0.9
    assert float((kinds[found.real_rows[found.in_missed()]] == 0).double().mean()) < 0.02


def numbers(found, kind: str) -> torch.Tensor:
    return torch.tensor([region.number for region in found.confirmed(kind)])


def test_a_difference_that_is_sure_but_small_is_no_fault():
    """A group made at 80 %: with enough samples the test is sure, and a factor of 1.5 it is not."""
    found = regions_between(groups([0.25] * 4, 16000, 0), groups([0.27, 0.27, 0.26, 0.20], 16000, 1))
    assert found.confirmed("missed") == [] and found.confirmed("invented") == []


def test_classes_that_would_be_noticed_are_told_from_those_that_would_not():
    codes, kinds = side_by_side(6000, 0)
    gaps = classes_noticed(Described.by(codes), kinds, regions=8, ratio=0.5, seed=0)
    assert set(gaps.noticed) == {0, 1, 2} and gaps.overlooked == ()
    nowhere = torch.randint(
        3, (6000,), generator=torch.Generator().manual_seed(5)
    )  # the code knows nothing of it
    blind = classes_noticed(Described.by(codes), nowhere, regions=8, ratio=0.5, seed=0)
    assert blind.noticed == () and len(blind.overlooked) == 3


def test_an_axis_that_describes_no_more_than_an_untrained_twin_s_is_not_believed():
    estimate, half, tenth = (Estimate(v, Interval(v - 0.1, v + 0.1, "made up")) for v in (0.8, 0.5, 0.1))
    directions = AxisDirections(torch.zeros(0), torch.zeros(0), torch.zeros(0))
    trial = AxisTrial(
        directions, [estimate] * 4, [0.1, 0.1, 0.75], [half, tenth, half], 0.3, *[[0.0] * 3] * 3
    )
    assert trial.survivors(0.3) == [0]  # the second describes little, the third is what random directions do
    assert replace(trial, of_twins=None).survivors(0.3) == [0, 1]


def test_how_much_of_a_change_is_described_is_its_squared_cosine():
    """Changes (3, 4) and (0, 5) beside the first axis' (1, 0): products 3, squares 50 and 2, so 9 / 100."""
    sums = torch.tensor([[[3.0, 25.0, 1.0], [0.0, 25.0, 1.0]], [[-2.0, 4.0, 1.0], [-2.0, 4.0, 1.0]]]).double()
    little, opposite = shares_described(sums, torch.Generator().manual_seed(0), "changes")
    assert little.value == pytest.approx(0.09) and opposite.value == opposite.low == opposite.high == -1.0


def test_what_an_axis_describes_is_less_where_the_latent_hardly_moves_it(spots):
    """The exact code of spots, and generators that move them along one axis by about the data's spread, or a tenth."""

    def described(size: float) -> float:
        data = spots.dataset(spots.spread)
        subject = Subject.wrap(spots.Generator(lambda z: size * spots.first_two(z)), data=data, range=(-1, 1))
        bank = SampleBank(subject, samples=400, autoencoder=spots.fitted(data), features=["raw"])
        return try_axes(bank, count=1, latents=32, seed=0).autoencoder.described[0].value

    whole, tenth = described(1.0), described(0.1)
    assert whole > 0.6 and tenth < 0.2 * whole
