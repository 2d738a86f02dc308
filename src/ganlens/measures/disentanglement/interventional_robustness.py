"""Does a code stay put while everything but its own factor changes? The interventional robustness score."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ganlens.errors import UserError
from ganlens.measures.disentanglement.discretise import discretise
from ganlens.measures.disentanglement.known_factors import BINS, codes_and_factors, constant_columns
from ganlens.measures.facts import FRESH, TABLE, Group, measure


@dataclass(frozen=True)
class InterventionalRobustness:
    """What `interventional_robustness` found.

    Attributes:
        score: the mean of `per_code`, each code weighted by its reach.
        per_code: [k] float64, at most 1: the largest of its row of `robustness`; 0 for a constant code.
        factor_of_code: [k] int64, the factor where that is; −1 for a constant code.
        robustness: [k, f] float64, 1 less the share of its reach that a code moves while a factor is fixed.
        reach: [k] float64, the farthest that each code gets from its mean.
    """

    score: float
    per_code: Tensor
    factor_of_code: Tensor
    robustness: Tensor
    reach: Tensor


@measure(
    Group.DISENTANGLEMENT,
    applied_to=TABLE,
    range="up to 1",
    better="higher",
    bias="overstates, noise too",
    intervals=(FRESH,),
)
def interventional_robustness(
    codes: Tensor, factors: Tensor, bins: int = BINS, *, deviation_quantile: float = 0.99
) -> InterventionalRobustness:
    """While one factor is held and all others change, how far is a code pushed from its place?

    For each code and factor: among samples that share the factor's value, the distance from their mean that
    99 % of them keep within, averaged over the values, as a share of the farthest the code ever gets from its
    mean. 1 less that is the robustness; a code is scored by its best factor, and codes are averaged with
    their reach as weights. It sees only whether each code answers to one factor: a factor that no code holds,
    and one held by many, cost nothing.

    Bias: *upward*, and by the codes' shape. Reach is a maximum and deviation a quantile, so that a code of
    Gaussian noise scores about 1/3 at n = 10,000 and one of uniform noise .01; a value with few rows sits close
    to its own mean. A number without `shuffled_codes` beside it says nothing. Its interval: `replicate_interval`
    over fresh samples; none for a table that can't be drawn again, because subsamples share its farthest rows
    and scatter too little.

    Weights are in the units of the codes: a code on a larger scale counts for more. Sign, offset and a scale
    common to all codes don't matter. Constant codes weigh nothing.

    A property of codes *given these factors*, which must be independent: samples that happen to share a value
    stand in for an intervention on it (Suter et al. 2019; Locatello et al. 2019, arXiv 1811.12359).

    Args:
        codes: [n, k] floating point.
        factors: [n, f], at least 2 factors; integers are discrete, floating-point columns of more than `bins`
            values are cut into bins of equal width. Every value needs many rows.
        bins: of a continuous factor.
        deviation_quantile: the share of samples that the deviation covers; 1 is the largest, as in the paper.

    Returns:
        At most 1, higher is better; 0 where all codes are constant.

    Raises:
        UserError: as `mutual_information_gap`, fewer than two factors, or a quantile outside 0…1.

    Source: Suter et al. 2019 (arXiv 1811.00007); protocol of Locatello et al. 2019: 10,000 samples,
    20 bins, quantile .99.
    """
    codes, factors = codes_and_factors(codes, factors, num_factors=2)
    if not 0 < deviation_quantile <= 1:
        raise UserError(f"deviation_quantile must lie above 0 and up to 1, found {deviation_quantile}")
    labels = discretise(factors, bins)
    reach = (codes - codes.mean(dim=0)).abs().max(dim=0).values
    reach = torch.where(constant_columns(codes), 0.0, reach)
    moved = torch.stack([_deviation(codes, column, deviation_quantile) for column in labels.unbind(1)], dim=1)
    alive = reach > 0
    robustness = torch.where(alive[:, None], 1 - moved / torch.where(alive, reach, 1.0)[:, None], 0.0)
    best = robustness.max(dim=1)
    return InterventionalRobustness(
        score=float(best.values @ reach / reach.sum()) if alive.any() else 0.0,
        per_code=best.values,
        factor_of_code=torch.where(alive, best.indices, -1),
        robustness=robustness,
        reach=reach,
    )


def _deviation(codes: Tensor, labels: Tensor, quantile: float) -> Tensor:
    """How far `codes` [n, k] get from their mean among rows of equal `labels` [n], averaged over labels: [k]."""
    groups = [codes[labels == value] for value in range(int(labels.max()) + 1)]
    farthest = [np.quantile((rows - rows.mean(dim=0)).abs().numpy(), quantile, axis=0) for rows in groups]
    return torch.from_numpy(np.mean(farthest, axis=0))
