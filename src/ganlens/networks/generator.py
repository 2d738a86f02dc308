"""GANLens's own generator: a family's body behind the contract that probes and trainers use."""

from __future__ import annotations

import math
from collections import OrderedDict
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from ganlens.limits import NETWORK_NUMBERS
from ganlens.networks.network import NetworkConfig, networks
from ganlens.networks.output import Bounds, output_for
from ganlens.randomness import seeded


class Generator(nn.Module):
    """From standard normal latents to samples.

    Args:
        body: maps [n, latent_dim] to [n, *sample_shape].
        latent_dim: length of one latent.
        sample_shape: shape of one sample.
    """

    def __init__(self, body: nn.Module, latent_dim: int, sample_shape: tuple[int, ...]) -> None:
        super().__init__()
        self.body = body
        self.latent_dim = latent_dim
        self.sample_shape = tuple(sample_shape)

    def sample_latent(self, n: int, *, rng: torch.Generator) -> Tensor:
        """Latents [n, latent_dim] from N(0, I), drawn with `rng` and on its device."""
        return torch.randn(n, self.latent_dim, generator=rng, device=rng.device)

    def synthesize(self, latent: Tensor, labels: Tensor | None = None) -> Tensor:
        """Samples [n, *sample_shape] for latents [n, latent_dim]; `labels` are not used."""
        samples: Tensor = self.body(latent)
        return samples

    def forward(self, latent: Tensor) -> Tensor:
        """The same as `synthesize`."""
        return self.synthesize(latent)


def build_generator(
    config: NetworkConfig,
    latent_dim: int,
    sample_shape: tuple[int, ...],
    *,
    seed: int,
    bounds: Bounds | None = None,
) -> Generator:
    """A new generator; the same weights for the same seed, and the caller's random state untouched.

    Args:
        bounds: lowest and highest value [*sample_shape] of each number of a sample; None where none has any.

    Raises:
        UserError: the family can't make samples of that shape, or the network is larger than the limit.
    """
    family = networks[config.family]
    shape = tuple(sample_shape)
    where = f"the {config.family} generator for latents of {latent_dim:,} and samples of {_shown(shape)}"
    with seeded(seed, "generator", "initialise"), _Counted(where, (latent_dim,), shape):
        body = family.generator(config, latent_dim, shape)
    last = output_for(bounds, squashed=family.squashed)
    if last is not None:
        body = body if isinstance(body, nn.Sequential) else nn.Sequential(OrderedDict(made=body))
        body.add_module(*last)
    return Generator(body, latent_dim, sample_shape)


def build_discriminator(config: NetworkConfig, sample_shape: tuple[int, ...], *, seed: int) -> nn.Module:
    """A new discriminator [n, *sample_shape] → logits [n]; the same weights for the same seed.

    Args:
        sample_shape: as the discriminator sees it: for packs of m images (m·channels, height, width).

    Raises:
        UserError: the family can't read samples of that shape, or the network is larger than the limit.
    """
    family = networks[config.family]
    shape = tuple(sample_shape)
    where = f"the {config.family} discriminator for samples of {_shown(shape)}"
    with seeded(seed, "discriminator", "initialise"), _Counted(where, shape):
        return family.discriminator(config, shape)


class _Counted(TorchFunctionMode):
    """While a network is built: its numbers are counted before memory is asked for them.

    Args:
        where: which network, for the message.
        inputs: shapes of one of what it takes and of one of what it gives.

    Raises:
        UserError: it, or one sample of what it takes and gives, has more numbers than the limit.
    """

    def __init__(self, where: str, *inputs: tuple[int, ...]) -> None:
        super().__init__()
        self._where, self._total = where, 0
        for shape in inputs:
            NETWORK_NUMBERS.check(math.prod(shape), where)

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func in _FACTORIES:
            size = kwargs.get("size", args[0] if args and isinstance(args[0], (tuple, list)) else args)
            self._total += math.prod(n for n in size if isinstance(n, int))
            NETWORK_NUMBERS.check(self._total, self._where)
        return func(*args, **kwargs)


_FACTORIES = {torch.empty, torch.zeros, torch.ones, torch.full, torch.rand, torch.randn, torch.eye}
"""What layers make their weights with."""


def _shown(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape))
