from __future__ import annotations

import math
from functools import cache, partial

import pytest
import torch
from scipy import stats
from torch import Tensor

from ganlens.errors import UserError
from ganlens.measures import binomial_interval
from ganlens.measures import two_sample as module
from ganlens.measures.classifiers import (
    Classifier,
    LinearClassifier,
    NearestClassifier,
    QuadraticClassifier,
    TreeClassifier,
)
from ganlens.measures.two_sample import TwoSampleTest, classifier_two_sample_test


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=generator(seed), dtype=torch.float64)


def told(a: Tensor, b: Tensor, classifier: Classifier | None = None, seed: int = 0, **rest) -> TwoSampleTest:
    return classifier_two_sample_test(a, b, rng=generator(seed), classifier=classifier, **rest)


def correlated(rows: int, correlation: float, seed: int) -> Tensor:
    points = random(rows, 2, seed=seed)
    points[:, 1] = correlation * points[:, 0] + math.sqrt(1 - correlation**2) * points[:, 1]
    return points


EVERY = [LinearClassifier(), QuadraticClassifier(), NearestClassifier(), TreeClassifier(trees=20)]


@pytest.mark.parametrize("classifier", [LinearClassifier(), NearestClassifier(1)], ids=repr)
def test_sets_far_apart_by_hand(classifier: Classifier):
    # 20 rows told in 5 folds, all right. The second pass tells those of 4 folds: (1/2)^16.
    a, b = random(10, 3), random(10, 3, seed=1) + 50
    found = told(a, b, classifier)
    assert found.accuracy == 1.0
    assert found.fold_accuracies == (1.0,) * 5
    assert found.p_value == pytest.approx(0.5**16, rel=1e-9)
    # All of 10 (half of the rows told): Clopper and Pearson's lower end solves p^10 = 2.5 %.
    assert (found.interval.low, found.interval.high) == (pytest.approx(0.025**0.1, rel=1e-9), 1.0)
    assert found.interval.method == "95 %, exact binomial of half of 20 rows told, since folds share rows"
    assert (found.scores_a < 0).all()
    assert (found.scores_b > 0).all()


@pytest.mark.parametrize("distance", [0.8, 2.0])
def test_shifted_gaussians_are_told_as_well_as_they_can_be(distance: float):
    a, b = random(2000, 4), random(2000, 4, seed=1)
    b += distance / 2  # ‖shift‖ = √4 · distance / 2
    best = float(stats.norm.cdf(distance / 2))
    for classifier in (LinearClassifier(), QuadraticClassifier()):
        found = told(a, b, classifier)
        assert found.accuracy == pytest.approx(best, abs=0.015)
        assert found.interval.low <= best <= found.interval.high
        assert found.p_value < 1e-20
    assert told(a, b, NearestClassifier()).accuracy == pytest.approx(best, abs=0.03)


def test_the_feature_that_differs_weighs_most():
    a, b = random(1500, 12), random(1500, 12, seed=1)
    b[:, 7] += 1
    linear = told(a, b, LinearClassifier()).weights
    # The log-odds rise by 1 per unit of the feature, whose standard deviation over both sets is √(1 + ¼).
    assert linear[7] == pytest.approx(math.sqrt(1.25), rel=0.08)
    assert linear[torch.arange(12) != 7].max() < 0.15
    quadratic = told(a, b).weights
    assert quadratic.argmax() == 7
    assert quadratic[7] > 3 * quadratic[torch.arange(12) != 7].max()
    spread = random(1500, 12, seed=2)
    spread[:, 3] *= 1.6
    assert told(a, spread).weights.argmax() == 3
    assert told(a, b, NearestClassifier()).weights is None


def test_a_difference_in_covariance_alone_is_seen_by_all_but_the_linear():
    # Same means, same variances. The best rule is the sign of the product: ½ + asin(ρ)/π.
    a, b = correlated(1500, -0.8, seed=0), correlated(1500, 0.8, seed=1)
    best = 0.5 + math.asin(0.8) / math.pi
    assert told(a, b, LinearClassifier()).accuracy < 0.52
    for classifier in (None, NearestClassifier(), TreeClassifier()):
        assert told(a, b, classifier).accuracy == pytest.approx(best, abs=0.025)


def test_a_difference_in_spread_alone_is_seen_by_the_quadratic():
    a, b = random(1000, 10), 1.3 * random(1000, 10, seed=1)
    # ‖x‖² is χ² with 10 degrees, times 1.69 for b; equally likely where ‖x‖² (1 − 1/1.69) = 10 ln 1.69.
    edge = 10 * math.log(1.69) / (1 - 1 / 1.69)
    best = (stats.chi2.cdf(edge, 10) + stats.chi2.sf(edge / 1.69, 10)) / 2
    assert told(a, b).accuracy == pytest.approx(best, abs=0.025)
    assert told(a, b, LinearClassifier()).p_value > 0.01


slow = partial(pytest.param, marks=pytest.mark.slow)


@cache
def chance(name: str, classifier: Classifier, runs: int) -> list[TwoSampleTest]:
    """Tests of pairs of sets that come from the same distribution."""
    draw = {
        "gaussian": lambda seed: random(60, 3, seed=seed),
        "repeats": lambda seed: random(40, 3)[torch.randint(40, (60,), generator=generator(seed))],
        "few values": lambda seed: (random(60, 3, seed=seed) > 0).double(),
        "more features than rows": lambda seed: random(30, 40, seed=seed),
    }[name]
    return [told(draw(2 * s), draw(2 * s + 1), classifier, seed=s) for s in range(runs)]


@pytest.mark.parametrize(
    ("name", "classifier", "runs"),
    [
        slow("gaussian", LinearClassifier(), 200),
        slow("gaussian", NearestClassifier(1), 150),
        ("repeats", NearestClassifier(1), 150),
        slow("few values", QuadraticClassifier(), 120),
        ("few values", TreeClassifier(trees=5), 60),
        slow("more features than rows", LinearClassifier(), 120),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, (str, int)) else str(value),
)
def test_equal_distributions_are_told_at_one_half(name: str, classifier: Classifier, runs: int):
    found = chance(name, classifier, runs)
    accuracies = torch.tensor([f.accuracy for f in found], dtype=torch.float64)
    # On average exactly ½: equal rows in one fold, dealt by their labels, would make .54 of the few values.
    assert abs(float(accuracies.mean()) - 0.5) < 3 * float(accuracies.std()) / runs**0.5
    held = sum(f.interval.low <= 0.5 <= f.interval.high for f in found) / runs
    assert held >= 0.92
    alarms = sum(f.p_value < 0.05 for f in found)
    assert alarms <= stats.binom.ppf(0.995, runs, 0.05)


@pytest.mark.slow
def test_a_plain_binomial_interval_would_not_hold_what_it_promises():
    found = chance("gaussian", LinearClassifier(), 200)
    plain = (binomial_interval(round(f.accuracy * 120), 120) for f in found)
    assert sum(end.low <= 0.5 <= end.high for end in plain) / 200 < 0.9


@pytest.mark.parametrize("classifier", EVERY, ids=lambda c: type(c).__name__)
def test_replayed_rows_are_told_at_exactly_one_half(classifier: Classifier, monkeypatch: pytest.MonkeyPatch):
    rows = random(200, 4)
    replayed = rows[torch.randperm(200, generator=generator(1))]
    found = told(rows, replayed, classifier)
    assert found.accuracy == 0.5  # of a row and its replay one is told right, whatever the classifier says
    assert found.fold_accuracies == (0.5,) * 5
    if not isinstance(classifier, NearestClassifier):
        return
    monkeypatch.setattr(module, "MOST_COPIES", 0)
    assert told(rows, replayed, NearestClassifier(1)).accuracy < 0.2  # each answered by its replay's label


def test_replays_with_repeats_are_not_told_by_leakage():
    rows = random(300, 4)
    replayed = rows[torch.randint(300, (300,), generator=generator(1))]
    for classifier in (NearestClassifier(1), TreeClassifier(trees=20)):
        found = told(rows, replayed, classifier)
        assert found.interval.low < 0.5 < found.interval.high


def test_near_copies_push_neighbours_below_one_half():
    rows = random(300, 4)
    found = told(rows, rows + 1e-3 * random(300, 4, seed=1), NearestClassifier(1))
    assert found.interval.high < 0.5
    fresh = told(random(300, 4, seed=2), rows + 1e-3 * random(300, 4, seed=1), NearestClassifier(1))
    assert fresh.interval.low < 0.5 < fresh.interval.high


def test_a_collapsed_generator_is_recognised_by_its_repeats():
    few = random(8, 4, seed=1)[torch.randint(8, (200,), generator=generator(2))]
    found = told(random(200, 4), few, NearestClassifier(3))
    assert (found.scores_b > 0).all()
    assert found.accuracy > 0.9


def test_the_rows_that_give_it_away_score_highest():
    a, b = random(300, 5), random(300, 5, seed=1)
    b[[3, 50, 117, 200, 299]] += 5
    assert set(told(a, b).scores_b.topk(5).indices.tolist()) == {3, 50, 117, 200, 299}


def test_the_larger_set_is_scored_whole_and_counted_in_part():
    a, b = random(100, 3), random(237, 3, seed=1) + 1
    found = told(a, b)
    assert (found.scores_a.shape, found.scores_b.shape) == ((100,), (237,))
    assert found.interval.method.startswith("95 %, exact binomial of half of 200 rows told")
    # All of b looks like b about as often as its counted part, told by rows it is not among.
    assert float((found.scores_b > 0).double().mean()) == pytest.approx(found.accuracy, abs=0.08)
    assert torch.isfinite(found.scores_b).all()


def test_folds_hold_as_many_of_each_and_keep_equal_rows_together():
    a, b = random(50, 2), random(83, 2, seed=1)
    b[:20] = a[:20]
    a[30] = a[31] = b[70] = b[71]
    side_a, side_b = module._deal(a, b, 5, generator())
    for fold in range(5):
        in_a, in_b = side_a.counted & (side_a.fold == fold), side_b.counted & (side_b.fold == fold)
        assert in_a.sum() == in_b.sum() >= 5
    shared = side_b.fold[:20] == side_a.fold[:20]
    assert shared[side_b.counted[:20]].all()
    assert len({*side_a.fold[30:32].tolist(), *side_b.fold[70:72].tolist()}) == 1
    plain_a, plain_b = module._deal(random(53, 2), random(53, 2, seed=1), 5, generator())
    for side in (plain_a, plain_b):
        assert side.counted.all()
        assert sorted(torch.bincount(side.fold).tolist()) == [10, 10, 11, 11, 11]


def test_constant_features_tell_nothing():
    a, b = random(60, 3), random(60, 3, seed=1) + 1
    constant = torch.full((60, 2), 0.1, dtype=torch.float64)
    found = told(torch.cat([a, constant], dim=1), torch.cat([b, constant], dim=1))
    without = told(a, b, QuadraticClassifier())
    assert found.accuracy == pytest.approx(without.accuracy, abs=0.03)
    assert found.weights[3:].tolist() == [0.0, 0.0]
    nothing = told(constant, constant.clone())
    assert nothing.accuracy == 0.5
    assert nothing.weights.tolist() == [0.0, 0.0]
    assert nothing.p_value == pytest.approx(float(stats.binom.sf(47, 96, 0.5)))


@pytest.mark.parametrize("place", [0.0, -1.0, 250.0])
def test_rounding_about_a_constant_tells_nothing(place: float):
    """Six digits of it, beside features of size 1; a thousand times as much is a difference."""
    a, b = random(200, 3), random(200, 3, seed=1)
    constant = torch.full((200, 1), place, dtype=torch.float64)
    rounding = 1e-6 * max(abs(place), 1.0) * random(200, 1, seed=2).abs()
    found = told(torch.cat([a, constant], dim=1), torch.cat([b, constant + rounding], dim=1))
    assert found.interval.low < 0.5 and found.weights[3] == 0
    more = told(torch.cat([a, constant], dim=1), torch.cat([b, constant + 1000 * rounding], dim=1))
    assert more.accuracy > 0.85


def test_small_units_are_no_rounding():
    """A feature in units of a millionth, beside one in millions: it varies in both sets."""
    large = [1e6 * random(200, 1, seed=seed) for seed in (0, 1)]
    small = [1e-6 * (random(200, 1, seed=2 + number) + 3 * number) for number in (0, 1)]
    assert told(*(torch.cat(pair, dim=1) for pair in zip(large, small, strict=True))).accuracy > 0.85


@pytest.mark.parametrize("classifier", EVERY, ids=lambda c: type(c).__name__)
def test_units_and_precision_of_the_features_do_not_matter(classifier: Classifier):
    a, b = random(200, 3), random(200, 3, seed=1) + 0.5
    before = told(a, b, classifier)
    scale, offset = torch.tensor([1e-3, 1.0, 1e4]), torch.tensor([5.0, -2.0, 1e5])
    after = told(a * scale + offset, b * scale + offset, classifier)
    assert after.accuracy == pytest.approx(before.accuracy, abs=0.005)
    single = told(a.float(), b.float(), classifier)
    assert single.accuracy == pytest.approx(before.accuracy, abs=0.005)
    if before.weights is not None:
        torch.testing.assert_close(after.weights, before.weights, rtol=1e-2, atol=1e-3)


def test_the_same_generator_gives_the_same_result_and_half_precision_is_accepted():
    a, b = random(40, 3).half(), random(40, 3, seed=1).half()
    first, second = told(a, b, seed=4), told(a, b, seed=4)
    assert first.accuracy == second.accuracy
    assert first.p_value == second.p_value
    assert torch.equal(first.scores_a, second.scores_a)
    assert first.classifier == "QuadraticClassifier(contrasts=4, components=64)"


def test_bad_requests_are_refused():
    a, b = random(20, 3), random(20, 3, seed=1)
    holed = a.clone()
    holed[4, 1] = float("inf")
    for call, message in (
        (lambda: told(a, b, folds=1), "expected at least 2 folds, found 1"),
        (lambda: told(a[:4], b), "a: expected at least 5 rows, found 4"),
        (lambda: told(a, b[:, :2]), "a has 3 features a row and b has 2"),
        (lambda: told(a, holed), "b: row 4 holds NaN or an infinite value"),
        (lambda: told(a.long(), b), "a: expected floating-point features"),
        (lambda: told(a, b, level=1.0), "level must lie between 0 and 1, found 1.0"),
        (
            lambda: [told(a[:2].repeat(2, 1), b[:2].repeat(2, 1), folds=2, seed=s) for s in range(20)],
            "so many rows are equal that one of 2 folds has none of a or of b",
        ),
    ):
        with pytest.raises(UserError, match=message):
            call()
