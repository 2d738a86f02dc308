"""The samples themselves as vectors: no network that could be blind to a defect, or see one that is none."""

from __future__ import annotations

from torch import Tensor

from ganlens.features.feature_space import Instruments, NamedSpace, feature_spaces


@feature_spaces.register("raw")
class Raw(NamedSpace):
    """The numbers of a sample as they are (pixels, coordinates), averaged down where there are many."""

    name = "raw"

    def __init__(self, instruments: Instruments, argument: str = "") -> None:
        super().__init__(instruments, argument)
        self.title = instruments.modality.raw_space

    @property
    def protocol(self) -> str:
        return self.instruments.modality.raw_protocol(self.instruments.sample_shape)

    def extract(self, samples: Tensor) -> Tensor:
        return self.instruments.modality.raw_features(samples)
