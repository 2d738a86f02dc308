"""What each axis of a code contributes to a sample, and curves that put the order of the axes to the test."""

from __future__ import annotations

import torch
from torch import Tensor

from ganlens.explain.code.code_space import CodeSpace


def contributions(space: CodeSpace, codes: Tensor) -> Tensor:
    """How much of each decoded sample is owed to each axis: [n, k], in units of the data's variance.

    The mean of two squared changes: when the axis alone is set to the data's mean, and when it alone is not.
    The first misses what two axes do together, the second what one does only beside others; for a linear
    decoder with orthogonal axes they agree.

    Args:
        codes: [n, k] z-scores.
    """
    whole = space.decode(codes)
    average = space.decode(torch.zeros_like(codes))
    parts = []
    for axis in range(space.width):
        without, alone = codes.clone(), torch.zeros_like(codes)
        without[:, axis] = 0
        alone[:, axis] = codes[:, axis]
        lost = space.distance(whole, space.decode(without))
        gained = space.distance(average, space.decode(alone))
        parts.append((lost + gained) / 2)
    return torch.stack(parts, dim=1)


def deletion_curve(space: CodeSpace, samples: Tensor, codes: Tensor, order: Tensor) -> Tensor:
    """Error [n, k + 1] of the decoded sample after 0, 1, … k axes were set to the data's mean, in each
    sample's own `order` [n, k].

    A good order makes the error grow early.
    """
    return _curve(space, samples, codes, torch.zeros_like(codes), order)


def insertion_curve(space: CodeSpace, samples: Tensor, codes: Tensor, order: Tensor) -> Tensor:
    """Error [n, k + 1] of the decoded sample with the first 0, 1, … k axes of `order` [n, k] and all others
    at the data's mean.

    A good order makes the error fall early.
    """
    return _curve(space, samples, torch.zeros_like(codes), codes, order)


def _curve(space: CodeSpace, samples: Tensor, start: Tensor, end: Tensor, order: Tensor) -> Tensor:
    current, errors = start.clone(), []
    rows = torch.arange(len(start))
    errors.append(space.distance(samples, space.decode(current)))
    for axis in order.T:
        current[rows, axis] = end[rows, axis]
        errors.append(space.distance(samples, space.decode(current)))
    return torch.stack(errors, dim=1)
