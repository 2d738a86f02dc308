"""LatentCLR: directions whose effects are alike from every start and unlike each other."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from ganlens.explain.directions.direction_set import DirectionSet
from ganlens.explain.directions.walk import Walk
from ganlens.progress import Task
from ganlens.randomness import torch_generator

DISTANCE = 0.1
TEMPERATURE = 0.5
RATE = 0.02
"""Of Adam."""

STARTS = 4
"""Latents in a step, each moved along all directions."""


def contrasted_directions(walk: Walk, k: int, steps: int, seed: int, task: Task) -> DirectionSet:
    """Directions trained by contrast: the differences that one direction makes attract, all others repel.

    The differences are those of the samples, reduced as the modality's raw features; the authors take a
    layer's, which not every generator has.

    Args:
        k: directions (the authors' 32 where that many are asked for).
        steps: of Adam, `STARTS` latents each.

    Source: Yüksel et al. 2021, LatentCLR (arXiv 2104.00820).
    """
    rng = torch_generator(seed, "directions", "latentclr")
    raw = torch.randn(k, walk.size, generator=rng).requires_grad_(True)
    optimiser = torch.optim.Adam([raw], lr=RATE)
    deviation, features = walk.scale.deviation.float(), walk.subject.modality.raw_features
    with torch.enable_grad():
        for _ in range(steps):
            points, labels, still = walk.some(STARTS, rng)
            unit = functional.normalize(raw, dim=1)
            shifts = (DISTANCE * unit * deviation).reshape(k, 1, *points.shape[1:])
            moved = (points + shifts).flatten(0, 1)
            repeated = None if labels is None else labels.repeat(k)
            seen = features(walk.space.synthesize(moved, repeated))
            changes = seen.unflatten(0, (k, STARTS)) - features(still.to(seen.device))
            (raw.grad,) = torch.autograd.grad(contrast(changes), raw)
            optimiser.step()
            task.advance()
    unit = functional.normalize(raw.detach().double(), dim=1)
    how = f"trained by contrast for {steps} steps of {STARTS} starts, differences of samples"
    return DirectionSet("latentclr", "LatentCLR", walk.space.name, unit, how)


def contrast(changes: Tensor) -> Tensor:
    """The loss of changes [k, n, f] made by k directions from n starts: low where a direction's are alike.

    −log(Σ same direction, other start / Σ other directions) of exp(cosine / TEMPERATURE), averaged.
    """
    k, n = changes.shape[:2]
    unit = functional.normalize(changes.flatten(0, 1), dim=1, eps=1e-12)
    similar = (unit @ unit.T / TEMPERATURE).exp()
    owner = torch.arange(k, device=changes.device).repeat_interleave(n)
    same = owner[:, None] == owner
    itself = torch.eye(k * n, dtype=torch.bool, device=changes.device)
    attract = (similar * (same & ~itself)).sum(dim=1)
    repel = (similar * ~same).sum(dim=1)
    return (repel.clamp(min=1e-12).log() - attract.clamp(min=1e-12).log()).mean()
