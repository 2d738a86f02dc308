"""Residual generator and discriminator, as in SNGAN (Miyato et al., 2018, arXiv 1802.05957, appendix B.4)."""

from __future__ import annotations

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator
from torch import Tensor, nn

from ganlens.errors import UserError
from ganlens.networks.blocks import (
    ImageNorm,
    image_norm,
    initialise_he,
    require_square_image,
    spectrally_normalise,
)
from ganlens.networks.conditional import (
    Conditioning,
    LabelledLatent,
    LabelPlane,
    conditional_logits,
    passed,
    sequential,
)
from ganlens.networks.network import Family, NetworkConfig, networks

Resample = Literal["up", "down", "none"]


class ResNetConfig(NetworkConfig):
    """Fields of the `resnet` family; the same type configures the generator and the discriminator."""

    family: Literal["resnet"] = Field("resnet", description="Residual 3×3 convolutions")
    channels: int = Field(32, ge=1, le=1024, description="Channels at full side; doubled at every halving")
    max_channels: int = Field(256, ge=1, le=4096, description="No layer is wider than this")
    norm: ImageNorm | Literal["auto"] = Field(
        "auto", description="Normalisation; auto: batch in the generator, none in the discriminator"
    )
    dropout: float = Field(0.0, ge=0, lt=1, description="Share of channels dropped in a block while training")
    spectral_norm: bool = Field(False, description="Divide every weight by its largest singular value")
    zero_last: bool = Field(False, description="Start every block as its mere shortcut")

    @model_validator(mode="after")
    def _norm_of_zero(self) -> Self:
        if self.zero_last and self.spectral_norm:
            raise UserError(
                "resnet network: zero_last can't go with spectral_norm (a weight of zeros has no largest "
                "singular value to divide by); turn one of them off"
            )
        return self


@networks.register("resnet")
class ResNet(Family[ResNetConfig]):
    """Residual blocks of 3×3 convolutions (SNGAN); square images with a power-of-two side from 8 to 256."""

    Config: ClassVar[type[NetworkConfig]] = ResNetConfig
    squashed: ClassVar[bool] = True
    takes_classes: ClassVar[bool] = True

    @staticmethod
    def generator(
        config: ResNetConfig, latent_dim: int, sample_shape: tuple[int, ...], classes: int = 0
    ) -> nn.Module:
        """[n, latent_dim] → [n, *sample_shape] in −1…1, a block per doubling."""
        channels, side = require_square_image("resnet", sample_shape)
        norm: ImageNorm = "batch" if config.norm == "auto" else config.norm
        width = _width(config, side, 4)
        layers = sequential(classes)
        if classes and norm == "none":
            layers.add_module("with_label", LabelledLatent(classes, latent_dim))
            latent_dim *= 2
        layers.add_module(
            "block4", nn.Sequential(nn.Linear(latent_dim, width * 16), nn.Unflatten(1, (width, 4, 4)))
        )
        for resolution in _resolutions(side)[1:]:
            outputs = _width(config, side, resolution)
            block = ResidualBlock(
                width, outputs, norm=norm, resample="up", dropout=config.dropout, classes=classes
            )
            layers.add_module(f"block{resolution}", block)
            width = outputs
        last_norm = image_norm(norm, width, classes)
        to_image = sequential(classes, last_norm, nn.ReLU(), nn.Conv2d(width, channels, 3, 1, 1))
        layers.add_module("to_image", to_image)
        layers.add_module("tanh", nn.Tanh())
        return _finished(layers, config)

    @staticmethod
    def discriminator(
        config: ResNetConfig,
        sample_shape: tuple[int, ...],
        classes: int = 0,
        conditioning: Conditioning = "projection",
    ) -> nn.Module:
        """[n, *sample_shape] → logits [n], a block per halving and one more at 4×4."""
        channels, side = require_square_image("resnet", sample_shape)
        norm: ImageNorm = "none" if config.norm == "auto" else config.norm
        width = _width(config, side, side)
        beside = bool(classes) and conditioning == "concatenation"
        layers = sequential(classes if conditioning != "auxiliary" else 0)
        if beside:
            layers.add_module("with_label", LabelPlane(classes, side))
        layers.add_module("from_image", nn.Conv2d(channels + beside, width, 3, 1, 1))
        for resolution in _resolutions(side)[-2::-1]:
            outputs = _width(config, side, resolution)
            block = ResidualBlock(width, outputs, norm=norm, resample="down", dropout=config.dropout)
            layers.add_module(f"block{resolution}", block)
            width = outputs
        layers.add_module(
            "last", ResidualBlock(width, width, norm=norm, resample="none", dropout=config.dropout)
        )
        pooled = [nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
        if classes and not beside:
            layers.add_module("features", nn.Sequential(*pooled))
            layers.add_module("logits", conditional_logits(width, classes, conditioning))
        else:
            layers.add_module("score", nn.Sequential(*pooled, nn.Linear(width, 1)))
            layers.add_module("logits", nn.Flatten(0))
        return _finished(layers, config)


class ResidualBlock(nn.Module):
    """Two 3×3 convolutions beside a shortcut; the block doubles or halves the side, or keeps it.

    Args:
        inputs: channels that come in.
        outputs: channels that go out.
        norm: before each convolution's rectifier.
        resample: "up" (nearest neighbour, before the first convolution), "down" (2×2 mean, after the second)
            or "none".
        dropout: share of channels dropped between the convolutions.
        classes: how many have gains and biases of their own in the norms; 0 for a block without labels.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        *,
        norm: ImageNorm,
        resample: Resample,
        dropout: float,
        classes: int = 0,
    ) -> None:
        super().__init__()
        self.takes_labels = bool(classes)
        self.norm1 = image_norm(norm, inputs, classes)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, 1, 1)
        self.norm2 = image_norm(norm, outputs, classes)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1)
        self.rectify = nn.ReLU()
        self.dropout = nn.Dropout2d(dropout) if dropout else nn.Identity()
        self.up = nn.Upsample(scale_factor=2, mode="nearest") if resample == "up" else nn.Identity()
        self.down = nn.AvgPool2d(2) if resample == "down" else nn.Identity()
        self.shortcut = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else nn.Identity()

    def forward(self, inputs: Tensor, labels: Tensor | None = None) -> Tensor:
        """[n, inputs, h, w] (and class indices [n]) → [n, outputs, h', w']."""
        hidden = self.conv1(self.up(self.rectify(passed(self.norm1, inputs, labels))))
        hidden = self.conv2(self.dropout(self.rectify(passed(self.norm2, hidden, labels))))
        # A 1×1 convolution commutes with both ways to resample, so it runs at the smaller side.
        output: Tensor = self.down(hidden) + self.up(self.shortcut(self.down(inputs)))
        return output


def _resolutions(side: int) -> list[int]:
    """4, 8, … side."""
    return [2**k for k in range(2, side.bit_length())]


def _width(config: ResNetConfig, side: int, resolution: int) -> int:
    return min(config.channels * side // resolution, config.max_channels)


def _finished(layers: nn.Sequential, config: ResNetConfig) -> nn.Module:
    initialise_he(layers, slope=0.0)
    for block in layers.modules():
        if isinstance(block, ResidualBlock):
            if isinstance(block.shortcut, nn.Conv2d):
                # Nothing rectifies the shortcut, so the rectifier's gain would only blow the signal up.
                nn.init.kaiming_normal_(block.shortcut.weight, nonlinearity="linear")
            if config.zero_last:
                nn.init.zeros_(block.conv2.weight)
    return spectrally_normalise(layers) if config.spectral_norm else layers
