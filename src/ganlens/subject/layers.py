"""Which layers of a module can be looked into, found by running it once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from ganlens.randomness import torch_generator
from ganlens.subject.adapted_generator import AdaptedGenerator
from ganlens.subject.evaluation_mode import evaluating
from ganlens.subject.tensor_transfer import FAILURES, input_copy

TRIAL = 3
"""Rows that are run. A layer whose output has another number of rows is none that a probe can use."""


def layers_of(module: nn.Module, trial: Tensor, *more: Tensor) -> list[str]:
    """Names of the sub-modules of a discriminator or classifier that run and give a tensor, a row a sample.

    Args:
        trial: a few samples [n, …] that the module takes.
        more: what it takes besides, e.g. labels [n].

    Returns:
        Their dotted names in the order they finish; none for compiled programs, whose parts can't be hooked, and
        none if the module fails.
    """
    device = trial.device
    with evaluating(module):
        return _ran(
            module, len(trial), lambda: module(*(input_copy(each, device=device) for each in (trial, *more)))
        )


def reachable_layers(adapted: AdaptedGenerator) -> list[str]:
    """Names of the sub-modules that run and give a tensor, a row a sample, in the order they finish.

    Where the generator declares its layers, only those.
    """
    if adapted.module is None:
        return []
    latents = adapted.sample_latent(TRIAL, rng=torch_generator(0, "subject", "layer trial"))
    ran = _ran(adapted.module, TRIAL, lambda: adapted.synthesize(latents))
    return [name for name in ran if adapted.declared_layers is None or name in adapted.declared_layers]


def _ran(module: nn.Module, rows: int, run: Callable[[], Any]) -> list[str]:
    ran: dict[str, None] = {}
    handles = []

    def noting(name: str) -> Callable[..., None]:
        def hook(part: nn.Module, inputs: Any, output: Any) -> None:
            if isinstance(output, Tensor) and output.ndim > 0 and len(output) == rows:
                ran.setdefault(name)

        return hook

    try:
        for name, part in module.named_modules():
            if name:
                handles.append(part.register_forward_hook(noting(name)))
        with torch.no_grad():
            run()
    except FAILURES:  # script modules refuse hooks; whatever the reason, there is nothing to look into
        ran.clear()
    finally:
        for handle in handles:
            handle.remove()
    return list(ran)
