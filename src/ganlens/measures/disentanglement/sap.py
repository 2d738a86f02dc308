"""Is there one code that predicts a factor better than any other? The separated attribute predictability score."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ganlens.measures.disentanglement.discretise import discretise, is_continuous
from ganlens.measures.disentanglement.known_factors import (
    BINS,
    codes_and_factors,
    refuse_single_values,
    split_rows,
    standardised,
)
from ganlens.measures.facts import FIXED_TOO_WIDE, FRESH, TABLE, Group, measure


@dataclass(frozen=True)
class SAPScore:
    """What `sap_score` found.

    Attributes:
        score: the mean of `per_factor`.
        per_factor: [f] float64, 0…1, the gap between the two best codes.
        scores: [k, f] float64, 0…1, how well each code alone predicts each factor: R² or accuracy.
        continuous: for each factor, whether its column of `scores` is R².
    """

    score: float
    per_factor: Tensor
    scores: Tensor
    continuous: list[bool]


@measure(
    Group.DISENTANGLEMENT,
    applied_to=TABLE,
    range="0…1",
    better="higher",
    bias="noise slightly above 0",
    intervals=(FRESH, FIXED_TOO_WIDE),
)
def sap_score(
    codes: Tensor, factors: Tensor, *, rng: torch.Generator, bins: int = BINS, held_out: float = 1 / 3
) -> SAPScore:
    """Does one code predict each factor linearly, and the next best far worse?

    For each factor: how well the best code alone predicts it, less how well the second best does; then the
    mean over factors. For a continuous factor the prediction is a straight line, and R² the squared
    correlation over all rows. For a discrete one it is a linear support vector machine with balanced classes,
    and the accuracy on held-out rows. Linear: a code that holds a factor in a bent way, or an unordered one
    in another order, scores below what it knows. With many values even a perfect code is named wrong often,
    because lines in one dimension can't single out each of them, so that the score is well below 1. A copy of
    the best code makes the gap 0, whatever it knows.

    Bias: R² of a code of noise is about 1/n and the accuracy is that of guessing, for both codes of a gap
    alike; the gap of noise is slightly above 0, being a largest less a second. Compare at equal n and factors,
    beside `shuffled_codes`. Its interval: `replicate_interval` over fresh samples; `subsample_interval` for a
    table that can't be drawn again and continuous factors, except where two codes tie.

    A property of codes *given these factors* (Locatello et al. 2019, arXiv 1811.12359).

    Args:
        codes: [n, k] floating point, at least 2 codes. They are standardised for the support vector machine,
            whose fixed penalty depends on the scale: as published for codes of unit variance.
        factors: [n, f]. Floating-point columns of more than `bins` values are continuous; all others are
            discrete.
        rng: draws the held-out rows; a CPU generator.
        bins: what is continuous.
        held_out: the share of rows that judge the accuracy.

    Returns:
        0…1; higher is better.

    Raises:
        UserError: as `mutual_information_gap`, a share of held-out rows that leaves none on either side, or a
            discrete factor with one value in the fitted rows.

    Source: Kumar et al. 2018 (arXiv 1711.00848), section 3; protocol of Locatello et al. 2019: 10,000 rows to
    fit and 5,000 to judge, C = 0.01, every factor discrete.
    """
    codes, factors = codes_and_factors(codes, factors, rows=4, num_codes=2)
    continuous = is_continuous(factors, bins)
    labels = discretise(factors, bins)
    fitted, judged = split_rows(len(codes), held_out, rng)
    refuse_single_values(labels[fitted], "fitted to")

    scaled = standardised(codes, fitted)
    scores = torch.empty(codes.shape[1], factors.shape[1], dtype=torch.float64)
    for factor, smooth in enumerate(continuous):
        y = labels[:, factor]
        for code, x in enumerate(scaled.unbind(dim=1)):
            if smooth:
                scores[code, factor] = _squared_correlation(codes[:, code], factors[:, factor].double())
            else:
                scores[code, factor] = _accuracy(x[fitted], y[fitted], x[judged], y[judged])
    first, second = scores.topk(2, dim=0).values
    per_factor = first - second
    return SAPScore(float(per_factor.mean()), per_factor, scores, continuous)


def _squared_correlation(code: Tensor, factor: Tensor) -> float:
    """R² of the best straight line from one to the other; 0 for a constant code."""
    code, factor = code - code.mean(), factor - factor.mean()
    varied = float(code.square().sum() * factor.square().sum())
    return min(1.0, float(code @ factor) ** 2 / varied) if varied > 0 else 0.0


def _accuracy(fitted: Tensor, fitted_values: Tensor, judged: Tensor, judged_values: Tensor) -> float:
    from sklearn.svm import LinearSVC

    model = LinearSVC(C=0.01, class_weight="balanced", dual=False)
    model.fit(fitted[:, None].numpy(), fitted_values.numpy())
    return float((model.predict(judged[:, None].numpy()) == judged_values.numpy()).mean())
