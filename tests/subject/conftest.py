import numpy as np
import pytest
import torch

from ganlens.data import Dataset, SampleArray, Split
from ganlens.modality import Images


@pytest.fixture
def tiny():
    """96 + 40 grey 8×8 pictures of two classes, told apart by their brightness; a third of them are class
    1."""
    rng = np.random.default_rng(0)

    def split(n):
        labels = np.arange(n) % 3 == 0
        pixels = rng.integers(0, 100, (n, 1, 8, 8)) + 120 * labels[:, None, None, None]
        return Split(SampleArray(pixels.astype(np.uint8)), torch.from_numpy(labels.astype(np.int64)))

    return Dataset("tiny", Images(), split(96), split(40), ("dark", "bright"))


@pytest.fixture
def filled():
    """A function that fills a module's weights from a seed of its own, and gives the module back."""

    def fill(module, seed=0):
        rng = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for weight in module.parameters():
                weight.copy_(torch.randn(weight.shape, generator=rng))
        return module.eval()

    return fill
