"""GANLens's own generator: a family's body behind the contract that probes and trainers use."""

from __future__ import annotations

import math
from collections import OrderedDict
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from ganlens.errors import UserError
from ganlens.limits import NETWORK_NUMBERS
from ganlens.networks.conditional import Conditioning, LabelledSequential
from ganlens.networks.network import Family, NetworkConfig, networks
from ganlens.networks.output import Bounds, output_for
from ganlens.randomness import seeded


class Generator(nn.Module):
    """From standard normal latents, and of a conditional one class indices, to samples.

    Args:
        body: maps [n, latent_dim] (with classes: and class indices [n]) to [n, *sample_shape].
        latent_dim: length of one latent.
        sample_shape: shape of one sample.
        num_classes: how many classes it can be asked for; 0 for an unconditional one.
    """

    def __init__(
        self, body: nn.Module, latent_dim: int, sample_shape: tuple[int, ...], num_classes: int = 0
    ) -> None:
        super().__init__()
        self.body = body
        self.latent_dim = latent_dim
        self.sample_shape = tuple(sample_shape)
        self.num_classes = num_classes

    def sample_latent(self, n: int, *, rng: torch.Generator) -> Tensor:
        """Latents [n, latent_dim] from N(0, I), drawn with `rng` and on its device."""
        return torch.randn(n, self.latent_dim, generator=rng, device=rng.device)

    def synthesize(self, latent: Tensor, labels: Tensor | None = None) -> Tensor:
        """Samples [n, *sample_shape] for latents [n, latent_dim].

        Args:
            labels: class indices [n] int64, which a conditional generator needs; an unconditional one uses none.

        Raises:
            UserError: a conditional one is given no labels, or one that it does not know.
        """
        if self.num_classes and labels is not None:
            if labels.shape != (len(latent),) or labels.is_floating_point():
                raise UserError(
                    f"labels of shape {tuple(labels.shape)} and type {str(labels.dtype).removeprefix('torch.')} for "
                    f"{len(latent)} latents; expected {self._wanted}"
                )
            lowest, highest = (int(end) for end in labels.aminmax()) if len(labels) else (0, 0)
            if lowest < 0 or highest >= self.num_classes:
                wrong = lowest if lowest < 0 else highest
                raise UserError(f"there is no class {wrong}; this generator knows {self._wanted}")
            labels = labels.long()
        return self.forward(latent, labels)

    def forward(self, latent: Tensor, labels: Tensor | None = None) -> Tensor:
        """As `synthesize`, of labels known to be right: they are not looked at, for which a GPU would have to wait.

        Raises:
            UserError: a conditional one is given no labels.
        """
        if not self.num_classes:
            samples: Tensor = self.body(latent)
            return samples
        if labels is None:
            raise UserError(f"this generator is conditional: it wants labels as well, {self._wanted}")
        of_class: Tensor = self.body(latent, labels)
        return of_class

    @property
    def _wanted(self) -> str:
        return f"class indices from 0 to {self.num_classes - 1}, one a latent"


def build_generator(
    config: NetworkConfig,
    latent_dim: int,
    sample_shape: tuple[int, ...],
    *,
    seed: int,
    bounds: Bounds | None = None,
    classes: int = 0,
) -> Generator:
    """A new generator; the same weights for the same seed, and the caller's random state untouched.

    Args:
        bounds: lowest and highest value [*sample_shape] of each number of a sample; None where none has any.
        classes: how many it can be asked for; 0 for an unconditional one.

    Raises:
        UserError: the family can't make samples of that shape, or of a class, or the network is larger than the limit.
    """
    family = _family(config, classes)
    shape = tuple(sample_shape)
    where = f"the {config.family} generator for latents of {latent_dim:,} and samples of {_shown(shape)}"
    with seeded(seed, "generator", "initialise"), _Counted(where, (latent_dim,), shape):
        body = family.generator(config, latent_dim, shape, **({"classes": classes} if classes else {}))
    last = output_for(bounds, squashed=family.squashed)
    if last is not None:
        if not isinstance(body, nn.Sequential):
            chain = LabelledSequential if classes else nn.Sequential
            body = chain(OrderedDict(made=body))
        body.add_module(*last)
    return Generator(body, latent_dim, sample_shape, classes)


def build_discriminator(
    config: NetworkConfig,
    sample_shape: tuple[int, ...],
    *,
    seed: int,
    classes: int = 0,
    conditioning: Conditioning = "projection",
) -> nn.Module:
    """A new discriminator [n, *sample_shape] → logits [n]; the same weights for the same seed.

    Args:
        sample_shape: as the discriminator sees it: for packs of m images (m·channels, height, width).
        classes, conditioning: of a conditional one, what it takes and returns; see `Family.discriminator`.

    Raises:
        UserError: the family can't read samples of that shape or takes no classes, or the network is larger than the
            limit.
    """
    family = _family(config, classes)
    shape = tuple(sample_shape)
    where = f"the {config.family} discriminator for samples of {_shown(shape)}"
    of_classes: dict[str, Any] = {"classes": classes, "conditioning": conditioning} if classes else {}
    with seeded(seed, "discriminator", "initialise"), _Counted(where, shape):
        return family.discriminator(config, shape, **of_classes)


def _family(config: NetworkConfig, classes: int) -> type[Family[Any]]:
    """The family that builds it.

    Raises:
        UserError: classes are wanted, and it builds no network that takes them.
    """
    family = networks[config.family]
    if classes and not family.takes_classes:
        able = " or ".join(name for name in networks.names() if networks[name].takes_classes)
        raise UserError(
            f"the network family {config.family} builds no networks that take classes; choose {able}, or train without "
            "labels (condition=none)"
        )
    return family


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
