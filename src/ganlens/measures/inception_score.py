"""Are samples classified with confidence, and as every class alike? The Inception Score."""

from __future__ import annotations

import torch
from torch import Tensor

from ganlens.errors import UserError
from ganlens.measures.facts import FRESH, Group, measure
from ganlens.measures.feature_matrix import feature_matrix, float64_chunks


@measure(
    Group.QUALITY,
    applied_to="class probabilities of generated samples",
    range="1 to the number of classes",
    better="higher",
    bias="understates, as 1/n",
    intervals=(FRESH,),
)
def inception_score(probabilities: Tensor, *, splits: int = 1) -> float:
    """As how many classes does a classifier surely and evenly see the samples?

    exp of the mean over samples of KL(p(y|x) ‖ p(y)), p(y) being the mean of the p(y|x).

    It never looks at real data: copies of one training sample per class score as high as can be, lost variety
    within a class costs nothing, and probabilities of other classes than the data's say little.

    Bias: it *understates*, by up to (classes − 1)/2n of itself and more where a split is small. Compare at
    equal numbers, and only under one classifier.

    Interval: `replicate_interval` over fresh samples. The deviation over splits that papers print is that of
    n/splits samples, not of the score.

    Args:
        probabilities: [n, classes], each row summing to 1: after the softmax.
        splits: the rows are cut, in order, into so many parts, and the scores of the parts are averaged.
            1 loses the least to bias; 10 is what most papers did, with 5,000 samples a part. The rows must
            then be in random order: parts that hold one class each score 1.

    Returns:
        1 (all samples alike, or none classified) to the number of classes; higher is better.

    Raises:
        UserError: probabilities that are integer, non-finite or negative (which row), a row that doesn't sum
            to 1, fewer than two rows, or splits that are not between 1 and the number of rows.

    Source: Salimans et al. 2016 (arXiv 1606.03498), section 4; Barratt & Sharma 2018 (arXiv 1801.01973) for
    one split and for what it does not see.
    """
    probabilities = feature_matrix(probabilities, "probabilities")
    _check_rows(probabilities)
    n = len(probabilities)
    if not 1 <= splits <= n:
        raise UserError(f"splits must lie between 1 and {n}, the number of rows, found {splits}")
    parts = (probabilities[part * n // splits : (part + 1) * n // splits] for part in range(splits))
    return sum(_score(part) for part in parts) / splits


def _score(probabilities: Tensor) -> float:
    """The entropy of the mean less the mean of the entropies is the mean divergence from the mean."""
    total = torch.zeros(probabilities.shape[1], dtype=torch.float64, device=probabilities.device)
    negative_entropy = torch.zeros((), dtype=torch.float64, device=probabilities.device)
    for chunk in float64_chunks(probabilities):
        chunk = chunk / chunk.sum(dim=1, keepdim=True)
        total += chunk.sum(dim=0)
        negative_entropy += torch.xlogy(chunk, chunk).sum()
    mean = total / len(probabilities)
    divergence = negative_entropy / len(probabilities) - torch.xlogy(mean, mean).sum()
    return float(divergence.clamp_min(0).exp())


def _check_rows(probabilities: Tensor) -> None:
    # Softmax in a short type sums to 1 only to its own rounding; in float32 a thousand classes are within 1e-5.
    tolerance = max(1e-5, 4 * torch.finfo(probabilities.dtype).eps)
    start = 0
    for chunk in float64_chunks(probabilities):
        negative = (chunk < 0).any(dim=1)
        sums = chunk.sum(dim=1)
        bad = (negative | ((sums - 1).abs() > tolerance)).nonzero()
        if len(bad):
            row = int(bad[0])
            fault = "holds a negative value" if negative[row] else f"sums to {float(sums[row]):.6g}"
            raise UserError(
                f"probabilities: row {start + row} {fault}; expected probabilities that sum to 1, "
                "so take the softmax of logits first"
            )
        start += len(chunk)
