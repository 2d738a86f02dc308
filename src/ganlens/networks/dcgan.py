"""The convolutional generator and discriminator of DCGAN (Radford et al., 2016, arXiv 1511.06434)."""

from __future__ import annotations

from itertools import pairwise
from typing import ClassVar, Literal

from pydantic import Field
from torch import nn

from ganlens.networks.blocks import ImageNorm, image_norm, require_square_image, spectrally_normalise
from ganlens.networks.conditional import (
    ConditionalNorm,
    Conditioning,
    LabelledLatent,
    LabelPlane,
    conditional_logits,
    sequential,
)
from ganlens.networks.network import Family, NetworkConfig, networks


class DCGANConfig(NetworkConfig):
    """Fields of the `dcgan` family; the same type configures the generator and the discriminator."""

    family: Literal["dcgan"] = Field("dcgan", description="Strided 4×4 convolutions")
    channels: int = Field(
        64, ge=1, le=1024, description="Channels at half the side; doubled at every halving"
    )
    max_channels: int = Field(512, ge=1, le=4096, description="No layer is wider than this")
    norm: ImageNorm | Literal["auto"] = Field(
        "auto", description="Normalisation; auto: batch in the generator, none in the discriminator"
    )
    dropout: float = Field(
        0.0, ge=0, lt=1, description="Share of channels dropped after a block while training"
    )
    spectral_norm: bool = Field(False, description="Divide every weight by its largest singular value")


@networks.register("dcgan")
class DCGAN(Family[DCGANConfig]):
    """Strided 4×4 convolutions (DCGAN); square images with a power-of-two side from 8 to 256."""

    Config: ClassVar[type[NetworkConfig]] = DCGANConfig
    squashed: ClassVar[bool] = True
    takes_classes: ClassVar[bool] = True

    @staticmethod
    def generator(
        config: DCGANConfig, latent_dim: int, sample_shape: tuple[int, ...], classes: int = 0
    ) -> nn.Module:
        """[n, latent_dim] → [n, *sample_shape] in −1…1, a block per resolution."""
        channels, side = require_square_image("dcgan", sample_shape)
        norm: ImageNorm = "batch" if config.norm == "auto" else config.norm
        widths = _widths(config, side)[::-1]
        layers = sequential(classes)
        if classes and norm == "none":
            layers.add_module("with_label", LabelledLatent(classes, latent_dim))
            latent_dim *= 2
        layers.add_module(
            "block4",
            sequential(
                classes,
                nn.Linear(latent_dim, widths[0] * 16, bias=norm == "none"),
                nn.Unflatten(1, (widths[0], 4, 4)),
                *_after(norm, widths[0], nn.ReLU(), config.dropout, classes),
            ),
        )
        for number, (inputs, outputs) in enumerate(pairwise(widths), start=3):
            grow = nn.ConvTranspose2d(inputs, outputs, 4, 2, 1, bias=norm == "none")
            after = _after(norm, outputs, nn.ReLU(), config.dropout, classes)
            layers.add_module(f"block{2**number}", sequential(classes, grow, *after))
        layers.add_module("to_image", nn.ConvTranspose2d(widths[-1], channels, 4, 2, 1))
        layers.add_module("tanh", nn.Tanh())
        return _finished(layers, config)

    @staticmethod
    def discriminator(
        config: DCGANConfig,
        sample_shape: tuple[int, ...],
        classes: int = 0,
        conditioning: Conditioning = "projection",
    ) -> nn.Module:
        """[n, *sample_shape] → logits [n], a block per resolution."""
        channels, side = require_square_image("dcgan", sample_shape)
        norm: ImageNorm = "none" if config.norm == "auto" else config.norm
        widths = _widths(config, side)
        beside = bool(classes) and conditioning == "concatenation"
        layers = sequential(classes if conditioning != "auxiliary" else 0)
        if beside:
            layers.add_module("with_label", LabelPlane(classes, side))
        inputs = channels + beside
        for number, outputs in enumerate(widths):
            # The first block goes without norm, as in the paper: it would hide the images' contrast.
            block_norm: ImageNorm = norm if number else "none"
            shrink = nn.Conv2d(inputs, outputs, 4, 2, 1, bias=block_norm == "none")
            layers.add_module(
                f"block{side // 2 ** (number + 1)}",
                nn.Sequential(shrink, *_after(block_norm, outputs, nn.LeakyReLU(0.2), config.dropout)),
            )
            inputs = outputs
        if classes and not beside:
            layers.add_module("features", nn.Flatten())
            layers.add_module("logits", conditional_logits(inputs * 16, classes, conditioning))
        else:
            layers.add_module("score", nn.Sequential(nn.Flatten(), nn.Linear(inputs * 16, 1)))
            layers.add_module("logits", nn.Flatten(0))
        return _finished(layers, config)


def _widths(config: DCGANConfig, side: int) -> list[int]:
    """Channels at half the side, a quarter, … down to 4×4."""
    halvings = side.bit_length() - 3
    return [min(config.channels * 2**k, config.max_channels) for k in range(halvings)]


def _after(
    norm: ImageNorm, channels: int, rectifier: nn.Module, dropout: float, classes: int = 0
) -> list[nn.Module]:
    layers = [] if norm == "none" else [image_norm(norm, channels, classes)]
    return [*layers, rectifier, *([nn.Dropout2d(dropout)] if dropout else [])]


def _finished(layers: nn.Sequential, config: DCGANConfig) -> nn.Module:
    """Weights N(0, .02²), scales of norms N(1, .02²), each class's own, biases zero (the paper, section 4)."""
    for layer in layers.modules():
        if isinstance(layer, (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)):
            nn.init.normal_(layer.weight, 0.0, 0.02)
        elif isinstance(layer, ConditionalNorm):
            nn.init.normal_(layer.gain.weight, 1.0, 0.02)
            continue
        elif isinstance(layer, (nn.BatchNorm2d, nn.GroupNorm)) and layer.affine:
            nn.init.normal_(layer.weight, 1.0, 0.02)
        else:
            continue
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)
    return spectrally_normalise(layers) if config.spectral_norm else layers
