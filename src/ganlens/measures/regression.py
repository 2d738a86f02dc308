"""How much of one thing can be told from another by a straight line: ridge regression, R² and correlation."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ganlens.errors import UserError
from ganlens.measures.facts import Group, measure
from ganlens.measures.feature_matrix import chunks, feature_matrix, feature_pair, float64_chunks, float64_mean


@dataclass(frozen=True)
class LinearMap:
    """x ↦ x·weight + offset, with `weight` [d, targets] and `offset` [targets] in float64."""

    weight: Tensor
    offset: Tensor

    def __call__(self, x: Tensor) -> Tensor:
        """Predicted targets [n, targets] in float64 for `x` [n, d]."""
        return x.double() @ self.weight + self.offset


def fit_ridge(x: Tensor, y: Tensor, alpha: float = 1.0) -> LinearMap:
    """The linear map with an offset that brings `x` closest to `y`: ridge regression.

    Least squared error plus alpha times the squared weights.

    Args:
        x: [n, d]. Bring columns to comparable scales first: the penalty is the same for all of them.
        y: [n, targets].
        alpha: 0 and up; 0 is plain least squares, of the smallest weights where they are not unique.

    Raises:
        UserError: different numbers of rows, fewer than two, integer or non-finite values, or a negative
            alpha.

    Source: Hoerl & Kennard 1970.
    """
    x, y = feature_matrix(x, "x"), feature_matrix(y, "y")
    if len(x) != len(y):
        raise UserError(f"x has {len(x)} rows and y has {len(y)}; expected one of each per sample")
    if not alpha >= 0:
        raise UserError(f"alpha must be 0 or more, found {alpha}")
    mean_x, mean_y = float64_mean(x), float64_mean(y)
    gram = torch.zeros(x.shape[1], x.shape[1], dtype=torch.float64, device=x.device)
    cross = torch.zeros(x.shape[1], y.shape[1], dtype=torch.float64, device=x.device)
    # The wider of the two decides how many rows at once: cut separately they would no longer be pairs.
    for rows in chunks(x if x.shape[1] > y.shape[1] else y):
        rows_x = x[rows].double() - mean_x
        gram.addmm_(rows_x.T, rows_x)
        cross.addmm_(rows_x.T, y[rows].double() - mean_y)
    gram.diagonal().add_(alpha)
    weight = torch.linalg.pinv(gram, hermitian=True) @ cross
    return LinearMap(weight, mean_y - mean_x @ weight)


@measure(
    Group.NEIGHBOURS,
    applied_to="predictions and what they were to be",
    range="up to 1",
    better="higher",
    bias="none on rows that were not fitted to",
    none_because="it is a ratio of two sums over the same rows; see `paired_bootstrap_interval` for errors",
)
def r_squared(predicted: Tensor, target: Tensor, reference_mean: Tensor) -> float:
    """What share of the variation of `target` does a prediction account for, all columns together?

    1 − Σ‖target − predicted‖² / Σ‖target − reference_mean‖².

    Args:
        predicted, target: [n, d].
        reference_mean: [d], what one would predict knowing nothing: the mean of the *training* targets.

    Returns:
        1 (exact) and down; 0 is no better than the mean, below 0 is worse. 0 where the targets never leave
        the mean.

    Raises:
        UserError: mismatched widths or rows, or non-finite values.
    """
    predicted, target = feature_pair(predicted, target, ("predicted", "target"), rows=1)
    if len(predicted) != len(target):
        raise UserError(f"predicted has {len(predicted)} rows and target has {len(target)}")
    if reference_mean.shape != target.shape[1:]:
        raise UserError(
            f"reference_mean: expected [{target.shape[1]}], found shape {tuple(reference_mean.shape)}"
        )
    reference = reference_mean.double()
    missed = varied = 0.0
    for rows_predicted, rows_target in zip(float64_chunks(predicted), float64_chunks(target), strict=True):
        missed += float((rows_target - rows_predicted).square().sum())
        varied += float((rows_target - reference).square().sum())
    return 1 - missed / varied if varied > 0 else 0.0


@measure(
    Group.NEIGHBOURS,
    applied_to="paired features, to fit and to judge",
    range="up to 1",
    better="higher",
    bias="none upward; understates with few training rows",
    none_because="the test rows share one fitted map and one denominator; repeat it on fresh samples",
)
def ridge_r2(train_x: Tensor, train_y: Tensor, test_x: Tensor, test_y: Tensor, alpha: float = 1.0) -> float:
    """How much of `y` can be told from `x` by a linear map, on samples it was not fitted to?

    Args:
        train_x, train_y: [n, d] and [n, targets], what the map is fitted to.
        test_x, test_y: [m, d] and [m, targets], what it is judged on.
        alpha: see `fit_ridge`.

    Returns:
        `r_squared` on the test samples, against the mean of the training targets: 1 and down, higher is
        better.

    Raises:
        UserError: mismatched widths or rows, fewer than two training rows, or non-finite values.
    """
    feature_pair(train_x, test_x, ("train_x", "test_x"), rows=1)
    feature_pair(train_y, test_y, ("train_y", "test_y"), rows=1)
    line = fit_ridge(train_x, train_y, alpha)
    return r_squared(line(test_x.detach()), test_y, float64_mean(train_y.detach()))


@measure(
    Group.NEIGHBOURS,
    applied_to="paired numbers",
    range="−1…1",
    better="neither",
    bias="towards 0, as 1/n",
    none_because="its scatter depends on how the pairs are distributed; repeat it on fresh samples",
)
def correlation(a: Tensor, b: Tensor) -> float:
    """How well do two sets of numbers follow one straight line, and does it rise or fall? (Pearson's r.)

    Args:
        a, b: the same shape, any; entries are paired.

    Returns:
        −1…1. 0 where either side is constant: nothing then shows that they move together.

    Raises:
        UserError: different shapes, fewer than two numbers, integers, or non-finite values (which entry).
    """
    if a.shape != b.shape:
        raise UserError(f"a has shape {tuple(a.shape)} and b {tuple(b.shape)}; expected paired numbers")
    first, second = (feature_matrix(x.reshape(-1, 1), name).double() for x, name in ((a, "a"), (b, "b")))
    first, second = _direction(first.flatten()), _direction(second.flatten())
    return max(-1.0, min(1.0, float(first @ second)))


def _direction(values: Tensor) -> Tensor:
    """The centred values scaled to length 1; zeros where they are constant but for rounding."""
    centred = values - values.mean()
    length = float(torch.linalg.vector_norm(centred))
    if length <= 1e-13 * float(torch.linalg.vector_norm(values)):
        return torch.zeros_like(values)
    return centred / length
