"""Two ways to make an objective small for many samples at once: by gradients, and by trying."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import torch
from torch import Tensor

Loss = Callable[[Tensor, Tensor], Tensor]
"""The objective [m] of points [m, …], where point i belongs to sample `rows[i]`: `loss(points, rows)`."""

Within = Callable[[Tensor], Tensor]

PAIRS, FEWEST_PAIRS, NUMBERS_A_SAMPLE = 12, 3, 1 << 17
"""Steps that say what the curvature is; fewer where points are so wide that they would take more numbers."""
ENOUGH = 1e-4
"""The share of the fall that the slope foretells with which a step is content."""
NEARER, NEAREST = 0.4, 1e-3
"""How much of the way is tried after it went too far, and the least of it before all is begun anew."""
FLAT = 1e-10

CHILDREN = 16
WIDER, NARROWER = 1.3, 0.85
FIRST_STEP = 0.3
"""Of the search by trying, in standard deviations of the points, shared among all their numbers."""


def descend(
    loss: Loss, start: Tensor, *, steps: int, first_step: float, within: Within = lambda points: points
) -> tuple[Tensor, Tensor]:
    """The best points [n, …] and losses [n] on the way down from `start`, each sample for itself.

    Limited-memory BFGS with backtracking. In every step each sample tries one point: where it lies low enough (Armijo's
    condition) the sample goes there and takes a new direction, else it tries nearer along the same one, so that no
    sample waits for another, and the way of one does not depend on the others of the batch.

    Args:
        steps: points that each sample tries.
        first_step: how far every number of a point moves in the first one, before anything is known of the curvature.
        within: brings points back into their bounds after every step.

    Source: Nocedal & Wright 2006 (Numerical Optimization), algorithms 7.4 and 3.1.
    """
    rows = torch.arange(len(start), device=start.device)
    points = start.detach().clone()
    lowest, slope = _slope(loss, points, rows)
    curvature = _Curvature(slope, first_step)
    way, share = curvature.downhill(slope), torch.ones_like(lowest)
    for _ in range(steps):
        with torch.no_grad():
            tried = within(points + (share[:, None] * way).view_as(points))
        moved = (tried - points).flatten(1)
        losses, there = _slope(loss, tried, rows)
        foretold = (slope * moved).sum(dim=1).clamp(max=0)
        lower = losses <= lowest + ENOUGH * foretold
        curvature.learn(lower, moved, there - slope)
        points[lower], lowest[lower], slope[lower] = tried[lower], losses[lower], there[lower]
        share = torch.where(lower, 1.0, share * NEARER)
        lost = share < NEAREST  # the curvature that was learned leads nowhere
        curvature.forget(lost, slope)
        anew = lower | lost
        way[anew], share[lost] = curvature.downhill(slope)[anew], 1.0
    return points, lowest


def _slope(loss: Loss, points: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
    """The losses [n] at points [n, …] and their gradients [n, d]; a loss that is no number is infinite."""
    at = points.detach().clone().requires_grad_(True)
    with torch.enable_grad():
        losses = loss(at, rows)
        (slope,) = torch.autograd.grad(losses.sum(), at)
    slope = slope.flatten(1).nan_to_num(0.0, 0.0, 0.0)
    return losses.detach().nan_to_num(torch.inf, torch.inf, torch.inf), slope


class _Curvature:
    """What the last steps of each sample say of the curvature where it is: pairs of moves and changes of slope.

    Args:
        slope: [n, d] at the start.
        first_step: see `descend`.
    """

    def __init__(self, slope: Tensor, first_step: float) -> None:
        width = slope.shape[1]
        kept = min(PAIRS, max(FEWEST_PAIRS, NUMBERS_A_SAMPLE // width))
        self._pairs: deque[tuple[Tensor, Tensor, Tensor]] = deque(maxlen=kept)
        self._first = first_step * width**0.5
        self._scale = self._unknown(slope)

    def learn(self, which: Tensor, moves: Tensor, changes: Tensor) -> None:
        """Keep moves and changes of slope [n, d] of some samples (bool [n]), where the curvature is positive."""
        product, change = torch.linalg.vecdot(moves, changes), torch.linalg.vecdot(changes, changes)
        known = which & (product > FLAT * change)
        weights = torch.where(known, 1 / product, 0.0)  # 0: of this sample the pair says nothing
        self._scale = torch.where(known, product / change, self._scale)
        self._pairs.append((moves, changes, weights))

    def forget(self, which: Tensor, slope: Tensor) -> None:
        """Know nothing of some samples (bool [n]) any more, whose slope is now `slope` [n, d]."""
        if bool(which.any()):
            for _, _, weights in self._pairs:
                weights[which] = 0
            self._scale = torch.where(which, self._unknown(slope), self._scale)

    def downhill(self, slope: Tensor) -> Tensor:
        """The steps [n, d] to where the slope [n, d] should end; straight down where nothing else leads down."""
        way = self._two_loops(slope)
        uphill = torch.linalg.vecdot(way, slope) >= 0
        if bool(uphill.any()):
            self.forget(uphill, slope)
            way[uphill] = -(slope * self._scale[:, None])[uphill]
        return way

    def _unknown(self, slope: Tensor) -> Tensor:
        scale: Tensor = self._first / slope.norm(dim=1).clamp_min(1e-30)
        return scale

    def _two_loops(self, slope: Tensor) -> Tensor:
        way, shares = -slope, []
        for moves, changes, weights in reversed(self._pairs):
            shares.append(weights * torch.linalg.vecdot(moves, way))
            way.addcmul_(changes, shares[-1][:, None], value=-1)
        way *= self._scale[:, None]
        for moves, changes, weights in self._pairs:
            back = weights * torch.linalg.vecdot(changes, way)
            way.addcmul_(moves, (shares.pop() - back)[:, None])
        return way


def evolve(
    loss: Loss, start: Tensor, *, steps: int, rng: torch.Generator, within: Within = lambda points: points
) -> tuple[Tensor, Tensor]:
    """The best points [n, z] and losses [n] found without gradients, each sample for itself.

    An evolution strategy: every step tries `CHILDREN` points about the best so far, all samples with the same
    draws (so that a sample's search does not depend on the others); the step widens after a success and
    narrows after a failure.

    Source: Rechenberg 1973; Schwefel 1981.
    """
    count, width = start.shape
    best = start.detach().clone()
    rows = torch.arange(count, device=start.device)
    with torch.no_grad():
        lowest = loss(best, rows)
        reach = torch.full((count, 1, 1), FIRST_STEP, device=start.device)
        parents = rows.repeat_interleave(CHILDREN)
        for _ in range(steps):
            half = torch.randn(CHILDREN // 2, width, generator=rng).to(start.device)
            moves = torch.cat([half, -half])
            children = within((best[:, None] + reach * moves).flatten(0, 1))
            losses, chosen = loss(children, parents).unflatten(0, (count, CHILDREN)).min(dim=1)
            better = losses < lowest
            child = children.unflatten(0, (count, CHILDREN))[rows, chosen]
            best = torch.where(better[:, None], child, best)
            lowest = torch.where(better, losses, lowest)
            reach = (reach * torch.where(better, WIDER, NARROWER)[:, None, None]).clamp(1e-4, 2.0)
    return best, lowest
