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

    @staticmethod
    def generator(config: MLPConfig, latent_dim: int, sample_shape: tuple[int, ...]) -> nn.Module:
        """[n, latent_dim] → [n, *sample_shape]."""
        layers = _layers(config, latent_dim, math.prod(sample_shape))
        layers.add_module("shape", nn.Unflatten(1, sample_shape))
        return layers

    @staticmethod
    def discriminator(config: MLPConfig, sample_shape: tuple[int, ...]) -> nn.Module:
        """[n, *sample_shape] → logits [n]."""
        layers = nn.Sequential()
        layers.add_module("flatten", nn.Flatten())
        for name, layer in _layers(config, math.prod(sample_shape), 1).named_children():
            layers.add_module(name, layer)
        layers.add_module("logits", nn.Flatten(0))
        return layers


def _layers(config: MLPConfig, inputs: int, outputs: int) -> nn.Sequential:
    layers = nn.Sequential()
    for number in range(1, config.depth + 1):
        hidden = nn.Sequential(
            nn.Linear(inputs, config.width),
            vector_norm(config.norm, config.width),
            activation(config.activation),
        )
        if config.dropout:
            hidden.append(nn.Dropout(config.dropout))
        layers.add_module(f"hidden{number}", hidden)
        inputs = config.width
    layers.add_module("output", nn.Linear(inputs, outputs))
    initialise_he(layers)
    if config.spectral_norm:
        spectrally_normalise(layers)
    return layers
