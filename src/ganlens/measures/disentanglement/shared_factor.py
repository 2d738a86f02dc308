"""Groups of samples that share the value of one factor: what FactorVAE's and β-VAE's scores are made from."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from ganlens.errors import UserError
from ganlens.measures.disentanglement.discretise import discretise
from ganlens.measures.disentanglement.known_factors import BINS, codes_and_factors

SAMPLES_AT_ONCE = 8192
"""Samples asked for in one call, whatever the number of groups: what an encoder can be given at a time."""

GroupDraw = Callable[[int, int, int, torch.Generator], Tensor]
"""`draw(factor, groups, size, rng)` → codes [groups, size, k] of fresh samples.

The samples of a group share one value of factor number `factor`, which is drawn anew for each group; all other
factors are drawn independently for each sample. Where a data set can be rendered from its factors, this is:
draw factors, copy column `factor` within each group, render, encode. Where there is only a table of codes and
factors, use `draw_from_table`. The same state of `rng` must give the same codes.
"""


def draw_from_table(codes: Tensor, factors: Tensor, *, bins: int = BINS) -> GroupDraw:
    """Groups that share a factor's value, picked from samples whose codes and factors are known.

    A row picked at random settles the value, so that values come as often as they are in the table; then
    `size` different rows of that value are the group. Only values with at least `size` rows are used. Groups
    reuse rows, so that they are not independent: a binomial interval of a score made from them is too narrow.
    A continuous factor is shared to within a bin, which leaves about 1/bins² of its variance.

    Args:
        codes: [n, k] floating point.
        factors: [n, f]; integers are discrete, floating-point columns of more than `bins` values are cut into
            bins of equal width.

    Raises:
        UserError: as `mutual_information_gap`; on drawing, a factor that the table lacks or of which no value
            has `size` rows.
    """
    codes, factors = codes_and_factors(codes, factors)
    labels = discretise(factors, bins)

    def draw(factor: int, groups: int, size: int, rng: torch.Generator) -> Tensor:
        if not 0 <= factor < labels.shape[1]:
            raise UserError(f"the table has factors 0 to {labels.shape[1] - 1}, and factor {factor} is drawn")
        by_value = labels[:, factor].argsort(stable=True)
        counts = torch.bincount(labels[:, factor])
        first_rows = counts.cumsum(0) - counts
        usable = by_value[(counts >= size)[labels[by_value, factor]]]
        if len(usable) == 0:
            raise UserError(
                f"factors: no value of column {factor} has {size} rows, the most have {int(counts.max())}; "
                "give more samples or ask for smaller groups"
            )
        picked = usable[torch.randint(len(usable), (groups,), generator=rng)]
        value = labels[picked, factor]
        positions = first_rows[value][:, None] + _distinct_positions(counts[value], size, rng)
        return codes[by_value[positions]]

    return draw


def drawn_groups(
    draw: GroupDraw, factor: int, groups: int, size: int, per_call: int, rng: torch.Generator
) -> Iterator[Tensor]:
    """Codes [at most per_call, size, k] in float64 of so many groups, each answer of `draw` checked.

    Raises:
        UserError: an answer that is not codes of the shape asked for, or not finite (which group).
    """
    for start in range(0, groups, per_call):
        asked = min(per_call, groups - start)
        codes = draw(factor, asked, size, rng)
        if not isinstance(codes, Tensor) or codes.ndim != 3 or codes.shape[:2] != (asked, size):
            form = tuple(codes.shape) if isinstance(codes, Tensor) else type(codes).__name__
            raise UserError(
                f"draw: expected codes [{asked}, {size}, k] for {asked} groups of {size} samples, found {form}"
            )
        if not codes.is_floating_point():
            raise UserError(f"draw: expected floating-point codes, found {codes.dtype}")
        codes = codes.detach().cpu().double()
        finite = torch.isfinite(codes).flatten(1).all(dim=1)
        if not finite.all():
            group = int((~finite).nonzero()[0])
            raise UserError(f"draw: group {group} of factor {factor} holds NaN or an infinite value")
        yield codes


def trials_of_each_factor(trials: int, num_factors: int, rng: torch.Generator) -> list[int]:
    """How many of `trials` fall to each factor when each picks one at random."""
    picked = torch.randint(num_factors, (trials,), generator=rng)
    counts: list[int] = torch.bincount(picked, minlength=num_factors).tolist()
    return counts


def _distinct_positions(sizes: Tensor, count: int, rng: torch.Generator) -> Tensor:
    """For each size m in `sizes` [g], `count` different numbers below m, any set as likely: [g, count].

    Floyd's algorithm: the i-th number is drawn from the first m − count + i + 1; one that is already there
    gives way to the last of them.
    """
    chosen = torch.empty(len(sizes), count, dtype=torch.int64)
    for step in range(count):
        last = sizes - count + step
        drawn = (torch.rand(len(sizes), generator=rng, dtype=torch.float64) * (last + 1)).long()
        repeated = (chosen[:, :step] == drawn[:, None]).any(dim=1)
        chosen[:, step] = torch.where(repeated, last, drawn)
    return chosen
