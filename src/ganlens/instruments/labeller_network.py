"""The labeller's network: a small classifier whose penultimate layer is a feature space."""

from __future__ import annotations

import math

import torch.nn.functional as F
from torch import Tensor, nn

from ganlens.modality import Body

_LARGEST_SIDE = 64
_SMALL_SIDE = 16


class LabellerNetwork(nn.Module):
    """Class logits, and the features they are read from.

    A convolutional one has three strided convolutions from 16 px on (after an area average down to 64 px), below that
    one strided convolution between two plain ones; a dense one has dense layers.

    Args:
        sample_shape: shape of one sample; (channels, height, width) for a convolutional one.
        classes: how many classes there are to tell apart.

    Attributes:
        width: length of the feature vector: 128 for a convolutional one from 16 px on, 64 otherwise.
        convolutional: whether it is.
    """

    def __init__(self, sample_shape: tuple[int, ...], classes: int, body: Body) -> None:
        super().__init__()
        self.convolutional = body == "convolutional"
        if not self.convolutional:
            self.width = 64
            self.body = nn.Sequential(nn.Flatten(), *_dense(math.prod(sample_shape), 128), *_dense(128, 64))
        elif min(sample_shape[1:]) < _SMALL_SIDE:
            self.width = 64
            self.body = nn.Sequential(
                *_convolution(sample_shape[0], 32, 3, 1),
                *_convolution(32, 64, 3, 2),
                *_convolution(64, 64, 3, 1),
                *_flat_features(sample_shape, 2, 64, 64),
            )
        else:
            self.width = 128
            self.body = nn.Sequential(
                *_convolution(sample_shape[0], 24, 5, 2),
                *_convolution(24, 48, 3, 2),
                *_convolution(48, 96, 3, 2),
                *_flat_features(sample_shape, 8, 96, 128),
            )
        self.score = nn.Linear(self.width, classes)

    def features(self, samples: Tensor) -> Tensor:
        """Features [n, width] of samples [n, *sample_shape]."""
        if self.convolutional and max(samples.shape[2:]) > _LARGEST_SIDE:
            height, width = samples.shape[2:]
            share = _LARGEST_SIDE / max(height, width)
            smaller = (max(_SMALL_SIDE, round(height * share)), max(_SMALL_SIDE, round(width * share)))
            samples = F.adaptive_avg_pool2d(samples, smaller)
        features: Tensor = self.body(samples)
        return features

    def forward(self, samples: Tensor) -> Tensor:
        """Logits [n, classes] of samples [n, *sample_shape]."""
        logits: Tensor = self.score(self.features(samples))
        return logits


def _convolution(inputs: int, outputs: int, kernel: int, stride: int) -> list[nn.Module]:
    convolution = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
    return [convolution, nn.BatchNorm2d(outputs), nn.ReLU()]


def _flat_features(shape: tuple[int, ...], shrunk: int, channels: int, width: int) -> list[nn.Module]:
    pool = [] if shape[1:] == (4 * shrunk, 4 * shrunk) else [nn.AdaptiveAvgPool2d(4)]
    return [*pool, nn.Flatten(), *_dense(channels * 16, width)]


def _dense(inputs: int, outputs: int) -> list[nn.Module]:
    # A smooth activation: rectified features have a spike at zero, far from the normal that distances assume.
    return [nn.Linear(inputs, outputs, bias=False), nn.BatchNorm1d(outputs), nn.SiLU()]
