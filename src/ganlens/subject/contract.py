"""What a generator must be able to do to be examined. Nothing else is ever asked of it."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import torch
from torch import Tensor


@runtime_checkable
class Generator(Protocol):
    """Anything that can draw latents and turn them into samples.

    Optional attributes, used where they exist:

    - `num_classes` (or `n_classes`, `c_dim`, `label_dim`): `synthesize` wants labels in 0 … num_classes − 1;
    - `layers`: names of the sub-modules worth looking into; by default every one that runs;
    - `latent_dim`, `latent_shape` or `z_dim`: where a bare module should not have to be told;
    - `spaces`: name → (points of latents, samples of points), or `mapping` and `synthesis`, which make a space
      "w". Both functions get the labels as well where the generator is conditional.
    """

    def sample_latent(self, n: int, *, rng: torch.Generator) -> Tensor:
        """Latents [n, …] from the prior the generator was trained with."""
        ...

    def synthesize(self, latent: Tensor, labels: Tensor | None = None) -> Tensor:
        """Samples [n, …] in the modality's range. `labels` [n] int64 go to conditional generators alone."""
        ...
