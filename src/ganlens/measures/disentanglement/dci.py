"""One code per factor, one factor per code, and all of it legible? Disentanglement, completeness, informativeness."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ganlens.errors import UserError
from ganlens.measures.disentanglement.discretise import discretise
from ganlens.measures.disentanglement.known_factors import (
    BINS,
    codes_and_factors,
    refuse_single_values,
    split_rows,
)
from ganlens.measures.facts import FIXED_TOO_WIDE, FRESH, TABLE, Group, measure

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Values = NDArray[np.float64]
    Labels = NDArray[np.int64]


ROUNDING = 1e-12
"""A smaller share of all importance is the rounding of residuals that are equal on both sides of a split."""


class Split(NamedTuple):
    """One split of a tree, in scikit-learn's names: a code, its highest value on the left, the nodes below."""

    feature_idx: int
    num_threshold: float
    left: int
    right: int


class ImportanceScores(NamedTuple):
    """What `dci_from_importances` found: both scores 0…1, with the terms they average."""

    disentanglement: float
    completeness: float
    per_code: Tensor
    """[k] float64, the disentanglement of each code; 0 for a code that matters to no factor."""
    per_factor: Tensor
    """[f] float64, the completeness of each factor; 0 for a factor that no code matters to."""


@dataclass(frozen=True)
class DCI:
    """What `dci` found.

    Attributes:
        disentanglement: 0…1, whether each code matters to one factor alone; higher is better.
        completeness: 0…1, whether one code alone matters to each factor; higher is better.
        informativeness: 0…1, the mean of `accuracy`; higher is better.
        importances: [k, f] float64, how much each code matters to each factor; columns sum to 1,
            or to 0 where no code splits anything.
        per_code: [k] float64, the disentanglement of each code.
        per_factor: [f] float64, the completeness of each factor.
        accuracy: [f] float64, the share of held-out rows whose factor is named right.
        majority: [f] float64, the share that is right without looking at the codes: always the value that is
            most frequent in the fitted rows. What `accuracy` must beat.
        held_out_rows: how many rows both shares are of.
    """

    disentanglement: float
    completeness: float
    informativeness: float
    importances: Tensor
    per_code: Tensor
    per_factor: Tensor
    accuracy: Tensor
    majority: Tensor
    held_out_rows: int


@measure(
    Group.DISENTANGLEMENT,
    applied_to=TABLE,
    range="0…1, all three",
    better="higher",
    bias="good codes too low, noise above 0",
    intervals=(FRESH, FIXED_TOO_WIDE),
)
def dci(
    codes: Tensor,
    factors: Tensor,
    *,
    rng: torch.Generator,
    bins: int = BINS,
    held_out: float = 1 / 3,
    rounds: int = 100,
) -> DCI:
    """Does each code matter to one factor, does each factor need one code, and can it be told at all?

    Boosted trees name each factor from all codes. How much each code contributes to that is its importance;
    `dci_from_importances` turns the importances into disentanglement D and completeness C, and the accuracy
    on held-out rows is informativeness I. One factor spread over two codes costs C; one code that holds two
    factors costs D. D and C say nothing where I is at `majority`: importances are relative, and those of
    noise are shared out like any others. Codes of different scales or monotone distortions score the same.

    Where codes are copies of one another (or of each other's negative) a tree could use either; they share
    the importance equally, so that copies cost completeness: two of k lower C by ln 2/ln k.

    The trees are those of scikit-learn's histogram gradient boosting, with the size, number and step of the
    classic gradient boosting that published scores were computed with, and many times as fast. The classic
    measures importance by how much a split lessens the squared residual; histogram trees keep the gain in
    likelihood instead, which weighs late rounds more. So the squared residuals are worked out again from the
    splits. `benchmarks/dci.py` records how closely the scores agree, and both times.

    Bias: few rows let codes of noise matter a little, so that D and C of good codes are too low and those of
    noise above 0. Compare at equal numbers of rows, codes and factors, beside `shuffled_codes`. Intervals:
    for an accuracy `binomial_interval` on `held_out_rows` (of these trees); for all three `replicate_interval`
    over fresh samples; `subsample_interval` for a table that can't be drawn again, somewhat too wide, because
    trees that see fewer rows vary more.

    A property of codes *given these factors*: unsupervised, it can neither be measured nor relied on
    (Locatello et al. 2019, arXiv 1811.12359).

    Args:
        codes: [n, k] floating point, at least 2 codes.
        factors: [n, f], at least 2 factors; integers are discrete, floating-point columns of more than `bins`
            values are cut into bins of equal width.
        rng: draws the held-out rows; a CPU generator.
        bins: of a continuous factor.
        held_out: the share of rows that judge.
        rounds: of boosting; each adds one tree per value of the factor.

    Raises:
        UserError: integer or non-finite codes, different numbers of rows, fewer than two codes or factors, a
            factor with one value (which), a share of held-out rows that leaves none on either side, or no
            rounds.

    Source: Eastwood & Williams 2018 (openreview By-7dz-AZ), section 2; protocol of Locatello et al. 2019:
    10,000 rows to fit and 5,000 to judge, 100 rounds of trees of depth 3.
    """
    codes, factors = codes_and_factors(codes, factors, rows=4, num_codes=2, num_factors=2)
    if rounds < 1:
        raise UserError(f"rounds must be at least 1, found {rounds}; 100 are usual")
    labels = discretise(factors, bins)
    fitted, judged = split_rows(len(codes), held_out, rng)
    refuse_single_values(labels[fitted], "fitted to")

    x, x_judged = codes[fitted].numpy(), codes[judged].numpy()
    importances = torch.empty(codes.shape[1], labels.shape[1], dtype=torch.float64)
    accuracy, majority = (torch.empty(labels.shape[1], dtype=torch.float64) for _ in range(2))
    for factor, factor_labels in enumerate(labels.unbind(dim=1)):
        y, y_judged = factor_labels[fitted].numpy(), factor_labels[judged].numpy()
        trees = _boosted_trees(x, y, rounds)
        importances[:, factor] = _importances(trees, x, y)
        accuracy[factor] = float((trees.predict(x_judged) == y_judged).mean())
        majority[factor] = float((y_judged == np.bincount(y).argmax()).mean())
    importances = _shared_between_copies(importances, codes[fitted])
    scores = dci_from_importances(importances)
    return DCI(
        disentanglement=scores.disentanglement,
        completeness=scores.completeness,
        informativeness=float(accuracy.mean()),
        importances=importances,
        per_code=scores.per_code,
        per_factor=scores.per_factor,
        accuracy=accuracy,
        majority=majority,
        held_out_rows=len(judged),
    )


def dci_from_importances(importances: Tensor) -> ImportanceScores:
    """Does each code matter to one factor alone, and one code alone to each factor?

    The disentanglement of a code is 1 − H/ln f, with H the entropy of its row as shares; the mean weighs each
    code by the row's sum. The completeness of a factor is 1 − H/ln k, with H the entropy of its column; the
    mean weighs each factor by the column's sum. So codes that matter to nothing weigh nothing.

    Args:
        importances: [k, f], how much each code matters to each factor, not negative; at least 2 of both.

    Returns:
        Both scores in 0…1, higher is better; 0 where no code matters to any factor.

    Raises:
        UserError: not a floating-point matrix of at least 2×2, negative or non-finite importances.

    Source: Eastwood & Williams 2018 (openreview By-7dz-AZ), section 2.
    """
    if importances.ndim != 2 or min(importances.shape) < 2 or not importances.is_floating_point():
        raise UserError(
            "importances: expected floating-point values for at least 2 codes and 2 factors, found "
            f"{importances.dtype} of shape {tuple(importances.shape)}"
        )
    weights = importances.detach().cpu().double()
    if not torch.isfinite(weights).all() or (weights < 0).any():
        raise UserError("importances: expected finite values that are not negative")
    per_code, per_factor = _concentration(weights), _concentration(weights.T)
    total = weights.sum()
    if total == 0:
        return ImportanceScores(0.0, 0.0, per_code, per_factor)
    return ImportanceScores(
        disentanglement=float(weights.sum(dim=1) @ per_code / total),
        completeness=float(weights.sum(dim=0) @ per_factor / total),
        per_code=per_code,
        per_factor=per_factor,
    )


def _concentration(weights: Tensor) -> Tensor:
    """1 − entropy of each row's shares over that of equal shares; 0 for a row of zeros."""
    totals = weights.sum(dim=1, keepdim=True)
    shares = weights / torch.where(totals > 0, totals, 1.0)
    entropy = -torch.xlogy(shares, shares).sum(dim=1)
    return torch.where(totals[:, 0] > 0, (1 - entropy / math.log(weights.shape[1])).clamp(0, 1), 0.0)


def _boosted_trees(x: Values, y: Labels, rounds: int) -> Any:
    """Trees of the size, number and step of scikit-learn's `GradientBoostingClassifier`."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    return HistGradientBoostingClassifier(
        max_iter=rounds,
        learning_rate=0.1,
        max_depth=3,
        max_leaf_nodes=None,
        min_samples_leaf=1,
        early_stopping=False,
    ).fit(x, y)


def _importances(trees: Any, x: Values, y: Labels) -> Tensor:
    """How much of the squared residual the splits on each code take away: [k], sums to 1, or 0 without splits.

    scikit-learn offers no importances for these trees, so their nodes are read (`_predictors`, which is not
    public but is what exporters of these models read as well).
    """
    taken = np.zeros(x.shape[1])
    columns, rows = np.ascontiguousarray(x.T), np.arange(len(x))
    truth = (y[:, None] == trees.classes_).astype(np.float64)
    predicted = np.broadcast_to(truth.mean(axis=0), truth.shape)  # before the first tree
    for round_of_trees, after in zip(trees._predictors, trees.staged_predict_proba(x), strict=True):
        residuals = np.ascontiguousarray((truth - predicted).T)
        # Two values share one tree: their residuals differ in sign alone.
        for tree, residual in zip(round_of_trees, residuals, strict=False):
            _add_reductions(_splits(tree.nodes), 0, rows, columns, residual, taken)
        predicted = after
    taken[taken < ROUNDING * taken.sum()] = 0
    return torch.from_numpy(taken / taken.sum() if taken.sum() > 0 else taken)


def _splits(nodes: Any) -> list[Split | None]:
    """The split at each node of a tree; None for a leaf."""
    fields = (nodes[name].tolist() for name in Split._fields)
    splits = map(Split._make, zip(*fields, strict=True))
    return [None if leaf else split for leaf, split in zip(nodes["is_leaf"], splits, strict=True)]


def _add_reductions(
    splits: list[Split | None], node: int, rows: Labels, columns: Values, residual: Values, taken: Values
) -> tuple[int, float]:
    """Add to `taken` [k] what the splits at and below a node take off the squared residuals of its `rows`.

    Returns:
        How many rows reach the node, and the sum of their residuals.
    """
    split = splits[node]
    if split is None:
        return len(rows), float(residual[rows].sum())
    goes_left = columns[split.feature_idx][rows] <= split.num_threshold
    left_count, left_sum = _add_reductions(splits, split.left, rows[goes_left], columns, residual, taken)
    right_count, right_sum = _add_reductions(splits, split.right, rows[~goes_left], columns, residual, taken)
    apart = left_sum / left_count - right_sum / right_count
    count = left_count + right_count
    taken[split.feature_idx] += left_count * right_count / count * apart**2
    return count, left_sum + right_sum


def _shared_between_copies(importances: Tensor, codes: Tensor) -> Tensor:
    """`importances` [k, f], averaged over codes that order the rows of `codes` [n, k] the same or reversed."""
    ranks = torch.stack([column.unique(return_inverse=True)[1] for column in codes.unbind(dim=1)])
    reversed_ranks = ranks.max(dim=1, keepdim=True).values - ranks
    # Of an order and its reverse, the one that is smaller where they first differ stands for both.
    differ = (ranks != reversed_ranks).int().argmax(dim=1, keepdim=True)
    smaller = ranks.gather(1, differ) <= reversed_ranks.gather(1, differ)
    _, group = torch.where(smaller, ranks, reversed_ranks).unique(dim=0, return_inverse=True)
    members = torch.bincount(group).double()
    totals = torch.zeros(len(members), importances.shape[1], dtype=torch.float64)
    totals.index_add_(0, group, importances)
    return (totals / members[:, None])[group]
