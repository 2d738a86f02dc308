from __future__ import annotations

import math

import pytest
import torch
from sklearn.linear_model import LogisticRegression
from torch import Tensor

from ganlens.measures.classifiers import (
    Judge,
    LinearClassifier,
    NearestClassifier,
    QuadraticClassifier,
    TreeClassifier,
)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def labelled(rows: int, width: int, shift: float = 1.0) -> tuple[Tensor, Tensor]:
    """Standardised rows, of which those of b, the second half, are shifted and wider in feature 0."""
    points = torch.randn(rows, width, generator=generator(), dtype=torch.float64)
    from_b = torch.arange(rows) >= rows // 2
    points[from_b, 0] = 1.5 * points[from_b, 0] + shift
    return (points - points.mean(dim=0)) / points.std(dim=0, correction=0), from_b


def test_the_nearest_vote_by_hand():
    rows = torch.tensor([[0.0], [1.0], [2.0], [10.0], [11.0]], dtype=torch.float64)
    judge = NearestClassifier(3).fit(rows, torch.tensor([True, False, False, True, True]), generator())
    odds = judge.log_odds(torch.tensor([[0.9], [10.4]], dtype=torch.float64))
    # One of 0, 1, 2 is from b: (1 + ½) to (2 + ½). Of 2, 10, 11 two are.
    assert odds.tolist() == pytest.approx([math.log(1.5 / 2.5), math.log(2.5 / 1.5)])
    assert judge.slopes(rows) is None


def test_the_number_of_neighbours_is_odd_and_about_the_root():
    for rows, k in ((100, 11), (101, 11), (143, 11), (144, 13), (2, 1)):
        points, from_b = labelled(rows, 2)
        assert NearestClassifier().fit(points, from_b, generator()).k == k


def test_the_linear_weights_are_where_likelihood_and_prior_balance():
    rows, from_b = labelled(200, 6)
    judge = LinearClassifier().fit(rows, from_b, generator())
    chance = judge.log_odds(rows).sigmoid()
    # Weights of prior variance 1/6: Σ (y − p) x = 6 w; the offset has no prior: Σ (y − p) = 0.
    misses = from_b.double() - chance
    torch.testing.assert_close(rows.T @ misses, 6 * judge.weight, rtol=1e-3, atol=0.02)
    assert float(misses.sum()) == pytest.approx(0.0, abs=0.02)
    assert torch.equal(judge.slopes(rows), judge.weight.abs())


def test_the_linear_odds_are_those_of_scikit_learn():
    rows, from_b = labelled(200, 6)
    theirs = LogisticRegression(C=1 / 6, tol=1e-5).fit(rows.numpy(), from_b.numpy())
    expected = torch.from_numpy(theirs.decision_function(rows.numpy()))
    torch.testing.assert_close(LinearClassifier().fit(rows, from_b, generator()).log_odds(rows), expected)


def slopes_by_autograd(judge: Judge, rows: Tensor) -> Tensor:
    rows = rows.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(judge.log_odds(rows).sum(), rows)
    return gradient.square().mean(dim=0).sqrt()


@pytest.mark.parametrize("classifier", [LinearClassifier(), QuadraticClassifier()], ids=repr)
def test_slopes_are_those_of_the_log_odds(classifier: LinearClassifier | QuadraticClassifier):
    rows, from_b = labelled(200, 5)
    judge = classifier.fit(rows, from_b, generator())
    torch.testing.assert_close(judge.slopes(rows), slopes_by_autograd(judge, rows))


def test_the_first_contrast_is_the_direction_whose_variance_differs_most():
    points = torch.randn(20_000, 3, generator=generator(), dtype=torch.float64)
    from_b = torch.arange(20_000) >= 10_000
    sign = torch.where(from_b, 1.0, -1.0)
    points[:, 2] = 0.9 * sign * points[:, 0] + 0.19**0.5 * points[:, 2]
    judge = QuadraticClassifier(contrasts=2).fit(points, from_b, generator())
    directions = judge.contrasts / judge.contrasts.norm(dim=0)
    # x₀ + x₂ is the wider one in b, x₀ − x₂ in a, by the same factor.
    root = 0.5**0.5
    along = directions.T @ torch.tensor([[root, root], [0, 0], [root, -root]], dtype=torch.float64)
    assert along.abs().max(dim=1).values.tolist() == pytest.approx([1.0, 1.0], abs=0.01)
    assert along.abs().argmax(dim=1).sort().values.tolist() == [0, 1]
    torch.testing.assert_close(  # of unit variance
        (points @ judge.contrasts).var(dim=0), torch.ones(2, dtype=torch.float64), rtol=0.01, atol=0
    )


def test_more_contrasts_or_components_than_there_are_directions_are_fewer():
    rows, from_b = labelled(6, 10)
    judge = QuadraticClassifier(contrasts=20).fit(rows, from_b, generator())
    assert judge.contrasts.shape == (10, 5)
    assert torch.isfinite(judge.log_odds(rows)).all()


def test_trees_find_a_value_that_one_set_never_takes():
    rows, from_b = labelled(400, 3, shift=0.0)
    rows = torch.where(from_b[:, None], rows, (4 * rows).round() / 4)
    judge = TreeClassifier().fit(rows, from_b, generator())
    assert float(((judge.log_odds(rows) > 0) == from_b).double().mean()) > 0.95
    assert judge.slopes(rows) is None
