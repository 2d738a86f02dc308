"""The nearest point of a class from a start: halving the way to a point of it, and turning towards its border.

A point found by a search lies somewhere in the class. Halving the straight way from the start gives a point on the
border; the border's normal there says where on the plane that touches it the start is nearest. The two in turn come to
the nearest point of a smooth border (as in DeepFool), with the gradient estimated by trying where there is none (as in
HopSkipJump).

Source: Moosavi-Dezfooli et al. 2016 (arXiv 1511.04599); Chen et al. 2020 (arXiv 1904.02144).
"""

from __future__ import annotations

import torch
from torch import Tensor

from ganlens.probes.explain.counterfactuals.search_space import Question, SearchSpace, margins

HALVINGS = 8
"""Of the way to the border: to 1/256 of its length."""

TURNS, BLIND_TURNS = 3, 8
"""Towards the nearest point, with gradients and with estimated ones."""

CANDIDATES = ((1.0, 1.0), (1.0, 1.1), (0.5, 1.0), (0.5, 1.1), (0.2, 1.0))
"""How far to turn towards the normal (1: onto it) and how much longer to go, where the border is curved."""

TRIES = 48
"""Pairs of opposite steps that estimate one gradient."""

REACH = 0.15
"""Length of those steps, as a share of the distance from the start."""


def valid(space: SearchSpace, question: Question, rows: Tensor, margin: float) -> Tensor:
    """Which rows [n, d] the classifier gives the target by at least a margin of logits: [n]."""
    logits = space.classified(rows, question.labels)
    return (margins(logits, question.targets) >= margin) & (logits.argmax(dim=1) == question.targets)


def halved(space: SearchSpace, question: Question, rows: Tensor, margin: float) -> Tensor:
    """For valid rows [n, d] the nearest valid ones on the straight way to their starts, by bisection."""
    low = torch.zeros(len(rows), 1, device=rows.device)
    high = torch.ones_like(low)
    way = rows - question.starts
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        good = valid(space, question, question.starts + middle * way, margin).to(rows.device)[:, None]
        high, low = torch.where(good, middle, high), torch.where(good, low, middle)
    return question.starts + high * way


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
    best = halved(space, question, rows, margin)
    for _ in range(TURNS if space.by_gradients else BLIND_TURNS):
        slope = without(gradient(space, question, best, rng), taken)
        normal = slope / slope.norm(dim=1, keepdim=True).clamp(min=1e-12)
        way = best - question.starts
        onto = (way * normal).sum(dim=1, keepdim=True) * normal
        for turn, length in CANDIDATES:
            tried = question.starts + length * ((1 - turn) * way + turn * onto)
            shorter = (tried - question.starts).norm(dim=1) < (best - question.starts).norm(dim=1)
            good = shorter & valid(space, question, tried, margin).to(best.device)
            best = torch.where(good[:, None], tried, best)
        best = halved(space, question, best, margin)
    return best


def gradient(space: SearchSpace, question: Question, rows: Tensor, rng: torch.Generator) -> Tensor:
    """Gradient [n, d] of the target's margin at rows [n, d]; estimated by trying where there is none."""
    if not space.by_gradients:
        return _estimated(space, question, rows, rng)
    parts = []
    for part in torch.arange(len(rows)).split(64):
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
