"""Train the networks of networks.py on MNIST, as a textbook would: a few minutes on two cores.

    python examples/someone_elses_gan/train.py MNIST_FOLDER

MNIST_FOLDER holds the data's own files, train-images-idx3-ubyte.gz and train-labels-idx1-ubyte.gz (Fashion-MNIST's
are called the same). Then GANLens is asked about what it did not make:

    ganlens audit python:examples/someone_elses_gan/networks.py:generator --data idx:MNIST_FOLDER \
        --discriminator python:examples/someone_elses_gan/networks.py:discriminator \
        --classifier python:examples/someone_elses_gan/networks.py:classifier --classifier-range 0,1
"""

from __future__ import annotations

import argparse
import gzip
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from networks import WEIGHTS, Classifier, Discriminator, Generator


def pictures(folder: Path) -> tuple[Tensor, Tensor]:
    """[n, 1, 28, 28] in 0…1 and [n] digits."""

    def values(name: str, header: int) -> np.ndarray:
        with gzip.open(folder / name) as file:
            return np.frombuffer(file.read(), np.uint8, offset=header)

    images = values("train-images-idx3-ubyte.gz", 16).reshape(-1, 1, 28, 28)
    labels = values("train-labels-idx1-ubyte.gz", 8)
    return torch.from_numpy(images.astype(np.float32) / 255), torch.from_numpy(labels.astype(np.int64))


def train_classifier(images: Tensor, labels: Tensor, *, steps: int, rng: torch.Generator) -> nn.Module:
    network = Classifier()
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    for _ in range(steps):
        rows = torch.randint(len(images), (128,), generator=rng)
        loss = F.cross_entropy(network(images[rows]), labels[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return network


def train_gan(images: Tensor, *, steps: int, rng: torch.Generator) -> tuple[nn.Module, nn.Module]:
    """The non-saturating game of Goodfellow et al. 2014, with the settings of Radford et al. 2016."""
    generator, discriminator = Generator(), Discriminator()
    optimizers = [
        torch.optim.Adam(network.parameters(), lr=2e-4, betas=(0.5, 0.999))
        for network in (generator, discriminator)
    ]
    for step in range(1, steps + 1):
        real = images[torch.randint(len(images), (64,), generator=rng)]
        fake = generator(torch.randn(64, *Generator.latent_shape, generator=rng))
        told_apart = F.softplus(-discriminator(real)).mean() + F.softplus(discriminator(fake.detach())).mean()
        optimizers[1].zero_grad()
        told_apart.backward()
        optimizers[1].step()
        fooled = F.softplus(-discriminator(fake)).mean()
        optimizers[0].zero_grad()
        fooled.backward()
        optimizers[0].step()
        if step % 100 == 0 or step == steps:
            print(
                f"step {step}: discriminator {told_apart.item():.2f}, generator {fooled.item():.2f}",
                flush=True,
            )
    return generator, discriminator


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--steps", type=int, default=2000, help="of the game")
    parser.add_argument("--classifier-steps", type=int, default=600)
    parser.add_argument("--out", type=Path, default=WEIGHTS)
    args = parser.parse_args()
    torch.manual_seed(0)  # the first weights
    rng = torch.Generator().manual_seed(0)
    images, labels = pictures(args.folder)
    classifier = train_classifier(images, labels, steps=args.classifier_steps, rng=rng)
    generator, discriminator = train_gan(images, steps=args.steps, rng=rng)
    networks = {"generator": generator, "discriminator": discriminator, "classifier": classifier}
    torch.save({name: network.state_dict() for name, network in networks.items()}, args.out)
    print(f"wrote {args.out}")


if __name__ == "__main__":
    main()
