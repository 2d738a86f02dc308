"""Autoencoders that start as principal components and learn what a linear code can't express."""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from ganlens.errors import UserError
from ganlens.instruments.autoencoder_bodies import Bodies, convolutional_bodies, dense_bodies
from ganlens.instruments.pca import PrincipalComponents
from ganlens.randomness import seeded

_FIRST_LOG_VARIANCE = -3.0


class AutoencoderConfig(BaseModel):
    """How the learned part of an autoencoder is built."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    family: Literal["mlp", "conv"] = Field("mlp", description="Fully connected or convolutional")
    hidden: int = Field(512, ge=1, le=8192, description="Units of every fully connected hidden layer")
    depth: int = Field(2, ge=1, le=16, description="mlp: hidden layers of the encoder, and of the decoder")
    channels: int = Field(
        16, ge=1, le=1024, description="conv: channels at half the side, doubled per halving"
    )
    max_channels: int = Field(128, ge=1, le=4096, description="conv: no layer is wider than this")
    dropout: float = Field(0.0, ge=0, lt=1, description="Share of hidden units dropped while training")
    variational: bool = Field(False, description="Learn a normal posterior for each code instead of a point")


class Autoencoder(nn.Module):
    """Samples to codes of a fixed width and back.

    Both ways are the principal components' plus a learned correction, x̂ = PCA⁻¹(code) + f(code), whose last
    layers start at zero: before training it *is* PCA of the same width.

    Args:
        pca: fitted principal components; they stay as they are.
        bodies: the learned corrections.
        variational: whether the encoder's body gives a log-variance beside each code value.

    Attributes:
        width: length of a code, k.
        sample_shape: shape of one sample.
    """

    deviations: Tensor
    to_code: Tensor
    from_code: Tensor
    offset: Tensor

    def __init__(self, pca: PrincipalComponents, bodies: Bodies, *, variational: bool) -> None:
        super().__init__()
        self.pca = pca
        self.encoder, self.decoder = bodies
        self.width, self.sample_shape = pca.width, pca.sample_shape
        self.variational = variational
        # A direction the training data hardly use would blow up whatever deviates along it.
        self.register_buffer("deviations", pca.deviations.clamp(min=1e-3 * float(pca.deviations[0])))
        self.register_buffer("to_code", torch.eye(self.width))
        self.register_buffer("from_code", torch.eye(self.width))
        self.register_buffer("offset", torch.zeros(self.width))

    def encode(self, samples: Tensor) -> Tensor:
        """Codes [n, k] of samples [n, …]; for a variational autoencoder the posterior's mean."""
        return self._to_code(self._inner_posterior(samples)[0])

    def posterior(self, samples: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log-variance, each [n, k], of a variational autoencoder's code for samples [n, …].

        Raises:
            UserError: the autoencoder is not variational.
        """
        if not self.variational:
            raise UserError("a plain autoencoder has no posterior; fit it with variational=True")
        return self._inner_posterior(samples)

    def decode(self, codes: Tensor) -> Tensor:
        """Samples [n, …] for codes [n, k], within the range of the data if they have one."""
        inner = codes @ self.from_code + self.offset
        flat = self.pca.unclipped(inner * self.deviations) + self.pca.total_deviation * self.decoder(inner)
        samples: Tensor = self.pca.clipped(flat).unflatten(1, self.sample_shape)
        return samples

    def forward(self, samples: Tensor) -> Tensor:
        """Reconstructions [n, …] of samples [n, …]."""
        return self.decode(self.encode(samples))

    def turn_codes(self, codes: Tensor) -> None:
        """Turn the code to the principal axes of codes [n, k], by falling spread; what is decoded stays.

        The code is brought back to the samples' own units along each component, then centred, turned, and
        scaled as a whole to a mean variance of 1; distances between codes keep their proportions.
        """
        inner = (codes @ self.from_code + self.offset).double()
        offset, deviations = inner.mean(dim=0), self.deviations.double()
        spread = (inner - offset) * deviations
        covariance = spread.T @ spread / len(spread)
        axes = torch.linalg.eigh(covariance)[1].flip(1)
        axes = axes * axes.gather(0, axes.abs().argmax(dim=0, keepdim=True)).sign()
        unit = (covariance.trace() / self.width).sqrt()
        self.offset.copy_(offset)
        self.to_code.copy_(deviations[:, None] * axes / unit)
        self.from_code.copy_(unit * axes.T / deviations)

    def _inner_posterior(self, samples: Tensor) -> tuple[Tensor, Tensor]:
        centred = (samples.flatten(1) - self.pca.mean) / self.pca.total_deviation
        learned = self.encoder(centred)
        mean = self.pca.encode(samples) / self.deviations + learned[:, : self.width]
        return mean, learned[:, self.width :] + _FIRST_LOG_VARIANCE

    def _to_code(self, inner: Tensor) -> Tensor:
        return (inner - self.offset) @ self.to_code


def build_autoencoder(config: AutoencoderConfig, pca: PrincipalComponents, *, seed: int) -> Autoencoder:
    """A new autoencoder that reconstructs as `pca` does; the same weights for the same seed.

    Args:
        pca: fitted principal components, which fix the sample shape, the code's width and the range.

    Raises:
        UserError: the conv family can't read samples of that shape.
    """
    outputs = pca.width * (2 if config.variational else 1)
    with seeded(seed, "autoencoder", "initialise"):
        if config.family == "mlp":
            bodies = dense_bodies(
                len(pca.mean),
                pca.width,
                outputs,
                hidden=config.hidden,
                depth=config.depth,
                dropout=config.dropout,
            )
        else:
            bodies = convolutional_bodies(
                pca.sample_shape,
                pca.width,
                outputs,
                hidden=config.hidden,
                channels=config.channels,
                max_channels=config.max_channels,
                dropout=config.dropout,
            )
    return Autoencoder(pca, bodies, variational=config.variational)
