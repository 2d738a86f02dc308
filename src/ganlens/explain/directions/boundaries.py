"""Directions that cross from everything else into one class, in the manner of InterFaceGAN."""

from __future__ import annotations

import warnings
from typing import NamedTuple

import torch
from torch import Tensor

from ganlens.explain.directions.direction_set import DirectionSet, conditioned
from ganlens.explain.directions.walk import unit_rows
from ganlens.randomness import torch_generator

SHARE = 0.02
"""Of all samples, as many of the highest and of the lowest scores learn the boundary (at least `FEWEST`)."""

FEWEST = 50
HELD_OUT = 0.3
SOFTNESS = 0.01
"""C of the support vector machine: so low that the normal rests on many samples and not on a few near it."""


class Boundary(NamedTuple):
    """Unit normal [z], pointing into the class, and how often it tells held-out samples' sides."""

    normal: Tensor
    accuracy: float


def boundaries(
    rows: Tensor, scores: Tensor, names: tuple[str, ...], space: str, seed: int, *, conditional: bool = False
) -> DirectionSet:
    """The normal of a linear boundary for every class; with two classes, for the second alone.

    Args:
        rows: [n, z] standardised points.
        scores: [n, classes] log-odds of each class for the samples they make.
        names: of the classes.
        seed: of the held-out share, on which the boundary's accuracy is measured.
        conditional: whether each normal is made orthogonal to all the others.

    Source: Shen et al. 2020, InterFaceGAN (arXiv 2005.09635).
    """
    classes = range(1 if len(names) == 2 else 0, len(names))
    fitted = [
        boundary(rows, scores[:, c], torch_generator(seed, "directions", "boundary", c)) for c in classes
    ]
    normals = torch.stack([each.normal for each in fitted])
    if conditional and len(normals) > 1:
        others = [torch.cat([normals[:i], normals[i + 1 :]]) for i in range(len(normals))]
        normals = torch.stack([conditioned(n, rest) for n, rest in zip(normals, others, strict=True)])
    accuracy = sum(each.accuracy for each in fitted) / len(fitted)
    return DirectionSet(
        "boundaries",
        "boundary",
        space,
        normals,
        f"support vector machines between the {SHARE:.0%} highest and lowest scores of a class among "
        f"{len(rows):,} samples, right on {accuracy:.0%} of held-out ones"
        + (", each orthogonal to the others" if conditional else ""),
        tuple(f"class {names[c]}" for c in classes),
        {"accuracy": accuracy},
    )


def boundary(rows: Tensor, scores: Tensor, rng: torch.Generator) -> Boundary:
    """The boundary between the rows [n, z] of the highest and the lowest scores [n]."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.svm import LinearSVC

    count = min(max(round(SHARE * len(rows)), FEWEST), len(rows) // 2)
    order = scores.argsort(stable=True)
    chosen = torch.cat([order[:count], order[-count:]])
    sides = torch.arange(2 * count) >= count
    mixed = torch.randperm(2 * count, generator=rng)
    cut = round(HELD_OUT * 2 * count)
    tested, fitted = mixed[:cut], mixed[cut:]
    machine = LinearSVC(C=SOFTNESS, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # its accuracy is measured in any case
        machine.fit(rows[chosen[fitted]].numpy(), sides[fitted].numpy())
    accuracy = float(machine.score(rows[chosen[tested]].numpy(), sides[tested].numpy()))
    return Boundary(unit_rows(torch.from_numpy(machine.coef_).double())[0], accuracy)
