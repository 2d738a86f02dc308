"""Directions compared by what they do: duplicates, stability over seeds, and whether they can be told apart."""

from __future__ import annotations

import torch
from torch import Tensor

from ganlens.measures import Interval, mean_interval
from ganlens.probes.explain.directions.follow import Followed

SAME = 0.9
"""Correlation of the changes that two directions cause on the same starts, from which they are one."""

COMPONENTS = 48
"""Coordinates of the changes, by principal components, that a direction is told by."""


def likeness(first: list[Tensor], second: list[Tensor]) -> Tensor:
    """|correlation| [i, j] of the changes [n, f] that directions cause on the same starts, pixel by pixel."""
    rows = [torch.stack([changes.flatten().double() for changes in group]) for group in (first, second)]
    a, b = (group / group.norm(dim=1, keepdim=True).clamp(min=1e-12) for group in rows)
    found: Tensor = (a @ b.T).abs()
    return found


def duplicates(alike: Tensor, scores: list[float]) -> list[int | None]:
    """For each direction the better-scored one that does the same, or None: [d] for likeness [d, d]."""
    order = sorted(range(len(scores)), key=lambda i: (-scores[i], i))
    kept: list[int] = []
    found: list[int | None] = [None] * len(scores)
    for i in order:
        twin = max(kept, key=lambda j: float(alike[i, j]), default=None)
        if twin is not None and float(alike[i, twin]) > SAME:
            found[i] = twin
        else:
            kept.append(i)
    return found


def told_apart(followed: list[Followed], rng: torch.Generator) -> tuple[float, Interval] | None:
    """How often a linear classifier names the direction that was followed, on starts it has not seen.

    It sees how the sample changed at the far end, by the principal components of the changes; half of the
    starts teach it. The interval is over starts. None for a single direction.
    """
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    k, starts = len(followed), len(followed[0].ahead)
    if k < 2 or starts < 4:
        return None
    changes = torch.stack([each.ahead for each in followed], dim=1)  # [n, k, f]
    order = torch.randperm(starts, generator=rng)
    taught, tested = changes[order[: starts // 2]], changes[order[starts // 2 :]]
    rows = taught.flatten(0, 1).double()
    if float(rows.abs().max()) < 1e-9:
        return 1 / k, Interval(1 / k, 1 / k, "none: nothing changes")
    width = min(COMPONENTS, rows.shape[1], len(rows) - 1)
    basis = torch.linalg.svd(rows, full_matrices=False).Vh[:width].T
    owners = torch.arange(k).repeat(len(taught))
    model = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")
    model.fit((rows @ basis).numpy(), owners.numpy())
    named = torch.from_numpy(model.predict((tested.flatten(0, 1).double() @ basis).numpy()))
    right = (named.unflatten(0, (len(tested), k)) == torch.arange(k)).double().mean(dim=1)
    found = mean_interval(right)
    return float(right.mean()), Interval(max(0.0, found.low), min(1.0, found.high), found.method)
