"""A generator with the same parts as on the day before its training: drawn anew, not shuffled.

Source: Adebayo et al. 2018 (arXiv 1810.03292), who compare explanations with those of both.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn.utils import parametrize

from ganlens.randomness import derive_seed
from ganlens.subject.latent_spaces import LatentSpace
from ganlens.subject.layers import reachable_layers
from ganlens.subject.noise import repeated_noise
from ganlens.subject.randomised import randomised

if TYPE_CHECKING:
    from ganlens.subject.subject import Subject


def reinitialised(subject: Subject, seed: int) -> Subject | None:
    """The subject with the weights of its generator drawn anew, by each module's own `reset_parameters`.

    Weights that no module can draw anew (bare parameters, those under a normalisation of weights) are shuffled. The
    subject itself is left as it is. Its named spaces other than "z" are left out.

    Returns:
        The copy, or None where nothing can be copied or drawn anew: `not_reinitialised` says which.
    """
    copied = randomised(subject, seed)
    module = copied.generator.module if copied is not None else None
    if copied is None or module is None or not initialise(module, seed):
        return None
    generator = copied.generator
    spaces = {"z": LatentSpace("z", generator.latent_shape, lambda z, labels: z, generator.synthesize)}
    return replace(copied, layers=reachable_layers(generator), spaces=spaces)


def not_reinitialised(subject: Subject) -> str:
    """Why there is no copy with fresh weights of a generator that can be shuffled, after "because"."""
    return (
        "" if reinitialised(subject, 0) is not None else "no module of it knows how to draw its weights anew"
    )


def initialise(module: nn.Module, seed: int) -> bool:
    """Draw the weights of a module anew, in place, wherever it or a part of it knows how.

    Returns:
        Whether anything was drawn.
    """
    drawn = False
    with torch.no_grad():
        for name, part in module.named_modules():
            reset = getattr(part, "reset_parameters", None)
            if not callable(reset) or _normalised(part) or not any(True for _ in part.parameters()):
                continue
            device = next(part.parameters()).device
            # Modules draw from the global generators: these are started from the seed, and put back.
            with repeated_noise(device, derive_seed(seed, "reinitialised", name)):
                try:
                    reset()
                except Exception:  # someone else's method, which may want what isn't there: left as it was
                    continue
            drawn = True
    return drawn


def _normalised(part: nn.Module) -> bool:
    """Whether weights are computed from others, so that to draw them would change nothing."""
    by_hook = any(
        hasattr(hook, "name") and hasattr(hook, "compute_weight") for hook in part._forward_pre_hooks.values()
    )
    return by_hook or parametrize.is_parametrized(part)
