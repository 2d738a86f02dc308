"""The code of the autoencoder that was trained on the data."""

from __future__ import annotations

from torch import Tensor

from ganlens.features.feature_space import NamedSpace, feature_spaces


@feature_spaces.register("code")
class Code(NamedSpace):
    """The short code of the autoencoder trained on the data; needs no labels."""

    name, title = "code", "autoencoder code"

    @property
    def protocol(self) -> str:
        return self.instruments.autoencoder.protocol.removesuffix(".")

    def extract(self, samples: Tensor) -> Tensor:
        return self.instruments.autoencoder.network.encode(samples)
