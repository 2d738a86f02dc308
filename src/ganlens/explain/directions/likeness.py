"""Directions compared by what they do: duplicates, stability over seeds, and whether they can be told apart."""

from __future__ import annotations

import torch
from torch import Tensor

from ganlens.explain.directions.follow import Followed

COMPONENTS = 48
"""Coordinates of the changes, by principal components, that a direction is told by."""


def likeness(first: list[Tensor], second: list[Tensor]) -> Tensor:
    """|correlation| [i, j] of the changes [n, f] that directions cause on the same starts, pixel by pixel."""
    rows = [torch.stack([changes.flatten().double() for changes in group]) for group in (first, second)]
    a, b = (group / group.norm(dim=1, keepdim=True).clamp(min=1e-12) for group in rows)
    correlations: Tensor = (a @ b.T).abs()
    return correlations


def duplicates(alike: Tensor, scores: list[float], same: float) -> list[int | None]:
    """For each direction the better-scored one whose likeness is above `same`, or None: [d] for likeness [d, d]."""
    order = sorted(range(len(scores)), key=lambda i: (-scores[i], i))
    kept: list[int] = []
    twins: list[int | None] = [None] * len(scores)
    for i in order:
        twin = max(kept, key=lambda j: float(alike[i, j]), default=None)
        if twin is not None and float(alike[i, twin]) > same:
            twins[i] = twin
        else:
            kept.append(i)
    return twins


def told_apart(followed: list[Followed], rng: torch.Generator) -> list[float] | list[None]:
    """For each direction, how often a linear classifier names it where it was followed from unseen starts.

    It sees how the sample changed at the far end: its readings, and the principal components of the changes.
    Half of the starts teach it. Nothing is told of a single direction.
    """
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    k, starts = len(followed), len(followed[0].ahead)
    if k < 2 or starts < 4:
        return [None] * k
    order = torch.randperm(starts, generator=rng)
    halves = order[: starts // 2], order[starts // 2 :]
    changes = torch.stack([each.ahead.double() for each in followed], dim=1)  # [n, k, f]
    shifts = torch.stack([_shift(each) for each in followed], dim=1)
    taught, tested = ((changes[rows].flatten(0, 1), shifts[rows].flatten(0, 1)) for rows in halves)
    if float(taught[0].abs().max()) < 1e-9:
        return [1 / k] * k
    width = min(COMPONENTS, taught[0].shape[1], len(taught[0]) - 1)
    basis = torch.linalg.svd(taught[0], full_matrices=False).Vh[:width].T
    seen, unseen = (torch.cat([changed @ basis, shift], dim=1) for changed, shift in (taught, tested))
    scale = seen.std(dim=0, correction=0).clamp(min=1e-9)
    owners = torch.arange(k).repeat(len(halves[0]))
    model = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")
    model.fit((seen / scale).numpy(), owners.numpy())
    named = torch.from_numpy(model.predict((unseen / scale).numpy()))
    right = (named.unflatten(0, (len(halves[1]), k)) == torch.arange(k)).double().mean(dim=0)
    return right.tolist()  # type: ignore[no-any-return]


def _shift(followed: Followed) -> Tensor:
    """Readings [n, r] at the farthest distance ahead less those of the unmoved sample."""
    rest = followed.readings.shape[1] // 2
    return followed.readings[:, -1] - followed.readings[:, rest]
