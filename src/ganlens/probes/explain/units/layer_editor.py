"""Samples with one layer's output changed, again and again: what comes before the layer runs once, if that will do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from ganlens.errors import UserError
from ganlens.probes.explain.units.information import Make
from ganlens.randomness import torch_generator
from ganlens.subject.adapters import AdaptedGenerator, check_finite
from ganlens.subject.hooks import edit, layer_named

TRIAL = 4
SAME = 1e-4
"""Samples that differ by less than this share of their spread are the same but for rounding."""

Onward = Callable[[Tensor], Tensor]
"""Samples [n, …] in the modality's range for outputs [n, …] of a layer; gradients pass."""


class LayerEditor:
    """Some latents on their way through one layer.

    Args:
        make: samples for latents and labels; hooks on `module` see and change the way they are made.
        layer: the layer's name.
        onward: see `from_layer_on`; None where all of the generator has to run again.

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
        onward: Onward | None = None,
    ) -> None:
        self._make, self._module, self._layer = make, module, layer
        self._latents, self._labels, self._onward = latents, labels, onward
        with torch.no_grad(), _cloned(module, layer if onward is not None else None) as outputs:
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
        if self._onward is not None and self._outputs is not None:
            return self._onward(change(self._outputs[rows]))
        with edit(self._module, self._layer, change):
            return self._make(self._latents[rows], None if self._labels is None else self._labels[rows])


def from_layer_on(generator: AdaptedGenerator, layer: str) -> Onward | None:
    """The part of a generator behind a layer, or None where its samples need more than that layer's output.

    That is tried: outputs of the layer for some latents, put in while another latent (and label) runs, must give
    the samples of those latents. Styles, labels or skipped connections that pass by the layer show in this.
    """
    module = generator.module
    assert module is not None  # its layers are reached through it
    latents = generator.sample_latent(TRIAL + 1, rng=torch_generator(0, "units", "layer alone", layer))
    labels = torch.arange(TRIAL + 1) % generator.num_classes if generator.num_classes else None
    carrier = latents[TRIAL:], None if labels is None else labels[TRIAL:]

    def onward(outputs: Tensor) -> Tensor:
        handle = layer_named(module, layer).register_forward_hook(lambda part, inputs, output: outputs)
        try:
            returned = generator.called(*carrier)
        finally:
            handle.remove()
        samples = generator.finished(generator.picked(returned, len(outputs)))
        check_finite(samples, generator.name)
        return samples

    some = slice(TRIAL)
    with torch.no_grad(), _cloned(module, layer) as seen:
        own = generator.synthesize(latents[some], None if labels is None else labels[some])
    if len(seen) != 1:  # it runs several times for one sample
        return None
    try:
        with torch.no_grad():
            again = onward(seen[0])
    except UserError:  # rows that don't fit together
        return None
    scale = float((own - own.mean(dim=0)).std())
    same = again.shape == own.shape and float((again - own).abs().max()) <= SAME * scale
    return onward if same else None


@contextmanager
def _cloned(module: nn.Module, layer: str | None) -> Iterator[list[Tensor]]:
    """Within the block, copies of what the layer gives, pass by pass: layers behind it may write into it.

    Without a layer nothing is kept.
    """
    found: list[Tensor] = []
    if layer is None:
        yield found
        return

    def keep(part: nn.Module, inputs: object, output: Tensor) -> None:
        found.append(output.detach().clone())

    handle = layer_named(module, layer).register_forward_hook(keep)
    try:
        yield found
    finally:
        handle.remove()
