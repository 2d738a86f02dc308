"""Are the samples believable, and is everything covered? Precision, recall, density and coverage."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ganlens.errors import UserError
from ganlens.measures.distances import PairwiseDistances
from ganlens.measures.facts import FIXED_TOO_WIDE, FRESH, REAL_AND_FAKE, Group, ValidInterval, measure
from ganlens.measures.feature_matrix import feature_pair
from ganlens.measures.neighbours import nearest_neighbours

ON_THE_SPHERE = 1e-12
"""A distance this close to a radius, relatively, equals it but for rounding, and is not inside. (A ball's own
k-th neighbour lies on it, and so does a fake that copies that neighbour.)"""
ROWS_AT_ONCE = 512
"""Rows of a tile that are compared together: what is written then stays in the processor's cache."""
TOO_MANY_DOUBTS = 1 / 64
"""The share of a tile's pairs in doubt beyond which the whole tile is computed again in float64."""


@dataclass(frozen=True)
class PRDC:
    """See `prdc`. Precision, recall and coverage lie in 0…1, density is 0 and up. Higher is better."""

    precision: float
    recall: float
    density: float
    coverage: float


@dataclass(frozen=True)
class BallMembership:
    """Who lies inside whose ball; see `ball_membership`.

    Attributes:
        real_balls_around_fake: [n_fake] int64, in how many real balls each fake lies. None: not believable.
        fake_ball_around_real: [n_real] bool, whether any fake ball holds each real. False: not reached.
        fake_in_real_ball: [n_real] bool, whether each real's own ball holds a fake.
        k: the neighbours that set the radii.
    """

    real_balls_around_fake: Tensor
    fake_ball_around_real: Tensor
    fake_in_real_ball: Tensor
    k: int


@measure(
    Group.QUALITY,
    applied_to=REAL_AND_FAKE,
    range="precision, recall, coverage 0…1; density 0 and up",
    better="higher; density about 1",
    bias="all depend on n, k and dimension",
    intervals=(
        FRESH,
        FIXED_TOO_WIDE,
        ValidInterval("binomial_interval", "precision alone, over fresh fakes, *given these real rows*"),
    ),
)
def prdc(real: Tensor, fake: Tensor, k: int = 5, *, real_radii: Tensor | None = None) -> PRDC:
    """How many fakes are believable, and how much of the real data can the generator make?

    Each sample has a ball that reaches to its k-th nearest neighbour in its own set, itself not counted; a
    point is inside when it is strictly nearer.

    - precision: the share of fakes inside any real ball. A collapsed generator scores high.
    - recall: the share of reals inside any fake ball. A noisy generator whose balls are huge scores high.
    - density: real balls around a fake, over k, on average: 1 for the same distribution, above 1 where fakes
      keep to dense parts. Less swayed than precision by a stray real sample.
    - coverage: the share of reals whose ball holds a fake. Less swayed than recall by stray fakes.

    Bias: all depend on k and on the numbers of samples, precision and recall also on the dimension; compare
    at equal numbers and beside held-out real data. Where both distributions are equal, density averages 1 and
    coverage 1 − Π (n − i)/(n + m − i) over i = 1 … k (.97 for n = m, k = 5); precision and recall are then
    well below 1 in many dimensions.

    Args:
        real, fake: [n, d] and [m, d], in the same feature space.
        k: neighbours that set a ball's radius.
        real_radii: [n] of the real balls, `ball_radii(real, k)`, where several sets meet the same reals.

    Raises:
        UserError: mismatched widths, fewer than two rows, k below 1 or not below both numbers of rows,
            integer or non-finite features.

    Source: Kynkäänniemi et al. 2019 (arXiv 1904.06991), section 2; Naeem et al. 2020 (arXiv 2002.09797),
    section 3, whose protocol this is.
    """
    balls = ball_membership(real, fake, k, real_radii=real_radii)
    return PRDC(
        precision=_share(balls.real_balls_around_fake > 0),
        recall=_share(balls.fake_ball_around_real),
        density=float(balls.real_balls_around_fake.double().mean()) / k,
        coverage=_share(balls.fake_in_real_ball),
    )


def ball_radii(points: Tensor, k: int = 5) -> Tensor:
    """How far each of `points` [n, d] is from its k-th nearest neighbour, itself not counted: [n] float64."""
    return nearest_neighbours(points, points, k, exclude_self=True).distances[:, -1]


@measure(
    Group.NEIGHBOURS,
    applied_to=REAL_AND_FAKE,
    range="yes or no for each row; counts",
    better="neither",
    bias="as `prdc`",
    none_because="it is said of each row; for the shares see `prdc`",
)
def ball_membership(
    real: Tensor, fake: Tensor, k: int = 5, *, real_radii: Tensor | None = None
) -> BallMembership:
    """Which fakes lie in real balls and which reals in fake ones: `prdc` before it is averaged.

    Args and errors: as `prdc`.
    """
    real, fake = feature_pair(real, fake, ("real", "fake"))
    rows = min(len(real), len(fake))
    if not 1 <= k < rows:
        raise UserError(f"k must lie between 1 and {rows - 1}, one less than the smaller set, found {k}")
    if real_radii is None:
        real_radii = ball_radii(real, k)
    elif real_radii.shape != (len(real),):
        raise UserError(
            f"real_radii: expected one for each of {len(real)} reals, found shape {tuple(real_radii.shape)}"
        )
    fake_radii = ball_radii(fake, k)
    pairs = PairwiseDistances(fake, real)
    real_balls = torch.zeros(len(fake), dtype=torch.int64, device=fake.device)
    reached = torch.zeros(len(real), dtype=torch.bool, device=real.device)
    holding = torch.zeros(len(real), dtype=torch.bool, device=real.device)
    # All three questions are asked of each tile while it is there: the product that makes it is what costs, and
    # an [n_fake, n_real] matrix of distances would not fit.
    for some in pairs.rows():
        for columns in pairs.columns():
            tile = pairs.lower(some, columns)
            for start in range(some.start, some.stop, ROWS_AT_ONCE):
                here = slice(start, min(start + ROWS_AT_ONCE, some.stop))
                part = _Part(pairs, here, columns, tile[here.start - some.start : here.stop - some.start])
                inside, held = part.in_reference_balls(real_radii[columns])
                real_balls[here] += inside
                holding[columns] |= held
                # One ball is enough to be reached: what an earlier tile settled isn't looked at again.
                reached[columns] |= part.in_query_balls(fake_radii[here], reached[columns])
    return BallMembership(real_balls, reached, holding, k)


class _Part:
    """Some rows of a tile: lower bounds of the squared distances [r, c] of queries and references.

    Most columns have nothing inside any ball, which their minimum tells; the rest is looked at pair by pair.
    """

    def __init__(self, pairs: PairwiseDistances, rows: slice, columns: slice, bounds: Tensor) -> None:
        self._pairs, self._rows, self._columns, self._bounds = pairs, rows, columns, bounds
        self._nearest = bounds.amin(dim=0)
        self._slack = pairs.slack(rows, columns, bounds.dtype)

    def in_reference_balls(self, radii: Tensor) -> tuple[Tensor, Tensor]:
        """For each query the number of references [r] whose ball holds it, and whether each ball [c] holds any.

        `radii` is [c].
        """
        # The bounds are never above a distance: a column whose smallest is not below its radius has nothing inside.
        columns = (self._nearest < self._reach(radii)).nonzero().squeeze(1)
        inside = self._inside(columns, radii[None, columns])
        held = torch.zeros(len(radii), dtype=torch.bool, device=radii.device)
        held[columns] = inside.amax(dim=0) > 0 if len(columns) else False  # no maximum of no columns
        return inside.sum(dim=1).long(), held

    def in_query_balls(self, radii: Tensor, known: Tensor) -> Tensor:
        """Whether each reference [c] is in any query's ball; it isn't looked at where `known` [c] says so.

        `radii` is [r].
        """
        held = known.clone()
        # The balls are the queries' here, and each has its own radius: the largest can rule a column out for all.
        columns = ((self._nearest < self._reach(radii.max())) & ~known).nonzero().squeeze(1)
        if len(columns):
            held[columns] = self._inside(columns, radii[:, None]).amax(dim=0) > 0
        return held

    def _reach(self, radii: Tensor) -> Tensor:
        """Radii as squared distances in the tile's unit."""
        return (radii / self._pairs.unit).square()

    def _inside(self, columns: Tensor, radii: Tensor) -> Tensor:
        """For each query and each of some references, 1 where their distance is below the radius and else 0.

        Numbers, not booleans: torch compares and sums those several times as fast.
        """
        bounds = self._bounds if len(columns) == self._bounds.shape[1] else self._bounds[:, columns]
        reach = self._reach(radii)
        # A true squared distance lies between its bound and `slack` above it. So a bound beyond the radius says
        # no, one below it by more than the slack says yes, and only what lies between is in doubt. (3, not 2, times
        # the relative tolerance, because the radius is squared and that is rounded as well.)
        possible = torch.lt(bounds, reach.to(bounds.dtype), out=torch.empty_like(bounds))
        sure = (reach * (1 - 3 * ON_THE_SPHERE) - self._slack).to(bounds.dtype)
        certain = torch.lt(bounds, sure, out=torch.empty_like(bounds))
        doubtful = possible.sum(dim=1) - certain.sum(dim=1)
        doubts = float(doubtful.sum(dtype=torch.float64))  # float32 can't count beyond 2^24
        if doubts == 0:
            return possible
        # Many doubts come of clusters that are tight beside their distance from the mean: a float64 tile has next to
        # no slack there, and costs less than as many pairs one by one.
        if doubts > TOO_MANY_DOUBTS * self._bounds.numel() and bounds.dtype != torch.float64:
            exact = self._pairs.lower(self._rows, self._columns, torch.float64)
            return _Part(self._pairs, self._rows, self._columns, exact)._inside(columns, radii)
        row = doubtful.nonzero().squeeze(1)
        place, column = (possible[row] - certain[row]).nonzero(as_tuple=True)
        row = row[place]
        # The few that are left are settled by their differences, as the radii were.
        distances = self._pairs.exact(row + self._rows.start, columns[column] + self._columns.start)
        within = distances < radii.expand(bounds.shape)[row, column] * (1 - ON_THE_SPHERE)
        possible[row, column] = within.to(bounds.dtype)
        return possible


def _share(members: Tensor) -> float:
    return float(members.double().mean())
