"""Over how much of the picture does a map spread? Neither way is faithful by itself."""

from __future__ import annotations

import torch
from torch import Tensor

from ganlens.measures.facts import EACH_MAP, Group, measure
from ganlens.measures.faithfulness.maps import magnitudes


@measure(
    Group.FAITHFULNESS,
    applied_to="maps",
    range="0…1 − 1/p for p pixels",
    better="neither",
    bias="none",
    none_because=EACH_MAP,
)
def sparseness(maps: Tensor) -> Tensor:
    """On how few pixels does an explanation rest? (the Gini index of |map|)

    Higher is easier to read, not truer: a map of one wrong pixel scores best. Baseline: the same method on the
    model with randomised weights, and 0, which is the uniform map.

    Args:
        maps: [n, h, w], signed or not.

    Returns:
        [n] in 0…1 − 1/p for p pixels: 0 where all pixels are alike (zeros too), 1 − 1/p where one holds all.

    Raises:
        UserError: no maps, or one that is not finite.

    Source: Hurley & Rickard 2009; Chalasani et al. 2018 (arXiv 1810.06583).
    """
    rows = magnitudes(maps).sort(dim=1).values
    pixels = rows.shape[1]
    weight = 2 * torch.arange(1, pixels + 1, dtype=torch.float64) - pixels - 1
    return (rows @ weight / pixels).clamp_min(0)


@measure(
    Group.FAITHFULNESS,
    applied_to="maps",
    range="0…ln p nats for p pixels",
    better="neither",
    bias="none",
    none_because=EACH_MAP,
)
def complexity(maps: Tensor) -> Tensor:
    """Over how many pixels does an explanation spread? (the entropy of |map|, as shares)

    Lower is easier to read, not truer. exp of it is the number of pixels that an equally spread map would
    have. Baseline: the same method on the model with randomised weights, and ln p, the uniform map.

    Args:
        maps: [n, h, w], signed or not.

    Returns:
        [n] in 0…ln p nats for p pixels; a map of zeros, which says nothing, counts as uniform: ln p.

    Raises:
        UserError: no maps, or one that is not finite.

    Source: Bhatt et al. 2020 (arXiv 2005.00631).
    """
    rows = magnitudes(maps)
    rows = torch.where(rows.sum(dim=1, keepdim=True) > 0, rows, 1 / rows.shape[1])
    entropy: Tensor = torch.special.entr(rows).sum(dim=1)
    return entropy
