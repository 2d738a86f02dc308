"""Which layers of a model have maps that Grad-CAM can be read from: found by watching one pass."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose2d)


@torch.no_grad()
def convolutional_layers(model: nn.Module, samples: Tensor) -> list[tuple[str, nn.Module]]:
    """The convolutions that a pass over `samples` [n, …] goes through and that still tell places apart.

    In the order of the pass; a map of 1×1 has no places and is left out.
    """
    passed: list[tuple[str, nn.Module]] = []
    modules = [(name, part) for name, part in model.named_modules() if isinstance(part, CONVOLUTIONS)]

    def note(name: str) -> Any:
        def hook(part: nn.Module, inputs: Any, output: Any) -> None:
            if isinstance(output, Tensor) and output.ndim == 4 and max(output.shape[2:]) > 1:
                passed.append((name, part))

        return hook

    with hooked([(part, note(name)) for name, part in modules]):
        model(samples)
    return passed


def last_convolution(model: nn.Module, samples: Tensor) -> tuple[str, nn.Module] | None:
    """Name and module of the last convolution with places in its output; None where there is none."""
    layers = convolutional_layers(model, samples)
    return layers[-1] if layers else None


@contextmanager
def hooked(hooks: list[tuple[nn.Module, Any]]) -> Iterator[None]:
    """Forward hooks for the block alone."""
    handles = [module.register_forward_hook(hook) for module, hook in hooks]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
