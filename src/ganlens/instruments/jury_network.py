"""The jury's network for pictures: a third of the labeller's arithmetic, for a jury needs several."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

WIDTHS = (16, 32, 48)
HIDDEN = 64
_LARGEST_SIDE, _LAST_SIDE = 64, 4


class JurorNetwork(nn.Module):
    """Class logits [n, classes] of pictures: three small convolutions, strided while 4 px are left, and a dense layer.

    Args:
        sample_shape: channels, height and width of a picture; one larger than 64 px is averaged down to that.
    """

    def __init__(self, sample_shape: tuple[int, ...], classes: int) -> None:
        super().__init__()
        side = min(_LARGEST_SIDE, *sample_shape[1:])
        layers: list[nn.Module] = []
        inputs = sample_shape[0]
        for outputs in WIDTHS:
            stride = 2 if side >= 2 * _LAST_SIDE else 1
            side = -(-side // stride)
            convolution = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
            layers += [convolution, nn.BatchNorm2d(outputs), nn.ReLU()]
            inputs = outputs
        self.body = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(_LAST_SIDE), nn.Flatten())
        self.decide = nn.Sequential(
            nn.Linear(inputs * _LAST_SIDE**2, HIDDEN, bias=False),
            nn.BatchNorm1d(HIDDEN),
            nn.SiLU(),
            nn.Linear(HIDDEN, classes),
        )

    def forward(self, samples: Tensor) -> Tensor:
        longest = max(samples.shape[2:])
        if longest > _LARGEST_SIDE:
            height, width = (
                max(_LAST_SIDE, round(_LARGEST_SIDE * length / longest)) for length in samples.shape[2:]
            )
            samples = F.adaptive_avg_pool2d(samples, (height, width))
        logits: Tensor = self.decide(self.body(samples))
        return logits
