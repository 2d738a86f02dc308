"""The contract of a network family: one configuration type that builds a generator and a discriminator."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from torch import nn

from ganlens.errors import UserError
from ganlens.networks.conditional import Conditioning
from ganlens.printable import shortened
from ganlens.registry import Registry, nearest_names
from ganlens.validation import first_fault, refuse_switch_for_number


class NetworkConfig(BaseModel):
    """What every family's configuration has: its name. Families add their own fields."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    _numbers = field_validator("*", mode="before")(refuse_switch_for_number)

    family: str = Field(description="Which family builds the network (`ganlens list networks`)")


C = TypeVar("C", bound=NetworkConfig)


class Family(ABC, Generic[C]):
    """A family of networks that share one configuration type.

    The modules it builds are initialised from torch's global generator, which `build_generator` and
    `build_discriminator` seed; their forward pass treats the samples of a batch independently wherever the
    configuration asks for no batch normalisation.

    Attributes:
        Config: the family's own configuration; every field has a default and a description.
        squashed: whether its generators' numbers lie in −1…1. Otherwise they have no bounds, and are brought within
            those of the samples, where these have any.
        takes_classes: whether it builds networks that are told the class. A family that doesn't is never given
            `classes` or `conditioning`, and may leave them out.
    """

    Config: ClassVar[type[NetworkConfig]]
    squashed: ClassVar[bool] = False
    takes_classes: ClassVar[bool] = False

    @staticmethod
    @abstractmethod
    def generator(config: C, latent_dim: int, sample_shape: tuple[int, ...], classes: int = 0) -> nn.Module:
        """A module from latents [n, latent_dim] to samples [n, *sample_shape].

        Args:
            classes: how many there are; the module takes (latents, class indices [n]) then. 0: latents alone.

        Raises:
            UserError: the family can't make samples of that shape.
        """

    @staticmethod
    @abstractmethod
    def discriminator(
        config: C,
        sample_shape: tuple[int, ...],
        classes: int = 0,
        conditioning: Conditioning = "projection",
    ) -> nn.Module:
        """A module from samples [n, *sample_shape] to logits [n], higher for what looks real.

        Args:
            classes: how many there are; 0 for samples alone.
            conditioning: with classes. Projection and concatenation: the module takes (samples, class indices [n]).
                Auxiliary: it takes samples and returns (logits [n], class logits [n, classes]).

        Raises:
            UserError: the family can't read samples of that shape.
        """


def _fault(name: str, component: Any) -> str | None:
    is_family = isinstance(component, type) and issubclass(component, Family)
    config = getattr(component, "Config", None)
    if is_family and isinstance(config, type) and issubclass(config, NetworkConfig):
        return None
    return f"{component!r} is no class made of Family with a Config made of NetworkConfig"


networks: Registry[type[Family[Any]]] = Registry(
    "network", "ganlens.networks", "ganlens.networks", fault=_fault
)


def parse_network(description: NetworkConfig | Mapping[str, Any]) -> NetworkConfig:
    """The family's own configuration from plain values such as a YAML file's.

    Args:
        description: a mapping with `family` and any of that family's fields, or a configuration (one that is
            not of the family's own type is completed with the family's defaults).

    Raises:
        UserError: there is no such family, it has no such field, or a value is out of its bounds.
    """
    if not isinstance(description, (NetworkConfig, Mapping)):
        raise UserError(
            f"a network is described by a mapping such as {{family: mlp, width: 64}}, not by "
            f"{shortened(repr(description))}"
        )
    given = description.model_dump() if isinstance(description, NetworkConfig) else dict(description)
    if "family" not in given:
        raise UserError(f"a network needs the field 'family'. {nearest_names('', networks.names())}")
    family = str(given["family"])
    config_type = networks[family].Config
    if isinstance(description, config_type):
        return description
    try:
        return config_type.model_validate(given)
    except ValidationError as error:
        fault = first_fault(error)
        if fault.unknown:
            known = nearest_names(fault.key, list(config_type.model_fields))
            raise UserError(f"the {family} network has no field {fault.key!r}. {known}") from None
        raise UserError(f"{family} network, {fault.key}: {fault.expected} (got {fault.found})") from None
