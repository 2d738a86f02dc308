"""The features that the Fréchet Inception Distance is defined on, with the resize that does not alias."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional

from ganlens.errors import UserError
from ganlens.features.feature_space import Instruments, NamedSpace, feature_spaces
from ganlens.features.inception_weights import find_weights, load_weights
from ganlens.networks.inception import SIDE, WIDTH

CHUNK, CPU_CHUNK = 64, 8
"""Pictures that go through the network at once, each for about 15 MB. More at once are no faster on a CPU."""


@feature_spaces.register("inception")
class InceptionFeatures(NamedSpace):
    """What FID's Inception v3 sees in photographs (inception:FILE, or weights that are found or fetched).

    Comparable with published FIDs only where those were computed with the same weights *and* the same resize
    ("clean", Parmar et al., "On aliased resizing and surprising subtleties in GAN evaluation", 2022). Of
    images that are no photographs it may see little. Where the weights come from: see `find_weights`.
    """

    takes_argument: ClassVar[bool] = True
    title = "Inception features"

    def __init__(self, instruments: Instruments, argument: str = "") -> None:
        super().__init__(instruments, argument)
        self.name = f"inception:{argument}" if argument else "inception"
        shape = instruments.sample_shape
        if not instruments.modality.picture_like:
            raise UserError(
                f"Inception features are of images, and these samples are {instruments.modality.name}; take "
                f"the feature space 'labeller', 'code' or 'raw'"
            )
        if shape[0] not in (1, 3):
            raise UserError(
                f"Inception features are of grey (1 channel) or RGB (3 channels) images, and these have "
                f"{shape[0]} channels; take the feature space 'labeller', 'code' or 'raw'"
            )
        self._weights = load_weights(find_weights(argument))
        self._network = self._weights.network.to(instruments.device)
        self._network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    @property
    def protocol(self) -> str:
        channels, height, width = self.instruments.sample_shape
        resize = (
            f"resized from {height}×{width} to {SIDE}×{SIDE} by PIL's bicubic filter (anti-aliased, not rounded)"
            if (height, width) != (SIDE, SIDE)
            else f"at {SIDE}×{SIDE} as they are"
        )
        origin = "as published for FID" if self._weights.published else "not the file published for FID"
        return (
            f"the {WIDTH:,} averages of the last grid (pool3) of FID's Inception v3, weights {self._weights.file} "
            f"(sha256 {self._weights.sha256[:12]}…, {origin}), of pixels 0…255 {resize}"
            f"{', grey repeated to 3 channels' if channels == 1 else ''}"
        )

    def extract(self, samples: Tensor) -> Tensor:
        chunks = samples.split(CPU_CHUNK if samples.device.type == "cpu" else CHUNK)
        with _full_precision():
            return torch.cat([self._network(clean_pixels(chunk)) for chunk in chunks])


def clean_pixels(samples: Tensor) -> Tensor:
    """Images as the network takes them: [n, 3, 299, 299] float32 in 0…255, not rounded.

    The filter is PIL's bicubic (mode F, channel by channel), cut to 0…255 afterwards as clean-fid does. In
    float64, torch's anti-aliased one equals it to float32's last bit; in float32 it is off by up to 0.004.

    Args:
        samples: [n, 1 or 3, height, width] in −1…1; grey is repeated.
    """
    device = samples.device
    if device.type == "mps":  # has no float64
        samples = samples.cpu()
    pixels = (samples.double() + 1) * 127.5
    if pixels.shape[2:] != (SIDE, SIDE):
        pixels = functional.interpolate(pixels, (SIDE, SIDE), mode="bicubic", antialias=True)
    pixels = pixels.clamp(0, 255).float().to(device)
    return pixels.expand(-1, 3, -1, -1).contiguous(memory_format=torch.channels_last)


@contextmanager
def _full_precision() -> Iterator[None]:
    """Convolutions on CUDA in float32; by default they drop to TF32's ten bits, and features differ by device."""
    convolutions = torch.backends.cudnn.conv  # type: ignore[attr-defined]
    before = convolutions.fp32_precision
    convolutions.fp32_precision = "ieee"
    try:
        yield
    finally:
        convolutions.fp32_precision = before
