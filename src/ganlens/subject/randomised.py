"""A generator with the same parts and nothing learned: what every explanation of it must lose sight of.

Source: Adebayo et al. 2018 (arXiv 1810.03292), the model-randomisation check, carried over to generators.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize
from torch.nn.utils.spectral_norm import SpectralNorm
from torch.nn.utils.weight_norm import WeightNorm

from ganlens.randomness import torch_generator
from ganlens.subject.adapted_generator import failure
from ganlens.subject.latent_spaces import LatentSpace
from ganlens.subject.layers import reachable_layers

if TYPE_CHECKING:
    from ganlens.subject.subject import Subject

Shuffled = TypeVar("Shuffled")

POWER_ITERATIONS = 100
"""After which the largest singular value of a shuffled weight is known to a thousandth or better."""


def randomised(subject: Subject, seed: int) -> Subject | None:
    """The subject with every weight tensor of its generator shuffled within itself.

    Shuffling keeps each layer's scale and loses what it computes. The subject itself is left as it is. Its
    named spaces other than "z" are left out.

    Returns:
        The copy, or None where there are no weights to reach or they can't be copied: `not_randomised` says which.
    """
    generator = _shuffled_copy(subject.generator, lambda adapted: adapted.module, seed)
    if generator is None:
        return None
    spaces = {"z": LatentSpace("z", generator.latent_shape, lambda z, labels: z, generator.synthesize)}
    return replace(subject, generator=generator, layers=reachable_layers(generator), spaces=spaces)


def randomised_module(module: nn.Module, seed: int) -> nn.Module | None:
    """A copy of a discriminator or classifier with every weight tensor shuffled within itself.

    Weights that are tied stay tied; buffers are kept, since nobody says which of them were learned, but for those
    that spectral normalisation computes from weights. The module itself is left as it is.

    Returns:
        The copy, in the same mode and on the same device, or None where there are no weights to reach or the
        module can't be copied: `not_randomised` says which.
    """
    return _shuffled_copy(module, lambda itself: itself, seed)


def not_randomised(subject_or_module: Subject | nn.Module) -> str:
    """Why there is no copy with shuffled weights, after "because": for findings whose check on it is missing."""
    whole = subject_or_module if isinstance(subject_or_module, nn.Module) else subject_or_module.generator
    module = whole if isinstance(whole, nn.Module) else whole.module
    if module is None or not any(True for _ in module.parameters()):
        return "it has no weights that can be reached"
    try:
        _copied(whole, module)
    except Exception as error:
        return f"it can't be copied ({failure(error)})"
    return "what is copied of it shares its weights"


def shuffle_weights(module: nn.Module, seed: int) -> None:
    """Shuffle each parameter's values within itself, in place.

    What normalisation of weights computes from them is computed anew: a weight that is divided by its largest
    singular value is divided by that of the shuffled one. Orthogonal ones get their rows and columns in another order.
    """
    with torch.no_grad():
        orthogonal = {(part, name): getattr(part, name).clone() for part, name in _orthogonal_weights(module)}
        for name, weight in module.named_parameters():
            order = torch.randperm(weight.numel(), generator=torch_generator(seed, "randomised", name))
            weight.copy_(weight.flatten()[order.to(weight.device)].view_as(weight))
        for part in module.modules():
            _normalise_anew(part, seed)
        for (part, name), weight in orthogonal.items():
            setattr(part, name, _in_other_places(weight, seed))


def _normalise_anew(part: nn.Module, seed: int) -> None:
    """Singular vectors and normalised weights of a module whose weights have changed, old style and new."""
    for hook in part._forward_pre_hooks.values():
        if isinstance(hook, SpectralNorm):
            _start_anew(getattr(part, f"{hook.name}_u"), seed)
            _start_anew(getattr(part, f"{hook.name}_v"), seed)
            for _ in range(POWER_ITERATIONS):
                hook.compute_weight(part, do_power_iteration=True)
            setattr(part, hook.name, hook.compute_weight(part, do_power_iteration=False))
        elif isinstance(hook, WeightNorm):
            setattr(part, hook.name, hook.compute_weight(part))
    if not parametrize.is_parametrized(part):
        return
    for name, chain in part.parametrizations.items():  # type: ignore[union-attr, operator]
        spectral = [each for each in chain if type(each).__name__ == "_SpectralNorm" and hasattr(each, "_u")]
        modes = [each.training for each in spectral]
        for each in spectral:
            _start_anew(each._u, seed)
            _start_anew(each._v, seed)
            each.train()  # in which it iterates whenever the weight is asked for
        for _ in range(POWER_ITERATIONS if spectral else 0):
            getattr(part, name)
        for each, training in zip(spectral, modes, strict=True):
            each.train(training)


def _orthogonal_weights(module: nn.Module) -> Iterator[tuple[nn.Module, str]]:
    """Where weights are kept orthogonal by a parametrization, whose own numbers can't be shuffled one by one."""
    for part in module.modules():
        if parametrize.is_parametrized(part):
            for name, chain in part.parametrizations.items():  # type: ignore[union-attr, operator]
                if any(type(each).__name__ == "_Orthogonal" for each in chain):
                    yield part, name


def _in_other_places(weight: Tensor, seed: int) -> Tensor:
    """Matrices [..., m, n] with their rows and columns in another order, which keeps them orthogonal."""
    orders = [
        torch.randperm(size, generator=torch_generator(seed, "randomised", "orthogonal", axis))
        for axis, size in enumerate(weight.shape)
    ]
    for axis, order in enumerate(orders):
        weight = weight.index_select(axis, order.to(weight.device))
    return weight


def _start_anew(vector: Tensor, seed: int) -> None:
    """A random direction: the old singular vector may lie across the new one."""
    drawn = torch.randn(vector.shape, generator=torch_generator(seed, "randomised", "singular vector"))
    vector.copy_(drawn / drawn.norm())


def _shuffled_copy(
    original: Shuffled, module_in: Callable[[Shuffled], nn.Module | None], seed: int
) -> Shuffled | None:
    module = module_in(original)
    if module is None or not any(True for _ in module.parameters()):
        return None
    try:
        copied = _copied(original, module)
    except Exception:  # compiled programs, open files: whatever can't be copied can't be randomised
        return None
    shuffled = module_in(copied)
    if shuffled is None or _shares_weights(shuffled, module):
        return None
    shuffle_weights(shuffled, seed)
    return copied


def _copied(original: Shuffled, module: nn.Module) -> Shuffled:
    """A deep copy. Results that modules keep (of weights by their norm, of the last pass) are copied without the
    history that a copy can't have."""
    memo: dict[int, Any] = {}
    for result in _kept_results(module):
        memo[id(result)] = result.detach().clone()
    return copy.deepcopy(original, memo)


def _kept_results(module: nn.Module) -> Iterator[Tensor]:
    for part in module.modules():
        for value in list(vars(part).values()):
            held = (
                value.values()
                if type(value) is dict
                else value
                if isinstance(value, (list, tuple))
                else (value,)
            )
            for each in held:
                if isinstance(each, Tensor) and not each.is_leaf:
                    yield each


def _shares_weights(first: nn.Module, second: nn.Module) -> bool:
    return any(
        a.data_ptr() == b.data_ptr() for a, b in zip(first.parameters(), second.parameters(), strict=True)
    )
