"""How far must one set be moved to become the other, seen from random sides? Sliced Wasserstein distance."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from ganlens.errors import UserError
from ganlens.measures.facts import FIXED, FRESH, PAIR, Group, measure
from ganlens.measures.feature_matrix import feature_pair, float64_chunks

VALUES_AT_ONCE = 1 << 22
"""Values of projections, or of directions where they are longer, held together: 32 MiB for each of a few."""


@measure(
    Group.QUALITY,
    applied_to=PAIR,
    range="0 and up",
    better="lower",
    bias="overstates, as 1/√n at worst",
    intervals=(FRESH, FIXED),
)
def sliced_wasserstein(
    a: Tensor, b: Tensor, *, rng: torch.Generator, projections: int = 1000, order: Literal[1, 2] = 2
) -> float:
    """How far must one set of features be moved to become the other, on average over directions?

    Both sets are projected onto random unit directions. On a line the cheapest move is known exactly: in
    order, also between sets of different sizes. Of order 2 it is the root of the mean over directions of the
    mean squared move, of order 1 the mean over directions of the mean move. Two sets that differ by a shift Δ
    in d dimensions are at ‖Δ‖/√d for order 2.

    Unlike the Fréchet distance it sees differences in shape that leave means and covariances as they are.
    In many dimensions most directions show nearly Gaussian shadows, and small modes fade.

    Bias: it *overstates*, and with it the distance of equal distributions falls only as about 1/√n. Compare
    at equal numbers, beside the same measure on two real sets. The directions drawn add scatter, not bias in
    the squares; the same seed takes the same directions.

    Interval: `replicate_interval` over fresh generated samples, for the expectation at that number of them;
    `subsample_interval` for a real set that can't be drawn again. None over directions, because they share
    all samples.

    Args:
        a, b: [n, d] and [m, d], in the same feature space.
        rng: draws the directions; a CPU generator.
        projections: how many directions.
        order: 1 or 2.

    Returns:
        0 (the same rows) and up, in the features' own units; lower is better.

    Raises:
        UserError: mismatched widths, fewer than two rows, integer or non-finite features, no projections, or
            another order.

    Source: Rabin et al. 2011; Bonneel et al. 2015. Karras et al. 2018 (arXiv 1710.10196), section 5, take
    order 1 on patches of images, times 1,000, which is another protocol.
    """
    a, b = feature_pair(a, b, ("a", "b"))
    if projections < 1:
        raise UserError(f"expected at least 1 projection, found {projections}")
    if order not in (1, 2):
        raise UserError(f"order must be 1 or 2, found {order}")
    rows_a, rows_b, widths = (x.to(a.device) for x in _moves(len(a), len(b)))
    total, left = 0.0, projections
    while left:
        together = min(left, max(1, VALUES_AT_ONCE // max(len(a) + len(b), a.shape[1])))
        directions = _directions(together, a.shape[1], rng).to(a.device)
        shadow_a, shadow_b = (_sorted_shadows(features, directions) for features in (a, b))
        moved = (shadow_a[:, rows_a] - shadow_b[:, rows_b]).abs_()
        total += float((moved**order @ widths).sum())
        left -= together
    return float((total / projections) ** (1 / order))


def _directions(count: int, width: int, rng: torch.Generator) -> Tensor:
    """Unit vectors [count, d], drawn one at a time: the same ones however many are drawn together."""
    drawn = [torch.randn(width, generator=rng, dtype=torch.float64) for _ in range(count)]
    return torch.nn.functional.normalize(torch.stack(drawn), dim=1)


def _sorted_shadows(features: Tensor, directions: Tensor) -> Tensor:
    """Where the rows fall on each direction: [directions, n], ascending."""
    shadows = [directions @ chunk.T for chunk in float64_chunks(features)]
    return torch.cat(shadows, dim=1).sort(dim=1).values


def _moves(n: int, m: int) -> tuple[Tensor, Tensor, Tensor]:
    """Which of n sorted values goes to which of m, and what share of the whole does.

    Value i of n holds the share from i/n to (i+1)/n; in whole numbers, from i·m to (i+1)·m of n·m.
    """
    ends = torch.cat([torch.arange(1, n + 1) * m, torch.arange(1, m + 1) * n]).unique()
    starts = torch.cat([ends.new_zeros(1), ends[:-1]])
    return starts // m, starts // n, (ends - starts).double() / (n * m)
