"""The nearest point of a class from a start: back along the way to its border, and turning towards the border's normal.

A point found by a search lies somewhere in the class. The straight way from the start crosses the border; where, the
margins at the ends foretell (by the secant, with a halving where that is slow). The border's normal there says where
on the plane that touches it the start is nearest. The two in turn come to the nearest point of a smooth border (as in
DeepFool), with the gradient estimated by trying where there is none (as in HopSkipJump). What is settled leaves the
batch at once.

Source: Moosavi-Dezfooli et al. 2016 (arXiv 1511.04599); Chen et al. 2020 (arXiv 1904.02144).
"""

from __future__ import annotations

import torch
from torch import Tensor

from ganlens.explain.counterfactuals.search_space import Question, SearchSpace, margins

CLOSE = 0.02
"""Close enough to the border: a margin above the one wanted by at most this share of what had to be gained."""

NARROW = 1 / 256
"""Close enough, too: a part of the way this long in which the border lies."""

CUTS = 10
"""Points of a way that are tried at most; the secant mostly needs two or three."""

TURNS, BLIND_TURNS = 4, 8
"""Towards the nearest point, with gradients and with estimated ones."""

CANDIDATES = ((1.0, 1.0), (1.0, 1.1), (0.5, 1.0), (0.5, 1.1), (0.2, 1.0))
"""How far to turn towards the normal (1: onto it) and how much longer to go, where the border is curved; the first
that is valid is taken."""

SHORTER = 0.998
"""A turn has to shorten the way to this share of it, or it is none."""

SETTLED = 0.01
"""A way that a turn along a true gradient shortened by less than this share is not turned again."""

TRIES = 48
"""Pairs of opposite steps that estimate one gradient."""

REACH = 0.15
"""Length of those steps, as a share of the distance from the start."""

TOGETHER = 64
"""Points whose gradients are computed at once."""


def margins_at(space: SearchSpace, question: Question, rows: Tensor) -> Tensor:
    """By how many logits [n] the target wins at rows [n, d], on their device."""
    return margins(space.classified(rows, question.labels), question.targets).to(rows.device)


def valid(space: SearchSpace, question: Question, rows: Tensor, margin: float) -> Tensor:
    """Which rows [n, d] the classifier gives the target by at least a margin of logits: [n]."""
    logits = space.classified(rows, question.labels)
    return (margins(logits, question.targets) >= margin) & (logits.argmax(dim=1) == question.targets)


def shortened(
    space: SearchSpace,
    question: Question,
    rows: Tensor,
    margin: float,
    *,
    before: Tensor | None = None,
    after: Tensor | None = None,
) -> Tensor:
    """For valid rows [n, d] valid ones on the straight way to their starts, as near to the border as can be told.

    Args:
        before, after: [n] margins at the starts and at the rows, where they are known already.
    """
    way = rows - question.starts
    under = (margins_at(space, question, question.starts) if before is None else before.clone()) - margin
    over = (margins_at(space, question, rows) if after is None else after.clone()) - margin
    low, high = torch.zeros_like(under), torch.ones_like(over)
    # A start that is valid already (it was left for another way) has no border on the way that could be foretold.
    foretold = under < 0
    enough = CLOSE * under.abs()
    open_ = (over > enough).nonzero().flatten()
    for cut in range(CUTS):
        if not len(open_):
            break
        a, b = under[open_], over[open_]
        share = ((enough[open_] / 2 - a) / (b - a)).nan_to_num(0.5, 0.5, 0.5).clamp(0.05, 0.95)
        if cut % 3 == 2:
            share = torch.full_like(share, 0.5)
        share = torch.where(foretold[open_], share, torch.full_like(share, 0.5))
        at = low[open_] + share * (high[open_] - low[open_])
        some = question.take(open_.cpu())
        gain = margins_at(space, some, some.starts + at[:, None] * way[open_]) - margin
        good = gain >= 0
        inside, outside = open_[good], open_[~good]
        high[inside], over[inside] = at[good], gain[good]
        low[outside], under[outside] = at[~good], gain[~good]
        done = (over[open_] <= enough[open_]) | (high[open_] - low[open_] <= NARROW)
        open_ = open_[~done]
    return question.starts + high[:, None] * way


def nearest(
    space: SearchSpace,
    question: Question,
    rows: Tensor,
    margin: float,
    *,
    taken: Tensor,
    rng: torch.Generator,
) -> Tensor:
    """For valid rows [n, d] valid ones that are as near to their starts as can be.

    Args:
        taken: [n, a, d] orthonormal directions in which no way may lead; see `without`.
    """
    before = margins_at(space, question, question.starts)
    best = shortened(space, question, rows, margin, before=before)
    active = torch.arange(len(rows))
    for _ in range(TURNS if space.by_gradients else BLIND_TURNS):
        some, way = question.take(active), best[active] - question.starts[active]
        slope = without(gradient(space, some, best[active], rng), taken[active])
        turned, after = _turned(space, some, way, slope, margin)
        better = after.isfinite().nonzero().flatten().cpu()
        if len(better):
            moved = active[better]
            best[moved] = shortened(
                space,
                question.take(moved),
                turned[better],
                margin,
                before=before[moved],
                after=after[better],
            )
        if space.by_gradients:
            length = (best[active] - some.starts).norm(dim=1)
            active = active[(length < (1 - SETTLED) * way.norm(dim=1)).cpu()]
        if not len(active):
            break
    return best


def _turned(
    space: SearchSpace, question: Question, way: Tensor, slope: Tensor, margin: float
) -> tuple[Tensor, Tensor]:
    """Valid rows [n, d] nearer than the ways' ends, and the margins [n] there: −∞ where no candidate is one."""
    normal = slope / slope.norm(dim=1, keepdim=True).clamp(min=1e-12)
    onto = (way * normal).sum(dim=1, keepdim=True) * normal
    crossings, reached = question.starts + way, torch.full((len(way),), -torch.inf, device=way.device)
    for turn, length in CANDIDATES:
        tried = length * ((1 - turn) * way + turn * onto)
        open_ = (reached.isinf() & (tried.norm(dim=1) < SHORTER * way.norm(dim=1))).nonzero().flatten()
        if not len(open_):
            continue
        some = question.take(open_.cpu())
        ends = some.starts + tried[open_]
        gain = margins_at(space, some, ends)
        good = gain >= margin
        crossings[open_[good]], reached[open_[good]] = ends[good], gain[good]
    return crossings, reached


def gradient(space: SearchSpace, question: Question, rows: Tensor, rng: torch.Generator) -> Tensor:
    """Gradient [n, d] of the target's margin at rows [n, d]; estimated by trying where there is none."""
    if not space.by_gradients:
        return _estimated(space, question, rows, rng)
    parts = []
    for part in torch.arange(len(rows)).split(TOGETHER):
        some = question.take(part)
        at = rows[part].detach().requires_grad_(True)
        with torch.enable_grad():
            total = margins(space.logits(at, some.labels), some.targets).sum()
        parts.append(torch.autograd.grad(total, at)[0])
    return torch.cat(parts) if parts else torch.zeros_like(rows)


def _estimated(space: SearchSpace, question: Question, rows: Tensor, rng: torch.Generator) -> Tensor:
    total = torch.zeros_like(rows)
    length = REACH * (rows - question.starts).norm(dim=1, keepdim=True).clamp(min=1e-3)
    for _ in range(TRIES):
        step = torch.randn(rows.shape, generator=rng).to(rows.device)
        step = step / step.norm(dim=1, keepdim=True).clamp(min=1e-12)
        both = torch.cat([rows + length * step, rows - length * step])
        labels = None if question.labels is None else question.labels.repeat(2)
        gain = margins(space.classified(both, labels), question.targets.repeat(2)).to(rows.device)
        total += (gain[: len(rows)] - gain[len(rows) :])[:, None] * step
    return total


def without(rows: Tensor, taken: Tensor) -> Tensor:
    """Rows [n, d] less their parts along orthonormal directions [n, a, d]."""
    if not taken.shape[1]:
        return rows
    return rows - torch.einsum("na,nad->nd", torch.einsum("nad,nd->na", taken, rows), taken)


def orthonormal(taken: Tensor, ways: Tensor) -> Tensor:
    """Directions [n, a + 1, d]: those taken and the new part of ways [n, d]; zero where there is none."""
    new = without(ways, taken)
    length = new.norm(dim=1, keepdim=True)
    new = torch.where(length > 1e-6, new / length.clamp(min=1e-12), torch.zeros_like(new))
    return torch.cat([taken, new[:, None]], dim=1)
