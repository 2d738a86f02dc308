"""Counterfactuals by a search from each sample's own point, for many samples and several answers at once.

From the start downhill on cross-entropy(target) + 0.3·distance² by Adam, with steps that lengthen and a weight of the
distance that fades: near borders are met in small steps, far ones after few. The pass that gives the gradient says
what is valid; that leaves the batch at once, and is then brought as near as it can be (see `boundary`). Where no
gradient passes, or downhill leads nowhere or farther off than the nearest generated samples that have the class
already, the way begins at those. Each further answer of a sample must lead in a direction orthogonal to the ways of
those before it.

Source: Wachter et al. 2017 (arXiv 1711.00399) for the objective; ours.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ganlens.explain.counterfactuals.boundary import TOGETHER, nearest, orthonormal, valid, without
from ganlens.explain.counterfactuals.search_space import Answers, Question, SearchSpace, margins
from ganlens.progress import Progress, Silent

LENGTHEN, LONGEST = 1.1, 10.0
"""Each step of Adam is so many times as long as the one before, up to so many times the first."""

FADE = 0.93
"""The weight of the distance after each step, as a share of that before: `boundary` sees to the distance."""

BETAS, EPSILON = (0.9, 0.999), 1e-8
NEIGHBOURS, FURTHER_NEIGHBOURS = 4, 16
"""Generated samples of the class at which a way may begin; of a further answer, which may not lead to the nearest."""

NUDGE = 0.05
"""Standard deviation of the noise that parts a further answer from the start."""


@dataclass(frozen=True)
class Effort:
    """How hard to search.

    Attributes:
        answers: for each sample at most.
        steps, learning_rate: of Adam; the rate is that of the first step.
        distance: weight of the squared distance from the start, at the first step.
        margin: logits by which the target must win.
    """

    answers: int = 1
    steps: int = 100
    learning_rate: float = 0.02
    distance: float = 0.3
    margin: float = 0.05


@dataclass(frozen=True)
class Pool:
    """Generated samples to begin at: rows [m, d] and the class [m] of each."""

    rows: Tensor
    classes: Tensor


def latent_search(
    space: SearchSpace,
    question: Question,
    pool: Pool,
    effort: Effort,
    *,
    rng: torch.Generator,
    progress: Progress | None = None,
) -> Answers:
    """The nearest points of the wanted classes, up to `effort.answers` for each sample."""
    began = time.perf_counter()
    count, width = question.starts.shape
    taken = torch.zeros(count, 0, width, device=question.starts.device)
    kept, existing = [], []
    with (progress or Silent()).task("Searching counterfactuals", effort.answers) as task:
        for _ in range(effort.answers):
            rows, exists = _one_answer(space, question, pool, effort, taken, rng)
            kept.append(rows)
            existing.append(exists)
            taken = orthonormal(taken, rows - question.starts)
            task.advance()
    return Answers.of(torch.stack(kept, dim=1), torch.stack(existing, dim=1), time.perf_counter() - began)


def _one_answer(
    space: SearchSpace,
    question: Question,
    pool: Pool,
    effort: Effort,
    taken: Tensor,
    rng: torch.Generator,
) -> tuple[Tensor, Tensor]:
    rows, exists = question.starts.clone(), torch.zeros(len(question), dtype=torch.bool)
    if space.by_gradients:
        rows, exists = _downhill(space, question, effort, taken, rng)
    length = (rows - question.starts).norm(dim=1)
    doubtful = (~exists | (length > _to_generated(question, pool)).cpu()).nonzero().flatten()
    if len(doubtful):
        begun, valid_there = _from_generated(space, question.take(doubtful), pool, effort, taken[doubtful])
        nearer = (begun - question.starts[doubtful]).norm(dim=1) < length[doubtful]
        chosen = valid_there & (nearer.cpu() | ~exists[doubtful])
        rows[doubtful[chosen]], exists[doubtful[chosen]] = begun[chosen.to(begun.device)], True
    there = exists.nonzero().flatten()
    if len(there):
        some = question.take(there)
        rows[there] = nearest(space, some, rows[there], effort.margin, taken=taken[there], rng=rng)
    return torch.where(exists.to(rows.device)[:, None], rows, question.starts), exists


def _downhill(
    space: SearchSpace, question: Question, effort: Effort, taken: Tensor, rng: torch.Generator
) -> tuple[Tensor, Tensor]:
    """The first valid rows [n, d] on the way down, and which samples have one [n]."""
    result, exists = question.starts.clone(), torch.zeros(len(question), dtype=torch.bool)
    moved = question.starts.clone()
    if taken.shape[1]:
        moved += without(NUDGE * torch.randn(moved.shape, generator=rng).to(moved.device), taken)
    active = torch.arange(len(question))
    first, second = torch.zeros_like(moved), torch.zeros_like(moved)
    rate, weight = effort.learning_rate, effort.distance
    for step in range(1, effort.steps + 1):
        slope, reached = _slope(space, question.take(active), moved[active], weight, effort.margin)
        done = active[reached]
        result[done], exists[done] = moved[done], True
        going = ~reached & (slope.norm(dim=1) > 0).cpu()
        active, slope = active[going], slope[going.to(slope.device)]
        if not len(active):
            return result, exists
        slope = without(slope, taken[active])
        first[active] = BETAS[0] * first[active] + (1 - BETAS[0]) * slope
        second[active] = BETAS[1] * second[active] + (1 - BETAS[1]) * slope.square()
        scale = (second[active] / (1 - BETAS[1] ** step)).sqrt() + EPSILON
        change = -rate * first[active] / (1 - BETAS[0] ** step) / scale
        moved[active] += without(change, taken[active])
        rate, weight = min(rate * LENGTHEN, LONGEST * effort.learning_rate), weight * FADE
    last = valid(space, question.take(active), moved[active], effort.margin)
    result[active[last]], exists[active[last]] = moved[active[last]], True
    return result, exists


def _slope(
    space: SearchSpace, question: Question, rows: Tensor, weight: float, margin: float
) -> tuple[Tensor, Tensor]:
    """Gradient [n, d] of the objective at rows [n, d], and which of them are valid already [n]."""
    slopes, reached = [], []
    for part in torch.arange(len(rows)).split(TOGETHER):
        some, at = question.take(part), rows[part].detach().requires_grad_(True)
        with torch.enable_grad():
            logits = space.logits(at, some.labels)
            wrong = F.cross_entropy(logits, some.targets.to(logits.device), reduction="sum")
            far = (at - some.starts).square().sum()
            (slope,) = torch.autograd.grad(wrong + weight * far, at)
        slopes.append(slope)
        reached.append((margins(logits.detach(), some.targets) >= margin).cpu())
    return torch.cat(slopes), torch.cat(reached)


def _to_generated(question: Question, pool: Pool) -> Tensor:
    """Distance [n] to the nearest generated sample that has the wanted class; infinite where none has."""
    distances = torch.full((len(question),), torch.inf, device=question.starts.device)
    for target in question.targets.unique().tolist():
        asking = (question.targets == target).nonzero().flatten()
        offered = pool.rows[(pool.classes == target).to(pool.rows.device)]
        if len(offered):
            distances[asking] = torch.cdist(question.starts[asking], offered).amin(dim=1)
    return distances


def _from_generated(
    space: SearchSpace, question: Question, pool: Pool, effort: Effort, taken: Tensor
) -> tuple[Tensor, Tensor]:
    """Rows [n, d] of the nearest generated samples that have the wanted class, and which are valid [n]."""
    rows, exists = question.starts.clone(), torch.zeros(len(question), dtype=torch.bool)
    for target in question.targets.unique().tolist():
        asking = (question.targets == target).nonzero().flatten()
        offered = pool.rows[(pool.classes == target).to(pool.rows.device)]
        if not len(offered):
            continue
        order = torch.cdist(question.starts[asking], offered).argsort(dim=1)
        for place in range(min(FURTHER_NEIGHBOURS if taken.shape[1] else NEIGHBOURS, len(offered))):
            some = asking[~exists[asking]]
            if not len(some):
                break
            near = offered[order[(~exists[asking]).to(order.device), place]]
            way = without(near - question.starts[some], taken[some])
            tried = question.starts[some] + way
            good = valid(space, question.take(some), tried, effort.margin)
            rows[some[good]], exists[some[good]] = tried[good.to(tried.device)], True
    return rows, exists
