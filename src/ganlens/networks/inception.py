"""Inception v3 as the Fréchet Inception Distance uses it: Google's graph of 5 December 2015.

The layers are those of Szegedy et al., "Rethinking the Inception architecture for computer vision" (2016). The
graph differs from torchvision's network of that name in four ways, and each moves the features:

- average pools divide by the pixels that they cover, not by nine at the borders too;
- the last block (Mixed_7c) has a max pool where the one before it has an average pool;
- pixels are centred on 128 and divided by 128, not normalised by ImageNet's means;
- its weights are others: 1,008 classes, of which 1,000 are used.

Layers are named as in the published weights (`pt_inception-2015-12-05-6726825d.pth`), so that these load.
"""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SIDE = 299
"""Height and width of the pictures that the network was trained on."""
WIDTH = 2048
"""Length of its feature vector."""
CLASSES = 1008

Kernel = tuple[int, int]
Layer = tuple[str, int, Kernel]
"""A convolution: its name in the weights file, its channels, its kernel."""
Branch = list[Layer | list[Layer]]
"""Convolutions one after another; those in a list see the same input and are joined by channel."""

DOT: Kernel = (1, 1)
SQUARE: Kernel = (3, 3)


class InceptionNetwork(nn.Module):
    """Pictures to the 2,048 averages of the last 8×8 grid (the layer called pool3). For evaluation mode only."""

    def __init__(self) -> None:
        super().__init__()
        self.Conv2d_1a_3x3 = Convolution(3, 32, SQUARE, stride=2)
        self.Conv2d_2a_3x3 = Convolution(32, 32, SQUARE)
        self.Conv2d_2b_3x3 = Convolution(32, 64, SQUARE, padding=(1, 1))
        self.Conv2d_3b_1x1 = Convolution(64, 80, DOT)
        self.Conv2d_4a_3x3 = Convolution(80, 192, SQUARE)
        self.Mixed_5b = _on_35(192, pooled=32)
        self.Mixed_5c = _on_35(256, pooled=64)
        self.Mixed_5d = _on_35(288, pooled=64)
        self.Mixed_6a = _from_35_to_17(288)
        self.Mixed_6b = _on_17(768, inner=128)
        self.Mixed_6c = _on_17(768, inner=160)
        self.Mixed_6d = _on_17(768, inner=160)
        self.Mixed_6e = _on_17(768, inner=192)
        self.Mixed_7a = _from_17_to_8(768)
        self.Mixed_7b = _on_8(1280, pool="average")
        self.Mixed_7c = _on_8(2048, pool="max")
        # Features don't need it: its shape tells these weights from torchvision's, whose other names are the same.
        self.fc = nn.Linear(WIDTH, CLASSES)

    def forward(self, pixels: Tensor) -> Tensor:
        """Features [n, 2048] of pictures [n, 3, 299, 299] between 0 (black) and 255 (white)."""
        x = (pixels - 128) / 128
        x = self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(x)))
        x = F.max_pool2d(x, 3, stride=2)
        x = self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(x))
        x = F.max_pool2d(x, 3, stride=2)
        x = self.Mixed_5d(self.Mixed_5c(self.Mixed_5b(x)))
        x = self.Mixed_6e(self.Mixed_6d(self.Mixed_6c(self.Mixed_6b(self.Mixed_6a(x)))))
        x = self.Mixed_7c(self.Mixed_7b(self.Mixed_7a(x)))
        features: Tensor = x.mean(dim=(2, 3))
        return features


class Convolution(nn.Module):
    """A convolution, batch normalisation and a rectifier."""

    def __init__(
        self, inputs: int, outputs: int, kernel: Kernel, *, stride: int = 1, padding: Kernel = (0, 0)
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(outputs, eps=1e-3)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn(self.conv(x)), inplace=True)


class Mixed(nn.Module):
    """Branches of convolutions, and one that begins with a pool over 3×3, all joined by channel.

    Everything keeps the height and width, by padding. With stride 2, the last convolution of each branch and
    the pool halve them and are not padded.

    Args:
        inputs: channels that come in.
        branches: those without the pool.
        pool: "average" (over the pixels that are there) or "max".
        pooled: the convolution after the pool; None hands on what was pooled.
        stride: 1 or 2.
    """

    def __init__(
        self,
        inputs: int,
        branches: list[Branch],
        *,
        pool: Literal["average", "max"],
        pooled: Layer | None = None,
        stride: int = 1,
    ) -> None:
        super().__init__()
        self._pool, self._stride = pool, stride
        self._branches = [self._build(inputs, branch, stride) for branch in branches]
        self._after_pool = self._build(inputs, [pooled], 1) if pooled else []

    def forward(self, x: Tensor) -> Tensor:
        padding = 1 if self._stride == 1 else 0
        if self._pool == "max":
            pooled = F.max_pool2d(x, 3, self._stride, padding)
        else:
            pooled = F.avg_pool2d(x, 3, self._stride, padding, count_include_pad=False)
        outputs = [self._run(branch, x) for branch in self._branches]
        return torch.cat([*outputs, self._run(self._after_pool, pooled)], dim=1)

    def _build(self, inputs: int, branch: Branch, last_stride: int) -> list[list[str]]:
        """Add a branch's convolutions; their names, step by step."""
        names = []
        for step, layers in enumerate(branch, start=1):
            stride = last_stride if step == len(branch) else 1
            side_by_side = layers if isinstance(layers, list) else [layers]
            for name, channels, kernel in side_by_side:
                padding = (kernel[0] // 2, kernel[1] // 2) if stride == 1 else (0, 0)
                self.add_module(name, Convolution(inputs, channels, kernel, stride=stride, padding=padding))
            inputs = sum(channels for _, channels, _ in side_by_side)
            names.append([name for name, _, _ in side_by_side])
        return names

    def _run(self, branch: list[list[str]], x: Tensor) -> Tensor:
        for names in branch:
            outputs = [self.get_submodule(name)(x) for name in names]
            x = outputs[0] if len(outputs) == 1 else torch.cat(outputs, dim=1)
        return x


def _on_35(inputs: int, *, pooled: int) -> Mixed:
    return Mixed(
        inputs,
        [
            [("branch1x1", 64, DOT)],
            [("branch5x5_1", 48, DOT), ("branch5x5_2", 64, (5, 5))],
            [
                ("branch3x3dbl_1", 64, DOT),
                ("branch3x3dbl_2", 96, SQUARE),
                ("branch3x3dbl_3", 96, SQUARE),
            ],
        ],
        pool="average",
        pooled=("branch_pool", pooled, DOT),
    )


def _from_35_to_17(inputs: int) -> Mixed:
    return Mixed(
        inputs,
        [
            [("branch3x3", 384, SQUARE)],
            [
                ("branch3x3dbl_1", 64, DOT),
                ("branch3x3dbl_2", 96, SQUARE),
                ("branch3x3dbl_3", 96, SQUARE),
            ],
        ],
        pool="max",
        stride=2,
    )


def _on_17(inputs: int, *, inner: int) -> Mixed:
    row, column = (1, 7), (7, 1)
    return Mixed(
        inputs,
        [
            [("branch1x1", 192, DOT)],
            [
                ("branch7x7_1", inner, DOT),
                ("branch7x7_2", inner, row),
                ("branch7x7_3", 192, column),
            ],
            [
                ("branch7x7dbl_1", inner, DOT),
                ("branch7x7dbl_2", inner, column),
                ("branch7x7dbl_3", inner, row),
                ("branch7x7dbl_4", inner, column),
                ("branch7x7dbl_5", 192, row),
            ],
        ],
        pool="average",
        pooled=("branch_pool", 192, DOT),
    )


def _from_17_to_8(inputs: int) -> Mixed:
    return Mixed(
        inputs,
        [
            [("branch3x3_1", 192, DOT), ("branch3x3_2", 320, SQUARE)],
            [
                ("branch7x7x3_1", 192, DOT),
                ("branch7x7x3_2", 192, (1, 7)),
                ("branch7x7x3_3", 192, (7, 1)),
                ("branch7x7x3_4", 192, SQUARE),
            ],
        ],
        pool="max",
        stride=2,
    )


def _on_8(inputs: int, *, pool: Literal["average", "max"]) -> Mixed:
    row, column = (1, 3), (3, 1)
    return Mixed(
        inputs,
        [
            [("branch1x1", 320, DOT)],
            [("branch3x3_1", 384, DOT), [("branch3x3_2a", 384, row), ("branch3x3_2b", 384, column)]],
            [
                ("branch3x3dbl_1", 448, DOT),
                ("branch3x3dbl_2", 384, SQUARE),
                [("branch3x3dbl_3a", 384, row), ("branch3x3dbl_3b", 384, column)],
            ],
        ],
        pool=pool,
        pooled=("branch_pool", 192, DOT),
    )
