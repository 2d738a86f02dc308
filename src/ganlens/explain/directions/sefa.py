"""SeFa: the directions that the first weights a point meets stretch most."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from ganlens.explain.directions.direction_set import DirectionSet, LeftOut
from ganlens.explain.directions.walk import Walk, unit_rows

TRIAL = 4
PARALLEL = 1e-3
"""A layer meets the points themselves if its input is theirs but for a factor, up to this much of an angle."""

FLAT = 0.05
"""Eigenvalues that differ by less than this share say nothing about directions."""

NOTHING = 1e-9
"""A direction with less than this share of the largest eigenvalue is not stretched at all."""

WEIGHTED = (
    nn.Linear,
    nn.Conv1d,
    nn.Conv2d,
    nn.Conv3d,
    nn.ConvTranspose1d,
    nn.ConvTranspose2d,
    nn.ConvTranspose3d,
)


def sefa(walk: Walk, k: int) -> DirectionSet | LeftOut:
    """Eigenvectors of AᵀA, largest eigenvalue first, A the first weights that the points meet.

    Each output's weights are scaled to length 1, as the authors' program does; where all eigenvalues are
    then the same, which says nothing, the weights are taken as they are, as the paper does.

    Source: Shen & Zhou 2021 (arXiv 2007.06600).
    """
    layers = first_layers(walk)
    if not layers:
        return LeftOut("sefa", "SeFa", "no layer with weights takes the points of this space as they are")
    weight = torch.cat([weight_matrix(layer) for _, layer in layers]).double()
    values, vectors = stretched(unit_rows(weight), k)
    if not len(values):
        return LeftOut("sefa", "SeFa", "the first weights are all zero")
    how = "outputs scaled to length 1"
    if float(values.max() - values.min()) < FLAT * float(values.max()):
        values, vectors = stretched(weight, k)
        how = "weights as they are, since scaled to length 1 all directions are stretched alike"
    names = ", ".join(name for name, _ in layers[:3]) + (", …" if len(layers) > 3 else "")
    return DirectionSet("sefa", "SeFa", walk.space.name, walk.unit(vectors), f"weights of {names}, {how}")


def stretched(weight: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """The k largest eigenvalues of AᵀA and their eigenvectors [k, z] for A [outputs, z], in falling order.

    Fewer than k where A stretches fewer directions at all.
    """
    values, vectors = torch.linalg.eigh(weight.T @ weight)
    k = min(k, int((values > NOTHING * values.max()).sum()))
    return values.flip(0)[:k], vectors.flip(1)[:, :k].T.contiguous()


def first_layers(walk: Walk) -> list[tuple[str, nn.Module]]:
    """Layers that take the points of the space themselves; else the first whose input is as wide as a point.

    Found by running a few points and looking at what goes into every layer with weights.
    """
    module = walk.subject.generator.module
    if module is None:
        return []
    labels = walk.bank.conditions(TRIAL)
    points = walk.points(walk.bank.latents(TRIAL), labels)
    seen: list[tuple[str, nn.Module, bool]] = []
    handles = [
        part.register_forward_pre_hook(_noting(seen, name, points.flatten(1)))
        for name, part in module.named_modules()
        if isinstance(part, WEIGHTED)
    ]
    try:
        walk.samples(points, labels)
    finally:
        for handle in handles:
            handle.remove()
    met = [(name, layer) for name, layer, same in seen if same]
    return met or [(name, layer) for name, layer, _ in seen[:1]]


def weight_matrix(layer: nn.Module) -> Tensor:
    """The weights as [outputs, inputs], every place of a kernel an output of its own."""
    weight: Tensor = layer.weight.detach().cpu()  # type: ignore[operator]
    if isinstance(layer, (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)):
        return weight.flatten(1).T
    return weight.flatten(2).transpose(1, 2).flatten(0, 1) if weight.ndim > 2 else weight


def _noting(seen: list[tuple[str, nn.Module, bool]], name: str, points: Tensor) -> Callable[..., None]:
    def hook(part: nn.Module, inputs: Any) -> None:
        given = inputs[0] if inputs and isinstance(inputs[0], Tensor) else None
        if given is None or len(given) != len(points) or given[0].numel() != points.shape[1]:
            return
        if weight_matrix(part).shape[1] != points.shape[1]:  # a convolution that sees the point in pieces
            return
        if all(known is not part for _, known, _ in seen):
            cosine = torch.cosine_similarity(given.detach().cpu().flatten(1).double(), points.double(), dim=1)
            seen.append((name, part, bool((1 - cosine < PARALLEL**2).all())))

    return hook
