"""Samples with one layer's output changed, again and again: what comes before the layer runs once, if that will do."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from ganlens.explain.dissection.information import Make
from ganlens.subject.after_layer import SamplesOfLayer, cloned
from ganlens.subject.hooks import edit


class LayerEditor:
    """Some latents on their way through one layer.

    Args:
        make: samples for latents and labels; hooks on `module` see and change the way they are made.
        layer: the layer's name.
        samples_of_layer: see `from_layer_on`; None where all of the generator has to run again.

    Attributes:
        before: samples [n, …] with nothing changed, on the CPU.
    """

    def __init__(
        self,
        make: Make,
        module: nn.Module,
        layer: str,
        latents: Tensor,
        labels: Tensor | None,
        *,
        samples_of_layer: SamplesOfLayer | None = None,
    ) -> None:
        self._make, self._module, self._layer = make, module, layer
        self._latents, self._labels, self._samples_of_layer = latents, labels, samples_of_layer
        with torch.no_grad(), cloned(module, layer if samples_of_layer is not None else None) as outputs:
            self.before = make(latents, labels)
        self._outputs = torch.cat(outputs) if outputs else None

    def __len__(self) -> int:
        return len(self._latents)

    def samples(self, change: Callable[[Tensor], Tensor], rows: Tensor | None = None) -> Tensor:
        """Samples [m, …] with the layer's output [m, …] replaced by what `change` makes of it.

        Args:
            rows: [m] which of the latents, each as often as it stands there; default: each once.
        """
        rows = torch.arange(len(self)) if rows is None else rows
        if self._samples_of_layer is not None and self._outputs is not None:
            return self._samples_of_layer(change(self._outputs[rows]))
        with edit(self._module, self._layer, change):
            return self._make(self._latents[rows], None if self._labels is None else self._labels[rows])
