"""Does each code keep to one factor, and do the codes together give it away? Modularity and explicitness."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ganlens.measures.disentanglement.discretise import discretise
from ganlens.measures.disentanglement.information import mutual_information
from ganlens.measures.disentanglement.known_factors import (
    BINS,
    codes_and_factors,
    refuse_single_values,
    split_rows,
    standardised,
)
from ganlens.measures.facts import FIXED_TOO_WIDE, FRESH, TABLE, Group, measure


@dataclass(frozen=True)
class Modularity:
    """What `modularity` found.

    Attributes:
        score: the mean of `per_code`.
        per_code: [k] float64, 0…1; 0 for a code that tells nothing at all.
        information: [k, f] float64, nats that each code tells of each factor.
    """

    score: float
    per_code: Tensor
    information: Tensor


@dataclass(frozen=True)
class Explicitness:
    """What `explicitness` found.

    Attributes:
        score: the mean of `per_factor`.
        per_factor: [f] float64, the area under the ROC curve, 0…1, mean over the factor's values.
    """

    score: float
    per_factor: Tensor


@measure(
    Group.DISENTANGLEMENT,
    applied_to=TABLE,
    range="0…1",
    better="higher",
    bias="noise above 0, near 1 where a factor has far more values than the others",
    intervals=(FRESH, FIXED_TOO_WIDE),
)
def modularity(codes: Tensor, factors: Tensor, bins: int = BINS, *, equal_counts: bool = False) -> Modularity:
    """Does each code tell of one factor alone?

    For each code, with m its mutual information with each of f factors: 1 − Σ m²/((f − 1) max m²), the sum
    without the largest; then the mean over codes. 1: all that a code tells is about one factor. 0: it tells
    equally much of all of them, or nothing. It does not ask whether a factor is held well, or by one code:
    copies of a good code, and a code that tells next to nothing but of one factor only, score 1. Look at
    `mutual_information_gap` and `explicitness` beside it.

    Bias: information is overestimated by about (bins − 1)(values − 1)/2n, so that pure noise seems to tell of
    every factor, most of the one with most values. Where factors have equally many values, noise scores low;
    where one has far more values than the others, noise scores *near 1*. Read it beside `shuffled_codes`.
    Constant codes count as 0, as in the published protocol: they lower the mean of a wide code. Its interval:
    `replicate_interval` over fresh samples; `subsample_interval` for a table that can't be drawn again.

    A property of codes *given these factors*; it can't be had without them (Locatello et al. 2019, arXiv
    1811.12359).

    Args:
        codes, factors, bins, equal_counts: as `mutual_information_gap`; at least 2 factors.

    Returns:
        0…1; higher is better.

    Raises:
        UserError: as `mutual_information_gap`, or fewer than two factors.

    Source: Ridgeway & Mozer 2018 (arXiv 1802.05312), section 3; protocol of Locatello et al. 2019: 10,000
    samples, 20 bins of equal width.
    """
    codes, factors = codes_and_factors(codes, factors, num_factors=2)
    information = mutual_information(
        discretise(codes, bins, equal_counts=equal_counts),
        discretise(factors, bins, equal_counts=equal_counts),
    )
    per_code = _per_code(information)
    return Modularity(float(per_code.mean()), per_code, information)


@measure(
    Group.DISENTANGLEMENT,
    applied_to=TABLE,
    range="about ½ to 1",
    better="higher",
    bias="understates with few rows",
    intervals=(FRESH,),
)
def explicitness(
    codes: Tensor, factors: Tensor, *, rng: torch.Generator, bins: int = BINS, held_out: float = 1 / 3
) -> Explicitness:
    """Can the value of each factor be read off all codes together by a linear classifier?

    Logistic regression from standardised codes to a factor's values, judged on held-out rows: the area under
    the ROC curve of each value against all others, averaged over values and then over factors. It says nothing
    of disentanglement: a rotation of the codes changes it little. It is what `modularity` does not ask.

    Bias: none upward, since it is judged on rows that were not fitted; few rows make the classifier worse. Its
    interval: `replicate_interval` over fresh samples.

    Args:
        codes: [n, k] floating point.
        factors: [n, f], binned as in `mutual_information_gap`.
        rng: draws the held-out rows; a CPU generator.
        held_out: their share.

    Returns:
        1 (every value is set apart by a plane) down to about .5 (nothing is known); higher is better. A value
        that the fitted or the held-out rows lack is left out of the mean; NaN where none is left.

    Raises:
        UserError: as `mutual_information_gap`, a share of held-out rows that leaves none on either side, or a
            factor with one value in all rows that are fitted to or in all that are held out.

    Source: Ridgeway & Mozer 2018 (arXiv 1802.05312), section 3; protocol of Locatello et al. 2019: 10,000
    rows to fit, 5,000 to judge. Some report 2·AUC − 1, which is 0 where nothing is known.
    """
    codes, factors = codes_and_factors(codes, factors, rows=4)
    labels = discretise(factors, bins)
    fitted, judged = split_rows(len(codes), held_out, rng)
    refuse_single_values(labels[fitted], "fitted to")
    refuse_single_values(labels[judged], "held out")
    scaled = standardised(codes, fitted)
    areas = [_area(scaled[fitted], y[fitted], scaled[judged], y[judged]) for y in labels.unbind(dim=1)]
    per_factor = torch.tensor(areas, dtype=torch.float64)
    return Explicitness(float(per_factor.mean()), per_factor)


def _per_code(information: Tensor) -> Tensor:
    squares = information.square()
    largest = squares.max(dim=1).values
    others = (squares.sum(dim=1) - largest) / (information.shape[1] - 1)
    return torch.where(largest > 0, 1 - others / torch.where(largest > 0, largest, 1.0), 0.0)


def _area(fitted: Tensor, fitted_values: Tensor, judged: Tensor, judged_values: Tensor) -> float:
    """The area under the ROC curve of a factor's values, one against the rest, on average over values."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score

    model = LogisticRegression(max_iter=1000).fit(fitted.numpy(), fitted_values.numpy())
    likelihoods = model.predict_proba(judged.numpy())
    truth = judged_values.numpy()
    areas = [
        float(roc_auc_score(truth == value, likelihoods[:, column]))
        for column, value in enumerate(model.classes_)
        if 0 < (truth == value).sum() < len(truth)
    ]
    return sum(areas) / len(areas) if areas else math.nan
