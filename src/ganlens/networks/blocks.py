"""What several network families are built from: normalisation, activation, spectral norm, initialisation."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

from torch import nn
from torch.nn.utils.parametrizations import spectral_norm

from ganlens.errors import UserError
from ganlens.networks.conditional import ConditionalNorm

ActivationName = Literal["relu", "leaky_relu", "gelu", "silu", "tanh"]
ImageNorm = Literal["batch", "group", "layer", "none"]
VectorNorm = Literal["batch", "layer", "none"]

_ACTIVATIONS: dict[ActivationName, Callable[[], nn.Module]] = {
    "relu": lambda: nn.ReLU(),
    "leaky_relu": lambda: nn.LeakyReLU(0.2),
    "gelu": lambda: nn.GELU(),
    "silu": lambda: nn.SiLU(),
    "tanh": lambda: nn.Tanh(),
}
_CHANNELS_PER_GROUP = 16
_LARGEST_SIDE = 256


def activation(name: ActivationName) -> nn.Module:
    """The activation of that name; never in place, since penalties differentiate through it twice."""
    return _ACTIVATIONS[name]()


def image_norm(name: ImageNorm, channels: int, classes: int = 0) -> nn.Module:
    """Normalisation of [n, channels, h, w]: over the batch, groups of 16 channels, a sample, or none.

    Args:
        classes: how many have a gain and bias of their own; 0 for one of all.
    """
    plain = not classes
    norm: nn.Module
    if name == "batch":
        norm = nn.BatchNorm2d(channels, affine=plain)
    elif name == "group":
        whole = channels % _CHANNELS_PER_GROUP == 0
        norm = nn.GroupNorm(channels // _CHANNELS_PER_GROUP if whole else 1, channels, affine=plain)
    elif name == "layer":
        norm = nn.GroupNorm(1, channels, affine=plain)
    else:
        return nn.Identity()
    return norm if plain else ConditionalNorm(norm, classes, channels)


def vector_norm(name: VectorNorm, width: int, classes: int = 0) -> nn.Module:
    """Normalisation of [n, width]: over the batch, over the vector, or none; `classes` as in `image_norm`."""
    plain = not classes
    norm: nn.Module
    if name == "batch":
        norm = nn.BatchNorm1d(width, affine=plain)
    elif name == "layer":
        norm = nn.LayerNorm(width, elementwise_affine=plain)
    else:
        return nn.Identity()
    return norm if plain else ConditionalNorm(norm, classes, width)


def spectrally_normalise(module: nn.Module) -> nn.Module:
    """Divide every linear and convolutional weight by its largest singular value (Miyato et al., 2018).

    Call it after initialisation: the estimate of the singular vectors starts from the weights it finds.
    """
    for layer in list(module.modules()):
        if isinstance(layer, (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)):
            spectral_norm(layer)
    return module


def initialise_he(module: nn.Module, slope: float = 0.2) -> nn.Module:
    """Weights N(0, gain²/fan-in) for a leaky rectifier of that slope, biases zero (He et al., 2015)."""
    for layer in module.modules():
        if isinstance(layer, (nn.Linear, nn.Conv2d)):
            nn.init.kaiming_normal_(layer.weight, a=slope, nonlinearity="leaky_relu")
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    return module


def parameter_count(module: nn.Module) -> int:
    """How many numbers the module learns."""
    return sum(parameter.numel() for parameter in module.parameters())


def require_square_image(family: str, sample_shape: tuple[int, ...]) -> tuple[int, int]:
    """Channels and side of a square image whose side is a power of two from 8 to 256.

    Raises:
        UserError: the samples are no such images.
    """
    if len(sample_shape) != 3:
        raise UserError(
            f"{family}: makes square images, this data's samples have the shape {sample_shape}; "
            "choose the network family mlp"
        )
    channels, height, width = sample_shape
    if height != width or height < 8 or height > _LARGEST_SIDE or height & (height - 1):
        nearest = 2 ** math.ceil(math.log2(max(height, width)))
        square = (
            "" if height == width else " and leave data.aspect out, or choose the network family mlp for both"
        )
        raise UserError(
            f"{family}: makes square images with a power-of-two side from 8 to {_LARGEST_SIDE}, this data is "
            f"{height}×{width}; add --set data.size={min(max(nearest, 8), _LARGEST_SIDE)}{square}"
        )
    return channels, height
