"""A generator with the same parts and nothing learned: what every explanation of it must lose sight of.

Source: Adebayo et al. 2018 (arXiv 1810.03292), the model-randomisation check, carried over to generators.
"""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import nn

from ganlens.randomness import torch_generator
from ganlens.subject.adapters import reachable_layers
from ganlens.subject.spaces import LatentSpace

if TYPE_CHECKING:
    from ganlens.subject.subject import Subject


def randomised(subject: Subject, seed: int) -> Subject | None:
    """The subject with every weight tensor of its generator shuffled within itself, or None for a black box.

    Shuffling keeps each layer's scale and loses what it computes. The subject itself is left as it is. Its
    named spaces other than "z" are left out.
    """
    if subject.generator.module is None or not any(True for _ in subject.generator.module.parameters()):
        return None
    try:
        generator = copy.deepcopy(subject.generator)
    except Exception:  # compiled programs, open files: whatever can't be copied can't be randomised
        return None
    if generator.module is None or _shares_weights(generator.module, subject.generator.module):
        return None
    shuffle_weights(generator.module, seed)
    spaces = {"z": LatentSpace("z", generator.latent_shape, lambda z, labels: z, generator.synthesize)}
    return replace(subject, generator=generator, layers=reachable_layers(generator), spaces=spaces)


def shuffle_weights(module: nn.Module, seed: int, only: set[str] | None = None) -> None:
    """Shuffle each parameter's values within itself, in place; only those of that name where names are given."""
    with torch.no_grad():
        for name, weight in module.named_parameters():
            if only is None or name in only:
                order = torch.randperm(weight.numel(), generator=torch_generator(seed, "randomised", name))
                weight.copy_(weight.flatten()[order.to(weight.device)].view_as(weight))


def _shares_weights(first: nn.Module, second: nn.Module) -> bool:
    return any(
        a.data_ptr() == b.data_ptr() for a, b in zip(first.parameters(), second.parameters(), strict=True)
    )
