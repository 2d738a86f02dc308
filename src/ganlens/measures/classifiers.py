"""Classifiers that learn to tell one set of rows from another: what a two-sample test asks.

Each takes standardised rows and says how sure it is. They differ in what they can see:

| classifier | sees | misses |
|---|---|---|
| `LinearClassifier` | shifted means | everything else |
| `QuadraticClassifier` | means, variances, the largest differences in covariance | finer shape |
| `NearestClassifier` | any difference, in few dimensions | small ones, in many |
| `TreeClassifier` | any difference along single features, and steps | small ones spread over many; slow |
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from ganlens.measures.neighbours import nearest_neighbours
from ganlens.measures.principal_components import principal_axes


class Judge(Protocol):
    """A fitted classifier."""

    def log_odds(self, rows: Tensor) -> Tensor:
        """How much likelier each row [n, d] is from b than from a: ln of the odds, [n] float64."""

    def slopes(self, rows: Tensor) -> Tensor | None:
        """How much the log-odds of these rows change with each feature, [d] float64.

        The root of the mean squared derivative. None where there is no derivative.
        """


class Classifier(Protocol):
    """Something that learns from labelled rows."""

    def fit(self, rows: Tensor, from_b: Tensor, rng: torch.Generator) -> Judge:
        """Learn from rows [n, d] float64, mean 0 and variance 1, and whether each is from b [n] bool."""


@dataclass(frozen=True)
class LinearClassifier:
    """Logistic regression on the features: sees a shift of the mean, and nothing else.

    The penalty is a prior under which the log-odds of a row have variance 1 before anything is learned,
    whatever the number of features: weights of variance 1/d.
    """

    def fit(self, rows: Tensor, from_b: Tensor, rng: torch.Generator) -> Judge:
        return _LinearJudge(*_logistic_regression(rows, from_b))


@dataclass(frozen=True)
class QuadraticClassifier:
    """Logistic regression on the features, their squares, and the squares along a few contrasts.

    A contrast is a direction along which the variance of the rows differs most between the two sets, found
    among their leading principal components: any difference in covariance shows along some direction. The
    penalty is that of `LinearClassifier`.

    Args:
        contrasts: directions. More find more and learn more noise.
        components: principal components among which they are sought.
    """

    contrasts: int = 4
    components: int = 64

    def fit(self, rows: Tensor, from_b: Tensor, rng: torch.Generator) -> Judge:
        contrasts = _contrasts(rows, from_b, self.contrasts, self.components, rng)
        columns = torch.cat([rows, rows.square(), (rows @ contrasts).square()], dim=1)
        weight, offset = _logistic_regression(columns, from_b)
        linear, square, along = weight.split([rows.shape[1], rows.shape[1], contrasts.shape[1]])
        return _QuadraticJudge(linear, square, along, contrasts, offset)


@dataclass(frozen=True)
class NearestClassifier:
    """A vote among the k nearest rows.

    Args:
        k: how many; the odd number next to the root of the rows by default.
    """

    k: int | None = None

    def fit(self, rows: Tensor, from_b: Tensor, rng: torch.Generator) -> Judge:
        k = 2 * int(len(rows) ** 0.5 / 2) + 1 if self.k is None else self.k
        return _NearestJudge(rows, from_b, min(k, len(rows)))


@dataclass(frozen=True)
class TreeClassifier:
    """Boosted trees of few leaves: sees steps and values that one set never takes, feature by feature.

    Args:
        trees: how many.
        leaves: of each.
    """

    trees: int = 100
    leaves: int = 8

    def fit(self, rows: Tensor, from_b: Tensor, rng: torch.Generator) -> Judge:
        from sklearn.ensemble import HistGradientBoostingClassifier

        model = HistGradientBoostingClassifier(
            max_iter=self.trees,
            max_leaf_nodes=self.leaves,
            l2_regularization=1.0,
            early_stopping=False,
            random_state=0,
        )
        return _TreeJudge(model.fit(rows.cpu().numpy(), from_b.cpu().numpy()))


@dataclass(frozen=True)
class _LinearJudge:
    weight: Tensor
    offset: float

    def log_odds(self, rows: Tensor) -> Tensor:
        return rows @ self.weight + self.offset

    def slopes(self, rows: Tensor) -> Tensor:
        return self.weight.abs()


@dataclass(frozen=True)
class _QuadraticJudge:
    linear: Tensor
    square: Tensor
    along: Tensor
    contrasts: Tensor
    offset: float

    def log_odds(self, rows: Tensor) -> Tensor:
        straight = rows @ self.linear + rows.square() @ self.square
        return straight + (rows @ self.contrasts).square() @ self.along + self.offset

    def slopes(self, rows: Tensor) -> Tensor:
        slope = self.linear + 2 * rows * self.square
        slope += 2 * ((rows @ self.contrasts) * self.along) @ self.contrasts.T
        return slope.square().mean(dim=0).sqrt()


@dataclass(frozen=True)
class _NearestJudge:
    rows: Tensor
    from_b: Tensor
    k: int

    def log_odds(self, rows: Tensor) -> Tensor:
        votes = self.from_b[nearest_neighbours(rows, self.rows, self.k).indices].double().sum(dim=1)
        return ((votes + 0.5) / (self.k - votes + 0.5)).log()

    def slopes(self, rows: Tensor) -> None:
        return None


@dataclass(frozen=True)
class _TreeJudge:
    model: Any

    def log_odds(self, rows: Tensor) -> Tensor:
        return torch.as_tensor(self.model.decision_function(rows.cpu().numpy()), device=rows.device)

    def slopes(self, rows: Tensor) -> None:
        return None


def _contrasts(rows: Tensor, from_b: Tensor, wanted: int, components: int, rng: torch.Generator) -> Tensor:
    """[d, at most `wanted`]: of unit variance over all rows, by falling difference between the two sets."""
    axes = principal_axes(rows, min(components, rows.shape[1], len(rows) - 1), rng).axes.T
    spread = (rows @ axes).square().mean(dim=0)
    varied = spread > 1e-8 * spread[0]
    axes = axes[:, varied] / spread[varied].sqrt()
    a, b = rows[~from_b] @ axes, rows[from_b] @ axes
    a, b = a - a.mean(dim=0), b - b.mean(dim=0)
    difference, directions = torch.linalg.eigh(b.T @ b / len(b) - a.T @ a / len(a))
    contrasts: Tensor = axes @ directions[:, difference.abs().argsort(descending=True)[:wanted]]
    return contrasts


def _logistic_regression(columns: Tensor, from_b: Tensor) -> tuple[Tensor, float]:
    """Weights [p] and offset of the log-odds, with the columns on one scale for the penalty."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    mean, scale = columns.mean(dim=0), columns.std(dim=0, correction=0)
    scale = torch.where(scale > 1e-12, scale, 1.0)
    model = LogisticRegression(C=1 / columns.shape[1], tol=1e-5, max_iter=1000)
    # One thread: with more, each of many small products waits for the threads of torch's products to yield.
    with warnings.catch_warnings(), threadpool_limits(limits=1, user_api="blas"):
        warnings.simplefilter("ignore", ConvergenceWarning)  # a classifier short of its best is a fair judge
        model.fit(((columns - mean) / scale).cpu().numpy(), from_b.cpu().numpy())
    weight = torch.from_numpy(model.coef_[0]).to(columns.device) / scale
    return weight, float(model.intercept_[0]) - float(weight @ mean)
