"""The contract of a feature space, and the table in which one is found by its name.

A new feature space is one file below `ganlens/features/` (or, from another package, one entry point in the
group `ganlens.features`):

    @feature_spaces.register("edges")
    class Edges(FeatureSpace):
        ...
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from inspect import isabstract
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import torch
from torch import Tensor, nn

from ganlens.modality import Modality
from ganlens.registry import Registry

if TYPE_CHECKING:
    from ganlens.instruments.autoencoder import FittedAutoencoder
    from ganlens.instruments.labeller import Labeller


class Instruments(Protocol):
    """What a feature space may be built from. Networks are trained when they are first asked for."""

    @property
    def modality(self) -> Modality: ...
    @property
    def sample_shape(self) -> tuple[int, ...]: ...
    @property
    def device(self) -> torch.device: ...
    @property
    def labeller(self) -> Labeller | None: ...
    @property
    def autoencoder(self) -> FittedAutoencoder: ...

    def resolve(self, spec: str) -> nn.Module:
        """The user's module behind "python:…" or a file name."""
        ...


class FeatureSpace(ABC):
    """One way to see samples as vectors.

    Attributes:
        name: what asked for it, unique among the spaces of an audit ("labeller", "inception:weights.pth").
        title: what a number's reader should call it ("labeller features").
    """

    name: str
    title: str

    @property
    @abstractmethod
    def protocol(self) -> str:
        """In words, without a full stop, what is computed: network, weights, layer, resize. Two numbers whose
        protocols differ can't be compared."""

    @abstractmethod
    def extract(self, samples: Tensor) -> Tensor:
        """Features [n, d] of samples [n, …] in the modality's range, on the samples' device. Called without
        gradients, on a few hundred samples at a time; a row depends on its own sample alone."""


class NamedSpace(FeatureSpace):
    """A space that a name asks for: built from the instruments of an audit.

    Args:
        instruments: networks and facts of the audit.
        argument: what stood after the name's colon, or "".

    Raises:
        UserError: the argument can't be used, or something it needs is missing.
    """

    takes_argument: ClassVar[bool] = False

    def __init__(self, instruments: Instruments, argument: str = "") -> None:
        self.instruments = instruments


def _fault(name: str, component: Any) -> str | None:
    is_space = isinstance(component, type) and issubclass(component, NamedSpace) and not isabstract(component)
    return None if is_space else f"{component!r} is no class made of NamedSpace with protocol and extract"


feature_spaces: Registry[type[NamedSpace]] = Registry(
    "feature space", "ganlens.features", group="ganlens.features", fault=_fault
)
