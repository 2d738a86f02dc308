"""The learned parts of an autoencoder, encoder and decoder, whose last layers start at zero."""

from __future__ import annotations

from itertools import pairwise

from torch import nn

from ganlens.networks.blocks import require_square_image

Bodies = tuple[nn.Module, nn.Module]
"""The encoder's [n, d] → [n, outputs] and the decoder's [n, width] → [n, d]."""


def dense_bodies(values: int, width: int, outputs: int, *, hidden: int, depth: int, dropout: float) -> Bodies:
    """Fully connected encoder and decoder of `depth` hidden layers each."""
    return _dense(values, outputs, hidden, depth, dropout), _dense(width, values, hidden, depth, dropout)


def convolutional_bodies(
    sample_shape: tuple[int, ...],
    width: int,
    outputs: int,
    *,
    hidden: int,
    channels: int,
    max_channels: int,
    dropout: float,
) -> Bodies:
    """Strided 4×4 convolutions down to 4×4 and back, with one fully connected hidden layer on either side.

    Raises:
        UserError: the samples are no square images with a power-of-two side from 8 to 256.
    """
    image_channels, side = require_square_image("the conv autoencoder", sample_shape)
    widths = [min(channels * 2**k, max_channels) for k in range(side.bit_length() - 3)]
    encoder = nn.Sequential(nn.Unflatten(1, sample_shape))
    for inputs, grown in pairwise([image_channels, *widths]):
        encoder.extend([nn.Conv2d(inputs, grown, 4, 2, 1), nn.GELU()])
    encoder.extend([nn.Flatten(), *_dense(widths[-1] * 16, outputs, hidden, 1, dropout)])
    decoder = _dense(width, widths[-1] * 16, hidden, 1, dropout, zero_last=False)
    decoder.extend([nn.GELU(), nn.Unflatten(1, (widths[-1], 4, 4))])
    for inputs, shrunk in pairwise(widths[::-1]):
        decoder.extend([nn.ConvTranspose2d(inputs, shrunk, 4, 2, 1), nn.GELU()])
    to_image = nn.ConvTranspose2d(widths[0], image_channels, 4, 2, 1)
    _start_at_zero(to_image)
    decoder.extend([to_image, nn.Flatten()])
    return encoder, decoder


def _dense(
    inputs: int, outputs: int, hidden: int, depth: int, dropout: float, *, zero_last: bool = True
) -> nn.Sequential:
    layers = nn.Sequential()
    for _ in range(depth):
        layers.extend([nn.Linear(inputs, hidden), nn.GELU()])
        if dropout:
            layers.append(nn.Dropout(dropout))
        inputs = hidden
    last = nn.Linear(inputs, outputs)
    if zero_last:
        _start_at_zero(last)
    return layers.append(last)


def _start_at_zero(layer: nn.Linear | nn.ConvTranspose2d) -> None:
    nn.init.zeros_(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
