"""The penultimate layer of a classifier trained on the data's own labels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor

from ganlens.errors import UserError
from ganlens.features.feature_space import NamedSpace, feature_spaces

if TYPE_CHECKING:
    from ganlens.instruments.labeller import Labeller


@feature_spaces.register("labeller")
class LabellerFeatures(NamedSpace):
    """What a small classifier of the data's own classes sees, before its last layer."""

    name, title = "labeller", "labeller features"

    @property
    def protocol(self) -> str:
        return self._labeller.protocol.removesuffix(".")

    def extract(self, samples: Tensor) -> Tensor:
        return self._labeller.features(samples)

    @property
    def _labeller(self) -> Labeller:
        labeller = self.instruments.labeller
        if labeller is None:
            raise UserError(
                "labeller features need labelled data, and these have no labels; take the feature space "
                "'code' or 'raw'"
            )
        return labeller
