"""Can a classifier tell two sets apart, and what gives them away? The classifier two-sample test."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from scipy import special
from torch import Tensor

from ganlens.errors import UserError
from ganlens.measures.classifiers import Classifier, Judge, QuadraticClassifier
from ganlens.measures.estimate import Interval
from ganlens.measures.facts import PAIR, Group, ValidInterval, measure
from ganlens.measures.feature_matrix import feature_pair, float64_mean

MOST_COPIES = 10
"""A value that more rows share is no copy but one that the data often take."""
ROUNDED = 1e-5
"""A spread of so small a share of a feature's size is rounding: a hundred times the finest step of 32-bit floats."""


@dataclass(frozen=True)
class TwoSampleTest:
    """What `classifier_two_sample_test` found.

    Attributes:
        accuracy: the share of rows, as many of a as of b, that a classifier which never saw them told right.
        interval: for `accuracy`, of this classifier at this number of rows; close to what it promises.
        p_value: the chance of so much success by guessing; exact.
        fold_accuracies: one per fold, to see how far they agree.
        scores_a, scores_b: [n] and [m] float64, for every row how much likelier it looks from b than from a,
            ln of the odds, by a classifier that never saw it. The largest of `scores_b` give b away.
        weights: [d] float64, how much the log-odds change with each feature, one standard deviation of it
            being 1: the root mean square over held-out rows. For a linear classifier the absolute weights.
            None for classifiers without derivatives.
        classifier: which, with its settings.
    """

    accuracy: float
    interval: Interval
    p_value: float
    fold_accuracies: tuple[float, ...]
    scores_a: Tensor
    scores_b: Tensor
    weights: Tensor | None
    classifier: str


@measure(
    Group.TWO_SAMPLE,
    applied_to=PAIR,
    range="`accuracy` 0…1",
    better="lower, down to ½",
    bias="understates what the best classifier could tell",
    intervals=(
        ValidInterval(".interval", "the accuracy of this classifier at this n, more often than it says"),
    ),
)
def classifier_two_sample_test(
    a: Tensor,
    b: Tensor,
    *,
    rng: torch.Generator,
    folds: int = 5,
    classifier: Classifier | None = None,
    level: float = 0.95,
) -> TwoSampleTest:
    """How often can a classifier tell rows of `a` from rows of `b` that it has not seen?

    Each fold's rows are told by a classifier fitted to the other folds, on features standardised by those.
    In each fold as many rows of a as of b are counted; the rest, of the larger set, are only scored.

    The default classifier is quadratic because a linear one sees means alone: sets that differ in spread or
    correlation, as blurred or noisy samples do, are the same to it. The quadratic one pays for its sight with
    some percent of accuracy where only means differ.

    **What the folds do to chance.** Row i teaches the classifier that tells row j, and j the one that tells
    i, so that successes over folds are not independent: under equal distributions the accuracy of 5 folds
    scatters 1.1 to 1.6 times as widely as a binomial share (1.75 times with 20 folds), and a plain binomial
    test cries wolf up to three times as often as it says. Therefore

    - `interval` is the exact binomial one of *half* the rows told: each pair of rows has been compared twice.
      That comes close, and is too wide where the sets differ much.
    - `p_value` is from a second pass in which each fold is told by a classifier fitted to the folds *before*
      it: no row then teaches one that it learns from, every guess is a fair coin given all before, and the
      binomial p-value is right for any classifier, data and number of folds.

    **Constant features.** A spread that is no more than rounding of the feature's own mean, or of the features' size
    where the feature is constant in one set, is taken for none. Standardised, it would be as large as any other, and
    tell apart what differs by how it was computed.

    **Copies.** Equal rows go to the same fold, unless more than 10 share a value, or more than a fold has of
    each set. Otherwise the training row would teach the wrong answer for its replay, and a generator that
    replays would score below chance. *Near* copies can't be known as such: with a classifier that looks at
    neighbours they push the accuracy below ½, where independent samples don't lead. So take for `a` rows that
    the generator has not seen.

    Bias: accuracy is a lower bound for the best classifier's, and rises with the number of rows; ½ on average
    for equal distributions, whatever the classifier.

    A fold's rows are held in float64, by the quadratic classifier three times: some thousand rows will do.

    Args:
        a, b: [n, d] and [m, d], in the same feature space; usually real and generated.
        rng: deals rows to folds; a CPU generator.
        folds: at least 2.
        classifier: see `ganlens.measures.classifiers`; the quadratic one by default.
        level: of the interval.

    Returns:
        `accuracy` 0…1: ½ is indistinguishable, 1 is told apart without fail. Lower is better, down to ½.

    Raises:
        UserError: mismatched widths, fewer than two folds, fewer rows than folds, integer or non-finite
            features, a level outside 0…1, or so many equal rows that a fold has none of one set.

    Source: Lopez-Paz & Oquab 2017 (arXiv 1610.06545), section 3; they hold out one half, where a binomial
    p-value is right as it is.
    """
    if folds < 2:
        raise UserError(f"expected at least 2 folds, found {folds}; 5 are usual")
    if not 0 < level < 1:
        raise UserError(f"level must lie between 0 and 1, found {level}; 0.95 is usual")
    a, b = feature_pair(a, b, ("a", "b"), rows=folds)
    classifier = QuadraticClassifier() if classifier is None else classifier
    sides = _deal(a, b, folds, rng)
    scores = [torch.empty(len(side.rows), dtype=torch.float64, device=a.device) for side in sides]
    right, guesses, forward, slopes = [], [], 0, []
    for fold in range(folds):
        judged = [side.counted & (side.fold == fold) for side in sides]
        fitted = _Fitted([side.rows[side.counted & (side.fold != fold)] for side in sides], classifier, rng)
        for side, score in zip(sides, scores, strict=True):
            score[side.fold == fold] = fitted.log_odds(side.rows[side.fold == fold])
        right.append(_successes(scores[0][judged[0]], scores[1][judged[1]]))
        guesses.append(int(judged[0].sum() + judged[1].sum()))
        slopes.append(fitted.slopes(torch.cat([a[judged[0]], b[judged[1]]])))
        if fold > 0:
            fitted = _Fitted(
                [side.rows[side.counted & (side.fold < fold)] for side in sides], classifier, rng
            )
            forward += _successes(*(fitted.log_odds(s.rows[j]) for s, j in zip(sides, judged, strict=True)))
    known = [slope.square() for slope in slopes if slope is not None]
    return TwoSampleTest(
        accuracy=sum(right) / sum(guesses),
        interval=_interval(sum(right), sum(guesses), level),
        p_value=float(special.bdtrc(forward - 1, sum(guesses[1:]), 0.5)) if forward else 1.0,
        fold_accuracies=tuple(r / t for r, t in zip(right, guesses, strict=True)),
        scores_a=scores[0],
        scores_b=scores[1],
        weights=torch.stack(known).mean(dim=0).sqrt() if known else None,
        classifier=str(classifier),
    )


@dataclass(frozen=True)
class _Side:
    """One of the two sets: its rows [n, d], the fold of each, and whether it is fitted to and counted."""

    rows: Tensor
    fold: Tensor
    counted: Tensor


class _Fitted:
    """A classifier fitted to some rows of both sets, and the standardisation that goes with it."""

    def __init__(self, sides: list[Tensor], classifier: Classifier, rng: torch.Generator) -> None:
        self._mean = float64_mean(*sides)
        rows = torch.cat(sides).double() - self._mean
        deviation = rows.square().mean(dim=0).sqrt()
        self._scale = torch.where(_rounded(sides, self._mean, deviation), torch.inf, deviation)
        from_b = torch.arange(len(rows), device=rows.device) >= len(sides[0])
        self._judge: Judge = classifier.fit(rows / self._scale, from_b, rng)

    def log_odds(self, rows: Tensor) -> Tensor:
        return self._judge.log_odds((rows.double() - self._mean) / self._scale)

    def slopes(self, rows: Tensor) -> Tensor | None:
        return self._judge.slopes((rows.double() - self._mean) / self._scale)


def _rounded(sides: list[Tensor], mean: Tensor, deviation: Tensor) -> Tensor:
    """Which features [d] vary by rounding alone. One that is 0 in one set has no size of its own to be rounded at, and
    is measured by that of all features; one that varies in both is not, whatever its units."""
    least = torch.stack([side.double().std(dim=0, correction=0) for side in sides]).amin(dim=0)
    constant = least <= torch.finfo(torch.float32).eps * mean.abs()
    size = (mean.square() + deviation.square()).mean().sqrt()
    return (deviation <= ROUNDED * mean.abs()) | (constant & (deviation <= ROUNDED * size))


def _successes(scores_a: Tensor, scores_b: Tensor) -> int:
    return int((scores_a <= 0).sum() + (scores_b > 0).sum())


def _interval(successes: int, trials: int, level: float) -> Interval:
    """Clopper and Pearson's for half as many trials, whose beta distribution needs no whole numbers."""
    tail = (1 - level) / 2
    won, lost = successes / 2, (trials - successes) / 2
    low = special.betaincinv(won, lost + 1, tail) if won else 0.0
    high = special.betaincinv(won + 1, lost, 1 - tail) if lost else 1.0
    method = f"{100 * level:g} %, exact binomial of half of {trials:,} rows told, since folds share rows"
    return Interval(float(low), float(high), method)


def _deal(a: Tensor, b: Tensor, folds: int, rng: torch.Generator) -> tuple[_Side, _Side]:
    """A fold for each row, with equal rows together, and which rows are counted: in each fold as many of a
    as of b.

    Nothing here may depend on which of several equal rows is from a: an arrangement that does tells the label
    of the one by that of the other, and equal distributions would no longer be told at ½.
    """
    size = min(len(a), len(b))
    _, value = torch.unique(torch.cat([a, b]), dim=0, return_inverse=True)
    values = value.cpu().split([len(a), len(b)])
    orders = [torch.randperm(len(side), generator=rng) for side in values]
    drawn = torch.cat([side[order[:size]] for side, order in zip(values, orders, strict=True)])
    repeats = torch.bincount(drawn, minlength=int(value.max()) + 1)
    together = (repeats > 1) & (repeats <= min(MOST_COPIES, size // folds))
    shared = together.nonzero().flatten()
    fold_of_value = torch.full_like(repeats, -1)
    fold_of_value[shared[torch.randperm(len(shared), generator=rng)]] = torch.arange(len(shared)) % folds
    all_folds = []
    for side, order in zip(values, orders, strict=True):
        fold = fold_of_value[side]
        alone = order[fold[order] < 0]
        fold[alone] = torch.arange(len(alone)) % folds
        all_folds.append(fold)
    all_counted = [torch.zeros(len(side), dtype=torch.bool) for side in values]
    for number in range(folds):
        here = [order[:size] for order in orders]
        here = [rows[fold[rows] == number] for rows, fold in zip(here, all_folds, strict=True)]
        most = min(len(rows) for rows in here)
        if most == 0:
            raise UserError(
                f"so many rows are equal that one of {folds} folds has none of a or of b; "
                "give more different samples or ask for fewer folds"
            )
        for rows, counted in zip(here, all_counted, strict=True):
            counted[rows[:most]] = True
    side_a, side_b = (
        _Side(rows, fold.to(rows.device), counted.to(rows.device))
        for rows, fold, counted in zip((a, b), all_folds, all_counted, strict=True)
    )
    return side_a, side_b
