"""A generator with the same parts and nothing learned: what every explanation of it must lose sight of.

Source: Adebayo et al. 2018 (arXiv 1810.03292), the model-randomisation check, carried over to generators.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

import torch
from torch import nn

from ganlens.randomness import torch_generator
from ganlens.subject.layers import reachable_layers
from ganlens.subject.spaces import LatentSpace

if TYPE_CHECKING:
    from ganlens.subject.subject import Subject

Shuffled = TypeVar("Shuffled")


def randomised(subject: Subject, seed: int) -> Subject | None:
    """The subject with every weight tensor of its generator shuffled within itself, or None for a black box.

    Shuffling keeps each layer's scale and loses what it computes. The subject itself is left as it is. Its
    named spaces other than "z" are left out.
    """
    generator = _shuffled_copy(subject.generator, lambda adapted: adapted.module, seed)
    if generator is None:
        return None
    spaces = {"z": LatentSpace("z", generator.latent_shape, lambda z, labels: z, generator.synthesize)}
    return replace(subject, generator=generator, layers=reachable_layers(generator), spaces=spaces)


def randomised_module(module: nn.Module, seed: int) -> nn.Module | None:
    """A copy of a discriminator or classifier with every weight tensor shuffled within itself.

    Weights that are tied stay tied; buffers are kept, since nobody says which of them were learned. The module
    itself is left as it is.

    Returns:
        The copy, in the same mode and on the same device, or None where there are no weights to reach or the
        module can't be copied.
    """
    return _shuffled_copy(module, lambda found: found, seed)


def shuffle_weights(module: nn.Module, seed: int, only: set[str] | None = None) -> None:
    """Shuffle each parameter's values within itself, in place; only those of that name where names are given."""
    with torch.no_grad():
        for name, weight in module.named_parameters():
            if only is None or name in only:
                order = torch.randperm(weight.numel(), generator=torch_generator(seed, "randomised", name))
                weight.copy_(weight.flatten()[order.to(weight.device)].view_as(weight))


def _shuffled_copy(
    original: Shuffled, module_in: Callable[[Shuffled], nn.Module | None], seed: int
) -> Shuffled | None:
    module = module_in(original)
    if module is None or not any(True for _ in module.parameters()):
        return None
    try:
        copied = copy.deepcopy(original)
    except Exception:  # compiled programs, open files: whatever can't be copied can't be randomised
        return None
    shuffled = module_in(copied)
    if shuffled is None or _shares_weights(shuffled, module):
        return None
    shuffle_weights(shuffled, seed)
    return copied


def _shares_weights(first: nn.Module, second: nn.Module) -> bool:
    return any(
        a.data_ptr() == b.data_ptr() for a, b in zip(first.parameters(), second.parameters(), strict=True)
    )
