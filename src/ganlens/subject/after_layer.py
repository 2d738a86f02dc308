"""The part of a generator behind one of its layers, by itself: what comes before the layer need not run again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from ganlens.errors import UserError
from ganlens.randomness import torch_generator
from ganlens.subject.adapted_generator import AdaptedGenerator
from ganlens.subject.hooks import layer_named

TRIAL = 4
SAME = 1e-4
"""Samples that differ by less than this share of their spread are the same but for rounding."""

SamplesOfLayer = Callable[[Tensor], Tensor]
"""Samples [n, …] in the modality's range for outputs [n, …] of a layer; gradients pass."""


def from_layer_on(generator: AdaptedGenerator, layer: str) -> SamplesOfLayer | None:
    """The part of a generator behind a layer, or None where its samples need more than that layer's output.

    That is tried: outputs of the layer for some latents, put in while another latent (and label) runs, must give
    the samples of those latents. Styles, labels or skipped connections that pass by the layer show in this.
    """
    module = generator.module
    assert module is not None  # its layers are reached through it
    latents = generator.sample_latent(TRIAL + 1, rng=torch_generator(0, "onward", layer))
    labels = torch.arange(TRIAL + 1) % generator.num_classes if generator.num_classes else None
    carrier = latents[TRIAL:], None if labels is None else labels[TRIAL:]

    def samples_of(outputs: Tensor) -> Tensor:
        handle = layer_named(module, layer).register_forward_hook(
            lambda part, inputs, output: outputs.clone()  # layers behind it may write into it
        )
        try:
            output = generator.called(*carrier)
        finally:
            handle.remove()
        samples = generator.finished(generator.picked(output, len(outputs)))
        generator.check_finite(samples)
        return samples

    some = slice(TRIAL)
    with torch.no_grad(), cloned(module, layer) as seen:
        own = generator.synthesize(latents[some], None if labels is None else labels[some])
    if len(seen) != 1:  # it runs several times for one sample
        return None
    try:
        with torch.no_grad():
            again = samples_of(seen[0])
    except UserError:  # rows that don't fit together
        return None
    scale = float((own - own.mean(dim=0)).std())
    same = again.shape == own.shape and float((again - own).abs().max()) <= SAME * scale
    return samples_of if same else None


@contextmanager
def cloned(module: nn.Module, layer: str | None) -> Iterator[list[Tensor]]:
    """Within the block, copies of what the layer gives, pass by pass: layers behind it may write into it.

    Without a layer nothing is kept.
    """
    outputs: list[Tensor] = []
    if layer is None:
        yield outputs
        return

    def keep(part: nn.Module, inputs: object, output: Tensor) -> None:
        outputs.append(output.detach().clone())

    handle = layer_named(module, layer).register_forward_hook(keep)
    try:
        yield outputs
    finally:
        handle.remove()
