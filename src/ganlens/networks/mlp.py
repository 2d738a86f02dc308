"""Fully connected generator and discriminator, for samples of any shape."""

from __future__ import annotations

import math
from typing import ClassVar, Literal

from pydantic import Field
from torch import nn

from ganlens.networks.blocks import (
    ActivationName,
    VectorNorm,
    activation,
    initialise_he,
    spectrally_normalise,
    vector_norm,
)
from ganlens.networks.conditional import (
    Conditioning,
    LabelEntries,
    LabelledLatent,
    conditional_logits,
    sequential,
)
from ganlens.networks.network import Family, NetworkConfig, networks


class MLPConfig(NetworkConfig):
    """Fields of the `mlp` family; the same type configures the generator and the discriminator."""

    family: Literal["mlp"] = Field("mlp", description="Fully connected layers")
    width: int = Field(128, ge=1, le=8192, description="Units of every hidden layer")
    depth: int = Field(3, ge=0, le=32, description="How many hidden layers; 0 is a linear map")
    activation: ActivationName = Field("leaky_relu", description="Between the layers")
    norm: VectorNorm = Field("none", description="After every hidden layer, before its activation")
    dropout: float = Field(0.0, ge=0, lt=1, description="Share of hidden units dropped while training")
    spectral_norm: bool = Field(False, description="Divide every weight matrix by its largest singular value")


@networks.register("mlp")
class MLP(Family[MLPConfig]):
    """Fully connected layers; samples of any shape."""

    Config: ClassVar[type[NetworkConfig]] = MLPConfig
    squashed: ClassVar[bool] = False
    takes_classes: ClassVar[bool] = True

    @staticmethod
    def generator(
        config: MLPConfig, latent_dim: int, sample_shape: tuple[int, ...], classes: int = 0
    ) -> nn.Module:
        """[n, latent_dim] → [n, *sample_shape]."""
        layers = sequential(classes)
        if classes and (config.norm == "none" or config.depth == 0):
            layers.add_module("with_label", LabelledLatent(classes, latent_dim))
            latent_dim *= 2
        hidden = _hidden(config, latent_dim, classes)
        width = config.width if config.depth else latent_dim
        hidden["output"] = nn.Linear(width, math.prod(sample_shape))
        return _finished(layers, hidden, {"shape": nn.Unflatten(1, sample_shape)}, config)

    @staticmethod
    def discriminator(
        config: MLPConfig,
        sample_shape: tuple[int, ...],
        classes: int = 0,
        conditioning: Conditioning = "projection",
    ) -> nn.Module:
        """[n, *sample_shape] → logits [n]."""
        layers = sequential(classes if conditioning != "auxiliary" else 0)
        layers.add_module("flatten", nn.Flatten())
        inputs = math.prod(sample_shape)
        beside = bool(classes) and conditioning == "concatenation"
        if beside:
            label = LabelEntries(classes)
            layers.add_module("with_label", label)
            inputs += label.width
        hidden = _hidden(config, inputs)
        width = config.width if config.depth else inputs
        if classes and not beside:
            hidden["logits"] = conditional_logits(width, classes, conditioning)
            return _finished(layers, hidden, {}, config)
        hidden["output"] = nn.Linear(width, 1)
        return _finished(layers, hidden, {"logits": nn.Flatten(0)}, config)


def _hidden(config: MLPConfig, inputs: int, classes: int = 0) -> dict[str, nn.Module]:
    """The hidden layers by name."""
    layers: dict[str, nn.Module] = {}
    for number in range(1, config.depth + 1):
        hidden = sequential(
            classes,
            nn.Linear(inputs, config.width),
            vector_norm(config.norm, config.width, classes),
            activation(config.activation),
        )
        if config.dropout:
            hidden.append(nn.Dropout(config.dropout))
        layers[f"hidden{number}"] = hidden
        inputs = config.width
    return layers


def _finished(
    layers: nn.Sequential, learned: dict[str, nn.Module], last: dict[str, nn.Module], config: MLPConfig
) -> nn.Sequential:
    """`learned` initialised and, where asked for, spectrally normalised, then `last`, behind `layers`."""
    for name, layer in learned.items():
        layers.add_module(name, initialise_he(layer))
    if config.spectral_norm:
        spectrally_normalise(layers)
    for name, layer in last.items():
        layers.add_module(name, layer)
    return layers
