"""Does one code alone know a factor? The mutual information gap (MIG)."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from ganlens.measures.disentanglement.discretise import discretise
from ganlens.measures.disentanglement.information import entropies, mutual_information
from ganlens.measures.disentanglement.known_factors import BINS, codes_and_factors
from ganlens.measures.facts import FIXED_TOO_WIDE, FRESH, TABLE, Group, measure


@dataclass(frozen=True)
class MutualInformationGap:
    """What `mutual_information_gap` found.

    Attributes:
        score: the mean of `per_factor`.
        per_factor: [f] float64, 0…1.
        information: [k, f] float64, nats that each code tells of each factor.
        entropies: [f] float64, nats in each factor: the most a code could tell.
    """

    score: float
    per_factor: Tensor
    information: Tensor
    entropies: Tensor


@measure(
    Group.DISENTANGLEMENT,
    applied_to=TABLE,
    range="0…1",
    better="higher",
    bias="understates",
    intervals=(FRESH, FIXED_TOO_WIDE),
)
def mutual_information_gap(
    codes: Tensor, factors: Tensor, bins: int = BINS, *, equal_counts: bool = False
) -> MutualInformationGap:
    """Is each known factor held by one code, and by no other?

    For each factor: the mutual information of the code that tells most of it, less that of the code that
    tells second most, over the factor's entropy; then the mean over factors. 1 needs a code that settles the
    factor and a second that tells nothing of it; 0 means that two codes tell equally much, be it everything
    (a copy) or nothing (noise). It looks at single codes: a factor spread over several, or turned by 45°
    within a pair of codes, scores near 0, however much the codes tell together. It does not see one code that
    holds several factors: look at `modularity` beside it.

    Bias: information is overestimated (see `mutual_information`), for the second code more than for a first
    that settles the factor, so that the gap is too *small* by up to about (bins − 1)(values − 1)/2nH. For
    codes of pure noise it is the gap between two overestimates, close to 0. Compare at equal n, bins and
    factors, beside `shuffled_codes`. Its interval: `replicate_interval` over fresh samples; for a table that
    can't be drawn again `subsample_interval`, except where two codes tie, since there the gap folds at 0.

    A property of codes *given these factors*. It does not say that they would be found without labels, nor
    that another seed, data set or measure would agree (Locatello et al. 2019, arXiv 1811.12359).

    Args:
        codes: [n, k] floating point, at least 2 codes; the order, sign and scale of the columns don't matter.
        factors: [n, f]; integers are discrete, floating-point columns of more than `bins` values are cut into
            bins.
        bins: of a continuous code or factor.
        equal_counts: bins with equal counts instead of equal width; then no monotone rescaling of a code
            matters.

    Returns:
        0…1; higher is better.

    Raises:
        UserError: integer or non-finite codes, different numbers of rows, fewer than two rows, fewer than two
            codes, fewer than 2 bins, or a factor with one value (which).

    Source: Chen et al. 2018 (arXiv 1802.04942), section 4; protocol of Locatello et al. 2019: 10,000
    samples, 20 bins of equal width.
    """
    codes, factors = codes_and_factors(codes, factors, num_codes=2)
    code_labels = discretise(codes, bins, equal_counts=equal_counts)
    factor_labels = discretise(factors, bins, equal_counts=equal_counts)
    information = mutual_information(code_labels, factor_labels)
    in_factors = entropies(factor_labels)
    first, second = information.topk(2, dim=0).values
    per_factor = (first - second) / in_factors
    return MutualInformationGap(float(per_factor.mean()), per_factor, information, in_factors)
