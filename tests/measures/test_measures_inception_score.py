from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor

from ganlens.errors import UserError
from ganlens.measures.inception_score import inception_score


def random_probabilities(n: int, classes: int, seed: int = 0, sharpness: float = 1.0) -> Tensor:
    logits = torch.randn(n, classes, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return (sharpness * logits).softmax(dim=1)


def by_scipy(probabilities: Tensor, splits: int) -> float:
    rows = probabilities.double().numpy()
    n = len(rows)
    parts = [rows[i * n // splits : (i + 1) * n // splits] for i in range(splits)]
    return float(
        np.mean([np.exp(np.mean([stats.entropy(p, part.mean(axis=0)) for p in part])) for part in parts])
    )


def test_sure_and_even_is_the_number_of_classes():
    labels = torch.arange(10).repeat(7)
    assert inception_score(torch.eye(10)[labels]) == pytest.approx(10, rel=1e-12)
    assert inception_score(torch.eye(10)[labels], splits=7) == pytest.approx(10, rel=1e-12)


def test_one_class_and_no_class_are_one():
    assert inception_score(torch.eye(10)[torch.zeros(50, dtype=torch.int64)]) == 1
    assert inception_score(torch.full((50, 4), 0.25)) == pytest.approx(1, rel=1e-12)
    assert inception_score(torch.ones(5, 1)) == 1
    assert inception_score(random_probabilities(1, 6).expand(30, 6)) == pytest.approx(1, rel=1e-12)


def test_two_rows_by_hand():
    # The mean is (¾, ¼): KL of (1, 0) is ln 4/3, of (½, ½) it is ½ ln 2/3 + ½ ln 2.
    expected = math.exp((math.log(4 / 3) + 0.5 * math.log(2 / 3) + 0.5 * math.log(2)) / 2)
    assert inception_score(torch.tensor([[1.0, 0.0], [0.5, 0.5]])) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("splits", [1, 10])
def test_agrees_with_scipy_also_where_the_parts_are_of_unequal_size(splits: int):
    probabilities = random_probabilities(103, 12, sharpness=2)
    assert inception_score(probabilities, splits=splits) == pytest.approx(
        by_scipy(probabilities, splits), rel=1e-12
    )
    short = probabilities.float()
    assert inception_score(short, splits=splits) == pytest.approx(by_scipy(short, splits), rel=1e-6)


def test_parts_that_hold_one_class_each_score_one():
    ordered = torch.eye(5)[torch.arange(5).repeat_interleave(20)]
    assert inception_score(ordered, splits=5) == pytest.approx(1, rel=1e-12)
    assert inception_score(ordered) == pytest.approx(5, rel=1e-12)


def test_few_samples_understate_by_about_the_stated_share():
    classes, n = 20, 400
    scores = [
        inception_score(
            torch.eye(classes)[torch.randint(classes, (n,), generator=torch.Generator().manual_seed(s))]
        )
        for s in range(100)
    ]
    short = sum(math.log(classes / score) for score in scores) / len(scores)
    assert short == pytest.approx((classes - 1) / (2 * n), rel=0.1)


def test_unsure_samples_and_dropped_classes_score_lower():
    even = torch.eye(10)[torch.arange(10).repeat(20)]
    unsure = 0.8 * even + 0.02
    dropped = even[even[:, 3] == 0]
    assert inception_score(unsure) < inception_score(even) - 1
    assert inception_score(dropped) == pytest.approx(9, rel=1e-12)
    scores = [inception_score(random_probabilities(500, 10, sharpness=s)) for s in (0.1, 1, 4)]
    assert scores == sorted(scores)


def test_chunk_size_and_row_order_do_not_matter(monkeypatch: pytest.MonkeyPatch):
    probabilities = random_probabilities(200, 7)
    before = inception_score(probabilities)
    monkeypatch.setattr("ganlens.measures.feature_matrix.VALUES_AT_ONCE", 23)
    shuffled = probabilities[torch.randperm(200, generator=torch.Generator().manual_seed(1))]
    assert inception_score(shuffled) == pytest.approx(before, rel=1e-12)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_softmax_in_a_short_type_is_taken(dtype: torch.dtype):
    rounded = random_probabilities(300, 100, sharpness=2).to(dtype)
    rescaled = rounded.double() / rounded.double().sum(dim=1, keepdim=True)
    assert inception_score(rounded) == pytest.approx(inception_score(rescaled), rel=1e-12)
    assert (rounded.double().sum(dim=1) - 1).abs().max() > 1e-5


def test_bad_input_is_refused_in_one_sentence(monkeypatch: pytest.MonkeyPatch):
    good = random_probabilities(50, 4)
    unnormalised, negative, holed = good.clone(), good.clone(), good.clone()
    unnormalised[31] *= 1.5
    negative[17] = torch.tensor([-0.5, 1.5, 0, 0])
    holed[8, 0] = torch.nan
    monkeypatch.setattr("ganlens.measures.feature_matrix.VALUES_AT_ONCE", 40)  # ten rows a chunk
    for call, message in (
        (lambda: inception_score(unnormalised), "row 31 sums to 1.5; .* take the softmax of logits first"),
        (lambda: inception_score(negative), "row 17 holds a negative value"),
        (lambda: inception_score(holed), "probabilities: row 8 holds NaN"),
        (lambda: inception_score(good.log()), "row 0 holds a negative value"),
        (lambda: inception_score(torch.eye(4, dtype=torch.int64)), "expected floating-point features"),
        (
            lambda: inception_score(good, splits=0),
            "splits must lie between 1 and 50, the number of rows, found 0",
        ),
        (lambda: inception_score(good, splits=51), "found 51"),
        (lambda: inception_score(good[:1]), "expected at least 2 rows, found 1"),
        (lambda: inception_score(good[0]), "expected a matrix"),
    ):
        with pytest.raises(UserError, match=message):
            call()
