"""A module of the user's as a feature space."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ganlens.errors import UserError
from ganlens.features.feature_space import FeatureSpace


class ModuleSpace(FeatureSpace):
    """Any module that maps samples [n, …] to vectors: what it returns is flattened to one row a sample.

    Args:
        module: taken in evaluation mode, and given copies; every part is put back as it was after each use.
        name: what the user calls it.
        device: where to compute.
    """

    def __init__(self, module: nn.Module, name: str, device: torch.device | str = "cpu") -> None:
        self.name = name
        self.title = f"features of {name}"
        self._module = module.to(device)

    @property
    def protocol(self) -> str:
        return f"what {self.name} returns for the samples as they are, flattened"

    def extract(self, samples: Tensor) -> Tensor:
        modes = [(part, part.training) for part in self._module.modules()]
        try:
            features = self._module.eval()(samples.clone())  # it may write into what it is given
        except (Exception, SystemExit) as error:
            reason = str(error).strip().split("\n")[0]
            raise UserError(
                f"the feature module {self.name} fails on samples of shape {tuple(samples.shape)}: {reason}"
            ) from error
        finally:
            for part, training in modes:
                part.training = training
        if not isinstance(features, Tensor) or features.ndim < 2 or len(features) != len(samples):
            got = tuple(features.shape) if isinstance(features, Tensor) else type(features).__name__
            raise UserError(
                f"the feature module {self.name} returned {got} for {len(samples)} samples; expected a tensor "
                f"[{len(samples)}, features]"
            )
        return features.flatten(1).to(
            torch.float32, copy=True
        )  # it may be a buffer that the next call overwrites
