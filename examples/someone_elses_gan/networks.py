"""A textbook DCGAN with its discriminator, and a small classifier: plain PyTorch, which knows nothing of GANLens.

`train.py` trains the three and writes weights.pt beside this file. They work on 28×28 pictures in 0…1, latents are
64×1×1, and the three functions at the end hand out the trained networks.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

WEIGHTS = Path(__file__).with_name("weights.pt")


class Generator(nn.Sequential):
    latent_shape = (64, 1, 1)

    def __init__(self) -> None:
        super().__init__(
            nn.ConvTranspose2d(64, 128, 7, bias=False),
            nn.BatchNorm2d(128),
            nn.ReLU(),
            nn.ConvTranspose2d(128, 64, 4, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(64),
            nn.ReLU(),
            nn.ConvTranspose2d(64, 1, 4, stride=2, padding=1),
            nn.Sigmoid(),
        )


class Discriminator(nn.Sequential):
    def __init__(self) -> None:
        super().__init__(
            nn.Conv2d(1, 32, 4, stride=2, padding=1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(32, 64, 4, stride=2, padding=1),
            nn.LeakyReLU(0.2),
            nn.Flatten(),
            nn.Linear(64 * 7 * 7, 1),
        )


class Classifier(nn.Sequential):
    def __init__(self) -> None:
        super().__init__(
            nn.Conv2d(1, 16, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(16, 32, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(32 * 7 * 7, 64),
            nn.ReLU(),
            nn.Linear(64, 10),
        )


def generator() -> nn.Module:
    return _trained("generator", Generator())


def discriminator() -> nn.Module:
    return _trained("discriminator", Discriminator())


def classifier() -> nn.Module:
    return _trained("classifier", Classifier())


def _trained(name: str, network: nn.Module) -> nn.Module:
    network.load_state_dict(torch.load(WEIGHTS, weights_only=True)[name])
    return network.eval()
