"""Evaluation and training mode: which a network is examined in, and whether its owner knows another."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from ganlens.errors import UserError
from ganlens.subject.tensor_transfer import FAILURES


@contextmanager
def evaluating(*modules: nn.Module | None) -> Iterator[None]:
    """Evaluation mode for the block; afterwards every sub-module is in the mode its owner left it in."""
    modes = [(part, part.training) for module in modules if module is not None for part in module.modules()]
    try:
        for module in modules:
            if module is not None:
                _evaluate(module)
        yield
    finally:
        for part, training in modes:
            part.training = training


def _evaluate(module: nn.Module) -> None:
    try:
        module.eval()
    except NotImplementedError:  # exported programs have their mode baked in
        return
    except FAILURES as error:
        raise UserError(
            f"{type(module).__name__} can't be put into evaluation mode: its eval() failed with {type(error).__name__}"
        ) from error


def training_mode_difference(
    module: nn.Module | None, run: Callable[[], Tensor], evaluated: Tensor, *, wobble: float = 0.0
) -> float | None:
    """How much else a network that was handed over in training mode returns there; None where it does not.

    Running statistics are as they were afterwards.

    Args:
        run: calls the network in the mode it was handed over in.
        evaluated: what it returns in evaluation mode for the same.
        wobble: by how much it differs from itself where nothing is changed, in the same unit.

    Returns:
        The mean difference as a share of the spread of `evaluated`.
    """
    if module is None or not any(part.training for part in module.modules()):
        return None
    try:
        with torch.no_grad(), buffers_restored(module):
            theirs = run()
    except FAILURES:  # batch statistics of a single value, say: then its owner can't have used it so
        return None
    if not differ(theirs, evaluated):
        return None
    share = relative_difference(theirs, evaluated)
    return share if share > 2 * wobble else None


def differ(first: Tensor, second: Tensor) -> bool:
    """Whether two results of one shape differ by more than rounding; NaN in the same places is no difference."""
    first, second = first.float().cpu(), second.float().cpu()
    if first.shape != second.shape:
        return False
    return not torch.allclose(first, second, rtol=1e-3, atol=1e-4, equal_nan=True)


def relative_difference(first: Tensor, second: Tensor) -> float:
    """Mean difference of two results, as a share of the second's spread."""
    first, second = first.float().cpu(), second.float().cpu()
    return float((first - second).abs().mean() / second.std(correction=0).clamp_min(1e-12))


def in_percent(share: float) -> str:
    """A share of a spread in words."""
    return f"{share:.0%}" if 0.005 <= share < 100 else "under 1%" if share < 0.005 else "far more than 100%"


@contextmanager
def buffers_restored(module: nn.Module) -> Iterator[None]:
    """After the block, the module's buffers (running statistics) hold what they held before."""
    before = [
        (part, name, values, values.clone())
        for part in module.modules()
        for name, values in part.named_buffers(recurse=False)
    ]
    try:
        yield
    finally:
        with torch.no_grad():
            for part, name, values, kept in before:
                if getattr(part, name) is not values:
                    setattr(part, name, values)
                values.copy_(kept)
