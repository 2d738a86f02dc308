"""Two ways to make an objective small for many samples at once: by gradients, and by trying."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

Loss = Callable[[Tensor, Tensor], Tensor]
"""The objective [m] of points [m, …], where point i belongs to sample `rows[i]`: `loss(points, rows)`."""

Within = Callable[[Tensor], Tensor]

CHILDREN = 16
WIDER, NARROWER = 1.3, 0.85
FIRST_STEP = 0.3
"""Of the search by trying, in standard deviations of the points, shared among all their numbers."""


def descend(
    loss: Loss, start: Tensor, *, steps: int, learning_rate: float, within: Within = lambda points: points
) -> tuple[Tensor, Tensor]:
    """The best points [n, …] and losses [n] on Adam's way down from `start`, each sample for itself.

    The rate falls along half a cosine. Adam keeps its moments for every number apart, so a sample's way does
    not depend on the others of the batch.

    Args:
        within: brings points back into their bounds after every step.

    Source: Kingma & Ba 2015 (arXiv 1412.6980).
    """
    points = start.detach().clone().requires_grad_(True)
    rows = torch.arange(len(start), device=start.device)
    optimiser = torch.optim.Adam([points], lr=learning_rate, betas=(0.9, 0.99))
    best, lowest = start.detach().clone(), torch.full((len(start),), torch.inf, device=start.device)
    with torch.enable_grad():
        for step in range(steps + 1):
            losses = loss(points, rows)
            _keep(best, lowest, points.detach(), losses.detach())
            if step == steps:
                break
            (points.grad,) = torch.autograd.grad(losses.sum(), points)
            points.grad = points.grad.nan_to_num(0.0, 0.0, 0.0)
            optimiser.param_groups[0]["lr"] = learning_rate * 0.5 * (1 + math.cos(math.pi * step / steps))
            optimiser.step()
            with torch.no_grad():
                points.copy_(within(points))
    return best, lowest


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


def _keep(best: Tensor, lowest: Tensor, points: Tensor, losses: Tensor) -> None:
    better = losses < lowest
    best[better] = points[better]
    lowest[better] = losses[better]
